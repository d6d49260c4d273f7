// Loading: from the RDB file into the keyspace.
//
// One goroutine reads and finds the entries, others decode them and put them into their shards.
// Commands that need no keys are served meanwhile. A file that is not whole and sound ends the
// process: what it holds is the user's data, and starting without it would lose it at the next save. With
// load-what-you-can it does not; what is then left out is told, and the file kept (partly.go).

package persist

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/object"
	"tarn/internal/rdb"
)

// loadState says how far loading is; it may be read by anyone.
type loadState struct {
	active        atomic.Bool
	began         atomic.Int64 // Unix s
	total, loaded atomic.Int64 // bytes
	usedMem       atomic.Int64 // bytes that the file's writer used, as the file says
	keys, expired atomic.Int64 // of the latest load
}

// Replayer runs the commands of a log, as a client that nobody refuses anything.
type Replayer interface {
	// Feed runs the whole commands that b holds and returns how many bytes it has run. Errors: why the
	// command behind them cannot be run at all.
	Feed(b []byte) (used int, err error)
	// Close ends it, and drops what is open.
	Close()
}

// errDuplicate says that a file has a key twice, or one that is there already.
var errDuplicate = errors.New("duplicated key")

// errNoDatabase says that a file has a database that this server has not.
var errNoDatabase = errors.New("but the databases directive allows")

// Load reads the RDB file, if there is one, at start. Errors: what is wrong with it, with the place.
func (p *Store) Load() error {
	path := p.path()
	if _, err := p.o.Files.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	began := p.mono()
	if err := p.read(path, false); err != nil {
		return err
	}
	p.o.Log.Notice("DB loaded from disk: %.3f seconds", (p.mono() - began).Seconds())
	p.saved.Store(p.o.Keyspace.Dirty())
	return nil
}

func (p *Store) path() string {
	c := p.o.Config.Current()
	return filepath.Join(c.Dir, c.DBFilename)
}

// Reload saves (unless noSave), empties (unless noFlush) and loads the keyspace. With merge, keys
// of the file replace those that are there. The world is stopped. Errors: ErrSave, ErrInProgress,
// ErrReload.
func (p *Store) Reload(noSave, noFlush, merge bool) error {
	if !noSave {
		if err := p.saveNow(); err != nil {
			return err
		}
	}
	if !noFlush {
		p.tx.LockAll()
		p.tx.Flush(-1, false)
		p.tx.Unlock()
	}
	if err := p.read(p.path(), merge); err != nil {
		p.o.Log.Warning("Error trying to load the RDB dump: %s", err)
		return ErrReload
	}
	return nil
}

// loading is one reading of a file.
type loading struct {
	p       *Store
	cfg     *config.Config
	now     int64 // Unix ms
	merge   bool
	log     bool // the file is a log's base
	lenient bool // load-what-you-can
	left    *leftOut
	keys    atomic.Int64 // that the file says it has, as far as it was read
	workers []*loadWorker
	large   *loadWorker // of values too large for a batch
}

// leastRecord is the least number of bytes that a key takes in a file.
const leastRecord = 3

// loadWorker inserts what one goroutine decodes.
type loadWorker struct {
	tx            *keyspace.Tx
	scratch       []byte
	object        object.Loader
	keys, expired int64
	empty         int64 // collections without elements, which were passed over
}

func (p *Store) read(path string, merge bool) error {
	file, err := p.o.Files.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return err
	}
	defer p.beginLoading(st.Size())()
	left := p.newLeftOut(path, st)
	res, err := p.readRDB(file, st.Size(), &loading{merge: merge, left: left})
	if err != nil {
		p.sayRefused(path, res, err)
		return fmt.Errorf("%s: %w", path, err)
	}
	p.partlyLoaded(left)
	p.noteSize(&p.rdbSize, st.Size())
	return nil
}

// beginLoading says that so many bytes are to be loaded; the caller calls end when they are.
func (p *Store) beginLoading(size int64) (end func()) {
	s := &p.load
	s.began.Store(p.o.Clock.Millis() / 1000)
	s.total.Store(size)
	s.loaded.Store(0)
	s.usedMem.Store(0)
	s.keys.Store(0)
	s.expired.Store(0)
	s.active.Store(true)
	p.o.Loading(true)
	p.o.Keyspace.HoldExpired(true)
	return func() {
		p.o.Keyspace.HoldExpired(false)
		p.o.Loading(false)
		s.active.Store(false)
	}
}

// readRDB loads a file in RDB format, of a log or not, as l says. With load-what-you-can a file that is
// Broken is no error.
func (p *Store) readRDB(r io.Reader, size int64, l *loading) (rdb.Result, error) {
	s := &p.load
	l.p, l.cfg, l.now, l.large = p, p.o.Config.Current(), p.o.Clock.Millis(), p.newLoadWorker()
	l.lenient = l.cfg.LoadWhatYouCan
	for range loadWorkers() {
		l.workers = append(l.workers, p.newLoadWorker())
	}
	res, err := rdb.Load(&countingReader{r, &s.loaded}, l.options(size), len(l.workers), func(worker int, r *rdb.Record) error {
		return l.leave(r, l.insert(l.workers[worker], r))
	})
	if l.lenient {
		err = l.accept(res, size, err)
	}
	l.left.end()
	l.large.tx.EndReserve()
	keys, expired, empty := l.large.keys, l.large.expired, l.large.empty
	p.o.Keyspace.CloseTx(l.large.tx)
	for _, w := range l.workers {
		keys += w.keys
		expired += w.expired
		empty += w.empty
		p.o.Keyspace.CloseTx(w.tx)
	}
	s.keys.Store(keys)
	s.expired.Store(expired)
	switch {
	case err != nil:
	case empty > 0:
		p.o.Log.Notice("Done loading RDB, keys loaded: %d, keys expired: %d, empty keys skipped: %d.", keys, expired, empty)
	default:
		p.o.Log.Notice("Done loading RDB, keys loaded: %d, keys expired: %d.", keys, expired)
	}
	return res, err
}

// accept returns nil in place of an error that is of the file, having taken note of it.
func (l *loading) accept(res rdb.Result, size int64, err error) error {
	if err != nil && (res.Broken == nil || err != error(res.Broken)) {
		return err
	}
	switch {
	case err == nil:
	case errors.Is(err, rdb.ErrChecksum):
		l.left.doubtful(fmt.Sprintf("%s: all of it is loaded, but something of that is not what was saved", err))
	default:
		l.left.rest(res.Broken, size, l.keys.Load(), res.Records)
	}
	if !rdb.Readable(res.Version) {
		l.left.doubtful(fmt.Sprintf("version %d is newer than what this server knows: what it takes for a value may be meant as another", res.Version))
	}
	return nil
}

// loadWorkers leaves a processor to the goroutine that reads when there are many.
func loadWorkers() int { return max(runtime.NumCPU()-1, 2) }

func (p *Store) newLoadWorker() *loadWorker { return &loadWorker{tx: p.o.Keyspace.NewTx()} }

// countingReader counts the bytes that are read.
type countingReader struct {
	r io.Reader
	n *atomic.Int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}

func (l *loading) options(size int64) rdb.Options {
	log := l.p.o.Log
	o := rdb.Options{
		Size: size, SkipChecksum: !l.cfg.RDBChecksum,
		Aux: func(name, fact []byte) error {
			switch string(name) {
			case "redis-ver":
				log.Notice("Loading RDB produced by version %s", fact)
			case "aof-base":
				if string(fact) == "1" {
					log.Notice("RDB is base AOF")
				}
			case "aof-preamble":
				if string(fact) == "1" {
					log.Notice("RDB has an AOF tail")
				}
			case "ctime":
				if at, err := strconv.ParseInt(string(fact), 10, 64); err == nil {
					log.Notice("RDB age %d seconds", max(l.now/1000-at, 0))
				}
			case "used-mem":
				if used, err := strconv.ParseInt(string(fact), 10, 64); err == nil {
					l.p.load.usedMem.Store(used)
					log.Notice("RDB memory usage when created %.2f Mb", float64(used)/(1<<20))
				}
			}
			return nil
		},
		Skipped: func(what string) error {
			l.left.thing(what)
			return nil
		},
		Function: func([]byte) error {
			l.left.thing("a library of functions: this version has no functions")
			return nil
		},
		ResizeDB: func(db int, keys, _ uint64) error {
			l.keys.Add(int64(min(keys, uint64(size)/leastRecord)))
			// The hint is only the file's word: believe no more keys than the file has room for.
			if db < l.p.o.Keyspace.Databases() {
				l.large.tx.Reserve(db, int(min(keys, uint64(size)/leastRecord)))
			}
			return nil
		},
		Ahead: func(worker int, r *rdb.Record) {
			if r.DB < l.p.o.Keyspace.Databases() {
				l.p.o.Keyspace.PrefetchBucket(r.DB, l.workers[worker].tx.Hash(r.Key))
			}
		},
		Large: func(r *rdb.Record, v *rdb.LargeValue) error { return l.leave(r, l.insertLarge(r, v)) },
		Newer: l.lenient,
	}
	if l.lenient {
		o.LeaveOut = func(left *rdb.LeftOut) error {
			l.left.key(left.DB, left.Key, left.Offset, left.Bytes, left.What+": not loaded")
			return nil
		}
	}
	return o
}

// leave decides about a record that was not inserted because of err: with load-what-you-can it is left out,
// if that is for its own sake, and its end is known.
func (l *loading) leave(r *rdb.Record, err error) error {
	if err == nil || !l.lenient {
		return err
	}
	var why string
	switch {
	case errors.Is(err, errDuplicate):
		why = "twice in the file"
	case errors.Is(err, errNoDatabase):
		why = fmt.Sprintf("the databases directive allows %d", l.p.o.Keyspace.Databases())
	case errors.Is(err, rdb.ErrCorrupt), errors.Is(err, rdb.ErrTruncated) && r.Value.Body != nil:
		why = fmt.Sprintf("type %d (%s): does not decode", rdb.TypeNumber(r.Value.Type), rdb.TypeName(r.Value.Type))
	default:
		return err
	}
	l.left.key(r.DB, r.Key, r.Offset, int64(len(r.Value.Body)), why)
	return nil
}

// key returns the place of a record, locked, or false when it is not to be loaded, unlocked.
func (l *loading) key(w *loadWorker, r *rdb.Record) (k keyspace.Key, load bool, err error) {
	if r.DB >= l.p.o.Keyspace.Databases() {
		return k, false, fmt.Errorf("data in database %d, %w %d", r.DB, errNoDatabase, l.p.o.Keyspace.Databases())
	}
	// The commands behind a base may concern keys that have expired meanwhile.
	if r.ExpireMs != rdb.None && r.ExpireMs < l.now && !l.log {
		w.expired++
		return k, false, nil
	}
	l.delay()
	w.tx.SetNow(l.now)
	hash := w.tx.Hash(r.Key)
	w.tx.LockHash(hash)
	k = w.tx.KeyHashed(r.DB, r.Key, hash, keyspace.Peek)
	if k.Exists() && !l.merge {
		w.tx.Unlock()
		return k, false, fmt.Errorf("key %q in database %d: %w", r.Key, r.DB, errDuplicate)
	}
	w.keys++
	return k, true, nil
}

// insert puts one record in its place.
func (l *loading) insert(w *loadWorker, r *rdb.Record) error {
	if r.Value.Type != rdb.TypeString {
		return l.insertCollection(w, r)
	}
	value, err := r.Value.AsString()
	if err != nil {
		return err
	}
	text, stored := value.BytesView()
	n, isInt := value.Int()
	if !stored && !isInt {
		if w.scratch, err = value.AppendTo(w.scratch[:0]); err != nil {
			return err
		}
		text = w.scratch
	}
	k, load, err := l.key(w, r)
	if err != nil || !load {
		return err
	}
	deadline := deadlineOf(r)
	if isInt {
		err = k.SetIntUntil(n, deadline)
	} else {
		err = k.SetString(text, keyspace.Auto, deadline)
	}
	if err == nil {
		l.setUse(&k, r)
	}
	w.tx.Unlock()
	return err
}

// insertCollection puts a record that is no string in its place.
func (l *loading) insertCollection(w *loadWorker, r *rdb.Record) error {
	k, load, err := l.key(w, r)
	if err != nil || !load {
		return err
	}
	defer w.tx.Unlock()
	return l.placed(w, &k, r, w.object.Load(&k, r.Value))
}

// placed does what is left to do for a collection once it has been loaded, or not.
func (l *loading) placed(w *loadWorker, k *keyspace.Key, r *rdb.Record, err error) error {
	switch {
	case errors.Is(err, object.ErrEmpty):
		w.keys--
		w.empty++
		return nil
	case err != nil:
		w.keys--
	}
	if deadline := deadlineOf(r); err == nil && deadline != k.Deadline() {
		err = k.SetDeadline(deadline)
	}
	if err == nil {
		l.setUse(k, r)
	}
	return err
}

// insertItems reads a collection into its key item by item.
func (l *loading) insertItems(r *rdb.Record, it *rdb.Items) error {
	w := l.large
	k, load, err := l.key(w, r)
	if err != nil || !load {
		return err
	}
	w.tx.Unlock()
	hash := w.tx.Hash(r.Key)
	locked := func(fn func(k *keyspace.Key) error) error {
		w.tx.LockHash(hash)
		defer w.tx.Unlock()
		k = w.tx.KeyHashed(r.DB, r.Key, hash, keyspace.Peek)
		return fn(&k)
	}
	err = w.object.Read(it, locked)
	return locked(func(k *keyspace.Key) error { return l.placed(w, k, r, err) })
}

func deadlineOf(r *rdb.Record) int64 {
	if r.ExpireMs == rdb.None {
		return keyspace.NoDeadline
	}
	return r.ExpireMs
}

func (l *loading) setUse(k *keyspace.Key, r *rdb.Record) {
	if r.Idle != rdb.None {
		k.SetIdleSeconds(r.Idle)
	}
	if r.Freq != rdb.None {
		k.SetFrequency(uint8(r.Freq))
	}
}

// largeStep is how much of a large value is read before the key is locked and grown.
const largeStep = 256 << 10

// insertLarge reads a value into its key piece by piece. The length is only the file's word, so
// memory follows what has been read.
func (l *loading) insertLarge(r *rdb.Record, v *rdb.LargeValue) error {
	if it := v.Items(); it != nil {
		return l.insertItems(r, it)
	}
	k, load, err := l.key(l.large, r)
	if err != nil || !load {
		return err
	}
	err = k.SetString(nil, keyspace.Raw, deadlineOf(r))
	l.setUse(&k, r)
	l.large.tx.Unlock()
	hash := l.large.tx.Hash(r.Key)
	buf := make([]byte, largeStep)
	for have := 0; err == nil; {
		n, readErr := io.ReadFull(v, buf)
		if n > 0 {
			l.large.tx.LockHash(hash)
			k = l.large.tx.KeyHashed(r.DB, r.Key, hash, keyspace.Peek)
			var whole []byte
			if whole, err = k.Resize(have + n); err == nil {
				have += copy(whole[have:], buf[:n])
			}
			l.large.tx.Unlock()
		}
		if readErr == io.EOF || readErr == io.ErrUnexpectedEOF {
			return err
		}
		if readErr != nil {
			l.dropLarge(r, hash)
			return readErr
		}
	}
	return err
}

// dropLarge deletes a key whose value could not be read to its end.
func (l *loading) dropLarge(r *rdb.Record, hash uint64) {
	l.large.tx.LockHash(hash)
	defer l.large.tx.Unlock()
	k := l.large.tx.KeyHashed(r.DB, r.Key, hash, keyspace.Peek)
	k.Delete()
	l.large.keys--
}

// delay sleeps as key-load-delay says, a test's means to make loading last.
func (l *loading) delay() {
	if micros := l.p.o.Config.Current().KeyLoadDelay; micros > 0 {
		time.Sleep(time.Duration(micros) * time.Microsecond)
	}
}
