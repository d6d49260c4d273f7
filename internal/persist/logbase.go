// Bases: all data at the cut of a rewrite, as an RDB file or as commands.
//
// As commands, a collection is made anew by commands of 64 elements each, as a redis-server writes it.
// A value of many blocks comes in portions of items (keyspace.BigReader), and goes out as they come.

package persist

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"strconv"

	"tarn/internal/aof"
	"tarn/internal/config"
	"tarn/internal/intset"
	"tarn/internal/keyspace"
	"tarn/internal/listpack"
	"tarn/internal/value"
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
	f := tempFile{files: p.o.Files, name: filepath.Join(c.Dir, aof.TempBaseName(p.o.Pid)), gradual: c.AOFRewriteIncrementalFsync, spare: p.sparing(c)}
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

	// The command that elements gather for.
	name  string
	key   []byte
	args  []byte // of elements, as they will stand in it
	items int
	width int // arguments of one element
}

func (w *commandWriter) temp() *tempFile { return &w.file }

func (w *commandWriter) sizes([]keyspace.Contents) {}

func (w *commandWriter) create() error {
	if err := w.file.create(); err != nil {
		return &openError{filepath.Base(w.file.name), w.cfg.Dir, err}
	}
	w.db = -1
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

// appendArray begins a command of so many arguments.
func appendArray(dst []byte, args int) []byte {
	dst = append(dst, '*')
	dst = strconv.AppendInt(dst, int64(args), 10)
	return append(dst, '\r', '\n')
}

// appendArg appends an argument.
func appendArg[T []byte | string](dst []byte, arg T) []byte {
	dst = append(dst, '$')
	dst = strconv.AppendInt(dst, int64(len(arg)), 10)
	dst = append(dst, '\r', '\n')
	dst = append(dst, arg...)
	return append(dst, '\r', '\n')
}

func appendNumber(dst []byte, n int64) []byte {
	var digits [20]byte
	return appendArg(dst, strconv.AppendInt(digits[:0], n, 10))
}

// appendElement appends an element of a listpack.
func appendElement(dst []byte, v listpack.Value) []byte {
	if v.IsInt {
		return appendNumber(dst, v.Int)
	}
	return appendArg(dst, v.Str)
}

// words appends a command of which all arguments are text.
func (w *commandWriter) words(args ...string) {
	w.buf = appendArray(w.buf, len(args))
	for _, a := range args {
		w.buf = appendArg(w.buf, a)
	}
}

// record writes one key.
func (w *commandWriter) record(r *keyspace.Record) error {
	if r.DB != w.db {
		w.db = r.DB
		w.buf = aof.AppendSelect(w.buf, r.DB)
	}
	switch {
	case r.Type != keyspace.String:
		if err := w.collection(r); err != nil {
			return err
		}
	default:
		w.buf = appendArg(appendArg(appendArray(w.buf, 3), "SET"), r.Key)
		if r.IsInt {
			w.buf = appendNumber(w.buf, r.Int)
		} else {
			w.buf = appendArg(w.buf, r.Value)
		}
	}
	if r.Deadline != keyspace.NoDeadline {
		w.buf = appendArg(appendArg(appendArray(w.buf, 3), "PEXPIREAT"), r.Key)
		w.buf = appendNumber(w.buf, r.Deadline)
	}
	w.store.saveDelay(w.file.written, w.cancelled)
	return w.drain()
}

// gathers are the commands that make the types anew, and the arguments of an element.
var gathers = [...]struct {
	name  string
	width int
}{
	keyspace.List: {"RPUSH", 1}, keyspace.Set: {"SADD", 1}, keyspace.ZSet: {"ZADD", 2}, keyspace.Hash: {"HMSET", 2},
	keyspace.Stream: {},
}

// collection writes a value that is no string.
func (w *commandWriter) collection(r *keyspace.Record) error {
	g := gathers[r.Type]
	w.name, w.width, w.key = g.name, g.width, r.Key
	if r.Shape != keyspace.InBig {
		w.packed(r)
		w.emit()
		return nil
	}
	var stream streamCommands
	for items, ok := r.Big.Next(); ok; items, ok = r.Big.Next() {
		if r.Type == keyspace.Stream {
			for len(items) > 0 {
				var item []byte
				item, items = cutItem(items)
				stream.add(w, item)
			}
		} else {
			w.big(r, items)
		}
		if err := w.drain(); err != nil {
			return err
		}
	}
	if r.Type == keyspace.Stream {
		stream.end(w)
	}
	w.emit()
	return nil
}

// element takes note that args has one more element.
func (w *commandWriter) element() {
	if w.items++; w.items == groupItems {
		w.emit()
	}
}

// emit writes the command of the elements that have gathered, if there are any.
func (w *commandWriter) emit() {
	if w.items > 0 {
		w.buf = appendArray(w.buf, 2+w.items*w.width)
		w.buf = appendArg(appendArg(w.buf, w.name), w.key)
		w.buf = append(w.buf, w.args...)
	}
	w.args, w.items = w.args[:0], 0
}

// field gathers a field and its value, and writes when the field ends, if it does.
func (w *commandWriter) field(deadline int64, name []byte) {
	w.element()
	if deadline == 0 {
		return
	}
	w.emit() // the field must be there
	w.buf = appendArg(appendArg(appendArray(w.buf, 6), "HPEXPIREAT"), w.key)
	w.buf = appendArg(appendArg(appendNumber(w.buf, deadline), "FIELDS"), "1")
	w.buf = appendArg(w.buf, name)
}

// packed gathers the elements of a value kept as bytes.
func (w *commandWriter) packed(r *keyspace.Record) {
	b := r.Value
	if r.Type == keyspace.Set && r.Shape == keyspace.Alt {
		for i := range intset.Len(b) {
			w.args = appendNumber(w.args, intset.At(b, i))
			w.element()
		}
		return
	}
	triples := r.Shape == keyspace.Alt
	if triples {
		b = b[keyspace.DueBytes:]
	}
	var name, digits []byte
	for at := listpack.First(b); at >= 0; {
		var v, second listpack.Value
		v, at = listpack.Read(b, at)
		switch r.Type {
		case keyspace.ZSet:
			second, at = listpack.Read(b, at)
			w.args = appendElement(appendElement(w.args, second), v)
			w.element()
		case keyspace.Hash:
			second, at = listpack.Read(b, at)
			w.args = appendElement(appendElement(w.args, v), second)
			var due listpack.Value
			if triples {
				due, at = listpack.Read(b, at)
			}
			if name = v.Str; v.IsInt {
				digits = strconv.AppendInt(digits[:0], v.Int, 10)
				name = digits
			}
			w.field(due.Int, name)
		default:
			w.args = appendElement(w.args, v)
			w.element()
		}
	}
}

// big gathers a portion of the elements of a value of many blocks.
func (w *commandWriter) big(r *keyspace.Record, items []byte) {
	timed := false
	if facts, ok := r.Big.Facts.(value.HashFacts); ok {
		timed = facts.Deadlines
	}
	for len(items) > 0 {
		var a, b []byte
		a, items = cutItem(items)
		switch r.Type {
		case keyspace.List:
			w.node(a)
		case keyspace.ZSet:
			b, items = cutItem(items)
			var text [32]byte
			score := math.Float64frombits(binary.LittleEndian.Uint64(b))
			w.args = appendArg(appendArg(w.args, value.AppendScore(text[:0], score)), a)
			w.element()
		case keyspace.Hash:
			b, items = cutItem(items)
			w.args = appendArg(appendArg(w.args, a), b)
			deadline := int64(0)
			if timed {
				b, items = cutItem(items)
				deadline = int64(binary.LittleEndian.Uint64(b))
			}
			w.field(deadline, a)
		default:
			w.args = appendArg(w.args, a)
			w.element()
		}
	}
}

// node gathers a node of a list: its kind, then one element or a listpack.
func (w *commandWriter) node(item []byte) {
	const plain = 1
	if item[0] == plain {
		w.args = appendArg(w.args, item[1:])
		w.element()
		return
	}
	for at := listpack.First(item[1:]); at >= 0; {
		var v listpack.Value
		v, at = listpack.Read(item[1:], at)
		w.args = appendElement(w.args, v)
		w.element()
	}
}

// cutItem returns the first of some items and what follows it.
func cutItem(items []byte) (item, rest []byte) {
	n, size := binary.Uvarint(items)
	return items[size : size+int(n)], items[size+int(n):]
}
