// Shows that listpacks built here are, byte for byte, those that redis-server holds, and dumps, for
// the same elements. Skipped where it is not installed.

package listpack

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"tarn/test/chance"
	"tarn/test/harness"
)

func TestOracleDumpsTheSame(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	c := harness.Oracle(t).Start(t, "rdbcompression no", "hash-max-listpack-value 100000").Dial(t)
	lp := AppendNew(nil)
	field := []byte("f")
	for i := range 80 {
		elem := element(r)
		if i < len(edges) {
			elem = edges[i]
		}
		field = append(field[:1], byte('0'+i/10), byte('0'+i%10))
		c.Must(t, "HSET", "h", string(field), elem)
		lp = Append(Append(lp, field), []byte(elem))
		if i%7 == 3 { // replace and remove as well
			elem = element(r)
			c.Must(t, "HSET", "h", "f02", elem)
			lp = replace(lp, Next(lp, Find(lp, First(lp), []byte("f02"), 1)), elem)
			c.Must(t, "HDEL", "h", string(field))
			at := Find(lp, First(lp), field, 1)
			lp = remove(remove(lp, at), at)
		}
		if got := contents(c.Must(t, "DUMP", "h").Text); !bytes.Equal(got, lp) {
			t.Fatalf("seed %d, after %.50q: redis-server has % x, we have % x", seed, elem, got, lp)
		}
	}
}

// contents is the listpack in a payload: behind the type and the length, before version and checksum.
func contents(payload string) []byte {
	b := []byte(payload)[1 : len(payload)-10]
	switch b[0] >> 6 {
	case 0:
		return b[1:]
	case 1:
		return b[2:]
	}
	return b[5:][:binary.BigEndian.Uint32(b[1:])]
}
