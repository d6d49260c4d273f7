// Engine: the rooms of a server that a data set needs to be loaded, changed by commands, and written.
//
// It has no sockets, no clients and no log of its own. What a file holds stays as it is: keys past their
// deadline are neither hidden nor deleted.

package check

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"tarn/internal/aof"
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/dispatch"
	"tarn/internal/info"
	"tarn/internal/keyspace"
	"tarn/internal/object"
	"tarn/internal/persist"
	"tarn/internal/rdb"
	"tarn/internal/resp"
	"tarn/internal/vfs"
)

// engineDatabases is how many databases a file may have that is converted.
const engineDatabases = 1024

// engine holds one data set.
type engine struct {
	t          *Tool
	ks         *keyspace.Keyspace
	tx         *keyspace.Tx
	dispatcher *dispatch.Dispatcher
	replayer   *dispatch.Replayer
	store      *persist.Store
	loader     object.Loader
	scratch    []byte
	losses     *losses
	whatYouCan bool // load what can be, and count the rest as lost
	lost       expressed
	refused    error // why a command of a log failed
}

// newEngine returns an engine without data, which close gives back, with directives as a server's
// arguments have them. Errors: the operating system's, and of directives that are no good.
func (t *Tool) newEngine(losses *losses, directives ...string) (*engine, error) {
	args := append([]string{"--save", "", "--databases", strconv.Itoa(engineDatabases), "--keyspace-shards", "4"}, directives...)
	settings, _, err := config.Load(args, config.Env{Files: t.Files, Dir: "/", Product: "tarn convert"})
	if err != nil {
		return nil, err
	}
	c := settings.Current()
	ks, err := keyspace.New(keyspace.Options{Shards: int(c.KeyspaceShards), Databases: int(c.Databases)})
	if err != nil {
		return nil, err
	}
	ks.OnFieldsDue(command.ExpireFields)
	e := &engine{t: t, ks: ks, tx: ks.NewTx(), losses: losses}
	table := command.NewTable()
	names := make([]string, table.Size())
	for spec := range table.All(true) {
		names[spec.Index] = spec.FullName
	}
	env := &command.Env{
		Table: table, Config: settings, Keyspace: ks, Clock: t.Clock,
		Info: &info.Registry{}, Commands: info.NewCommandStats(names), Errors: &info.ErrorStats{},
		SlowLog: info.NewSlowLog(0), Latency: info.NewLatencyMonitor(t.Clock),
	}
	e.dispatcher = dispatch.New(env)
	e.store = persist.New(persist.Options{
		Files: t.Files, Config: settings, Keyspace: ks, Clock: t.Clock, Log: toolLog{t}, Latency: env.Latency,
		UsedMemory: func() int64 { return int64(ks.UsedMemory()) }, Resume: func() {}, Refuse: func(resp.Error) {},
		Loading: func(bool) {}, Version: command.RedisVersion, Pid: t.Pid, Journal: e.dispatcher.Journal(),
	})
	env.Saver = e.store
	e.dispatcher.SetLoading(true)
	ks.HoldExpired(true)
	e.replayer = e.dispatcher.NewReplayer()
	e.replayer.Refused = func(name string, err error) {
		if e.refused == nil {
			e.refused = fmt.Errorf("%s fails: %w", name, err)
		}
	}
	return e, nil
}

func (e *engine) close() {
	e.replayer.Close()
	e.ks.CloseTx(e.tx)
	_ = e.ks.Close() // memory of this process, which is about to end
}

// toolLog says what goes wrong in writing.
type toolLog struct{ t *Tool }

func (l toolLog) Notice(string, ...any) {}

func (l toolLog) Warning(format string, args ...any) { l.t.say("[info] "+format+"\n", args...) }

// load loads what a path names: a snapshot, a log of one file, or one of many. Errors: what is wrong
// with it; those of the disk.
func (e *engine) load(path string) error {
	path, err := e.t.find(path, LogOptions{})
	if err != nil {
		return err
	}
	manifest, err := e.t.isManifest(path, LogOptions{})
	if err != nil || !manifest {
		return errors.Join(err, e.file(path))
	}
	text, err := vfs.ReadFile(e.t.Files, path)
	if err != nil {
		return err
	}
	m, err := aof.ParseManifest(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, f := range m.Live() {
		if err := e.file(filepath.Join(filepath.Dir(path), f.Name)); err != nil {
			return err
		}
	}
	return nil
}

// file loads one file: a snapshot, commands, or the one and then the other.
func (e *engine) file(path string) error {
	f, err := e.t.Files.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	hybrid, err := startsWithSnapshot(f)
	start := int64(0)
	if err == nil && hybrid {
		p := e.t.watch(path, io.NewSectionReader(f, 0, st.Size()), st.Size())
		start, err = e.snapshot(p, st.Size())
		p.end()
	}
	if err == nil {
		p := e.t.watch(path, io.NewSectionReader(f, start, st.Size()-start), st.Size()-start)
		err = e.commands(p, aof.ScanOptions{Offset: start, Size: st.Size()})
		p.end()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// snapshot loads one, and returns where it ends.
func (e *engine) snapshot(r io.Reader, size int64) (end int64, err error) {
	var announced int64
	result, err := rdb.Scan(r, rdb.Options{
		Size: size, Newer: e.whatYouCan,
		Function: func([]byte) error {
			e.losses.add("the file", "a library of functions, which this version does not load")
			return nil
		},
		Skipped: func(what string) error { e.losses.add("the file", what); return nil },
		ResizeDB: func(_ int, keys, _ uint64) error {
			announced += int64(min(keys, uint64(size)))
			return nil
		},
		LeaveOut: func(l *rdb.LeftOut) error {
			e.losses.add(keyName(l.DB, l.Key), l.What+": values of this type are not loaded")
			return nil
		},
	}, func(rec *rdb.Record) error { return e.leave(rec, e.insert(rec)) })
	if !e.whatYouCan {
		return result.Bytes, err
	}
	if err == nil && !rdb.Readable(result.Version) {
		e.losses.add("the file", fmt.Sprintf("version %d is newer than what is known: values may be meant as others", result.Version))
	}
	if result.Broken == nil || err != error(result.Broken) {
		return result.Bytes, err
	}
	if errors.Is(err, rdb.ErrChecksum) {
		e.losses.add("the file", err.Error())
		return result.Bytes, nil
	}
	what := fmt.Sprintf("%d bytes from offset %d on, which cannot be read (%s)", size-result.Broken.Offset, result.Broken.Offset, err)
	if missing := announced - result.Records; missing > 0 {
		what += fmt.Sprintf("; as the file counts them, %d keys or more", missing)
	}
	e.losses.add("the file", what)
	return size, nil
}

// leave decides about a record that could not be loaded because of err.
func (e *engine) leave(rec *rdb.Record, err error) error {
	if err == nil || !e.whatYouCan || !errors.Is(err, rdb.ErrCorrupt) && !errors.Is(err, rdb.ErrTruncated) && !errors.Is(err, errTwice) {
		return err
	}
	e.losses.add(keyName(rec.DB, rec.Key), err.Error())
	return nil
}

var errTwice = errors.New("the key is there twice")

// insert puts a record in its place.
func (e *engine) insert(rec *rdb.Record) error {
	if rec.DB >= e.ks.Databases() {
		return fmt.Errorf("database %d: at most %d are converted", rec.DB, e.ks.Databases())
	}
	e.tx.SetNow(1)
	e.tx.LockHash(e.tx.Hash(rec.Key))
	defer e.tx.Unlock()
	k := e.tx.Key(rec.DB, rec.Key, keyspace.Peek)
	if k.Exists() {
		return errTwice
	}
	err := e.set(&k, rec.Value)
	switch {
	case errors.Is(err, object.ErrEmpty):
		return nil
	case err == nil && rec.ExpireMs != rdb.None:
		err = k.SetDeadline(rec.ExpireMs)
	}
	return err
}

// set makes k hold a value.
func (e *engine) set(k *keyspace.Key, v rdb.Value) error {
	if v.Type != rdb.TypeString {
		return e.loader.Load(k, v)
	}
	s, err := v.AsString()
	if err == nil {
		e.scratch, err = s.AppendTo(e.scratch[:0])
	}
	if err != nil {
		return err
	}
	return k.SetString(e.scratch, keyspace.Auto, keyspace.NoDeadline)
}

// commands runs what a log holds.
func (e *engine) commands(r io.Reader, o aof.ScanOptions) error {
	s := aof.NewScanner(r, o)
	for {
		run, err := s.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		used, err := e.replayer.Feed(run.Bytes)
		if err == nil {
			err = e.refused
		}
		if err != nil {
			return fmt.Errorf("offset %d: %w", run.Offset+int64(used), err)
		}
	}
}

// run runs one command.
func (e *engine) run(args ...[]byte) error {
	if _, err := e.replayer.Feed(resp.AppendCommand(nil, args...)); err != nil {
		return err
	}
	return e.refused
}

func keyName(db int, key []byte) string {
	const shown = 128
	if len(key) > shown {
		return fmt.Sprintf("db %d key %q...", db, key[:shown])
	}
	return fmt.Sprintf("db %d key %q", db, key)
}
