// What the tests of this room stand on: a Store over a disk in memory that fails when told to, a
// clock turned by hand, and a log and a refusal of writes that are written down.

package persist

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/config"
	"tarn/internal/info"
	"tarn/internal/journal"
	"tarn/internal/keyspace"
	"tarn/internal/rdb"
	"tarn/internal/resp"
	"tarn/internal/vfs"
)

const (
	dataDir = "/data"
	dumpRDB = dataDir + "/dump.rdb"
	rigPid  = 22
)

// rig is a Store and its world.
type rig struct {
	through bool // write writes the log itself where it can
	wrote   bool // it did so, the last time

	t     *testing.T
	disk  *vfs.Mem
	fault *vfs.Faulty
	cfg   *config.Store
	ks    *keyspace.Keyspace
	tx    *keyspace.Tx
	clock *clock.Manual
	log   *logLines
	p     *Store

	journal *journal.Journal
	unit    *journal.Unit
	ended   bool

	world sync.Mutex    // held to keep the rewrite of the log from its cut
	asked chan struct{} // has a token when a rewrite has asked for the world

	mu      sync.Mutex // guards what follows
	refusal resp.Error // of writes, "" for none
	loading []bool     // calls of Options.Loading
	told    *sync.Cond // durable or exited has changed
	durable int64
	exited  bool
	behind  bool

	judge func(path string, rest func() error) (keys int64, damage, err error) // instead of reading backups; nil: they are read
}

// logLines is a Log that is read by tests.
type logLines struct {
	mu    sync.Mutex
	lines []string // level, blank, text
}

func (l *logLines) Notice(format string, args ...any)  { l.add("* ", format, args) }
func (l *logLines) Warning(format string, args ...any) { l.add("# ", format, args) }

func (l *logLines) add(level, format string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level+fmt.Sprintf(format, args...))
}

// take returns the lines since the last call.
func (l *logLines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}

// newDisk returns a disk with an empty, durable dataDir.
func newDisk(t *testing.T) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	if err := errors.Join(disk.Mkdir(dataDir, 0o755), disk.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return disk
}

// newRig returns a Store on disk, behind over when that is not nil, with 16 databases, 4 shards,
// one save point that is never met, and the time 1638023960.
func newRig(t *testing.T, disk *vfs.Mem, over func(vfs.FS) vfs.FS) *rig {
	t.Helper()
	ks, err := keyspace.New(keyspace.Options{Shards: 4, Databases: 16})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, disk: disk, fault: vfs.NewFaulty(disk), ks: ks, tx: ks.NewTx(),
		clock: clock.NewManual(time.Unix(1638023960, 0)), log: &logLines{}, journal: journal.New(),
		asked: make(chan struct{}, 1),
	}
	r.unit, r.told = r.journal.NewUnit(), sync.NewCond(&r.mu)
	var files vfs.FS = r.fault
	if over != nil {
		files = over(files)
	}
	r.cfg = config.New(files, dataDir)
	r.set("save", "1000000000 1000000000")
	r.p = New(Options{
		Files: files, Config: r.cfg, Keyspace: ks, Clock: r.clock, Log: r.log,
		Latency: info.NewLatencyMonitor(r.clock), UsedMemory: func() int64 { return 3 << 20 },
		Resume: func() {}, Version: "7.2.6", Pid: rigPid,
		Journal: r.journal, Durable: r.noteDurable, Behind: r.noteBehind, Replay: r.replayer, Exit: r.noteExit,
		Alone: r.alone, Verify: r.verify,
		Refuse: func(e resp.Error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.refusal = e
		},
		Loading: func(on bool) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.loading = append(r.loading, on)
		},
	})
	r.p.patience = func() <-chan time.Time { return nil } // without end
	t.Cleanup(r.end)
	if g, ok := files.(*gate); ok {
		t.Cleanup(g.openAll) // before the end, which would wait for who stands there when a test has failed
	}
	return r
}

// end ends the Store and gives the keyspace back.
func (r *rig) end() {
	if r.ended {
		return
	}
	r.ended = true
	r.p.Abort()
	r.p.EndBackups()
	r.p.Wait()
	r.p.AwaitVerified()
	r.stopLog()
	if err := r.ks.Close(); err != nil {
		r.t.Error(err)
	}
}

// set is CONFIG SET.
func (r *rig) set(name, value string) {
	r.t.Helper()
	if err := r.cfg.Set([]config.Pair{{Name: name, Value: value}}, config.Rights{Protected: true}); err != nil {
		r.t.Fatalf("CONFIG SET %s %q: %v", name, value, err)
	}
}

// put stores a string and counts one change.
func (r *rig) put(db int, name, value string, deadline int64) {
	r.t.Helper()
	r.tx.SetNow(r.clock.Millis())
	r.tx.LockHash(r.tx.Hash([]byte(name)))
	defer r.tx.Unlock()
	k := r.tx.Key(db, []byte(name), keyspace.ForWrite)
	if err := k.SetString([]byte(value), keyspace.Auto, deadline); err != nil {
		r.t.Fatal(err)
	}
	k.Changed("set")
}

// change makes the given number of changes.
func (r *rig) change(times int) {
	r.t.Helper()
	for i := range times {
		r.put(0, "counter", strconv.Itoa(i), keyspace.NoDeadline)
	}
}

// flushAll is FLUSHALL: with all shards locked throughout.
func (r *rig) flushAll() error {
	r.tx.LockAll()
	defer r.tx.Unlock()
	r.p.Abort()
	r.tx.Dirty.Add(r.tx.Flush(-1, false))
	return r.p.FlushedAll()
}

// bgsave starts a save in the background and waits for its end.
func (r *rig) bgsave() error {
	_, err := r.p.BGSave(r.tx, false)
	r.p.Wait()
	return err
}

// dataset is what a keyspace holds: "db/key" to "value" or "value until deadline".
type dataset map[string]string

func (r *rig) dataset() dataset {
	d := dataset{}
	r.tx.SetNow(r.clock.Millis())
	r.tx.LockAll()
	defer r.tx.Unlock()
	for db := range r.ks.Databases() {
		r.tx.Each(db, func(k *keyspace.Key) {
			value := string(k.StringBytes(nil))
			if at := k.Deadline(); at != keyspace.NoDeadline {
				value += " until " + strconv.FormatInt(at, 10)
			}
			d[strconv.Itoa(db)+"/"+string(k.Name())] = value
		})
	}
	return d
}

// brief shows a dataset in a failure message.
func (d dataset) brief() string {
	if d == nil {
		return "(no file)"
	}
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(d)) {
		if i == 5 {
			fmt.Fprintf(&b, " ... %d keys", len(d))
			break
		}
		fmt.Fprintf(&b, " %s=%.20q", name, d[name])
	}
	return "{" + b.String() + " }"
}

// loaded returns what a server finds that starts on disk; nil when there is no file.
func loaded(t *testing.T, disk *vfs.Mem) (dataset, error) {
	t.Helper()
	r := newRig(t, disk, nil)
	if _, err := disk.Stat(dumpRDB); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err := r.p.Load(); err != nil {
		return nil, err
	}
	return r.dataset(), nil
}

// fileHolds reads the file in place to its end, checksum and all, and returns the value of a key of
// database 0, which is quicker than loading it.
func fileHolds(t *testing.T, disk *vfs.Mem, name string) (value string, err error) {
	t.Helper()
	whole, err := vfs.ReadFile(disk, dumpRDB)
	if err != nil {
		return "", err
	}
	res, err := rdb.Scan(bytes.NewReader(whole), rdb.Options{Size: int64(len(whole))}, func(rec *rdb.Record) error {
		if rec.DB != 0 || string(rec.Key) != name {
			return nil
		}
		s, err := rec.Value.AsString()
		if err != nil {
			return err
		}
		if n, ok := s.Int(); ok {
			value = strconv.FormatInt(n, 10)
			return nil
		}
		text, err := s.AppendTo(nil)
		value = string(text)
		return err
	})
	unsummed := bytes.HasSuffix(whole, make([]byte, 8)) // as rdbchecksum no asks for
	if err == nil && (res.Checked == unsummed || res.Bytes != int64(len(whole))) {
		err = fmt.Errorf("%d of %d bytes read, checksum checked: %t", res.Bytes, len(whole), res.Checked)
	}
	return value, err
}

// temps lists what a save may leave behind.
func temps(t *testing.T, disk vfs.FS) []string {
	t.Helper()
	entries, err := disk.ReadDir(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "dump.rdb" {
			names = append(names, e.Name())
		}
	}
	return names
}

// info returns a field as INFO prints it, or "-" when it is not printed.
func (r *rig) info(name string) string {
	r.t.Helper()
	for _, f := range r.p.InfoFields() {
		if f.Name == name {
			if f.When != nil && !f.When() {
				return "-"
			}
			return string(f.Read(nil))
		}
	}
	r.t.Fatalf("INFO has no field %s", name)
	return ""
}

// wantInfo compares fields of INFO, given as "name:value".
func (r *rig) wantInfo(when string, want ...string) {
	r.t.Helper()
	for _, line := range want {
		name, value, _ := strings.Cut(line, ":")
		if got := r.info(name); got != value {
			r.t.Errorf("%s: INFO says %s:%s, want %s", when, name, got, value)
		}
	}
}

func (r *rig) wantRefusal(when string, want resp.Error) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusal != want {
		r.t.Errorf("%s: writes are refused with %q, want %q", when, r.refusal, want)
	}
}

// wantLog compares the log since the last look.
func (r *rig) wantLog(when string, want ...string) {
	r.t.Helper()
	if got := r.log.take(); !slices.Equal(got, want) {
		r.t.Errorf("%s: the log says\n  %s\nwant\n  %s", when, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// gate is a disk that stops at one kind of operation until it is opened.
type gate struct {
	vfs.FS
	mu      sync.Mutex
	op      string        // the next operation of this name stops; "" none
	reached chan struct{} // closed when it has
	open    chan struct{} // closed to let it go on
	release []func()      // of all that were stopped
}

func newGate(below vfs.FS) *gate { return &gate{FS: below} }

// stopAt makes the next operation of a kind stop, and returns how to wait for it and let it go on.
func (g *gate) stopAt(op string) (await, release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	reached, open := make(chan struct{}), make(chan struct{})
	g.op, g.reached, g.open = op, reached, open
	release = sync.OnceFunc(func() { close(open) })
	g.release = append(g.release, release)
	return func() { <-reached }, release
}

// openAll lets everybody go on.
func (g *gate) openAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.op = ""
	for _, release := range g.release {
		release()
	}
}

func (g *gate) pass(op string) {
	g.mu.Lock()
	if g.op != op {
		g.mu.Unlock()
		return
	}
	g.op = ""
	reached, open := g.reached, g.open
	g.mu.Unlock()
	close(reached)
	<-open
}

func (g *gate) OpenFile(name string, flags int, perm fs.FileMode) (vfs.File, error) {
	g.pass("create")
	if strings.Contains(name, "/temp-") && !strings.Contains(name, "appendonlydir") {
		g.pass("create temp")
	}
	f, err := g.FS.OpenFile(name, flags, perm)
	if err != nil {
		return nil, err
	}
	return &gateFile{File: f, g: g}, nil
}

func (g *gate) Open(name string) (vfs.File, error) {
	f, err := g.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return &gateFile{File: f, g: g}, nil
}

func (g *gate) Room(name string) (vfs.Room, error) {
	g.pass("room")
	return g.FS.Room(name)
}

func (g *gate) Rename(from, to string) error {
	g.pass("rename")
	return g.FS.Rename(from, to)
}

func (g *gate) SyncDir(name string) error {
	g.pass("syncdir")
	return g.FS.SyncDir(name)
}

type gateFile struct {
	vfs.File
	g     *gate
	reads int
}

func (f *gateFile) Sync() error {
	f.g.pass("sync")
	return f.File.Sync()
}

func (f *gateFile) Write(b []byte) (int, error) {
	f.g.pass("write")
	return f.File.Write(b)
}

func (f *gateFile) Close() error {
	f.g.pass("close")
	return f.File.Close()
}

func (f *gateFile) Read(b []byte) (int, error) {
	f.reads++
	if f.reads > 1 {
		f.g.pass("second read")
	}
	return f.File.Read(b)
}
