// Shows that a server killed at any moment finds, when it starts again, exactly what the last
// complete save held: never a mixture, never a file in part, never nothing. A real process serves
// several writers and saves in all ways, one after the other and one into the other, and gets
// SIGKILL at a random moment: while it saves in the background or the foreground, while FLUSHALL
// saves the empty data set, or while it is still loading. The test is pointed at redis-server first.
//
// A kill loses nothing that was written to a file but not synced; power cuts are tried in
// internal/persist, on a disk in memory.

// Package crash kills servers.
package crash

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tarn/test/chance"
	"tarn/test/harness"
)

var (
	roundsFlag = flag.Int("rounds", 50, "how often TestKill kills Tarn; with -short, 10")
	seedFlag   = flag.Uint64("seed", 0, "seed of what is done and when; 0: a new one")
	soakFlag   = flag.Duration("soak", 0, "go on killing for this long")
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// newSeed returns the seed of this run and prints it. Which process runs when is not decided by it.
func newSeed(t *testing.T) uint64 {
	seed := *seedFlag
	if seed == 0 {
		seed = chance.Seed(t)
	}
	t.Logf("seed %d: -seed=%d makes the same choices again", seed, seed)
	return seed
}

// TestHarnessOnRedis shows that the test is right: a server that is known to keep its word passes.
func TestHarnessOnRedis(t *testing.T) {
	r := newRun(t, harness.Oracle(t), newSeed(t))
	for n := 0; n < 4 || !r.shown() && n < slowest; n++ {
		r.round()
	}
	r.wantSaves()
}

func TestKill(t *testing.T) {
	rounds := *roundsFlag
	if testing.Short() {
		rounds = min(rounds, 10)
	}
	r := newRun(t, harness.Tarn(t), newSeed(t))
	began := time.Now()
	for n := 0; n < rounds || !r.shown() && n < slowest || time.Since(began) < *soakFlag; n++ {
		r.round()
		if n%10 == 9 {
			r.exchange()
		}
	}
	r.wantSaves()
	t.Log(r.tally)
}

// tally counts what happened, to show that the test did what it is for.
type tally struct{ rounds, saves, inSave, inFlush, inLoad, empty, keys int }

func (c tally) String() string {
	return fmt.Sprintf("%d rounds, %d saves complete; killed during a save: %d, during FLUSHALL: %d, while loading: %d; found empty: %d; %d keys found",
		c.rounds, c.saves, c.inSave, c.inFlush, c.inLoad, c.empty, c.keys)
}

// run is one folder in which servers are started and killed.
type run struct {
	t       *testing.T
	program harness.Program
	seed    uint64
	chance  *rand.Rand
	dir     string
	model   *model
	tally   tally
}

func newRun(t *testing.T, program harness.Program, seed uint64) *run {
	return &run{t: t, program: program, seed: seed, chance: rand.New(rand.NewPCG(seed, 0)), dir: t.TempDir(), model: newModel()}
}

// slowest is after how many rounds something must have been shown: on a slow machine a kill may come before anything is done.
const slowest = 100

// shown tells whether anything was.
func (r *run) shown() bool { return r.tally.saves > 0 && r.tally.keys > 0 }

func (r *run) wantSaves() {
	r.t.Helper()
	if !r.shown() {
		r.t.Errorf("nothing was shown: %v", r.tally)
	}
}

// start starts a server on the folder, with settings that should make no difference.
func (r *run) start() *harness.Server {
	r.t.Helper()
	settings := []string{
		`dir ` + harness.Quote(r.dir),
		`save 3600 1000000000`, // never met; makes FLUSHALL save
		`rdb-key-save-delay ` + pick(r.chance, "0", "0", "30", "200"),
		`rdbcompression ` + pick(r.chance, "yes", "no"),
	}
	if r.program.Name == "tarn" {
		settings = append(settings, `keyspace-shards `+pick(r.chance, "1", "4", "16"), `io-threads `+pick(r.chance, "1", "2"))
	}
	return r.program.Start(r.t, settings...)
}

func pick(chance *rand.Rand, from ...string) string { return from[chance.IntN(len(from))] }

// round starts a server, looks at what it found, lets everybody write and save, and kills it.
func (r *run) round() {
	r.t.Helper()
	r.tally.rounds++
	if r.program.Name == "tarn" && r.chance.IntN(4) == 0 {
		r.killWhileLoading()
	}
	s := r.start()
	got, err := readState(s.Dial(r.t))
	if err == nil {
		err = r.model.found(got)
	}
	if err != nil {
		r.fail(s, fmt.Errorf("found after a kill: %w", err))
	}
	r.tally.keys += len(got)
	if len(got) == 0 {
		r.tally.empty++
	}
	if r.program.Name == "tarn" { // redis-server leaves them
		if left, err := filepath.Glob(filepath.Join(r.dir, "temp-*")); len(left) > 0 || err != nil {
			r.t.Errorf("round %d, seed %d: left after a restart: %q (%v)", r.tally.rounds, r.seed, left, err)
		}
	}
	r.disturb(s)
}

// fail ends the test and keeps the file for whoever looks into it.
func (r *run) fail(s *harness.Server, err error) {
	r.t.Helper()
	kept := "none"
	if data, err := os.ReadFile(filepath.Join(r.dir, "dump.rdb")); err == nil {
		if f, err := os.CreateTemp("", "tarn-crash-*.rdb"); err == nil {
			_, _ = f.Write(data)
			_ = f.Close()
			kept = f.Name()
		}
	}
	r.t.Fatalf("round %d, seed %d: %v\nthe file, kept: %s\nthe server's log:\n%s", r.tally.rounds, r.seed, err, kept, s.Log())
}

// disturb runs the writers and the saves until the kill.
func (r *run) disturb(s *harness.Server) {
	r.t.Helper()
	w := startWriters(r.model, s.Addr, r.chance.Uint64())
	killed := make(chan struct{})
	c := &saver{run: r, conn: s.Dial(r.t), killed: killed} // while there is somebody to dial
	after := time.Duration(5+r.chance.IntN(400)) * time.Millisecond
	alive := true
	time.AfterFunc(after, func() {
		alive = s.Alive()
		killAll(s)
		close(killed)
	})
	err := c.saveUntilKilled()
	<-killed
	w.wait()
	if !alive {
		r.fail(s, errors.New("the server ended by itself"))
	}
	if err != nil {
		r.fail(s, err)
	}
	switch c.doing {
	case "SAVE", "BGSAVE":
		r.tally.inSave++
	case "FLUSHALL":
		r.tally.inFlush++
	default:
		if c.running != nil {
			r.tally.inSave++
		}
	}
}

// killAll kills a server, and before it the processes that it has made for saving, which would
// otherwise go on: a machine that fails takes them along.
func killAll(s *harness.Server) {
	if s.Program.Name != "tarn" {
		stopChildren(s)
	}
	s.Kill()
}

// killWhileLoading starts a server that loads slowly and kills it. It must not have changed the file.
func (r *run) killWhileLoading() {
	r.t.Helper()
	file := filepath.Join(r.dir, "dump.rdb")
	before, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		r.t.Fatal(err)
	}
	socket, err := os.MkdirTemp("", "tarn")
	if err != nil {
		r.t.Fatal(err)
	}
	defer os.RemoveAll(socket)
	args := append(slices.Clone(r.program.Args), "--port", "0", "--unixsocket", filepath.Join(socket, "s"),
		"--dir", r.dir, "--key-load-delay", "1000", "--save", "3600 1")
	cmd := exec.Command(r.program.Path, args...)
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	timer := time.NewTimer(time.Duration(r.chance.IntN(300)) * time.Millisecond)
	<-timer.C
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	r.tally.inLoad++
	after, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(before, after) {
		r.t.Fatalf("round %d, seed %d: a server that was killed while loading has changed the file (%v)", r.tally.rounds, r.seed, err)
	}
}

// exchange shows that redis-server finds in Tarn's file what Tarn does, and the other way round.
func (r *run) exchange() {
	r.t.Helper()
	oracle := harness.Oracle(r.t)
	tarn := r.start()
	want, err := readState(tarn.Dial(r.t))
	if err != nil {
		r.fail(tarn, err)
	}
	if err := r.model.found(want); err != nil {
		r.fail(tarn, err)
	}
	tarn.Kill()
	redis := oracle.Start(r.t, `dir `+harness.Quote(r.dir))
	c := redis.Dial(r.t)
	r.wantState(redis, c, want, "redis-server loads Tarn's file")
	c.Must(r.t, "SAVE")
	redis.Kill()
	again := r.start()
	r.wantState(again, again.Dial(r.t), want, "Tarn loads redis-server's file")
	again.Kill()
}

func (r *run) wantState(s *harness.Server, c *harness.Conn, want state, what string) {
	r.t.Helper()
	got, err := readState(c)
	if err != nil {
		r.fail(s, fmt.Errorf("%s: %w", what, err))
	}
	var differ []string
	for _, name := range allKeys() {
		if got[name] != want[name] {
			differ = append(differ, name)
		}
	}
	if len(differ) > 0 {
		r.fail(s, fmt.Errorf("%s: %d keys differ: %s", what, len(differ), strings.Join(differ[:min(5, len(differ))], " ")))
	}
}
