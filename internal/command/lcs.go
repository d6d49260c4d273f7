// LCS: the longest common subsequence of two strings.
//
// The usual table of n × m lengths is never built. Lengths in neighbouring cells differ by 0 or 1,
// so a row of them is a row of bits, which arithmetic on 64-bit words computes 64 cells at a time
// (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004). One bit per cell is kept, just
// what walking back from the end needs to know: whether the length rises in the step before it in
// the second string. The rows lie along the longer string, so that few bits are left unused.
//
// What must hold: among several longest subsequences the reply is the one that Redis finds, and
// pairs of strings are refused where Redis refuses them, though our memory is a 16th or less.

package command

import (
	"math"
	"math/bits"

	"tarn/internal/keyspace"
)

// lcsOptions are what follows the keys.
type lcsOptions struct {
	length, matches, matchLengths bool  // LEN, IDX, WITHMATCHLEN
	shortest                      int64 // MINMATCHLEN: the shortest match to list
}

func lcs(c *Call) error {
	first, second := c.Read(1), c.Read(2)
	if first.CheckType(keyspace.String) != nil || second.CheckType(keyspace.String) != nil {
		return ErrLCSType
	}
	var o lcsOptions
	if err := o.parse(c.Args[3:]); err != nil {
		return err
	}
	a, b := first.StringBytes(nil), second.StringBytes(nil)
	if len(a) >= math.MaxUint32-1 || len(b) >= math.MaxUint32-1 {
		return ErrLCSTooLong
	}
	// This is what Redis would take: 4 bytes a cell.
	cells := (uint64(len(a)) + 1) * (uint64(len(b)) + 1)
	if cells > uint64(c.Env.Config.Current().ProtoMaxBulkLen)/4 {
		return ErrLCSTooLarge
	}
	if lcsBytes(len(a), len(b), !o.length) > lcsMemoryMax {
		return ErrLCSMemory
	}
	if o.length {
		n, _ := commonLength(a, b, false)
		c.Reply.Int(int64(n))
		return nil
	}
	n, steps := commonLength(a, b, true)
	if o.matches {
		c.replyMatches(a, b, n, steps, &o)
		return nil
	}
	text := make([]byte, n)
	walkBack(a, b, steps, func(m commonRun) {
		n -= m.length
		copy(text[n:], a[m.a:m.a+m.length])
	})
	c.Reply.Bulk(text)
	return nil
}

// parse reads LCS's options. Errors: ErrSyntax, ErrLCSBoth, keyspace.ErrNotInteger.
func (o *lcsOptions) parse(args [][]byte) (err error) {
	for i := 0; i < len(args); i++ {
		switch {
		case isToken(args[i], "IDX"):
			o.matches = true
		case isToken(args[i], "LEN"):
			o.length = true
		case isToken(args[i], "WITHMATCHLEN"):
			o.matchLengths = true
		case isToken(args[i], "MINMATCHLEN") && i+1 < len(args):
			i++
			if o.shortest, err = parseInt(args[i]); err != nil {
				return err
			}
		default:
			return ErrSyntax
		}
	}
	if o.matches && o.length {
		return ErrLCSBoth
	}
	return nil
}

// replyMatches replies with the runs of bytes that make up the subsequence, the last one first, and
// its length.
func (c *Call) replyMatches(a, b []byte, length int, steps commonSteps, o *lcsOptions) {
	w := c.Reply
	w.Map(2)
	w.BulkString("matches")
	mark, count := w.Deferred(), 0
	walkBack(a, b, steps, func(m commonRun) {
		if int64(m.length) < o.shortest {
			return
		}
		count++
		if o.matchLengths {
			w.Array(3)
		} else {
			w.Array(2)
		}
		for _, from := range [...]int{m.a, m.b} {
			w.Array(2)
			w.Int(int64(from))
			w.Int(int64(from + m.length - 1))
		}
		if o.matchLengths {
			w.Int(int64(m.length))
		}
	})
	w.SetArrayLen(mark, count)
	w.BulkString("len")
	w.Int(int64(length))
}

// commonRun is a run of equal bytes: where it begins in both strings, and its length.
type commonRun struct{ a, b, length int }

// commonSteps tells for every pair of prefixes whether the last byte of the second prefix makes
// their longest common subsequence longer.
type commonSteps struct {
	rows    []uint64 // one bit per cell, a row per byte of the shorter string
	words   int      // in a row
	swapped bool     // the rows stand for bytes of the second string
}

// rises tells whether the subsequence of the first i and j bytes is longer than that of i and j-1.
// Both are at least 1.
func (s *commonSteps) rises(i, j int) bool {
	if s.swapped {
		i, j = j, i
	}
	j--
	return s.rows[(i-1)*s.words+j>>6]>>(j&63)&1 != 0
}

// walkBack calls f with the runs that make up the subsequence, the last one first.
func walkBack(a, b []byte, steps commonSteps, f func(commonRun)) {
	run := commonRun{}
	flush := func() {
		if run.length > 0 {
			f(run)
		}
		run.length = 0
	}
	i, j := len(a), len(b)
	for i > 0 && j > 0 {
		if a[i-1] == b[j-1] {
			i, j = i-1, j-1
			run = commonRun{i, j, run.length + 1}
			continue
		}
		flush()
		// Where the bytes differ, the length is that of one byte less in a or in b; equal ones are
		// followed in b.
		if steps.rises(i, j) {
			i--
		} else {
			j--
		}
	}
	flush()
}

// lcsMemoryMax bounds what LCS takes, in bytes, where proto-max-bulk-len has been raised. Its default
// lets LCS take 32 MiB.
const lcsMemoryMax = 512 << 20

// lcsBytes returns how many bytes commonLength takes at most for strings of n and m bytes. The
// product fits: neither is longer than the address space of a heap.
func lcsBytes(n, m int, walk bool) uint64 {
	short, words := uint64(min(n, m)), uint64(max(n, m)+63)/64
	rows := min(short, 256) + 1
	if walk {
		rows += short
	}
	return 8 * rows * words
}

// commonLength returns the length of the longest common subsequence and, when walk is set, what
// walkBack needs.
func commonLength(a, b []byte, walk bool) (int, commonSteps) {
	short, long := a, b
	steps := commonSteps{swapped: len(a) > len(b)}
	if steps.swapped {
		short, long = b, a
	}
	if len(short) == 0 {
		return 0, steps
	}
	words := (len(long) + 63) / 64
	masks, maskOf := occurrences(short, long, words)
	// A bit of row is clear where the length rises by one at that byte of long.
	row := make([]uint64, words)
	for w := range row {
		row[w] = ^uint64(0)
	}
	if walk {
		steps.words, steps.rows = words, make([]uint64, len(short)*words)
	}
	for i, x := range short {
		var out []uint64
		if walk {
			out = steps.rows[i*words : (i+1)*words]
		}
		at := int(maskOf[x]) * words
		nextRow(row, masks[at:at+words], out, steps.swapped)
	}
	return 64*words - countOnesInWords(row), steps
}

// nextRow advances row by one byte of the shorter string, which occurs in the longer one at the bits
// of mask. out, when not nil, gets a bit per cell: set where the length rises along the row or,
// with across set, where it is one more than in the row before.
func nextRow(row, mask, out []uint64, across bool) {
	mask = mask[:len(row)]
	var carry, above uint64
	for w, v := range row {
		hit := v & mask[w]
		sum, next := bits.Add64(v, hit, carry)
		carry = next
		row[w] = sum | v&^mask[w]
		if out == nil {
			continue
		}
		if !across {
			out[w] = ^row[w]
			continue
		}
		// Along the row the new lengths get ahead by one, and are caught up with, in turns: at the
		// bits that have changed.
		ahead := v ^ row[w]
		for shift := 1; shift < 64; shift *= 2 {
			ahead ^= ahead << shift
		}
		ahead ^= above
		out[w] = ahead
		above = uint64(int64(ahead) >> 63) // all ones while ahead
	}
}

// occurrences returns a row of bits per byte of short that tells where it occurs in long. maskOf is
// the number of a byte's row.
func occurrences(short, long []byte, words int) (masks []uint64, maskOf [256]uint8) {
	var seen [256]bool
	distinct := 0
	for _, x := range short {
		if !seen[x] {
			seen[x] = true
			maskOf[x] = uint8(distinct)
			distinct++
		}
	}
	masks = make([]uint64, distinct*words)
	for j, x := range long {
		if seen[x] {
			masks[int(maskOf[x])*words+j>>6] |= 1 << (j & 63)
		}
	}
	return masks, maskOf
}

func countOnesInWords(row []uint64) int {
	n := 0
	for _, w := range row {
		n += bits.OnesCount64(w)
	}
	return n
}
