// Shown here: every reader sees every unit appended after it was opened, whole and in order, whatever
// the others do; chunks are used again; an op reads back as it was written; a warm unit takes no Go
// memory.

package journal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"tarn/test/chance"
)

// read returns what Next gives, as text: one string a unit.
func read(r *Reader, limit int, until int64) (units []string, end int64) {
	raw, end := r.Next(nil, limit, until)
	for u := Parse(raw); u.Next(); {
		var b strings.Builder
		fmt.Fprintf(&b, "%d:%d", u.Ms, u.Ops)
		for u.NextOp() {
			fmt.Fprintf(&b, " %d %q", u.DB, u.Resp)
		}
		units = append(units, b.String())
	}
	return units, end
}

func TestUnitReadsBack(t *testing.T) {
	j := New()
	u := j.NewUnit()
	if u.Active() {
		t.Fatal("active without a reader")
	}
	r := j.Open()
	if !u.Active() {
		t.Fatal("not active with a reader")
	}
	u.Commit(1)
	u.Op(3, 3).Str("SET").Bytes([]byte("k")).Int(-12)
	u.Command(0, [][]byte{[]byte("del"), {}, []byte("a\r\nb")})
	u.Commit(1700000000123)
	u.Op(15, 1).Uint(1<<64 - 1)
	u.Commit(1700000000124)
	want := []string{
		`1700000000123:2 3 "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\n-12\r\n" 0 "*3\r\n$3\r\ndel\r\n$0\r\n\r\n$4\r\na\r\nb\r\n"`,
		`1700000000124:1 15 "*1\r\n$20\r\n18446744073709551615\r\n"`,
	}
	if bytes, oldest := r.Lag(); bytes != j.End() || oldest != 1700000000123 {
		t.Errorf("lag: %d bytes since %d", bytes, oldest)
	}
	got, end := read(r, 1<<20, -1)
	if !slices.Equal(got, want) || end != j.End() {
		t.Errorf("got %q to %d, want %q to %d", got, end, want, j.End())
	}
	if bytes, oldest := r.Lag(); bytes != 0 || oldest != 0 {
		t.Errorf("lag when all is read: %d bytes since %d", bytes, oldest)
	}
	r.Close()
	r.Close()
	u.Op(0, 1).Str("x")
	u.Commit(2)
	if j.Active() || j.Held() != 0 || j.End() != end {
		t.Errorf("without readers: active %t, %d bytes held, end %d", j.Active(), j.Held(), j.End())
	}
}

func TestTruncatedOpsAreNotKept(t *testing.T) {
	j := New()
	r, u := j.Open(), j.NewUnit()
	empty := u.Mark()
	u.Op(0, 1).Str("dropped")
	u.Truncate(empty)
	u.Commit(1)
	u.Op(2, 1).Str("kept")
	m := u.Mark()
	u.Op(0, 2).Str("dropped").Int(5)
	u.Op(0, 1).Str("dropped")
	u.Truncate(m)
	u.Op(0, 1).Str("too")
	u.Commit(7)
	want := []string{`7:2 2 "*1\r\n$4\r\nkept\r\n" 0 "*1\r\n$3\r\ntoo\r\n"`}
	if got, _ := read(r, 1<<20, -1); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// modelReader is a reader and what it has yet to read.
type modelReader struct {
	r    *Reader
	want []string
	ends []int64
}

func TestReadersAgainstModel(t *testing.T) {
	seed := chance.Seed(t)
	rnd := rand.New(rand.NewPCG(seed, 0))
	j := New()
	u := j.NewUnit()
	var readers []*modelReader
	for step := range 4000 {
		context := fmt.Sprintf("seed %d, step %d", seed, step)
		switch op := rnd.IntN(10); {
		case op == 0 && len(readers) < 4:
			readers = append(readers, &modelReader{r: j.Open()})
		case op == 1 && len(readers) > 0 && rnd.IntN(8) == 0:
			i := rnd.IntN(len(readers))
			readers[i].r.Close()
			if units, _ := readers[i].r.Next(nil, 1, -1); len(units) > 0 {
				t.Fatalf("%s: a closed reader reads", context)
			}
			readers = slices.Delete(readers, i, i+1)
		case op < 7:
			size := rnd.IntN(200)
			switch rnd.IntN(60) {
			case 0:
				size = rnd.IntN(3 * chunkBytes)
			case 1, 2, 3:
				size = rnd.IntN(chunkBytes / 3)
			}
			arg := bytes.Repeat([]byte{byte('a' + step%26)}, size)
			u.Op(step%16, 1).Bytes(arg)
			u.Commit(int64(step))
			for _, m := range readers {
				m.want = append(m.want, fmt.Sprintf("%d:1 %d %q", step, step%16, fmt.Sprintf("*1\r\n$%d\r\n%s\r\n", size, arg)))
				m.ends = append(m.ends, j.End())
			}
		case len(readers) > 0:
			m := readers[rnd.IntN(len(readers))]
			limit, until, most := 1+rnd.IntN(2*chunkBytes), int64(-1), len(m.want)
			if rnd.IntN(3) == 0 && len(m.ends) > 0 {
				most = 1 + rnd.IntN(len(m.ends))
				until = m.ends[most-1]
			}
			got, end := read(m.r, limit, until)
			if len(got) > most || len(got) == 0 && most > 0 || !slices.Equal(got, m.want[:len(got)]) {
				t.Fatalf("%s: got %d units of %d, %.200q", context, len(got), most, got)
			}
			if n := len(got); n > 0 && end != m.ends[n-1] {
				t.Fatalf("%s: position %d, want %d", context, end, m.ends[n-1])
			}
			m.want, m.ends = m.want[len(got):], m.ends[len(got):]
		}
		if len(readers) > 0 {
			most := int64(0)
			for _, m := range readers {
				bytes, _ := m.r.Lag()
				most = max(most, bytes)
			}
			// Chunks are at worst a third full, as units of up to a third of a chunk leave them.
			if held := j.Held(); held > 2*most+(keepChunks+2)*chunkBytes+3*chunkBytes {
				t.Fatalf("%s: %d bytes held for %d", context, held, most)
			}
		}
	}
}

func TestReadersBesideWriters(t *testing.T) {
	const writers, each = 4, 3000
	j := New()
	r := j.Open()
	var done sync.WaitGroup
	for w := range writers {
		done.Go(func() {
			u := j.NewUnit()
			for i := range each {
				u.Op(w, 2).Str("n").Int(int64(i))
				u.Commit(0)
				if i%7 == 0 {
					j.Kick()
				}
			}
			j.Kick()
		})
	}
	var next [writers]int
	for total := 0; total < writers*each; {
		<-r.Ready()
		raw, _ := r.Next(nil, 1<<30, -1)
		for u := Parse(raw); u.Next(); total++ {
			for u.NextOp() {
				want := fmt.Sprintf("*2\r\n$1\r\nn\r\n$%d\r\n%d\r\n", len(fmt.Sprint(next[u.DB])), next[u.DB])
				if string(u.Resp) != want {
					t.Fatalf("writer %d: got %q, want %q", u.DB, u.Resp, want)
				}
				next[u.DB]++
			}
		}
	}
	done.Wait()
}

func TestWarmUnitTakesNoGoMemory(t *testing.T) {
	j := New()
	r := j.Open()
	u := j.NewUnit()
	args := [][]byte{[]byte("SET"), []byte("key"), make([]byte, 100)}
	buf := make([]byte, 0, 1<<20)
	if n := testing.AllocsPerRun(20000, func() {
		u.Command(1, args)
		u.Op(0, 2).Str("DEL").Int(17)
		u.Commit(1)
		if j.End()%5 == 0 {
			buf, _ = r.Next(buf[:0], 1<<19, -1)
		}
	}); n != 0 {
		t.Errorf("%v allocations a unit, want 0", n)
	}
}

func BenchmarkCommit(b *testing.B) {
	j := New()
	r := j.Open()
	u := j.NewUnit()
	args := [][]byte{[]byte("SET"), []byte("key:000000001234"), make([]byte, 64)}
	buf := make([]byte, 0, 1<<20)
	for b.Loop() {
		u.Command(0, args)
		u.Commit(1)
		if bytes, _ := r.Lag(); bytes > 1<<18 {
			buf, _ = r.Next(buf[:0], 1<<19, -1)
		}
	}
}
