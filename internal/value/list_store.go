// Storing a whole list: SORT's outcome.

package value

import (
	"tarn/internal/keyspace"
	"tarn/internal/listpack"
)

// StoreList makes a key hold the list of these elements instead of what it held, without a deadline.
// There is at least one, and they may lie in the key's old value. A list that fits a listpack is one.
// Errors: keyspace.ErrOutOfMemory, and then nothing has changed.
func StoreList(k *keyspace.Key, elems [][]byte) error {
	ended := k.Deadline()
	if ended != keyspace.NoDeadline {
		if err := k.SetDeadline(keyspace.NoDeadline); err != nil {
			return err
		}
	}
	err := storeList(k, elems)
	if err != nil && ended != keyspace.NoDeadline {
		k.SetDeadline(ended) // the memory for it has just been given back
	}
	return err
}

func storeList(k *keyspace.Key, elems [][]byte) error {
	l := List{key: k}
	size := 0
	for _, elem := range elems {
		size += listpack.Size(elem)
	}
	if bytes, elements := packLimit(k.Limits().ListPackSize); packBytes+size <= bytes && len(elems) <= elements {
		return l.create(elems, false, size)
	}
	return l.unpack(nil, func(n *listNodes) bool { return n.pushMany(elems, false) })
}
