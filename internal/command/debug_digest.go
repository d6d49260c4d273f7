// Digests: whether two data sets are the same, in 40 hex digits.
//
// A key's digest is the SHA-1 of all that can be known of it but its encoding: database, name, type,
// value, deadline. That of the data set is the sum of its keys' by XOR, so that no order matters.

package command

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"tarn/internal/keyspace"
)

// digester takes the digests of keys.
type digester struct {
	hash    hash.Hash
	sum     [sha1.Size]byte
	scratch []byte
}

func newDigester() *digester { return &digester{hash: sha1.New()} }

// part adds something to the digest under way, with its length, so that parts cannot run together.
func (d *digester) part(b []byte) {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(b)))
	d.hash.Write(length[:])
	d.hash.Write(b)
}

func (d *digester) number(n int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	d.hash.Write(b[:])
}

// value adds what a key holds and when it ends.
func (d *digester) value(k *keyspace.Key) {
	d.number(k.Deadline())
	d.number(int64(k.Type()))
	d.part(k.StringBytes(d.scratch))
}

// end finishes the digest under way.
func (d *digester) end() [sha1.Size]byte {
	var out [sha1.Size]byte
	d.hash.Sum(out[:0])
	d.hash.Reset()
	return out
}

// add takes a key into the digest of the data set.
func (d *digester) add(k *keyspace.Key) {
	d.number(int64(k.DB()))
	d.part(k.Name())
	d.value(k)
	one := d.end()
	for i := range d.sum {
		d.sum[i] ^= one[i]
	}
}

// debugDigest replies with the digest of all databases.
func debugDigest(c *Call) error {
	d := newDigester()
	c.Tx.LockAll()
	for db := range c.Env.Keyspace.Databases() {
		c.Tx.Each(db, d.add)
	}
	c.Tx.Unlock()
	c.Reply.Simple(hex.EncodeToString(d.sum[:]))
	return nil
}

// debugDigestValue replies with a digest of each key's value and deadline, zeros when it is absent.
func debugDigestValue(c *Call) error {
	d := newDigester()
	c.Reply.Array(len(c.Args) - 2)
	for i := range c.Args[2:] {
		var one [sha1.Size]byte
		c.withKey(2+i, func(k *keyspace.Key) {
			if k.Exists() {
				d.value(k)
				one = d.end()
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
