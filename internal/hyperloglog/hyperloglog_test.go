// Shows that both encodings hold what an array of registers holds, that estimates do not depend on the
// encoding, that damaged runs are refused without harm, and that the bytes and the estimates are
// redis-server's own (skipped where it is not installed).

package hyperloglog

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"tarn/test/chance"
	"tarn/test/harness"
)

// checkHolds demands that b holds these registers, in a form that is its own.
func checkHolds(t *testing.T, context string, b []byte, want *Ranks) {
	t.Helper()
	var got Ranks
	if err := got.Merge(b); !Check(b) || err != nil || got != *want {
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: %v; register %d is %d, want %d", context, err, i, got[i], want[i])
			}
		}
		t.Fatalf("%s: Check %t, %v", context, Check(b), err)
	}
	if n, err := Estimate(b); err != nil || n != want.Estimate() {
		t.Fatalf("%s: estimate %d, %v; of the registers %d", context, n, err, want.Estimate())
	}
}

func TestAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	for round := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, round))
		var model Ranks
		limit := []int{0, 40, 300, 3000, 1 << 20}[r.IntN(5)]
		e := Edit(AppendNew(nil), limit)
		spread, ranks := 1+r.IntN(Registers), 1+r.IntN(10)
		steps := 1 + r.IntN(3000)
		ascending := r.IntN(3) == 0
		for step := range steps {
			index, rank := r.IntN(spread), uint8(1+r.IntN(ranks))
			if ascending {
				index = step * spread / steps
			}
			if r.IntN(2000) == 0 {
				rank = uint8(33 + r.IntN(maxRank-32))
			}
			wasDense, length := IsDense(e.b), len(e.b)
			SetCached(e.b, 5)
			changed, err := e.Raise(index, rank)
			context := fmt.Sprintf("seed %d, round %d, limit %d, step %d: register %d to %d", seed, round, limit, step, index, rank)
			if err != nil || changed != (rank > model[index]) {
				t.Fatalf("%s: changed %t, %v; it was %d", context, changed, err, model[index])
			}
			if _, ok := Cached(e.b); ok == changed {
				t.Fatalf("%s: changed %t, estimate up to date %t", context, changed, ok)
			}
			model[index] = max(model[index], rank)
			if !IsDense(e.b) && len(e.b) > max(limit, length) || wasDense && !IsDense(e.b) {
				t.Fatalf("%s: %d bytes, dense %t", context, len(e.b), IsDense(e.b))
			}
			if step%40 == 0 || rank > 32 {
				checkHolds(t, context, e.b, &model)
			}
		}
		checkHolds(t, fmt.Sprintf("seed %d, round %d", seed, round), e.b, &model)
		if err := e.MakeDense(); err != nil {
			t.Fatal(err)
		}
		checkHolds(t, fmt.Sprintf("seed %d, round %d, made dense", seed, round), e.b, &model)
	}
}

func TestOracleKeepsTheSame(t *testing.T) {
	seed := chance.Seed(t)
	for _, limit := range []int{0, 100, 1000, 3000, 14000} {
		t.Run(fmt.Sprintf("hll-sparse-max-bytes=%d", limit), func(t *testing.T) {
			c := harness.Oracle(t).Start(t, fmt.Sprintf("hll-sparse-max-bytes %d", limit)).Dial(t)
			r := rand.New(rand.NewPCG(seed, uint64(limit)))
			e := Edit(AppendNew(nil), limit)
			Outdate(e.b)
			c.Must(t, "PFADD", "h")
			elem := make([]byte, 20)
			for i := range 3000 {
				for at := range elem {
					elem[at] = byte(r.Uint32())
				}
				part := elem[:r.IntN(len(elem)+1)]
				changed, err := e.Add(part)
				if got := c.Must(t, "PFADD", "h", string(part)).Text; err != nil || got != strconv.Itoa(map[bool]int{true: 1}[changed]) {
					t.Fatalf("seed %d, element %d, %q: changed %t, %v; redis-server says %s", seed, i, part, changed, err, got)
				}
				if i < 100 || i%20 == 0 {
					checkSame(t, c, seed, i, e.b)
				}
			}
		})
	}
}

func checkSame(t *testing.T, c *harness.Conn, seed uint64, i int, b []byte) {
	t.Helper()
	if theirs := []byte(c.Must(t, "GET", "h").Text); !bytes.Equal(theirs, b) {
		t.Fatalf("seed %d, element %d: redis-server has %.200s, we have %.200s", seed, i, runs(theirs), runs(b))
	}
	n, err := Estimate(b)
	if got := c.Must(t, "PFCOUNT", "h").Text; err != nil || got != strconv.FormatUint(n, 10) {
		t.Fatalf("seed %d, element %d: estimate %d, %v; redis-server says %s", seed, i, n, err, got)
	}
	SetCached(b, n)
	if theirs := []byte(c.Must(t, "GET", "h").Text); !bytes.Equal(theirs, b) {
		t.Fatalf("seed %d, element %d: after PFCOUNT redis-server has % x, we have % x", seed, i, theirs[:headBytes], b[:headBytes])
	}
}

func runs(b []byte) []byte {
	if IsDense(b) {
		return fmt.Appendf(nil, "dense % x", b[:headBytes])
	}
	return AppendRuns(nil, b)
}

// TestOracleEstimates compares estimates of registers as no elements would leave them.
func TestOracleEstimates(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	c := harness.Oracle(t).Start(t).Dial(t)
	for i := range 300 {
		e := Edit(AppendNew(nil), 0)
		if err := e.MakeDense(); err != nil {
			t.Fatal(err)
		}
		low, high := 1+r.IntN(maxRank), r.IntN(Registers)
		for j := range high {
			setRegister(e.b[headBytes:], j, uint8(low+r.IntN(maxRank+1-low)))
		}
		Outdate(e.b)
		c.Must(t, "SET", "h", string(e.b))
		n, _ := Estimate(e.b)
		if got := c.Must(t, "PFCOUNT", "h").Text; got != strconv.FormatInt(int64(n), 10) {
			t.Fatalf("seed %d, case %d: %d registers from rank %d: estimate %d, redis-server says %s", seed, i, high, low, int64(n), got)
		}
	}
}

func TestEstimateOfImpossibleRanks(t *testing.T) {
	var all Ranks
	for i := range all {
		all[i] = 63
	}
	if n := all.Estimate(); n != 1<<63 {
		t.Errorf("Estimate = %d, want %d", n, uint64(1)<<63)
	}
}

func TestDamage(t *testing.T) {
	whole := AppendNew(nil)
	head := whole[:headBytes:headBytes]
	for name, b := range map[string][]byte{
		"no runs":        head,
		"too few":        append(head, 0x7F, 0xFE),
		"too many":       append(head, 0x7F, 0xFF, 0x80),
		"half a long":    append(head, 0x7F),
		"ranks too many": append(head, 0x7F, 0xFE, 0x81),
	} {
		if _, err := Estimate(b); !Check(b) || !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: Check %t, Estimate: %v, want %v", name, Check(b), err, ErrCorrupt)
		}
		if e := Edit(slices.Clone(b), 3000); !errors.Is(e.MakeDense(), ErrCorrupt) || !bytes.Equal(e.Bytes(), b) {
			t.Errorf("%s: MakeDense did not refuse it", name)
		}
	}
	e := Edit(append(head, 0x7F, 0xFE), 3000)
	if _, err := e.Raise(Registers-1, 1); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Raise beyond the runs: %v, want %v", err, ErrCorrupt)
	}
	for name, b := range map[string][]byte{
		"short":            head[:headBytes-1],
		"another magic":    append([]byte("hyll"), whole[4:]...),
		"another encoding": append([]byte("HYLL\x02"), whole[5:]...),
		"short and dense":  append([]byte("HYLL\x00"), whole[5:]...),
	} {
		if Check(b) {
			t.Errorf("%s: passed Check", name)
		}
	}
}

func TestSelfTest(t *testing.T) {
	if err := SelfTest(); err != nil {
		t.Error(err)
	}
}

func TestNoAllocations(t *testing.T) {
	b := AppendNew(make([]byte, 0, denseBytes))
	other := Edit(AppendNew(nil), 0)
	if err := other.MakeDense(); err != nil {
		t.Fatal(err)
	}
	i := uint64(0)
	if n := testing.AllocsPerRun(300, func() {
		e := Edit(b, 3000)
		for range 10 {
			i++
			if _, err := e.Add([]byte{byte(i), byte(i >> 8)}); err != nil {
				t.Fatal(err)
			}
		}
		b = e.Bytes()
		var all Ranks
		if all.Merge(b) != nil || all.Merge(other.b) != nil || math.Abs(float64(all.Estimate())-float64(i)) > 100 {
			t.Fatal("wrong estimate")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzEdit: whatever passes Check can be edited and read, and what held registers holds them still.
func FuzzEdit(f *testing.F) {
	f.Add(AppendNew(nil), []byte("some elements"))
	f.Add(append(AppendNew(nil)[:headBytes], 0x80, 0x81, 0x82, 0x83, 0x7F, 0xF5), []byte("0123456789"))
	f.Add(append(AppendNew(nil)[:headBytes], 0x7F), []byte("0123456789"))
	f.Fuzz(func(t *testing.T, b, elems []byte) {
		if !Check(b) {
			return
		}
		var model Ranks
		damaged := model.Merge(b) != nil
		e := Edit(slices.Clone(b), 3000)
		for ; len(elems) >= 3; elems = elems[3:] {
			index, rank := (int(elems[0])<<8|int(elems[1]))%Registers, elems[2]%maxRank+1
			changed, err := e.Raise(index, rank)
			if err != nil && !damaged || !damaged && changed != (rank > model[index]) {
				t.Fatalf("% x: register %d to %d: %t, %v", b, index, rank, changed, err)
			}
			model[index] = max(model[index], rank)
		}
		if !Check(e.b) {
			t.Fatalf("% x became % x", b, e.b)
		}
		AppendRuns(nil, e.b)
		if !damaged {
			checkHolds(t, "edited", e.b, &model)
		}
	})
}
