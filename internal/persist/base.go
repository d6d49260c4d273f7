// Bases: all data at the cut of a rewrite, as an RDB file or as commands.
//
// As commands, a collection is made anew by as many commands as it takes for 64 elements each to be
// enough, as a redis-server writes it. Every value goes through its RDB form, which is the one form in
// which all shapes of all types can be read element by element; a value of many blocks is not gathered
// for that, its elements come in portions.

package persist

import (
	"encoding/binary"
	"io"
	"math"
	"path/filepath"
	"strconv"

	"tarn/internal/aof"
	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/object"
	"tarn/internal/rdb"
	"tarn/internal/resp"
)

// groupItems is how many elements one command of a base has at most.
const groupItems = 64

// base is a base being written.
type base interface {
	// create opens the temporary file.
	create() error
	// sizes tells how much each database holds.
	sizes([]keyspace.Contents)
	// record writes one key.
	record(*keyspace.Record) error
	// complete makes the temporary file whole and durable.
	complete() error
	temp() *tempFile
}

// newBase returns the writer of a base, in the format that the directives ask for.
func (p *Store) newBase(c *config.Config) base {
	f := tempFile{files: p.o.Files, name: filepath.Join(c.Dir, aof.TempBaseName(p.o.Pid)), gradual: c.AOFRewriteIncrementalFsync}
	never := func() bool { return false }
	if c.AOFUseRDBPreamble {
		return &rdbWriter{store: p, cfg: c, base: true, file: f, cancelled: never}
	}
	return &commandWriter{store: p, cfg: c, file: f, cancelled: never}
}

// commandWriter writes a base as commands.
type commandWriter struct {
	store     *Store
	cfg       *config.Config
	cancelled func() bool
	file      tempFile
	buf       []byte
	db        int
	enc       rdb.Encoder
	object    []byte // a value in RDB form
	items     rdb.Items
	run       commandRun
	stream    streamCommands
}

func (w *commandWriter) temp() *tempFile { return &w.file }

func (w *commandWriter) sizes([]keyspace.Contents) {}

func (w *commandWriter) create() error {
	if err := w.file.create(); err != nil {
		return &openError{filepath.Base(w.file.name), w.cfg.Dir, err}
	}
	w.db = -1
	w.enc.Version = rdb.NewestVersion
	w.run.w, w.stream.w = w, w
	if w.cfg.AOFTimestampEnabled {
		w.buf = aof.AppendTimestamp(w.buf, w.store.o.Clock.Millis()/1000)
	}
	return nil
}

func (w *commandWriter) complete() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.file.finish()
}

func (w *commandWriter) flush() error {
	_, err := w.file.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// drain writes what has gathered once it is much. Errors: keyspace.ErrCancelled too.
func (w *commandWriter) drain() error {
	if len(w.buf) < outBytes {
		return nil
	}
	if w.cancelled() {
		return keyspace.ErrCancelled
	}
	return w.flush()
}

// array begins a command of so many arguments.
func (w *commandWriter) array(args int) {
	w.buf = append(w.buf, '*')
	w.buf = strconv.AppendInt(w.buf, int64(args), 10)
	w.buf = append(w.buf, '\r', '\n')
}

func (w *commandWriter) arg(b []byte) {
	w.head(len(b))
	w.buf = append(append(w.buf, b...), '\r', '\n')
}

func (w *commandWriter) word(s string) {
	w.head(len(s))
	w.buf = append(append(w.buf, s...), '\r', '\n')
}

func (w *commandWriter) head(size int) {
	w.buf = append(w.buf, '$')
	w.buf = strconv.AppendInt(w.buf, int64(size), 10)
	w.buf = append(w.buf, '\r', '\n')
}

func (w *commandWriter) number(n int64) {
	var digits [20]byte
	w.arg(strconv.AppendInt(digits[:0], n, 10))
}

// score writes a score as a redis-server does: with 17 digits, in the shorter of two notations.
func (w *commandWriter) score(x float64) {
	switch {
	case math.IsInf(x, 1):
		w.word("inf")
	case math.IsInf(x, -1):
		w.word("-inf")
	default:
		var text [32]byte
		w.arg(resp.AppendScore(text[:0], x))
	}
}

// record writes one key.
func (w *commandWriter) record(r *keyspace.Record) error {
	if r.DB != w.db {
		w.db = r.DB
		w.buf = aof.AppendSelect(w.buf, r.DB)
	}
	var err error
	switch {
	case r.Type != keyspace.String:
		err = w.collection(r)
	default:
		w.array(3)
		w.word("SET")
		w.arg(r.Key)
		if r.IsInt {
			w.number(r.Int)
		} else {
			w.arg(r.Value)
		}
	}
	if err != nil {
		return err
	}
	if r.Deadline != keyspace.NoDeadline {
		w.array(3)
		w.word("PEXPIREAT")
		w.arg(r.Key)
		w.number(r.Deadline)
	}
	w.store.saveDelay(w.file.written, w.cancelled)
	return w.drain()
}

// collection writes a value that is no string.
func (w *commandWriter) collection(r *keyspace.Record) error {
	if r.Shape == keyspace.InBig {
		return w.big(r)
	}
	w.object, _ = object.AppendRecord(&w.enc, w.object[:0], r)
	return w.packed(r)
}

// packed writes a value that is in object as a whole.
func (w *commandWriter) packed(r *keyspace.Record) error {
	v, err := rdb.ParseEntryValue(w.object)
	if err == nil {
		err = w.items.Open(v)
	}
	if err != nil {
		return err
	}
	w.run.begin(r, countOf(r))
	for {
		item, err := w.items.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = w.item(r, item)
		}
		if err != nil {
			return err
		}
	}
}

var _ = binary.Uvarint
var _ = listpack.First
