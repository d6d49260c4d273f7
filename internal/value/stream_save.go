// Saving of streams: the items of Save, and the cut.
//
// Numbers are 8 bytes little endian, IDs 16 bytes: ms and sequence, both big endian, as in the master
// ID of a node. The first byte of an item is its kind. They come in the order in which RDB's type
// STREAM_LISTPACKS wants them, so that they are written out as they come, with lengths that are
// known before what they count:
//
//	'H' nodes entries groups added · last ID · first ID · max deleted ID     once, first
//	'N' ID · listpack                                                        nodes times
//	'G' entriesRead pending consumers · last ID · name                       groups times; after each:
//	'P' (ID · delivery time in ms · delivery count)...                       until pending of them have come
//	'C' seenTime activeTime pending · name                                   consumers times; after each:
//	'I' (ID)...                                                              until pending of them have come
//
// Kinds P and I do not come where nothing is pending, and their entries come in no order. entriesRead
// is -1 where it is not known, activeTime -1 for never. A loader takes the same items in the same
// order (StreamBuilder). Of an older RDB version some facts are missing: then the first byte of the
// header is 'h' instead of 'H' and added, first ID and max deleted ID are zeros, 'g' instead of 'G'
// and entriesRead is 0, 'c' instead of 'C' and activeTime is 0; the loader fills them in.

package value
