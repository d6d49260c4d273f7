// Digests: whether two data sets are the same, in 40 hex digits, which are Redis's own.
//
// A digest is 20 bytes. To xor something into one is to xor its SHA-1; to mix it in is to xor it and to
// replace the digest by the digest's own SHA-1, so that order matters. What has no order is xored: the
// members of a set, the pairs of a hash or sorted set (each a digest of its own), the keys of a
// database. How a value is kept does not show, nor when it ends, but that it does.

package command

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/value"
)

// digest is a digest under way.
type digest [sha1.Size]byte

func (d *digest) xor(b []byte) {
	sum := sha1.Sum(b)
	for i := range d {
		d[i] ^= sum[i]
	}
}

func (d *digest) mix(b []byte) {
	d.xor(b)
	*d = sha1.Sum(d[:])
}

// mixNumber mixes in 4 bytes.
func (d *digest) mixNumber(n uint32) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	d.mix(b[:])
}

// What stands for a deadline, whichever it is.
var (
	digestOfExpiry      = []byte("!!expire!!")
	digestOfFieldExpiry = []byte("!!hexpire!!")
)

// typeNumbers are Redis's numbers of types.
var typeNumbers = [...]uint32{
	keyspace.String: 0, keyspace.List: 1, keyspace.Set: 2, keyspace.ZSet: 3, keyspace.Hash: 4, keyspace.Stream: 6,
}

// digester takes the digests of keys, in now's view of fields that end.
type digester struct {
	now     int64
	digest  digest // of the data set
	scratch []byte
}

// text returns the text of v, in the scratch buffer if it is an integer.
func (d *digester) text(v listpack.Value) []byte {
	if !v.IsInt {
		return v.Str
	}
	d.scratch = strconv.AppendInt(d.scratch[:0], v.Int, 10)
	return d.scratch
}

// value mixes into one what a key holds, and that it ends.
func (d *digester) value(one *digest, k *keyspace.Key) {
	one.mixNumber(typeNumbers[k.Type()])
	switch k.Type() {
	case keyspace.String:
		one.mix(k.StringBytes(d.scratch))
	case keyspace.List:
		d.list(one, k)
	case keyspace.Set:
		set, _ := value.SetAt(k)
		set.Each(func(m value.Member) bool {
			one.xor(d.text(m))
			return true
		})
	case keyspace.ZSet:
		d.zset(one, k)
	case keyspace.Hash:
		d.hashFields(one, k)
	case keyspace.Stream:
		d.stream(one, k)
	}
	if k.Deadline() != keyspace.NoDeadline {
		one.xor(digestOfExpiry)
	}
}

func (d *digester) list(one *digest, k *keyspace.Key) {
	l, _ := value.ListAt(k)
	elements := l.From(0)
	for v, ok := elements.Next(); ok; v, ok = elements.Next() {
		one.mix(d.text(v))
	}
}

func (d *digester) zset(one *digest, k *keyspace.Key) {
	z, _ := value.ZSetAt(k)
	z.Each(0, z.Len(), false, func(m value.Member, score float64) bool {
		var pair digest
		pair.mix(d.text(m))
		d.scratch = value.AppendScore(d.scratch[:0], score)
		pair.mix(d.scratch)
		one.xor(pair[:])
		return true
	})
}

func (d *digester) hashFields(one *digest, k *keyspace.Key) {
	h, _ := value.HashAt(k, d.now)
	h.Each(func(field, v value.Item, deadline int64) bool {
		var pair digest
		pair.mix(d.text(field))
		pair.mix(d.text(v))
		if deadline > 0 {
			pair.xor(digestOfFieldExpiry)
		}
		one.xor(pair[:])
		return true
	})
}

func (d *digester) stream(one *digest, k *keyspace.Key) {
	s := k.Big().(*value.Stream)
	s.Range(value.StreamID{}, value.MaxStreamID, false, func(e *value.StreamEntry) bool {
		d.scratch = strconv.AppendUint(d.scratch[:0], e.ID.Ms, 10)
		d.scratch = strconv.AppendUint(append(d.scratch, '.'), e.ID.Seq, 10)
		one.mix(d.scratch)
		for e.Fields > 0 {
			field, v := e.Next()
			one.mix(d.text(field))
			one.mix(d.text(v))
		}
		return true
	})
}

// add takes a key into the digest of the data set.
func (d *digester) add(k *keyspace.Key) {
	var one digest
	one.mix(k.Name())
	d.value(&one, k)
	d.digest.xor(one[:])
}

// debugDigest replies with the digest of all databases.
func debugDigest(c *Call) error {
	d := digester{now: c.Now()}
	c.Tx.LockAll()
	for db := range c.Env.Keyspace.Databases() {
		empty := true
		c.Tx.Each(db, func(k *keyspace.Key) {
			if empty {
				d.digest.mixNumber(uint32(db))
				empty = false
			}
			d.add(k)
		})
	}
	c.Tx.Unlock()
	c.Reply.Simple(hex.EncodeToString(d.digest[:]))
	return nil
}

// debugDigestValue replies with a digest of each key's value and deadline, zeros when it is absent.
func debugDigestValue(c *Call) error {
	d := digester{now: c.Now()}
	c.Reply.Array(len(c.Args) - 2)
	for i := range c.Args[2:] {
		var one digest
		c.withKey(2+i, func(k *keyspace.Key) {
			if k.Exists() {
				d.value(&one, k)
			}
		})
		c.Reply.Simple(hex.EncodeToString(one[:]))
	}
	return nil
}

// withKey looks up the key at argument i, for a command that locks its own shards, and calls f with
// it. The key is neither expired, counted nor marked as used.
func (c *Call) withKey(i int, f func(*keyspace.Key)) {
	c.Tx.LockHash(c.Tx.Hash(c.Args[i]))
	defer c.Tx.Unlock()
	k := c.Tx.Stored(c.DB(), c.Args[i])
	f(&k)
}
