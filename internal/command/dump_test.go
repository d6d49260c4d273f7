// Shown here: what RESTORE refuses, and that no payload, however broken, does harm or is half taken;
// and that every value survives DUMP and RESTORE.

package command_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/config"
	"tarn/internal/rdb"
	"tarn/internal/resp"
	"tarn/test/chance"
)

func TestRestoreRefuses(t *testing.T) {
	for _, depth := range []config.Sanitize{config.SanitizeNo, config.SanitizeYes, config.SanitizeClients} {
		restoreRefuses(t, depth)
	}
}

func restoreRefuses(t *testing.T, depth config.Sanitize) {
	p := newInProcess(t, clock.NewManual(someDay))
	p.env.Config.Update(func(c *config.Config) { c.SanitizeDumpPayload = depth })
	cl := p.client(resp.RESP2)
	cl.do("SET", "old", "value")
	const badFooter, badData = "-ERR DUMP payload version or checksum are wrong", "-ERR Bad data format"
	for _, tc := range []struct {
		what, payload, want string
	}{
		{"nothing", "", badFooter},
		{"less than a footer", "123456789", badFooter},
		{"a version that is none yet", seal([]byte("\x00\x05value"), 13), badFooter},
		{"a version without a value", seal(nil, 10), badData},
		{"a value that ends early", seal([]byte("\x00\x05val"), 10), badData},
		{"a length of 2^63", seal([]byte("\x00\x81\x80\x00\x00\x00\x00\x00\x00\x00value"), 10), badData},
		{"a compressed value that claims 2^40 bytes", seal([]byte("\x00\xc3\x04\x81\x00\x00\x01\x00\x00\x00\x00\x00\x03abcd"), 10), badData},
		{"a compressed value that points before its start", seal([]byte("\x00\xc3\x03\x05\x40\x09\x09"), 10), badData},
		{"a type that nobody has", seal([]byte("\xc8\x05value"), 10), badData},
		{"a module's value", seal([]byte("\x07\x05value"), 10), "-ERR tarn: values of the type 'module value' are not restored"},
		{"a list without elements", seal([]byte("\x01\x00"), 10), badData},
		{"a hash as listpack without fields", seal([]byte("\x10\x07\x07\x00\x00\x00\x00\x00\xff"), 10), badData},
		{"a hash as listpack with half a field", seal([]byte("\x10\x09\x09\x00\x00\x00\x01\x00\x01\x01\xff"), 10), badData},
		{"a set with a member twice", seal([]byte("\x02\x02\x01a\x01a"), 10), badData},
		{"a score that is no number", seal([]byte("\x03\x01\x01a\xfd"), 10), badData},
	} {
		before := p.counts().dirty
		for _, args := range [][]string{{"new", "0"}, {"old", "0", "REPLACE"}} {
			args = append([]string{"RESTORE", args[0], args[1], tc.payload}, args[2:]...)
			if got := cl.do(args...); got != tc.want+"\r\n" {
				t.Errorf("%s: %q, want %q", tc.what, got, tc.want)
			}
		}
		if p.counts().dirty != before || p.state("new").exists || p.state("old").value != "value" {
			t.Errorf("%s: a refused payload left a trace", tc.what)
		}
	}

	// DEBUG SET-SKIP-CHECKSUM-VALIDATION lets a wrong checksum pass, and nothing else.
	payload := []byte(seal([]byte("\x00\x05value"), 10))
	payload[len(payload)-1] ^= 1
	if got := cl.do("RESTORE", "new", "0", string(payload)); got != badFooter+"\r\n" {
		t.Errorf("a wrong checksum: %q", got)
	}
	p.env.SkipChecksum.Store(true)
	if got := cl.do("RESTORE", "new", "0", string(payload)); got != "+OK\r\n" {
		t.Errorf("a wrong checksum that is not to be looked at: %q", got)
	}
	if got := cl.do("RESTORE", "old", "0", "short", "REPLACE"); got != badFooter+"\r\n" {
		t.Errorf("no checksum at all: %q", got)
	}
}

// TestDumpRoundTrip restores what was dumped, in all encodings, with and without compression.
func TestDumpRoundTrip(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	p := newInProcess(t, clock.NewManual(someDay))
	cl := p.client(resp.RESP2)
	for _, compress := range []bool{true, false} {
		p.env.Config.Update(func(c *config.Config) { c.RDBCompression = compress })
		for i := range 500 {
			value := randomValue(r)
			if i%50 == 0 {
				value = strings.Repeat(randomText(r, 1+r.IntN(1000)), 1+r.IntN(300))
			}
			cl.do("SET", "k", value)
			payload := splitBulks(t, cl.do("DUMP", "k"))[0]
			if got := cl.do("RESTORE", "copy", "0", payload, "REPLACE"); got != "+OK\r\n" {
				t.Fatalf("seed %d: RESTORE of %.100q: %q", seed, payload, got)
			}
			if got, want := p.state("copy"), p.state("k"); got != want {
				t.Fatalf("seed %d: restored %.200q, want %.200q", seed, got.value, want.value)
			}
			if !compress && len(payload) < len(value)/2 {
				t.Fatalf("seed %d: %d bytes became %d under rdbcompression no", seed, len(value), len(payload))
			}
		}
	}
}

// FuzzRestore gives RESTORE any bytes in the place of a value: it replies, it does not crash, and
// what it takes can be dumped and restored again.
func FuzzRestore(f *testing.F) {
	for _, body := range []string{
		"\x00\x05value", "\x00\xc0\x0a", "\x00\xc1\xd0\x8a", "\x00\xc2\x00\x94\x35\x77", "\x00\xc3\x07\x1e\x01aa\xe0\x10\x00\x01aa",
		"\x00\x40\x41" + strings.Repeat("x", 65), "\x01\x01\x05value", "\x10\x07\x07\x00\x00\x00\x00\x00\xff", "",
	} {
		f.Add([]byte(body), uint16(10))
	}
	p := newInProcess(f, clock.NewManual(someDay))
	cl := p.client(resp.RESP2)
	f.Fuzz(func(t *testing.T, body []byte, version uint16) {
		payload := seal(body, version)
		got := cl.do("RESTORE", "k", "0", payload, "REPLACE")
		if strings.HasPrefix(got, "-ERR ") {
			return
		}
		if _, err := rdb.ParseDump([]byte(payload), true); got != "+OK\r\n" || err != nil {
			t.Fatalf("RESTORE of %q: %q, %v", payload, got, err)
		}
		again := splitBulks(t, cl.do("DUMP", "k"))[0]
		if got := cl.do("RESTORE", "again", "0", again, "REPLACE"); got != "+OK\r\n" || p.state("again").value != p.state("k").value {
			t.Fatalf("RESTORE of %q, dumped again as %q: %q", payload, again, got)
		}
	})
}
