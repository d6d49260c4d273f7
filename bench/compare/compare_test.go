// The command runs: with tiny sizes, on a real redis-server and on Tarn as built from this tree, each
// figure comes out for both. And the small parts that numbers pass through are right.

package main

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tarn/test/harness"
)

// rowsWanted are the rows of a quick run in which all figures come out.
var rowsWanted = []string{
	"ops: CPU per GET, pipeline 1", "ops: CPU per GET, pipeline 16", "ops: CPU per GET, pipeline 64",
	"ops: CPU per SET, pipeline 1", "ops: CPU per SET, pipeline 16", "ops: CPU per SET, pipeline 64",
	"ops: CPU per GET, pipeline 16, over 3 000 keys",
	"mem: used_memory per key", "mem: RSS per key",
	"snap: peak extra memory", "snap: writes/s before", "snap: writes/s during ÷ before",
	"snap: GET p99.9 before", "snap: GET p99.9 during ÷ before", "snap: longest GET during",
	"snap: latest_fork_usec", "snap: duration of the save", "snap: keys of the file proved to be of one moment",
	"load: start to ready", "load: CPU until ready",
	"collections: first write after a cut, hash", "collections: first write after a cut, zset",
	"collections: first write after a cut, list", "collections: first write after a cut, set",
	"collections: peak extra memory of a save", "collections: writes/s before", "collections: writes/s during ÷ before", "collections: duration of the save",
	"collections: start to ready", "collections: CPU until ready",
	"grow: peak RSS ÷ final RSS", "grow: GET p99.9", "grow: longest GET",
	"conns: RSS per idle connection",
}

func TestQuickRun(t *testing.T) {
	redis, tarn := harness.Oracle(t), harness.Tarn(t)
	var out, log bytes.Buffer
	err := run(context.Background(), []string{"-quick", "-rounds", "2", "-ops-big-keys", "3000", "-limit", "1h", "-snap-limit", "10m", "-tmp", t.TempDir(),
		"-redis", redis.Path, "-tarn", tarn.Path}, &out, &log)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, &log, &out)
	}
	cell := regexp.MustCompile(`^-?[0-9][0-9 .]* \[-?[0-9][0-9 .-]*\]$`)
	var rows []string
	for line := range strings.Lines(out.String()) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 5 || cells[0] == "figure" {
			continue
		}
		rows = append(rows, cells[0])
		for _, value := range cells[2:4] {
			if !cell.MatchString(value) {
				t.Errorf("%s: %q is not a median with a range", cells[0], value)
			}
		}
	}
	if !slices.Equal(rows, rowsWanted) {
		t.Errorf("rows:\n%s\nwant:\n%s", strings.Join(rows, "\n"), strings.Join(rowsWanted, "\n"))
	}
	if !strings.Contains(out.String(), "Other processes took") {
		t.Errorf("nothing is said of the machine:\n%s", &out)
	}
}

// TestWrongRepliesAreNoticed: traffic whose replies are not those it expects ends with an error.
func TestWrongRepliesAreNoticed(t *testing.T) {
	s := harness.Oracle(t).Start(t)
	c := s.Dial(t)
	c.Must(t, "LPUSH", keyName(0), "not a string")
	w := random(set(smallValueBytes), 1, 1)
	w.command = get(smallValueBytes)
	w.lanes, w.depth, w.requests, w.limit = 1, 2, 4, time.Minute
	if answered, err := w.run(s.Addr); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") || answered != 0 {
		t.Errorf("GET of a list: %d answered, error %v; want an error with WRONGTYPE", answered, err)
	}
}

func TestSettings(t *testing.T) {
	var log bytes.Buffer
	s, err := parseSettings([]string{"-quick", "-mem-keys", "77", "-only", "mem,conns"}, &log)
	if err != nil || s.memKeys != 77 || s.opsKeys != quick.opsKeys || !slices.Equal(s.only, []string{"mem", "conns"}) {
		t.Errorf("quick with a flag: %+v, %v", s, err)
	}
	for _, bad := range [][]string{{"-only", "mem,nosuch"}, {"-rounds", "0"}, {"-snap-keys", "3"}, {"word"}, {"-nosuch"}} {
		if _, err := parseSettings(bad, &log); err == nil {
			t.Errorf("%q has no error", bad)
		}
	}
}

func TestParseCPUTime(t *testing.T) {
	const stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 31 9 9 20 0 4 0 1 1 1"
	if got, err := parseCPUTime(stat); got != 2810*time.Millisecond || err != nil {
		t.Errorf("parseCPUTime(%q) = %v, %v; want 2.81s", stat, got, err)
	}
	if _, err := parseCPUTime("7 (a) S 1"); err == nil {
		t.Error("a short line has no error")
	}
}

func TestTable(t *testing.T) {
	table := newTable("A", "B")
	for _, value := range []float64{3, 1, 2} {
		table.add("A", reading{"speed", "1/s", value * 1000})
	}
	table.add("B", reading{"speed", "1/s", 1000})
	table.add("B", reading{"only one", "s", -0.5})
	var out strings.Builder
	table.write(&out)
	const want = `| figure | unit | A | B | ratio |
|---|---|---:|---:|---:|
| speed | 1/s | 2 000 [1 000..3 000] | 1 000 | 0.50 |
| only one | s | – | -0.50 | – |
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", &out, want)
	}
}

func TestStatistics(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{5}, 5}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 2}, 2},
	} {
		if got := median(tc.values); got != tc.want {
			t.Errorf("median(%v) = %v; want %v", tc.values, got, tc.want)
		}
	}
	sorted := make([]float64, 1000)
	for i := range sorted {
		sorted[i] = float64(i)
	}
	for q, want := range map[float64]float64{0: 0, 0.5: 500, 0.999: 999, 1: 999} {
		if got := quantile(sorted, q); got != want {
			t.Errorf("quantile(0..999, %v) = %v; want %v", q, got, want)
		}
	}
	for x, want := range map[float64]string{0: "0.00", 0.0042: "0.0042", 0.042: "0.042", 1.234: "1.23", 56.78: "56.8", 999.6: "1 000", 1234567: "1 234 567"} {
		if got := number(x); got != want {
			t.Errorf("number(%v) = %q; want %q", x, got, want)
		}
	}
}

// TestProbeCountsStalls: a stall counts for every request that was due during it, and the probe is
// back at its pace afterwards.
func TestProbeCountsStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every, stall, service = 10 * time.Millisecond, 95 * time.Millisecond, time.Millisecond
		p := &probe{begun: time.Now()}
		asked := 0
		err := p.ask(every, func() error {
			asked++
			p.stopped.Store(asked == 15)
			if asked == 2 {
				<-time.After(stall)
			}
			<-time.After(service)
			return nil
		})
		if err != nil || asked != 15 {
			t.Fatalf("asked %d times, error %v", asked, err)
		}
		free := time.Duration(0) // when the server has answered all before
		for i, got := range p.answers {
			due := time.Duration(i) * every
			free = max(free, due) + service
			if i == 1 {
				free += stall
			}
			if want := (answer{due, free - due}); got != want {
				t.Errorf("request %d: %v; want %v", i, got, want)
			}
		}
	})
}

// TestFillSetsEachKeyOnce: the lanes' shares make up all keys, whatever their number.
func TestFillSetsEachKeyOnce(t *testing.T) {
	for _, keys := range []int{1, 3, 4, 1001} {
		w := fill(keys, smallValueBytes, plainValue)
		times := map[string]int{}
		for lane := range w.lanes {
			next := w.prepare(lane)
			request := bytes.Clone(w.request)
			for range w.share(lane) {
				next(request)
				times[string(request[w.keyAt:][:keyDigits])]++
			}
		}
		for key := range keys {
			if times[keyName(key)[len("key:"):]] != 1 || len(times) != keys {
				t.Fatalf("%d keys: %s is set %d times, and there are %d keys", keys, keyName(key), times[keyName(key)[len("key:"):]], len(times))
			}
		}
	}
}
