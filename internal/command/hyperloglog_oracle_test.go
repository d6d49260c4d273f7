// Shown here, against Debian's redis-server (7.0.15): HyperLogLogs behave as Redis's, byte for byte.
// Random commands go to both sides, as in TestStringsAgainstOracle: replies and counts must be the same
// after each, values, encodings and deadlines now and then. The limit of the sparse form changes
// under way, and some values are damaged. Beside that: adding and counting make no garbage.

package command_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"tarn/internal/config"
	"tarn/internal/resp"
	"tarn/test/chance"
	"tarn/test/harness"
)

func TestHyperLogLogsAgainstOracle(t *testing.T) {
	oracle := harness.Oracle(t).Start(t, "proto-max-bulk-len "+strconv.Itoa(duelMaxBulk))
	d := newDuel(t, oracle, resp.RESP3, chance.Seed(t))
	for d.step = range 6000 {
		if d.step%300 == 0 {
			limit := pick(d.random, []int{0, 25, 60, 200, 1000, 3000, 16000})
			d.admin.Must(t, "CONFIG", "SET", "hll-sparse-max-bytes", strconv.Itoa(limit))
			d.tarn.env.Config.Update(func(c *config.Config) { c.HLLSparseMaxBytes = int64(limit) })
		}
		args := randomHyperLogLogCommand(d.random)
		d.play(args)
		if args[0] == "SETRANGE" {
			d.playDamaged(args[1])
		}
		if d.step%50 == 49 {
			d.look()
		}
	}
}

// playDamaged tries what may be damaged, one element at a time: of several, Redis keeps those that came
// before the damage was met, and Tarn keeps none.
func (d *duel) playDamaged(key string) {
	d.t.Helper()
	for range 5 {
		d.play([]string{"PFADD", key, randomText(d.random, 5)})
	}
	d.play([]string{"PFCOUNT", key})
	d.play([]string{"PFCOUNT", key, pick(d.random, duelKeys)})
	d.play([]string{"PFMERGE", key, pick(d.random, duelKeys)})
	d.play([]string{"PFDEBUG", "decode", key})
	d.play([]string{"PFDEBUG", "todense", key})
	d.play([]string{"GETDEL", key})
}

func randomHyperLogLogCommand(r *rand.Rand) []string {
	args := []string{"PFADD", pick(r, duelKeys)}
	keys := func() {
		for range r.IntN(4) {
			args = append(args, pick(r, duelKeys))
		}
	}
	switch what := r.IntN(100); {
	case what < 60:
		few := pick(r, []int{1, 3, 20, 400})
		for range r.IntN(few) {
			args = append(args, strconv.Itoa(r.IntN(100_000)))
		}
	case what < 75:
		args[0] = "PFCOUNT"
		keys()
	case what < 90:
		args[0] = "PFMERGE"
		keys()
	case what < 93:
		args = []string{"PFDEBUG", pick(r, []string{"getreg", "todense", "decode", "encoding", "nosuch"}), args[1]}
	case what < 96:
		args[0] = "DEL"
	case what < 97: // a length that is not right, a register, a run, the head
		args = []string{"SETRANGE", args[1], pick(r, []string{"0", "4", "9", "15", "17", "20", "100"}), randomText(r, 1)}
	case what < 98:
		args = []string{"SET", args[1], pick(r, []string{"12345", "text"})}
	case what < 99:
		args = []string{"PEXPIREAT", args[1], "33177117420000"}
	default:
		args = []string{"GETDEL", args[1]}
	}
	return args
}

func TestHyperLogLogsAllocateNothing(t *testing.T) {
	c := frugalServer(t)
	dense := []string{"PFADD", "dense"}
	for i := range 5000 {
		dense = append(dense, strconv.Itoa(i))
	}
	c.do(dense...)
	c.do("PFADD", "sparse", "x")
	c.do("PFMERGE", "union", "dense", "sparse")
	for _, text := range []string{"PFADD sparse x y z", "PFADD dense 1 2 3", "PFCOUNT sparse", "PFCOUNT dense sparse absent",
		"PFMERGE union dense sparse", "PFCOUNT union"} {
		request := encode(text)
		if reply := c.feed(request); reply[0] == '-' {
			t.Errorf("%s: %q", text, reply)
		}
		if got := testing.AllocsPerRun(100, func() { c.feed(request) }); got != 0 {
			t.Errorf("%s allocates %v times, want 0", text, got)
		}
	}
}
