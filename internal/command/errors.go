// Errors: the texts that clients see, by subject. Those of the gates before a handler are the
// dispatcher's, those about keys and their values keyspace's, those about floats resp's.

package command

import "tarn/internal/resp"

// Of any command.
const (
	ErrSyntax      resp.Error = "ERR syntax error"
	ErrNotPositive resp.Error = "ERR value is out of range, must be positive"
	ErrOutOfRange  resp.Error = "ERR value is out of range"
)

// Of strings.
const (
	ErrOverflow          resp.Error = "ERR increment or decrement would overflow"
	ErrDecrementOverflow resp.Error = "ERR decrement would overflow"
	ErrOffset            resp.Error = "ERR offset is out of range"
	ErrStringTooLong     resp.Error = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
)

// Of hashes.
const (
	ErrHashInteger resp.Error = "ERR hash value is not an integer"
	ErrHashFloat   resp.Error = "ERR hash value is not a float"
	ErrNotFinite   resp.Error = "ERR value is NaN or Infinity"
)

// Of fields with deadlines.
const (
	ErrExpireNegative     resp.Error = "ERR invalid expire time, must be >= 0"
	ErrExpireMissing      resp.Error = "ERR missing expire time"
	ErrExpireOneOrKeep    resp.Error = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"
	ErrExpireOneOrPersist resp.Error = "ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified"
	ErrFieldsMissing      resp.Error = "ERR Mandatory argument FIELDS is missing or not at the right position"
	ErrFieldsNumber       resp.Error = "ERR The `numfields` parameter must match the number of arguments"
	ErrFieldsAboveZero    resp.Error = "ERR Parameter `numFields` should be greater than 0"
	ErrFieldsPositive     resp.Error = "ERR Number of fields must be a positive integer"
	ErrFieldsInvalid      resp.Error = "ERR invalid number of fields"
	ErrFieldsOneCondition resp.Error = "ERR Only one of FXX or FNX arguments can be specified"
)

// Of LCS.
const (
	ErrLCSType     resp.Error = "ERR The specified keys must contain string values"
	ErrLCSBoth     resp.Error = "ERR If you want both the length and indexes, please just use IDX."
	ErrLCSTooLong  resp.Error = "ERR String too long for LCS"
	ErrLCSTooLarge resp.Error = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
	ErrLCSMemory   resp.Error = "ERR Insufficient memory, failed allocating transient memory for LCS"
)

// Of bitmaps and bit fields.
const (
	ErrBit          resp.Error = "ERR bit is not an integer or out of range"
	ErrBitArgument  resp.Error = "ERR The bit argument must be 1 or 0."
	ErrBitOffset    resp.Error = "ERR bit offset is not an integer or out of range"
	ErrBitOpNot     resp.Error = "ERR BITOP NOT must be called with a single source key."
	ErrFieldType    resp.Error = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
	ErrOverflowType resp.Error = "ERR Invalid OVERFLOW type specified"
	ErrFieldWrite   resp.Error = "ERR BITFIELD_RO only supports the GET subcommand"
)

// Of HyperLogLogs.
const (
	ErrNotHLL       resp.Error = "WRONGTYPE Key is not a valid HyperLogLog string value."
	ErrCorruptHLL   resp.Error = "INVALIDOBJ Corrupted HLL object detected"
	ErrHLLNotSparse resp.Error = "ERR HLL encoding is not sparse"
	ErrHLLAbsent    resp.Error = "ERR The specified key does not exist"
)

// Of keys.
const (
	ErrNoSuchKey  resp.Error = "ERR no such key"
	ErrSameObject resp.Error = "ERR source and destination objects are the same"
	ErrCursor     resp.Error = "ERR invalid cursor"
)

// Of sets.
const (
	ErrDraws    resp.Error = "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
	ErrKeyCount resp.Error = "ERR numkeys should be greater than 0"
	ErrFewKeys  resp.Error = "ERR Number of keys can't be greater than number of args"
	ErrLimit    resp.Error = "ERR LIMIT can't be negative"
)

// Of SORT.
const ErrNotDouble resp.Error = "ERR One or more scores can't be converted into double"

// Of deadlines.
const (
	ErrExpireNX resp.Error = "ERR NX and XX, GT or LT options at the same time are not compatible"
	ErrExpireGT resp.Error = "ERR GT and LT options at the same time are not compatible"
)

// Of databases.
const (
	ErrDBIndex  resp.Error = "ERR DB index is out of range"
	ErrFirstDB  resp.Error = "ERR invalid first DB index"
	ErrSecondDB resp.Error = "ERR invalid second DB index"
	ErrInt32    resp.Error = "ERR value is out of range, value must between -2147483648 and 2147483647"
)

// Of OBJECT.
const (
	ErrNotLFU resp.Error = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. " +
		"Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
	ErrLFU resp.Error = "ERR An LFU maxmemory policy is selected, idle time not tracked. " +
		"Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
)

// Of DUMP and RESTORE.
const (
	ErrBusyKey       resp.Error = "BUSYKEY Target key name already exists."
	ErrTTL           resp.Error = "ERR Invalid TTL value, must be >= 0"
	ErrIdleTime      resp.Error = "ERR Invalid IDLETIME value, must be >= 0"
	ErrFrequency     resp.Error = "ERR Invalid FREQ value, must be >= 0 and <= 255"
	ErrPayloadFooter resp.Error = "ERR DUMP payload version or checksum are wrong"
	ErrPayload       resp.Error = "ERR Bad data format"
)
