// What the tests of the append-only log stand on: changes that go into a journal, a replayer that
// knows the few commands of those, and histories, against which a disk is held after a power cut.

package persist

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"tarn/internal/aof"
	"tarn/internal/config"
	"tarn/internal/keyspace"
	"tarn/internal/vfs"
)

func (r *rig) noteDurable(end int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.durable = max(r.durable, end)
	r.told.Broadcast()
}

func (r *rig) noteExit(int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exited = true
	r.told.Broadcast()
}

func (r *rig) noteBehind(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behind = on
	r.told.Broadcast()
}

// awaitDurable returns when the log is on the disk up to position, and whether it is.
func (r *rig) awaitDurable(position int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.durable < position && !r.exited {
		r.told.Wait()
	}
	return r.durable >= position
}

// alone runs f with the world stopped.
func (r *rig) alone(f func()) {
	token(r.asked)
	r.world.Lock()
	defer r.world.Unlock()
	f()
}

// beforeTheCut starts a rewrite and does something when that is ready for its cut, or has failed before.
func (r *rig) beforeTheCut(do func()) error {
	select {
	case <-r.asked:
	default:
	}
	r.world.Lock()
	defer r.world.Unlock()
	if _, err := r.p.BGRewrite(false); err != nil {
		return err
	}
	r.awaitPrepared()
	do()
	return nil
}

// awaitPrepared returns when the rewrite under way has prepared, or is over. The world is held.
func (r *rig) awaitPrepared() {
	j := r.p.running()
	if j == nil {
		return
	}
	select {
	case <-r.asked:
	case <-j.done:
	}
}

// stopLog ends the log as the end of the process does: without a word.
func (r *rig) stopLog() {
	r.p.mu.Lock()
	w := r.p.log.w.Load()
	r.p.log.w.Store(nil)
	r.p.mu.Unlock()
	if w != nil {
		w.close()
	}
}

// boot makes the rig a server that starts with the log on.
func (r *rig) boot(directives ...string) error {
	r.p.log.second = time.Millisecond
	r.cfg.Update(func(c *config.Config) { c.AppendOnly = true })
	for i := 0; i+1 < len(directives); i += 2 {
		r.set(directives[i], directives[i+1])
	}
	r.p.CleanTemp()
	return r.p.Recover()
}

// write is a command that sets keys of a database, as one unit, and returns where that ends.
func (r *rig) write(db int, pairs ...string) int64 {
	r.t.Helper()
	r.tx.SetNow(r.clock.Millis())
	r.tx.LockAll()
	defer r.tx.Unlock()
	for i := 0; i < len(pairs); i += 2 {
		k := r.tx.Key(db, []byte(pairs[i]), keyspace.ForWrite)
		if err := k.SetString([]byte(pairs[i+1]), keyspace.Auto, keyspace.NoDeadline); err != nil {
			r.t.Fatal(err)
		}
		k.Changed("set")
		if r.unit.Active() {
			r.unit.Op(db, 3).Str("SET").Str(pairs[i]).Str(pairs[i+1])
		}
	}
	r.unit.Commit(r.clock.Millis())
	if r.wrote = r.through && r.p.WriteThrough(); !r.wrote {
		r.journal.Kick()
	}
	return r.journal.End()
}

// mended flushes, the disk being back. A try that failed before may be told of only now.
func (r *rig) mended() error {
	if r.p.Flush() == nil {
		return nil
	}
	return r.p.Flush()
}

// writeThrough writes a value, and again, until it has written the log itself, unless it never does: now and then the writer's
// goroutine is just looking. It returns what it wrote last, and the position behind it.
func (r *rig) writeThrough(value string) (last string, end int64) {
	r.t.Helper()
	for i := range 100 {
		last = fmt.Sprintf("%s-%d", value, i)
		if end = r.write(0, "k", last); r.wrote {
			return last, end
		}
		if err := r.p.Flush(); err != nil {
			r.t.Fatal(err)
		}
	}
	r.t.Fatalf("%s is not written through", value)
	return "", 0
}

// step is the i-th change of a history: sometimes one key, sometimes two at once, in two databases.
func step(i int) (db int, pairs []string) {
	pairs = []string{fmt.Sprintf("key:%d", i%5), strconv.Itoa(i)}
	if i%3 == 0 {
		pairs = append(pairs, "other", strings.Repeat(strconv.Itoa(i), 40))
	}
	return i % 2, pairs
}

// history is what the keyspace holds after each step.
func history(steps int) []dataset {
	all := []dataset{{}}
	for i := 1; i <= steps; i++ {
		d := maps.Clone(all[i-1])
		db, pairs := step(i)
		for j := 0; j < len(pairs); j += 2 {
			d[fmt.Sprintf("%d/%s", db, pairs[j])] = pairs[j+1]
		}
		all = append(all, d)
	}
	return all
}

// placeIn returns how many steps of a history a dataset has seen; -1: it is none of them. What is asked
// for is the last one that matches.
func placeIn(h []dataset, d dataset) int {
	for i := len(h) - 1; i >= 0; i-- {
		if maps.Equal(h[i], d) {
			return i
		}
	}
	return -1
}

// toyReplayer runs SET, FLUSHALL, SELECT, PEXPIREAT, MULTI and EXEC.
type toyReplayer struct {
	r     *rig
	tx    *keyspace.Tx
	db    int
	open  bool
	queue [][][]byte
}

func (r *rig) replayer(bool) Replayer { return &toyReplayer{r: r, tx: r.ks.NewTx()} }

func (y *toyReplayer) Close() { y.r.ks.CloseTx(y.tx) }

func (y *toyReplayer) Feed(b []byte) (used int, err error) {
	for used < len(b) {
		args := aof.Args(b[used:], nil)
		size := 0
		for _, a := range args {
			size += len(strconv.Itoa(len(a))) + len(a) + 5
		}
		size += len(strconv.Itoa(len(args))) + 3
		if err := y.run(args); err != nil {
			return used, err
		}
		used += size
	}
	return used, nil
}

func (y *toyReplayer) run(args [][]byte) error {
	switch name := strings.ToUpper(string(args[0])); {
	case name == "MULTI":
		y.open = true
	case name == "EXEC":
		y.open = false
		for _, queued := range y.queue {
			if err := y.run(queued); err != nil {
				return err
			}
		}
		y.queue = nil
	case y.open:
		y.queue = append(y.queue, args)
	case name == "FLUSHALL":
		y.tx.LockAll()
		defer y.tx.Unlock()
		y.tx.Flush(-1, false)
	case name == "SELECT":
		y.db, _ = strconv.Atoi(string(args[1]))
	case name == "SET", name == "PEXPIREAT":
		y.tx.SetNow(y.r.clock.Millis())
		y.tx.LockHash(y.tx.Hash(args[1]))
		defer y.tx.Unlock()
		k := y.tx.Key(y.db, args[1], keyspace.ForWrite)
		if name == "SET" {
			return k.SetString(args[2], keyspace.Auto, keyspace.NoDeadline)
		}
		at, _ := strconv.ParseInt(string(args[2]), 10, 64)
		return k.SetDeadline(at)
	default:
		return errors.New("unknown command")
	}
	return nil
}

// booted returns what a server finds that starts with the log on.
func booted(t *testing.T, disk *vfs.Mem) (dataset, error) {
	t.Helper()
	r := newRig(t, disk, nil)
	defer r.end()
	if err := r.boot(); err != nil {
		return nil, fmt.Errorf("%w: %q", err, r.log.take())
	}
	return r.dataset(), nil
}
