// What a version of RDB expresses of a key: the key is written as that version has it, and the writer says
// what it had no room for.

package check

import (
	"tarn/internal/keyspace"
	"tarn/internal/object"
	"tarn/internal/rdb"
)

// expressed writes keys to find out. Its zero value is ready.
type expressed struct {
	enc     rdb.Encoder
	payload []byte
}

// in returns what a version, OldestVersion at least, cannot express of a key that exists. Errors: those of
// object.Dump.
func (x *expressed) in(k *keyspace.Key, version int) (lost rdb.Loss, err error) {
	timed := k.Type() == keyspace.Hash && k.FieldsDue() != keyspace.NoDeadline
	if version >= rdb.NewestVersion || !timed && k.Type() != keyspace.Stream {
		return 0, nil
	}
	x.enc.Version, x.enc.Lost = version, 0
	x.payload, err = object.Dump(&x.enc, x.payload[:0], k)
	if cap(x.payload) > keptPayload {
		x.payload = nil
	}
	return x.enc.Lost, err
}

// keptPayload is how large a buffer is kept for the next key.
const keptPayload = 1 << 20
