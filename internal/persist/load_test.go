// Shows how a file comes back: all of it, or an error that names the file and the place. A file cut
// off at any byte is refused, and one with any bit flipped is refused unless it says the same all
// the same; a key twice, a database that is not there and a disk that cannot be read are refused;
// keys past their deadline are passed over. INFO tells how far loading is.

package persist

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tarn/internal/keyspace"
	"tarn/internal/rdb"
	"tarn/internal/vfs"
	"tarn/test/chance"
)

// place makes a file hold data.
func place(t *testing.T, disk *vfs.Mem, data []byte) {
	t.Helper()
	if err := vfs.WriteFile(disk, dumpRDB, dataDir+"/new", dataDir, data); err != nil {
		t.Fatal(err)
	}
}

// smallFile returns a file with values of every form, and what it holds.
func smallFile(t *testing.T) ([]byte, dataset) {
	t.Helper()
	r := newRig(t, newDisk(t), nil)
	r.put(0, "text", "a short value", keyspace.NoDeadline)
	r.put(0, "number", "-12345678901", keyspace.NoDeadline)
	r.put(0, "small number", "7", r.clock.Millis()+1e12)
	r.put(0, "compressed", strings.Repeat("abcabd", 40), keyspace.NoDeadline)
	r.put(9, "empty", "", r.clock.Millis()+5000)
	if err := r.p.Save(); err != nil {
		t.Fatal(err)
	}
	data, err := vfs.ReadFile(r.disk, dumpRDB)
	if err != nil {
		t.Fatal(err)
	}
	return data, r.dataset()
}

// reloads loads one damaged file after another into one keyspace, emptied in between.
type reloads struct{ *rig }

func newReloads(t *testing.T) reloads { return reloads{newRig(t, newDisk(t), nil)} }

func (r reloads) load(data []byte) (dataset, error) {
	r.t.Helper()
	r.tx.LockAll()
	r.tx.Flush(-1, false)
	r.tx.Unlock()
	place(r.t, r.disk, data)
	err := r.p.Load()
	return r.dataset(), err
}

func TestLoad(t *testing.T) {
	data, want := smallFile(t)
	r := newReloads(t)
	r.clock.Advance(10 * time.Second)
	delete(want, "9/empty") // its deadline was 5 s after the save
	r.change(3)
	got, err := r.load(data)
	if err != nil || !maps.Equal(got, want) {
		t.Fatalf("loaded %s (%v), want %s", got.brief(), err, want.brief())
	}
	r.wantLog("loaded", "* Loading RDB produced by version 7.2.6", "* RDB age 10 seconds",
		"* RDB memory usage when created 3.00 Mb", "* Done loading RDB, keys loaded: 4, keys expired: 1.",
		"* DB loaded from disk: 0.000 seconds")
	r.wantInfo("loaded", "rdb_last_load_keys_loaded:4", "rdb_last_load_keys_expired:1", "loading:0", "async_loading:0",
		"rdb_changes_since_last_save:0", "loading_total_bytes:-", "loading_start_time:-")
	if want := []bool{true, false}; !slices.Equal(r.loading, want) {
		t.Errorf("the server was told of loading: %t, want %t", r.loading, want)
	}
}

func TestLoadWithoutAFile(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	r.log.take()
	if err := r.p.Load(); err != nil {
		t.Errorf("no file: %v", err)
	}
	r.wantLog("no file")
}

func TestTruncatedAtEveryByte(t *testing.T) {
	data, _ := smallFile(t)
	r := newReloads(t)
	for size := range data {
		_, err := r.load(data[:size])
		if err == nil || !errors.Is(err, rdb.ErrTruncated) {
			t.Errorf("cut off at byte %d of %d: %v, want %v", size, len(data), err, rdb.ErrTruncated)
			continue
		}
		if text := err.Error(); !strings.HasPrefix(text, dumpRDB+": rdb: offset ") {
			t.Errorf("cut off at byte %d of %d: %q names no file or no place", size, len(data), text)
		}
		r.wantInfo("refused", "loading:0")
	}
	if got := r.loading[len(r.loading)-1]; got {
		t.Error("the server is told that loading goes on")
	}
}

func TestEveryBitFlipped(t *testing.T) {
	data, want := smallFile(t)
	r := newReloads(t)
	for bit := range 8 * len(data) {
		damaged := bytes.Clone(data)
		damaged[bit/8] ^= 1 << (bit % 8)
		got, err := r.load(damaged)
		if err == nil && !maps.Equal(got, want) { // 0009 may become a version that had no checksum
			t.Errorf("bit %d of byte %d flipped: loaded %s, want an error or %s", bit%8, bit/8, got.brief(), want.brief())
		}
		if err != nil && !strings.HasPrefix(err.Error(), dumpRDB+": ") {
			t.Errorf("bit %d of byte %d flipped: %q does not name the file", bit%8, bit/8, err)
		}
	}
}

// file builds an RDB file out of entries.
func file(t *testing.T, entries func(e *rdb.Encoder, b []byte) []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := rdb.NewWriter(&out, true)
	err := w.Begin(rdb.DefaultVersion)
	if err == nil {
		_, err = w.Write(entries(&rdb.Encoder{}, nil))
	}
	if err = errors.Join(err, w.End()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestRefused(t *testing.T) {
	long := strings.Repeat("long", 100_000)
	for _, tc := range []struct {
		name    string
		entries func(e *rdb.Encoder, b []byte) []byte
		want    string // part of the error, "" for none
	}{
		{"a key in two databases", func(e *rdb.Encoder, b []byte) []byte {
			b = e.AppendStringEntry(rdb.AppendSelectDB(b, 0), []byte("k"), []byte("1"))
			return e.AppendStringEntry(rdb.AppendSelectDB(b, 1), []byte("k"), []byte("1"))
		}, ""},
		{"a key twice", func(e *rdb.Encoder, b []byte) []byte {
			b = e.AppendStringEntry(rdb.AppendSelectDB(b, 3), []byte("k"), []byte("1"))
			return e.AppendStringEntry(b, []byte("k"), []byte("1"))
		}, `key "k" in database 3: duplicated key`},
		{"a key twice, of which the first is past its deadline", func(e *rdb.Encoder, b []byte) []byte {
			b = rdb.AppendExpireMs(rdb.AppendSelectDB(b, 0), 1)
			b = e.AppendStringEntry(b, []byte("k"), []byte("1"))
			return e.AppendStringEntry(b, []byte("k"), []byte("1"))
		}, ""},
		{"a long value twice", func(e *rdb.Encoder, b []byte) []byte {
			b = e.AppendStringEntry(rdb.AppendSelectDB(b, 0), []byte("k"), []byte(long))
			return e.AppendStringEntry(b, []byte("k"), []byte(long))
		}, `key "k" in database 0: duplicated key`},
		{"the last database", func(e *rdb.Encoder, b []byte) []byte {
			return e.AppendStringEntry(rdb.AppendSelectDB(b, 15), []byte("k"), []byte("1"))
		}, ""},
		{"a database that is not there", func(e *rdb.Encoder, b []byte) []byte {
			return e.AppendStringEntry(rdb.AppendSelectDB(b, 16), []byte("k"), []byte("1"))
		}, "data in database 16, but the databases directive allows 16"},
		{"a database that cannot be", func(e *rdb.Encoder, b []byte) []byte {
			return e.AppendIntEntry(rdb.AppendSelectDB(b, 1<<40), []byte("k"), 1)
		}, "database"},
		{"a long value in a database that is not there", func(e *rdb.Encoder, b []byte) []byte {
			return e.AppendStringEntry(rdb.AppendSelectDB(b, 16), []byte("k"), []byte(long))
		}, "data in database 16, but the databases directive allows 16"},
		{"a list", func(_ *rdb.Encoder, b []byte) []byte {
			return append(rdb.AppendSelectDB(b, 0), 1, 1, 'k', 1, 1, 'v')
		}, ""},
		{"a list without elements", func(_ *rdb.Encoder, b []byte) []byte {
			return append(rdb.AppendSelectDB(b, 0), 1, 1, 'k', 0)
		}, ""},
		{"a set with a member twice", func(_ *rdb.Encoder, b []byte) []byte {
			return append(rdb.AppendSelectDB(b, 0), 2, 1, 'k', 2, 1, 'v', 1, 'v')
		}, "type 2 (set): key \"k\": the data is corrupt"},
		{"a module's value", func(_ *rdb.Encoder, b []byte) []byte {
			return append(rdb.AppendSelectDB(b, 0), 7, 1, 'k', 1, 1, 'v')
		}, "module value"},
	} {
		r := newRig(t, newDisk(t), nil)
		place(t, r.disk, file(t, tc.entries))
		err := r.p.Load()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), dumpRDB+": rdb: offset ") {
			t.Errorf("%s: %q names no file or no place", tc.name, err)
		}
	}
}

// TestDeadlinesAtLoading: a key is passed over when its deadline lies before now, and is otherwise
// what it was, its deadline included.
func TestDeadlinesAtLoading(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	now := r.clock.Millis()
	long := bytes.Repeat([]byte("v"), 300_000)
	place(t, r.disk, file(t, func(e *rdb.Encoder, b []byte) []byte {
		b = rdb.AppendSelectDB(b, 0)
		for _, tc := range []struct {
			name string
			ms   int64
		}{{"long ago", 1}, {"just before", now - 1}, {"now", now}, {"just after", now + 1}} {
			b = e.AppendStringEntry(rdb.AppendExpireMs(b, tc.ms), []byte(tc.name), []byte("v"))
			b = e.AppendStringEntry(rdb.AppendExpireMs(b, tc.ms), []byte(tc.name+", long"), long)
		}
		return e.AppendStringEntry(b, []byte("never"), []byte("v"))
	}))
	if err := r.p.Load(); err != nil {
		t.Fatal(err)
	}
	r.wantInfo("loaded", "rdb_last_load_keys_expired:4", "rdb_last_load_keys_loaded:5")
	at := func(value []byte, ms int64) string { return fmt.Sprintf("%s until %d", value, ms) }
	want := dataset{"0/never": "v", "0/just after": at([]byte("v"), now+1), "0/just after, long": at(long, now+1)}
	if got := r.dataset(); !maps.Equal(got, want) { // those of now have ended by now
		t.Errorf("loaded %s, want %s", got.brief(), want.brief())
	}
}

// TestRoundTrip: what was saved comes back, large values and all, whatever the settings of the file.
func TestRoundTrip(t *testing.T) {
	seed := chance.Seed(t)
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 2))
	for _, directives := range [][2]string{{"rdbcompression", "yes"}, {"rdbcompression", "no"}, {"rdb-version", "11"},
		{"maxmemory-policy", "allkeys-lru"}, {"maxmemory-policy", "volatile-lfu"}, {"rdb-save-incremental-fsync", "no"}} {
		r := newRig(t, newDisk(t), nil)
		r.set(directives[0], directives[1])
		for i := range 300 {
			size := chance.IntN(100)
			if i%50 == 0 {
				size = 1 + chance.IntN(1<<20)
			}
			value := bytes.Repeat([]byte(strconv.Itoa(i)), size)
			deadline := keyspace.NoDeadline
			if i%3 == 0 {
				deadline = r.clock.Millis() + 1 + chance.Int64N(1e9)
			}
			r.put(chance.IntN(16), "key:"+strconv.Itoa(i), string(value), deadline)
		}
		if err := r.bgsave(); err != nil {
			t.Fatal(err)
		}
		if got, err := loaded(t, r.disk); err != nil || !maps.Equal(got, r.dataset()) {
			t.Errorf("%s, seed %d: loaded %s (%v), want %s", directives, seed, got.brief(), err, r.dataset().brief())
		}
	}
}

// TestUnreadable fails each operation of a start once: the file is loaded, or loading says why not.
// It is never taken for absent.
func TestUnreadable(t *testing.T) {
	data, want := smallFile(t)
	for at, last := int64(1), false; !last; at++ {
		r := newRig(t, newDisk(t), nil)
		place(t, r.disk, data)
		r.fault.Set(vfs.Fault{At: at, Err: syscall.EIO})
		err := r.p.Load()
		last = r.fault.Ops() < at
		op := r.fault.Op(at)
		if got := r.dataset(); err == nil && !maps.Equal(got, want) {
			t.Errorf("operation %d, %s: found %s and no error", at, op, got.brief())
		}
		if reads := strings.HasPrefix(op, "read") || strings.HasPrefix(op, "open"); reads && !errors.Is(err, syscall.EIO) {
			t.Errorf("operation %d, %s: %v, want %v", at, op, err, syscall.EIO)
		}
		if last && err != nil {
			t.Errorf("no operation failed: %v", err)
		}
	}
}

func TestInfoWhileLoading(t *testing.T) {
	var g *gate
	r := newRig(t, newDisk(t), func(below vfs.FS) vfs.FS { g = newGate(below); return g })
	r.set("rdbcompression", "no")
	for i := range 1000 {
		r.put(0, strconv.Itoa(i), strings.Repeat("v", 1000), keyspace.NoDeadline)
	}
	if err := r.p.Save(); err != nil {
		t.Fatal(err)
	}
	st, err := r.disk.Stat(dumpRDB)
	if err != nil {
		t.Fatal(err)
	}
	r.tx.LockAll()
	r.tx.Flush(-1, false)
	r.tx.Unlock()
	began := r.clock.Millis() / 1000
	await, release := g.stopAt("second read")
	ended := make(chan error, 1)
	go func() { ended <- r.p.Load() }()
	await()
	r.clock.Advance(4 * time.Second)
	done, err := strconv.ParseInt(r.info("loading_loaded_bytes"), 10, 64)
	if err != nil || done <= 0 || done >= st.Size() {
		t.Errorf("loading_loaded_bytes %d (%v) in the middle of %d bytes", done, err, st.Size())
	}
	r.wantInfo("in the middle", "loading:1", "loading_rdb_used_mem:3145728", fmt.Sprintf("loading_start_time:%d", began),
		fmt.Sprintf("loading_total_bytes:%d", st.Size()), fmt.Sprintf("loading_loaded_perc:%.2f", 100*float64(done)/float64(st.Size())),
		fmt.Sprintf("loading_eta_seconds:%d", (st.Size()-done)*4/done))
	release()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	r.wantInfo("loaded", "loading:0", "loading_total_bytes:-", "loading_loaded_perc:-", "rdb_last_load_keys_loaded:1000")
}

// TestUse: under the policies that evict by use, how long ago and how often keys were used is saved.
func TestUse(t *testing.T) {
	for _, tc := range []struct {
		policy     string
		idle, freq int64
	}{{"allkeys-lru", 100, 0}, {"volatile-lru", 100, 0}, {"allkeys-lfu", 0, 200}, {"volatile-lfu", 0, 200}, {"noeviction", 0, 0}} {
		open := func(disk *vfs.Mem) *rig {
			r := newRig(t, disk, nil)
			r.set("maxmemory-policy", tc.policy)
			r.ks.SetLFU(tc.freq != 0, 10, 1)
			return r
		}
		long := strings.Repeat("v", 300_000) // comes back another way
		r := open(newDisk(t))
		for name, value := range map[string]string{"short": "v", "long": long} {
			r.put(0, name, value, keyspace.NoDeadline)
			r.tx.LockAll()
			k := r.tx.Stored(0, []byte(name))
			k.SetFrequency(uint8(tc.freq))
			r.tx.Unlock()
		}
		if tc.freq == 0 {
			r.clock.Advance(100 * time.Second)
		}
		if err := r.p.Save(); err != nil {
			t.Fatal(err)
		}
		again := open(r.disk)
		again.clock.Set(r.clock.Now())
		if err := again.p.Load(); err != nil {
			t.Fatal(err)
		}
		again.tx.SetNow(again.clock.Millis())
		again.tx.LockAll()
		for _, name := range []string{"short", "long"} {
			k := again.tx.Stored(0, []byte(name))
			if tc.freq == 0 && k.IdleSeconds() != tc.idle || tc.freq != 0 && k.Frequency() != tc.freq {
				t.Errorf("%s: %s key: idle for %d s, want %d; frequency %d, want %d",
					tc.policy, name, k.IdleSeconds(), tc.idle, k.Frequency(), tc.freq)
			}
		}
		again.tx.Unlock()
	}
}

func TestReload(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	r.put(0, "saved", "1", keyspace.NoDeadline)
	r.put(5, "until", "2", r.clock.Millis()+1000)
	want := r.dataset()
	if err := r.p.Reload(false, false, false); err != nil || !maps.Equal(r.dataset(), want) {
		t.Errorf("DEBUG RELOAD: %s (%v), want %s", r.dataset().brief(), err, want.brief())
	}
	r.wantInfo("DEBUG RELOAD", "rdb_changes_since_last_save:0", "rdb_saves:0")
	r.put(0, "unsaved", "3", keyspace.NoDeadline)
	r.put(0, "saved", "changed", keyspace.NoDeadline)
	if err := r.p.Reload(true, true, false); err != ErrReload {
		t.Errorf("DEBUG RELOAD NOSAVE NOFLUSH with keys there: %v, want %v", err, ErrReload)
	}
	merged := maps.Clone(want)
	merged["0/unsaved"] = "3"
	if err := r.p.Reload(true, true, true); err != nil || !maps.Equal(r.dataset(), merged) {
		t.Errorf("DEBUG RELOAD NOSAVE NOFLUSH MERGE: %s (%v), want %s", r.dataset().brief(), err, merged.brief())
	}
	if err := r.p.Reload(true, false, false); err != nil || !maps.Equal(r.dataset(), want) {
		t.Errorf("DEBUG RELOAD NOSAVE: %s (%v), want %s", r.dataset().brief(), err, want.brief())
	}
	r.fault.Set(vfs.Fault{At: 1, Err: syscall.EIO})
	if err := r.p.Reload(false, false, false); err != ErrSave || !maps.Equal(r.dataset(), want) {
		t.Errorf("DEBUG RELOAD that cannot save: %s (%v), want %s and %q", r.dataset().brief(), err, want.brief(), ErrSave)
	}
}

func TestCleanTemp(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	others := []string{"dump.rdb", "temp-1.rdb.old", "temp-x.rdb", "temp-rewriteaof-x.aof", "my-temp-99999999.rdb"}
	for _, name := range append(slices.Clone(others),
		"temp-22.rdb", "temp-bg-22.rdb", // of this process's number: an earlier process had it too
		"temp-99999999.rdb", "temp-bg-99999999.rdb", "temp-rewriteaof-99999999.aof", "temp-rewriteaof-bg-99999999.aof", // no process can have this number
		"temp-1.rdb", // a process that lives
	) {
		if _, err := r.disk.Create(dataDir + "/" + name); err != nil {
			t.Fatal(err)
		}
	}
	r.log.take()
	r.p.CleanTemp()
	entries, err := r.disk.ReadDir(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	want := slices.Sorted(slices.Values(append(others, "temp-1.rdb")))
	if !slices.Equal(got, want) {
		t.Errorf("left: %q, want %q", got, want)
	}
	if log := r.log.take(); len(log) != 6 {
		t.Errorf("the log says %q, want a line for each of 6 files", log)
	}
}
