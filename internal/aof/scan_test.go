// Shown here: a log comes out of the Scanner byte for byte, whatever pieces it comes in and however
// small the buffer; cut at any byte, it is whole up to the last command outside a transaction, and
// short; with any byte changed, it is never read as something longer than it is; a claim of a huge
// argument takes no memory.

package aof

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"tarn/internal/resp"
	"tarn/test/chance"
)

// part is one command or '#' line of a log that a test made.
type part struct {
	text string
	args []string // nil for a line
	end  int64
	good int64 // up to which the log is whole when it ends at end
	last int64 // of the same, the end of the last command
	open bool
}

// command returns RESP.
func command(args ...string) string {
	var list [][]byte
	for _, a := range args {
		list = append(list, []byte(a))
	}
	return string(resp.AppendCommand(nil, list...))
}

// build makes a log of the commands and lines given: a string that begins with '#' is a line.
func build(items ...any) (log string, parts []part) {
	var p part
	for _, item := range items {
		switch item := item.(type) {
		case string:
			p.text, p.args = item, nil
		case []string:
			p.text, p.args = command(item...), item
		}
		p.end += int64(len(p.text))
		if len(p.args) == 1 {
			switch strings.ToUpper(p.args[0]) {
			case "MULTI":
				p.open = true
			case "EXEC":
				p.open = false
			}
		}
		if !p.open {
			p.good = p.end
			if p.args != nil {
				p.last = p.end
			}
		}
		log += p.text
		parts = append(parts, p)
	}
	return log, parts
}

func sample() (string, []part) {
	return build([]string{"SELECT", "0"}, []string{"SET", "a", ""}, "#TS:1628217470\r\n", []string{"MULTI"}, []string{"SET", "b", "1\r\n2"},
		"#TS:1628217471\r\n", []string{"DEL", "a"}, []string{"exec"}, "# any\n", []string{"SET", "c", strings.Repeat("x", 300)}, "#\r\n", []string{"DEL", "c"})
}

// readAll reads a log and returns its commands and lines as they came.
func readAll(t *testing.T, r io.Reader, o ScanOptions, single bool) (out string, err error) {
	t.Helper()
	at := o.Offset
	o.Note = func(offset int64, line []byte) error {
		if offset != at {
			t.Fatalf("line %q: offset %d, want %d", line, offset, at)
		}
		at += int64(len(line))
		out += string(line)
		return nil
	}
	s := NewScanner(r, o)
	for {
		var run Run
		var args [][]byte
		if single {
			run, args, err = s.Command(nil)
		} else {
			run, err = s.Next()
		}
		if err != nil {
			return out, err
		}
		if run.Offset != at {
			t.Fatalf("run %q: offset %d, want %d", run.Bytes, run.Offset, at)
		}
		if single && !bytes.Equal(resp.AppendCommand(nil, args...), run.Bytes) {
			t.Fatalf("run %q: arguments %q", run.Bytes, args)
		}
		n := 0
		for rest := run.Bytes; len(rest) > 0; n++ {
			rest = rest[len(resp.AppendCommand(nil, Args(rest, nil)...)):]
		}
		if n != run.Commands {
			t.Fatalf("run %q: %d commands, said %d", run.Bytes, n, run.Commands)
		}
		at = run.End()
		out += string(run.Bytes)
	}
}

func TestScanWhole(t *testing.T) {
	log, _ := sample()
	for _, size := range []int{1, 7, 64, 0} {
		for _, known := range []int64{0, int64(len(log)) + 11} {
			for name, r := range map[string]io.Reader{
				"whole": strings.NewReader(log), "bytes": iotest.OneByteReader(strings.NewReader(log)), "end": iotest.DataErrReader(strings.NewReader(log)),
			} {
				out, err := readAll(t, r, ScanOptions{Offset: 11, Size: known, RunBytes: size}, size == 64)
				if err != io.EOF || out != log {
					t.Errorf("%s, run of %d, size %d: got %q, %v; want %q, EOF", name, size, known, out, err, log)
				}
			}
		}
	}
}

func TestScanCutAnywhere(t *testing.T) {
	log, parts := sample()
	for cut := range len(log) + 1 {
		var before part
		for _, p := range parts {
			if p.end <= int64(cut) {
				before = p
			}
		}
		_, err := readAll(t, strings.NewReader(log[:cut]), ScanOptions{RunBytes: 16}, false)
		if before.end == int64(cut) && !before.open {
			if err != io.EOF {
				t.Errorf("cut at %d: %v, want EOF", cut, err)
			}
			continue
		}
		var d *Damage
		if !errors.As(err, &d) || !errors.Is(err, ErrShort) || d.At != int64(cut) || d.Good != before.good || d.Commands != before.last || d.Unfinished != before.open {
			t.Errorf("cut at %d: %+v, want short, good %d, commands %d, unfinished %t", cut, err, before.good, before.last, before.open)
		}
		if before.good > 0 {
			if out, err := readAll(t, strings.NewReader(log[:before.good]), ScanOptions{}, false); err != io.EOF || out != log[:before.good] {
				t.Errorf("cut at %d and repaired to %d: %v", cut, before.good, err)
			}
		}
	}
}

func TestScanDamage(t *testing.T) {
	head := command("SET", "a", "b")
	for _, tc := range []struct {
		tail string
		kind error
		at   int // in the tail
		open bool
	}{
		{tail: "!!!\r\n", kind: ErrBad},
		{tail: "\x00", kind: ErrBad},
		{tail: "\r\n", kind: ErrBad},
		{tail: "PING\r\n", kind: ErrBad},
		{tail: "*0\r\n", kind: ErrBad},
		{tail: "*-1\r\n", kind: ErrBad},
		{tail: "*\r\n", kind: ErrBad, at: 1},
		{tail: "*x\r\n", kind: ErrBad, at: 1},
		{tail: "*1x\r\n", kind: ErrBad, at: 2},
		{tail: "*1\n", kind: ErrBad, at: 2},
		{tail: "*1\rx", kind: ErrBad, at: 2},
		{tail: "*99999999999999999999999\r\n", kind: ErrBad, at: 19},
		{tail: "*3000000000\r\n", kind: ErrBad},
		{tail: "*1\r\n+OK\r\n", kind: ErrBad, at: 4},
		{tail: "*1\r\n$-1\r\n", kind: ErrBad, at: 4},
		{tail: "*1\r\n$4\r\nPINGxx", kind: ErrBad, at: 12},
		{tail: "*1\r\n$4\r\nPING\r", kind: ErrShort, at: 13},
		{tail: "*1\r\n$999999999999\r\nPING\r\n", kind: ErrShort, at: 25},
		{tail: "*2147483647\r\n", kind: ErrShort, at: 13},
		{tail: "#" + strings.Repeat("x", 1021) + "\n", kind: io.EOF},
		{tail: "#" + strings.Repeat("x", 1022) + "\n", kind: ErrBad},
		{tail: "#TS:12", kind: ErrShort, at: 6},
		{tail: Multi, kind: ErrShort, at: len(Multi), open: true},
		{tail: Multi + head + "!", kind: ErrBad, at: len(Multi + head), open: true},
		{tail: Exec, kind: io.EOF},
	} {
		_, err := readAll(t, strings.NewReader(head+tc.tail), ScanOptions{RunBytes: 32}, false)
		if tc.kind == io.EOF {
			if err != io.EOF {
				t.Errorf("%q: %v, want EOF", tc.tail, err)
			}
			continue
		}
		var d *Damage
		if !errors.As(err, &d) || d.Kind != tc.kind || d.At != int64(len(head)+tc.at) || d.Good != int64(len(head)) || d.Unfinished != tc.open {
			t.Errorf("%q: %+v; want %v at %d, good %d, unfinished %t", tc.tail, err, tc.kind, len(head)+tc.at, len(head), tc.open)
		}
	}
}

func TestScanNoteStops(t *testing.T) {
	stop := errors.New("stop")
	log, _ := sample()
	s := NewScanner(strings.NewReader(log), ScanOptions{Note: func(int64, []byte) error { return stop }})
	run, err := s.Next()
	if err != nil || run.Commands != 2 {
		t.Fatalf("first run: %d commands, %v", run.Commands, err)
	}
	if _, err = s.Next(); err != stop {
		t.Errorf("at the line: %v, want stop", err)
	}
	if s.Good() != run.End() || s.Open() {
		t.Errorf("good up to %d, open %t; want %d, false", s.Good(), s.Open(), run.End())
	}
}

func TestScanReaderFails(t *testing.T) {
	log, _ := sample()
	_, err := readAll(t, iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(log))), ScanOptions{}, false)
	if !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

// zeros is a reader of n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := int(min(z.n, int64(len(p))))
	clear(p[:n])
	z.n -= int64(n)
	return n, nil
}

func TestScanMemory(t *testing.T) {
	const size = 64 << 20
	large := func() io.Reader {
		return io.MultiReader(strings.NewReader(fmt.Sprintf("*2\r\n$4\r\nECHO\r\n$%d\r\n", size)), &zeros{n: size}, strings.NewReader("\r\n"+command("PING")))
	}
	head := int64(len(fmt.Sprintf("*2\r\n$4\r\nECHO\r\n$%d\r\n", size)))
	for _, tc := range []struct {
		name  string
		log   io.Reader
		size  int64
		limit uint64 // bytes allocated in all
	}{
		{name: "large, size known", log: large(), size: head + size + 2 + int64(len(command("PING"))), limit: size + 2<<20},
		{name: "large", log: large(), limit: 4*size + 2<<20},
		{name: "only claimed", log: strings.NewReader("*1\r\n$549755813888\r\nabc"), limit: 4 << 20},
		{name: "only claimed, size known", log: strings.NewReader("*1\r\n$549755813888\r\nabc"), size: 22, limit: 4 << 20},
		{name: "many claimed", log: strings.NewReader("*2147483647\r\n$1\r\na\r\n"), limit: 4 << 20},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s := NewScanner(tc.log, ScanOptions{Size: tc.size})
		var err error
		for err == nil {
			_, err = s.Next()
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > tc.limit {
			t.Errorf("%s: %d bytes allocated, want at most %d", tc.name, got, tc.limit)
		}
		if err != io.EOF && !errors.Is(err, ErrShort) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestScanChangedByte changes single bytes of random logs: what still comes out must be a prefix of
// the bytes there, and Good must be a place where the log can be cut.
func TestScanChangedByte(t *testing.T) {
	rng := rand.New(rand.NewPCG(chance.Seed(t), 1))
	log, _ := sample()
	for range 3000 {
		b := []byte(log)
		for range 1 + rng.IntN(2) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		checkAny(t, b, 1+rng.IntN(200))
	}
}

// TestScanStrict: what redis-check-aof calls bad and a redis-server loads is bad only when asked for; lines are
// counted as that tool counts them.
func TestScanStrict(t *testing.T) {
	set := command("SET", "a", "b")
	for _, tc := range []struct {
		log   string
		at    int
		good  int
		lines int64
	}{
		{log: set + Exec + set, at: len(set), good: len(set), lines: 10},
		{log: set + Multi + set + Multi + Exec, at: len(set + Multi + set), good: len(set), lines: 20},
		{log: set + "#\r\n" + Multi + Exec + "*2\r\n$3\r\nGET\r\nx", at: len(set+Multi+Exec) + 16, good: len(set+Multi+Exec) + 3, lines: 16},
		{log: set + "*2\r\n$3\r\nGE", at: len(set) + 10, good: len(set), lines: 9},
		{log: set + "*2\r\n", at: len(set) + 4, good: len(set), lines: 8},
		{log: set + "!", at: len(set), good: len(set), lines: 7},
	} {
		s := NewScanner(strings.NewReader(tc.log), ScanOptions{Strict: true, Size: int64(len(tc.log))})
		var err error
		for err == nil {
			_, err = s.Next()
		}
		var d *Damage
		if !errors.As(err, &d) || d.At != int64(tc.at) || d.Good != int64(tc.good) || d.Lines != tc.lines || d.Lines != s.Lines() {
			t.Errorf("%q: %+v; want at %d, good %d, lines %d", tc.log, err, tc.at, tc.good, tc.lines)
		}
	}
	for _, log := range []string{set + Exec + set, Multi + Multi + Exec} {
		if out, err := readAll(t, strings.NewReader(log), ScanOptions{}, false); err != io.EOF || out != log {
			t.Errorf("%q, not strict: %v", log, err)
		}
	}
}

// TestScanAllocates: what a Scanner takes of Go's memory does not depend on how many commands there are.
func TestScanAllocates(t *testing.T) {
	scan := func(commands int) float64 {
		log := strings.Repeat(command("SET", "key", "value"), commands)
		return testing.AllocsPerRun(5, func() {
			s := NewScanner(strings.NewReader(log), ScanOptions{RunBytes: 4096})
			for err := error(nil); err == nil; {
				_, err = s.Next()
			}
		})
	}
	if few, many := scan(10), scan(10000); many > few {
		t.Errorf("%v allocations for 10 commands, %v for 10,000", few, many)
	}
}

// checkAny reads any bytes as a log and checks what must hold whatever they are.
func checkAny(t *testing.T, b []byte, size int) {
	t.Helper()
	out := ""
	s := NewScanner(bytes.NewReader(b), ScanOptions{RunBytes: size, Note: func(_ int64, line []byte) error { out += string(line); return nil }})
	for {
		run, err := s.Next()
		if err == nil {
			out += string(run.Bytes)
			continue
		}
		if !bytes.HasPrefix(b, []byte(out)) {
			t.Fatalf("%q: read as %q", b, out)
		}
		var d *Damage
		if err == io.EOF {
			if out != string(b) || s.Open() {
				t.Fatalf("%q: EOF after %q", b, out)
			}
			return
		}
		if !errors.As(err, &d) || d.Good > int64(len(out)) || d.Commands > d.Good || d.At < d.Good || d.At > int64(len(b)) {
			t.Fatalf("%q: %+v", b, err)
		}
		s = NewScanner(bytes.NewReader(b[:d.Good]), ScanOptions{})
		for err = error(nil); err == nil; {
			_, err = s.Next()
		}
		if err != io.EOF {
			t.Fatalf("%q: cut at %d, still %v", b, d.Good, err)
		}
		return
	}
}

func FuzzScan(f *testing.F) {
	log, _ := sample()
	f.Add([]byte(log), 16)
	f.Add([]byte("*1\r\n$999999\r\nx"), 1)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		checkAny(t, b, 1+size&1023)
	})
}

func BenchmarkScan(b *testing.B) {
	log := strings.Repeat(command("SET", "key:000000000001", "xxxxxxxxxxxxxxxx"), 20000)
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		s := NewScanner(strings.NewReader(log), ScanOptions{})
		for err := error(nil); err == nil; {
			_, err = s.Next()
		}
	}
}
