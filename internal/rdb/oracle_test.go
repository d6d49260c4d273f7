// Against a real redis-server: it saves and we read, we write and it loads, and each restores the
// other's DUMP payloads. Skipped where it is not installed; run with -count=1, since the test cache
// does not see it.

package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tarn/test/chance"
	"tarn/test/harness"
)

// oracle is one connection to a running redis-server.
type oracle struct {
	t    *testing.T
	conn *harness.Conn
	db   int
}

// startOracle starts a server in dir, which is empty or has a dump.rdb.
func startOracle(t *testing.T, dir string, directives ...string) *oracle {
	t.Helper()
	server := harness.Oracle(t).Start(t, append(directives, "dir "+harness.Quote(dir))...)
	return &oracle{t: t, conn: server.Dial(t)}
}

// do sends a command and returns the reply, or the error reply.
func (o *oracle) do(args ...string) (string, error) {
	o.t.Helper()
	reply, err := o.conn.Do(args...)
	if err != nil {
		o.t.Fatalf("%.100q: %v", args, err)
	}
	if reply.IsError() {
		return "", errors.New(reply.Text)
	}
	if len(reply.Elem) > 0 { // of DIGEST-VALUE
		return reply.Elem[0].Text, nil
	}
	return reply.Text, nil
}

// must is do for what must not fail.
func (o *oracle) must(args ...string) string {
	o.t.Helper()
	reply, err := o.do(args...)
	if err != nil {
		o.t.Fatalf("%.100q: %v", args, err)
	}
	return reply
}

// use selects a database.
func (o *oracle) use(db int) {
	if o.db != db {
		o.must("SELECT", strconv.Itoa(db))
		o.db = db
	}
}

// oracleEntries are random entries that a server keeps: with deadlines far away, without use counts.
func oracleEntries(r *rand.Rand) []entry {
	entries := randomEntries(r)
	for i := range entries {
		entries[i].Idle, entries[i].Freq = None, None
		if entries[i].ExpireMs != None {
			entries[i].ExpireMs = 4102444800000 + r.Int64N(1<<40)
		}
	}
	return entries
}

func TestReadsWhatTheOracleWrites(t *testing.T) {
	seed := chance.Seed(t)
	entries := oracleEntries(rand.New(rand.NewPCG(seed, 0)))
	dir := t.TempDir()
	o := startOracle(t, dir)
	for i := range entries {
		e := &entries[i]
		o.use(e.DB)
		o.must("SET", e.Key, e.Value)
		if e.ExpireMs != None {
			o.must("PEXPIREAT", e.Key, strconv.FormatInt(e.ExpireMs, 10))
		}
	}
	for _, policy := range []string{"noeviction", "allkeys-lru", "volatile-lfu"} {
		for _, yes := range []string{"yes", "no"} {
			o.must("CONFIG", "SET", "rdbcompression", yes, "maxmemory-policy", policy)
			o.must("SAVE")
			f, err := os.ReadFile(filepath.Join(dir, "dump.rdb"))
			if err != nil {
				t.Fatal(err)
			}
			got, result, err := scanDecoded(f, Options{Size: int64(len(f))})
			context := fmt.Sprintf("seed %d, policy %s, compression %s", seed, policy, yes)
			if err != nil || !result.Checked || result.Bytes != int64(len(f)) {
				t.Fatalf("%s: %+v, %v", context, result, err)
			}
			for i := range got {
				if (got[i].Idle != None) != (policy == "allkeys-lru") || (got[i].Freq != None) != (policy == "volatile-lfu") {
					t.Fatalf("%s: %+v", context, got[i])
				}
				got[i].Idle, got[i].Freq = None, None
			}
			checkEntries(t, context, sorted(got), sorted(entries))
		}
	}
}

func TestOracleLoadsWhatWeWrite(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, version := range []int{9, 10} {
		for _, compress := range []bool{true, false} {
			for _, policy := range []string{"noeviction", "allkeys-lru", "allkeys-lfu"} {
				entries := oracleEntries(r)
				for i := range entries {
					switch policy {
					case "allkeys-lru":
						entries[i].Idle = 1 + r.Int64N(1<<20)
					case "allkeys-lfu":
						entries[i].Freq = 1 + r.IntN(200)
					}
				}
				dir := t.TempDir()
				path := filepath.Join(dir, "dump.rdb")
				if err := os.WriteFile(path, encodeFile(t, entries, version, compress), 0o644); err != nil {
					t.Fatal(err)
				}
				checkWithTool(t, path)
				// Without a limit, small integers are shared, and their use counts with them.
				o := startOracle(t, dir, "maxmemory 1gb", "maxmemory-policy "+policy)
				checkOracleHolds(t, o, entries, fmt.Sprintf("seed %d, version %d, compress %t, policy %s", seed, version, compress, policy))
			}
		}
	}
}

// checkWithTool runs redis-check-rdb on a file.
func checkWithTool(t *testing.T, path string) {
	t.Helper()
	if out, err := exec.Command(harness.LookPath(t, "redis-check-rdb"), path).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("RDB looks OK!")) {
		t.Fatalf("redis-check-rdb: %v\n%s", err, out)
	}
}

// checkOracleHolds demands that the server holds these entries and no other.
func checkOracleHolds(t *testing.T, o *oracle, entries []entry, context string) {
	t.Helper()
	size := map[int]int{}
	for i := range entries {
		e := &entries[i]
		size[e.DB]++
		o.use(e.DB)
		if e.Idle != None {
			if got, _ := strconv.ParseInt(o.must("OBJECT", "IDLETIME", e.Key), 10, 64); got < e.Idle || got > e.Idle+60 {
				t.Fatalf("%s: key %.50q: idle for %d s, want %d", context, e.Key, got, e.Idle)
			}
		}
		if e.Freq != None {
			if got := o.must("OBJECT", "FREQ", e.Key); got != strconv.Itoa(e.Freq) {
				t.Fatalf("%s: key %.50q: used %s times, want %d", context, e.Key, got, e.Freq)
			}
		}
		if got := o.must("GET", e.Key); got != e.Value {
			t.Fatalf("%s: key %.50q: %.100q, want %.100q", context, e.Key, got, e.Value)
		}
		if got := o.must("PEXPIRETIME", e.Key); got != strconv.FormatInt(e.ExpireMs, 10) {
			t.Fatalf("%s: key %.50q: deadline %s, want %d", context, e.Key, got, e.ExpireMs)
		}
	}
	for db := range 16 {
		o.use(db)
		if got := o.must("DBSIZE"); got != strconv.Itoa(size[db]) {
			t.Fatalf("%s: database %d has %s keys, want %d", context, db, got, size[db])
		}
	}
}

func TestDumpAndRestore(t *testing.T) {
	seed := chance.Seed(t)
	o := startOracle(t, t.TempDir())
	for _, compress := range []bool{true, false} {
		enc := &Encoder{Compress: compress}
		for _, shape := range stringShapes(rand.New(rand.NewPCG(seed, 0))) {
			o.must("SET", "k", shape)
			theirs := []byte(o.must("DUMP", "k"))
			if got, err := restore(theirs, true); err != nil || got != shape {
				t.Fatalf("seed %d: their payload of %.100q: %.100q, %v", seed, shape, got, err)
			}
			ours := enc.AppendDump([]byte("before"), []byte(shape))[len("before"):]
			if n, err := strconv.ParseInt(shape, 10, 64); err == nil && strconv.FormatInt(n, 10) == shape {
				if asInt := enc.AppendDumpInt(nil, n); !bytes.Equal(asInt, ours) {
					t.Fatalf("AppendDumpInt(%d) = %q, AppendDump %q", n, asInt, ours)
				}
			}
			if len(shape) <= compressAbove && !bytes.Equal(ours, theirs) {
				t.Fatalf("payload of %q: %q, theirs %q", shape, ours, theirs)
			}
			o.must("RESTORE", "k", "0", string(ours), "REPLACE")
			if got := o.must("GET", "k"); got != shape {
				t.Fatalf("seed %d: they restored %.100q as %.100q", seed, shape, got)
			}
		}
	}
}

// TestCompressesNoLessThanTheOracle takes strings about as long, and about as compressible, as is
// worth it. What the oracle compresses is compressed, into no more bytes; and nothing is that does
// not save what it must. (The oracle does not see copies from the byte before.)
func TestCompressesNoLessThanTheOracle(t *testing.T) {
	o := startOracle(t, t.TempDir())
	enc := &Encoder{Compress: true}
	for length := 1; length < 40; length++ {
		for same := range length + 1 {
			value := strings.Repeat("x", same) + "abcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQ"[:length-same]
			o.must("SET", "k", value)
			theirs, ours := o.must("DUMP", "k"), enc.AppendDump(nil, []byte(value))
			span, _ := readString(ours, 1)
			if len(ours) > len(theirs) || span.form == lzfForm && (length <= 20 || span.end-span.start > length-4) {
				t.Errorf("payload of %q: %q, theirs %q", value, ours, theirs)
			}
		}
	}
}

// restore returns the string in a payload.
func restore(payload []byte, checksum bool) (string, error) {
	value, err := ParseDump(payload, checksum)
	if err != nil {
		return "", err
	}
	s, err := value.AsString()
	if err != nil {
		return "", err
	}
	out, err := s.AppendTo(nil)
	return string(out), err
}

// refusal returns how Redis words what restore returned.
func refusal(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrVersion), errors.Is(err, ErrChecksum):
		return "ERR DUMP payload version or checksum are wrong"
	}
	return "ERR Bad data format"
}

// TestDamagedDumps changes payloads a byte at a time, with the checksum left and with it made right
// again, and demands the oracle's verdict, but for two kinds of payload whose checksum is right: one
// whose value would end in the footer, which the oracle reads on into; and one that is compressed and
// says that it is empty, which the oracle cannot tell from a failure. Both are refused here.
func TestDamagedDumps(t *testing.T) {
	o := startOracle(t, t.TempDir())
	enc := &Encoder{Compress: true}
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, shape := range []string{"", "7", "1000000", "short", strings.Repeat("long and ", 9), "9223372036854775807"} {
		whole := enc.AppendDump(nil, []byte(shape))
		for i := range whole {
			for _, fixed := range []bool{false, true} {
				for range 8 {
					payload := bytes.Clone(whole)
					payload[i] ^= 1 << r.IntN(8)
					if fixed {
						payload = sealed(payload[:len(payload)-checksumBytes])
					}
					compareVerdict(t, o, fmt.Sprintf("seed %d, %q with byte %d changed", seed, shape, i), payload)
				}
			}
			compareVerdict(t, o, "cut", whole[:i])
			compareVerdict(t, o, "cut and sealed", sealed(bytes.Clone(whole[:i])))
		}
		body := whole[:len(whole)-dumpFooterBytes]
		compareVerdict(t, o, "longer", sealed(append(bytes.Clone(body), 'x', 10, 0)))
		for _, version := range []byte{0, 1, 9, 10} {
			compareVerdict(t, o, "version", sealed(append(bytes.Clone(body), version, 0)))
		}
	}
}

// sealed returns p with its checksum.
func sealed(p []byte) []byte { return binary.LittleEndian.AppendUint64(p, CRC64(0, p)) }

// compareVerdict restores a payload in the oracle and here. What asks for a newer version than the
// oracle's is compared no further than that.
func compareVerdict(t *testing.T, o *oracle, context string, payload []byte) {
	t.Helper()
	got, err := restore(payload, true)
	_, oracleErr := o.do("RESTORE", "k", "0", string(payload), "REPLACE")
	want := ""
	if oracleErr != nil {
		want = oracleErr.Error()
	}
	if n := len(payload) - dumpFooterBytes; n >= 0 {
		if version := binary.LittleEndian.Uint16(payload[n:]); version > 10 && want == refusal(ErrVersion) {
			return
		}
	}
	stricter := errors.Is(err, ErrTruncated) || errors.Is(err, ErrCorrupt) && o.must("GET", "k") == ""
	if refusal(err) != want && !(want == "" && stricter) {
		t.Errorf("%s: payload %q: %v, oracle says %q", context, payload, err, want)
	}
	if err == nil {
		if value := o.must("GET", "k"); value != got {
			t.Errorf("%s: payload %q: %q, oracle has %q", context, payload, got, value)
		}
	}
}
