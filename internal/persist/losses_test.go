// Shows what is told of a save in a version that cannot express all of the data: how many keys, why, and
// which, in the log and in INFO; nothing when the version is not asked for, or can; and that what is told
// is what the file lacks.

package persist

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"testing"

	"tarn/internal/aof"
	"tarn/internal/keyspace"
	"tarn/internal/rdb"
	"tarn/internal/value"
	"tarn/internal/vfs"
)

// timedHash is a hash with a field that has a deadline.
const timedHash = "\x18\x04hash\x00\x10\xa5\xd4\xe8\x00\x00\x00\x01\x01\x01f\x01v"

// putStream makes a stream of two entries, of which one was deleted, with a group that has read one, and a
// consumer that was never active.
func (r *rig) putStream() {
	r.t.Helper()
	name := []byte("stream")
	r.tx.SetNow(r.clock.Millis())
	r.tx.LockHash(r.tx.Hash(name))
	defer r.tx.Unlock()
	k := r.tx.Key(0, name, keyspace.ForWrite)
	s := value.NewStream(k.Heap())
	for ms := range uint64(2) {
		s.Append(value.StreamID{Ms: ms + 1}, [][]byte{[]byte("f"), []byte("v")}, value.StreamLimits{NodeBytes: 400, NodeEntries: 10})
	}
	s.Delete(value.StreamID{Ms: 1})
	s.AddConsumer(s.AddGroup([]byte("group"), s.LastID(), 1), []byte("me"), r.clock.Millis())
	if err := k.SetBig(keyspace.Stream, s); err != nil {
		r.t.Fatal(err)
	}
}

func TestLossesOfASave(t *testing.T) {
	for _, tc := range []struct {
		version string
		told    []string
		losses  string // "-": INFO has no such field
	}{
		{version: "0", losses: "-"},
		{version: "12", losses: "0"},
		{version: "11", losses: "1", told: []string{"1 keys hold what rdb-version 11 cannot express",
			"1 × the deadlines of its fields, which need version 12 (written in the newer form rather than lost: a server that reads version 11 and no newer one will refuse the file)",
			`The first: database 0, key "hash"`}},
		{version: "10", losses: "2", told: []string{"2 keys hold", "1 × when consumers were last active, which needs version 11 (not written)", `key "stream"`, `key "hash"`}},
		{version: "9", losses: "2", told: []string{"1 × how many entries were ever added, deleted or read by groups, which needs version 10 (not written)"}},
	} {
		r := newRig(t, newDisk(t), nil)
		place(t, r.disk, crafted("REDIS0012", timedHash, "\x02\x03set\x01\x01m"))
		if err := r.p.Load(); err != nil {
			t.Fatal(err)
		}
		r.putStream()
		r.set("rdb-version", tc.version)
		for name, save := range map[string]func() error{"SAVE": r.p.Save, "BGSAVE": r.bgsave} {
			r.log.take()
			if err := save(); err != nil {
				t.Fatal(err)
			}
			text := strings.Join(r.log.take(), "\n")
			if strings.Contains(text, "cannot express") != (tc.told != nil) {
				t.Errorf("version %s, %s: the log says\n%s", tc.version, name, text)
			}
			for _, want := range tc.told {
				if !strings.Contains(text, want) {
					t.Errorf("version %s, %s: no %q in the log\n%s", tc.version, name, want, text)
				}
			}
			r.wantInfo("version "+tc.version+", "+name, "rdb_last_save_losses:"+tc.losses)
		}
		got := roundTrip(t, r.disk)
		for _, want := range []struct {
			text  string
			since int
		}{{"1000000000000", 0}, {"active -1", 11}, {"added 2", 10}, {"read 1", 10}} {
			version, err := strconv.Atoi(tc.version)
			if err != nil {
				t.Fatal(err)
			}
			if version == 0 {
				version = rdb.DefaultVersion
			}
			if strings.Contains(got, want.text) != (version >= want.since) {
				t.Errorf("version %s: the file has%s; want %q in it: %t", tc.version, got, want.text, version >= want.since)
			}
		}
		r.set("rdb-version", "0")
		r.tx.LockAll()
		r.tx.Flush(-1, false)
		r.tx.Unlock()
		if err := r.p.Save(); err != nil {
			t.Fatal(err)
		}
		r.wantInfo("empty", "rdb_last_save_losses:-")
	}
}

// roundTrip says what of interest the file in place holds.
func roundTrip(t *testing.T, disk vfs.FS) string {
	t.Helper()
	whole, err := vfs.ReadFile(disk, dumpRDB)
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	_, err = rdb.Scan(bytes.NewReader(whole), rdb.Options{}, func(rec *rdb.Record) error {
		var it rdb.Items
		if err := it.Open(rec.Value); err != nil {
			return err
		}
		for {
			item, err := it.Next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			describe(&s, item)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.String()
}

// describe appends a deadline, and the numbers of a stream's items that versions differ in.
func describe(s *strings.Builder, item *rdb.Item) {
	if item.Deadline != 0 {
		s.WriteString(" " + strconv.FormatInt(item.Deadline, 10))
	}
	if len(item.Key) < 25 {
		return
	}
	number := func(i int) string {
		n := int64(0)
		for j := range 8 {
			n |= int64(item.Key[1+8*i+j]) << (8 * j)
		}
		return strconv.FormatInt(n, 10)
	}
	switch item.Key[0] {
	case 'H':
		s.WriteString(" added " + number(3))
	case 'G':
		s.WriteString(" read " + number(0))
	case 'C':
		s.WriteString(" active " + number(1))
	}
}

func TestLossesOfABase(t *testing.T) {
	r := newRig(t, newDisk(t), nil)
	logOf(t, r.disk, crafted("REDIS0012", timedHash), "")
	if err := r.boot("rdb-version", "10"); err != nil {
		t.Fatal(err)
	}
	r.wantInfo("before", "aof_last_rewrite_losses:0")
	r.log.take()
	r.mustRewrite()
	r.p.Wait()
	if text := strings.Join(r.log.take(), "\n"); !strings.Contains(text, "1 keys hold what rdb-version 10 cannot express, in "+aof.BaseName("appendonly.aof", 2, true)) {
		t.Errorf("the log says\n%s", text)
	}
	r.wantInfo("after", "aof_last_rewrite_losses:1")
}
