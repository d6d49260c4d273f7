// Shown here: what works on eight bytes at a time (counting and finding bits, BITOP, bit fields) does
// what a slow model does bit by bit, at every length, alignment and width that chance brings.

package command

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"tarn/test/chance"
)

// bitAt is the model of a bitmap.
func bitAt(p []byte, pos int64) int64 {
	if pos>>3 >= int64(len(p)) {
		return 0
	}
	return int64(p[pos>>3] >> (7 - pos&7) & 1)
}

// randomBytes returns up to most bytes of one of several densities.
func randomBytes(r *rand.Rand, most int) []byte {
	p := make([]byte, r.IntN(most+1))
	density := r.IntN(4)
	for i := range p {
		switch density {
		case 0:
			p[i] = byte(r.Uint32())
		case 1:
			p[i] = 0xff
		}
	}
	if density > 1 && len(p) > 0 {
		p[r.IntN(len(p))] = byte(r.Uint32())
	}
	return p
}

func TestCountAndFindAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 5000 {
		p := append(randomBytes(r, 120), byte(r.Uint32()))
		size := int64(len(p)) * 8
		from := r.Int64N(size)
		to := from + r.Int64N(size-from)
		count := int64(0)
		first := [2]int64{-1, -1}
		for pos := from; pos <= to; pos++ {
			bit := bitAt(p, pos)
			count += bit
			if first[bit] < 0 {
				first[bit] = pos
			}
		}
		if got := countBits(p, from, to); got != count {
			t.Fatalf("seed %d round %d: countBits(%x, %d, %d) = %d, want %d", seed, round, p, from, to, got, count)
		}
		for bit, want := range first {
			if got := firstBit(p, int64(bit), from, to); got != want {
				t.Fatalf("seed %d round %d: firstBit(%x, %d, %d, %d) = %d, want %d", seed, round, p, bit, from, to, got, want)
			}
		}
	}
}

func TestBitOpAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 3000 {
		most := 100
		if round%100 == 0 {
			most = 3 * bitPiece
		}
		op := bitOperation(r.IntN(len(bitOperations)))
		sources := [][]byte{randomBytes(r, most)}
		for op != bitNot && r.IntN(4) > 0 {
			sources = append(sources, randomBytes(r, most))
		}
		length := len(slices.MaxFunc(sources, func(a, b []byte) int { return len(a) - len(b) }))
		want := make([]byte, length)
		for i := range want {
			for n, s := range sources {
				var b byte
				if i < len(s) {
					b = s[i]
				}
				switch {
				case op == bitNot:
					want[i] = ^b
				case n == 0:
					want[i] = b
				case op == bitAnd:
					want[i] &= b
				case op == bitOr:
					want[i] |= b
				default:
					want[i] ^= b
				}
			}
		}
		o := bitCombination{op: op}
		got := slices.Repeat([]byte{0xa5}, length)
		o.combine(got, sources[0], sources[1:])
		inPlace := bitCombination{op: op, own: 1}
		there := append(slices.Clone(sources[0]), make([]byte, length-len(sources[0]))...)
		inPlace.combine(there, nil, sources[1:])
		if !slices.Equal(got, want) || !slices.Equal(there, want) {
			t.Fatalf("seed %d round %d: %s of %.200x is\n%.200x, in place\n%.200x, want\n%.200x", seed, round, bitOperations[op], sources, got, there, want)
		}
	}
}

func TestFieldsAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 20_000 {
		f := field{signed: r.IntN(2) == 0}
		f.width = uint8(1 + r.IntN(63))
		if f.signed && r.IntN(10) == 0 {
			f.width = 64
		}
		offset, n := r.Int64N(100), int64(r.Uint64())
		p := make([]byte, (offset+int64(f.width)-1)>>3+1+r.Int64N(12))
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		before := slices.Clone(p)
		f.write(p, offset, n)
		for pos := range int64(len(p)) * 8 {
			want := bitAt(before, pos)
			if in := pos - offset; in >= 0 && in < int64(f.width) {
				want = n >> (int64(f.width) - 1 - in) & 1
			}
			if got := bitAt(p, pos); got != want {
				t.Fatalf("seed %d round %d: %v written at %d with %d: bit %d is %d, want %d", seed, round, f, offset, n, pos, got, want)
			}
		}
		if got, want := f.read(p, offset), f.wrap(n); got != want {
			t.Fatalf("seed %d round %d: %v at %d reads %d, want %d", seed, round, f, offset, got, want)
		}
		cut := p[:r.IntN(len(p)+1)]
		want := new(big.Int)
		for in := range int64(f.width) {
			want.Lsh(want, 1).Or(want, big.NewInt(bitAt(cut, offset+in)))
		}
		if f.signed && want.Bit(int(f.width)-1) == 1 {
			want.Sub(want, new(big.Int).Lsh(big.NewInt(1), uint(f.width)))
		}
		if got := f.read(cut, offset); want.Cmp(big.NewInt(got)) != 0 {
			t.Fatalf("seed %d round %d: %v at %d of %x reads %d, want %d", seed, round, f, offset, cut, got, want)
		}
	}
}

// TestOverflowAgainstModel compares INCRBY with sums that have room for any number.
func TestOverflowAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 50_000 {
		f := field{signed: r.IntN(2) == 0}
		f.width = uint8(1 + r.IntN(63))
		if f.signed && r.IntN(8) == 0 {
			f.width = 64
		}
		span := new(big.Int).Lsh(big.NewInt(1), uint(f.width))
		lowest, highest := new(big.Int), new(big.Int).Sub(span, big.NewInt(1))
		if f.signed {
			lowest.Neg(new(big.Int).Rsh(span, 1))
			highest.Add(highest, lowest)
		}
		old := f.wrap(int64(r.Uint64()) >> r.IntN(64))
		op := fieldOp{field: f, action: fieldAdd, operand: int64(r.Uint64()) >> r.IntN(64), overflow: overflow(r.IntN(2))}
		sum := new(big.Int).Add(big.NewInt(old), big.NewInt(op.operand))
		want, fits := new(big.Int).Set(sum), true
		if sum.Cmp(lowest) < 0 || sum.Cmp(highest) > 0 {
			fits = false
			switch {
			case op.overflow == overflowWrap:
				want.Sub(sum, lowest).Mod(want, span).Add(want, lowest)
			case sum.Cmp(lowest) < 0:
				want.Set(lowest)
			default:
				want.Set(highest)
			}
		}
		got, gotFits := op.result(old)
		if want.Cmp(big.NewInt(got)) != 0 || gotFits != fits {
			t.Fatalf("seed %d round %d: %+v on %d gives %d, fits %t; want %d, %t", seed, round, op, old, got, gotFits, want, fits)
		}
	}
}
