// Conversion: a data set from one format to another, and what the other cannot express.
//
// The data set is loaded as a server does it and written as a server does it, so that there is one reader
// and one writer of each format. It takes the memory that a server takes. What is read is never touched,
// and what is written appears under its name only when it is whole.

package check

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"tarn/internal/aof"
	"tarn/internal/keyspace"
	"tarn/internal/object"
	"tarn/internal/rdb"
)

// ConvertOptions say into what.
type ConvertOptions struct {
	Version int    // of the RDB file; 0: the oldest, but 10 at least, that expresses everything
	Format  string // "rdb" or "aof"; "": aof when the name ends so, else rdb
	Lossy   bool   // write even what leaves something out

	WhatYouCan bool // load what can be of an RDB file that is newer or damaged: the rest is lost
}

// shownLosses is how many things are named that cannot be expressed.
const shownLosses = 100

// losses is what a conversion leaves out.
type losses struct {
	t     *Tool
	count int64
}

func (l *losses) add(where, what string) {
	if l.count++; l.count <= shownLosses {
		l.t.say("lost: %s: %s\n", where, what)
	}
}

// Convert reads the data set that in names, says what of it the other format cannot express, and writes
// it to the file out, an absolute path, if that is not "". It tells whether it has, or could, without leaving out what it
// must not.
func (t *Tool) Convert(in, out string, o ConvertOptions) bool {
	if o.Format == "" {
		o.Format = "rdb"
		if strings.HasSuffix(out, ".aof") {
			o.Format = "aof"
		}
	}
	if err := t.convert(in, out, o); err != nil {
		t.say("%s\n", err)
		return false
	}
	return true
}

var errLossy = errors.New("Nothing was written, since something would be lost: use --lossy to write the rest")

func (t *Tool) convert(in, out string, o ConvertOptions) error {
	if o.Version != 0 && o.Format == "rdb" {
		if err := rdb.CheckVersion(o.Version); err != nil {
			return err
		}
	}
	if _, err := t.Files.Stat(out); out != "" && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already, or cannot be looked for: nothing was written", out)
	}
	l := &losses{t: t}
	work := ".tarn-convert-" + strconv.Itoa(t.Pid)
	dir := filepath.Dir(out)
	if out == "" {
		dir = "/"
	}
	if _, err := t.Files.Stat(dir); err != nil {
		return fmt.Errorf("%s could not be written: %s", out, reason(err))
	}
	e, err := t.newEngine(l, "--dir", dir, "--dbfilename", filepath.Base(out), "--appenddirname", work, "--appendfilename", "convert", "--aof-use-rdb-preamble", "no")
	if err != nil {
		return err
	}
	defer e.close()
	e.whatYouCan = o.WhatYouCan
	if err := e.load(in); err != nil {
		return err
	}
	keys, version, err := e.compare(o)
	if err == nil && o.Format == "rdb" {
		err = e.run([]byte("CONFIG"), []byte("SET"), []byte("rdb-version"), strconv.AppendInt(nil, int64(version), 10))
	}
	if err != nil {
		return err
	}
	if l.count > shownLosses {
		t.say("lost: %d more\n", l.count-shownLosses)
	}
	t.say("%d keys, %d things that cannot be expressed\n", keys, l.count)
	switch {
	case l.count > 0 && !o.Lossy:
		return errLossy
	case out == "":
		return nil
	case o.Format == "aof":
		err = e.writeLog(out, filepath.Join(dir, work))
	default:
		err = e.writeRDB()
	}
	if err == nil {
		t.say("Written: %s\n", out)
	}
	return err
}

// writeRDB writes the RDB file.
func (e *engine) writeRDB() error {
	if err := e.store.Save(); err != nil {
		return errors.New("The file could not be written")
	}
	return nil
}

// writeLog writes a log of commands only: the base of a log in a folder of its own, which then gets
// another name.
func (e *engine) writeLog(out, work string) error {
	_, err := e.store.BGRewrite(false)
	if err == nil {
		e.store.Wait()
		files := e.t.Files
		err = files.Rename(filepath.Join(work, aof.BaseName("convert", 1, false)), out)
		if err == nil {
			err = files.SyncDir(filepath.Dir(out))
		}
	}
	if err != nil {
		err = fmt.Errorf("The file could not be written: %w", err)
	}
	return errors.Join(err, e.removeAll(work))
}

// removeAll removes a folder of files, if it is there.
func (e *engine) removeAll(dir string) error {
	entries, err := e.t.Files.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		err = errors.Join(err, e.t.Files.Remove(filepath.Join(dir, entry.Name())))
	}
	return errors.Join(err, e.t.Files.Remove(dir))
}

// timed is a hash that has fields with deadlines.
type timed struct {
	db  int
	key []byte
}

// compare says, key by key, what the format cannot express, and counts the keys. Deadlines of fields that
// cannot be, are taken off. The version is the one to write.
func (e *engine) compare(o ConvertOptions) (keys int64, version int, err error) {
	switch {
	case o.Format == "aof":
		o.Version = rdb.NewestVersion // commands express everything
		version = o.Version
	case o.Version == 0:
		version = rdb.DefaultVersion
	default:
		version = o.Version
	}
	least := version
	var hashes []timed
	e.tx.LockAll()
	for db := range e.ks.Databases() {
		e.tx.Each(db, func(k *keyspace.Key) {
			keys++
			if err != nil {
				return
			}
			var lost rdb.Loss
			lost, err = e.lost.in(k, least)
			if o.Version == 0 {
				version = max(version, lost.Version())
				return
			}
			lost.Each(func(one rdb.Loss) { e.losses.add(keyName(db, k.Name()), one.String()) })
			if lost&rdb.FieldDeadlines != 0 {
				hashes = append(hashes, timed{db, append([]byte{}, k.Name()...)})
			}
		})
	}
	e.tx.Unlock()
	for _, h := range hashes {
		if err == nil && o.Lossy {
			err = e.persistFields(h)
		}
	}
	return keys, version, err
}

// items calls fn with what a value consists of.
func items(k *keyspace.Key, fn func(it *rdb.Item) error) error {
	payload, err := object.Dump(&rdb.Encoder{Version: rdb.NewestVersion}, nil, k)
	if err != nil {
		return err
	}
	v, err := rdb.ParseDump(payload, false)
	var it rdb.Items
	if err == nil {
		err = it.Open(v)
	}
	for err == nil {
		var item *rdb.Item
		if item, err = it.Next(); err == nil {
			err = fn(item)
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// persistFields takes the deadlines off a hash's fields.
func (e *engine) persistFields(h timed) error {
	var fields [][]byte
	e.tx.LockHash(e.tx.Hash(h.key))
	k := e.tx.Key(h.db, h.key, keyspace.Peek)
	err := items(&k, func(it *rdb.Item) error {
		if it.Deadline != 0 {
			fields = append(fields, append([]byte{}, it.Key...))
		}
		return nil
	})
	e.tx.Unlock()
	if err == nil {
		err = e.run([]byte("SELECT"), strconv.AppendInt(nil, int64(h.db), 10))
	}
	for _, field := range fields {
		if err == nil {
			err = e.run([]byte("HPERSIST"), h.key, []byte("FIELDS"), []byte("1"), field)
		}
	}
	return err
}
