// Shown here, against Debian's redis-server (7.0.15): which commands on keys of any type a watching
// client notices. One client watches a key of database 0, another runs a command, and the first
// one's transaction must run, or not, as Redis's does.

package command_test

import (
	"strings"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/resp"
	"tarn/test/harness"
)

// watchCases are a command each: w is watched and holds a value, absent is watched and does not
// exist; e is watched, exists and has a deadline. Other keys of database 0: a, b. Database 1 has w.
var watchCases = []string{
	"GET w", "EXISTS w", "TTL w", "TOUCH w", "DUMP w", "OBJECT ENCODING w", "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE",
	"DEL w", "UNLINK w", "DEL absent", "DEL a", "DEL e",
	"RENAME w x", "RENAME a w", "RENAME a absent", "RENAME absent w", "RENAME w w", "RENAMENX a w", "RENAMENX w a", "RENAMENX a absent", "RENAME a e",
	"COPY w x", "COPY a w", "COPY a w REPLACE", "COPY a absent", "COPY a w DB 1", "COPY a w DB 1 REPLACE", "COPY absent w REPLACE",
	"MOVE w 1", "MOVE a 1", "MOVE e 1", "MOVE absent 1", "MOVE w 0",
	"EXPIRE w 1000", "EXPIRE w 1000 XX", "EXPIRE w -1", "EXPIRE w x", "EXPIRE absent 1000", "PEXPIREAT e 33177117420123", "EXPIRE e 1 GT",
	"PERSIST w", "PERSIST e", "PERSIST absent",
	"RESTORE w 0 payload", "RESTORE w 0 payload REPLACE", "RESTORE absent 0 payload", "RESTORE absent 1 payload ABSTTL", "RESTORE w 1 payload ABSTTL REPLACE",
	"RESTORE w 0 bad REPLACE",
	"FLUSHDB", "FLUSHALL", "FLUSHALL ASYNC", "FLUSHALL x", "SWAPDB 0 1", "SWAPDB 1 0", "SWAPDB 0 0", "SWAPDB 0 2", "SELECT 1",
}

func TestWatchersNoticeWhatRedisNotices(t *testing.T) {
	oracle := harness.Oracle(t).Start(t, "databases 2")
	watcher, writer := oracle.Dial(t), oracle.Dial(t)
	payload := seal([]byte("\x00\x05value"), 10)
	setup := []string{"SELECT 0", "FLUSHALL", "MSET w v e v a v b v", "EXPIRE e 1000", "COPY w w DB 1", "COPY a y DB 1"}
	for _, line := range watchCases {
		for _, watched := range []string{"w", "absent", "e"} {
			command := strings.Fields(strings.ReplaceAll(line, "payload", "P"))
			for i := range command {
				if command[i] == "P" {
					command[i] = payload
				}
			}
			for _, s := range setup {
				writer.Must(t, strings.Fields(s)...)
			}
			watcher.Must(t, "WATCH", watched)
			if _, err := writer.Do(command...); err != nil {
				t.Fatal(err)
			}
			watcher.Must(t, "MULTI")
			watcher.Must(t, "PING")
			want := !watcher.Must(t, "EXEC").Null

			p := newInProcess(t, clock.NewManual(someDay))
			p.env.Saver = &noSaver{env: p.env}
			ours, theirs := p.client(resp.RESP2), p.client(resp.RESP2)
			for _, s := range setup {
				theirs.do(strings.Fields(s)...)
			}
			ours.do("WATCH", watched)
			theirs.do(command...)
			ours.do("MULTI")
			ours.do("PING")
			if got := ours.do("EXEC") != "*-1\r\n"; got != want {
				t.Errorf("%s, while %s is watched: the transaction runs: %t, want %t", line, watched, got, want)
			}
		}
	}
}

// TestWatchAndDeadlines is about a watched key that ends after WATCH, which is a change, or had
// ended before, so that its removal is none.
func TestWatchAndDeadlines(t *testing.T) {
	oracle := harness.Oracle(t).Start(t)
	watcher, writer := oracle.Dial(t), oracle.Dial(t)
	writer.Must(t, "DEBUG", "SET-ACTIVE-EXPIRE", "0")
	for _, ended := range []bool{false, true} {
		for _, between := range []string{
			"PING", "GET k", "DEL k", "SET k v", "PERSIST k", "FLUSHALL", "FLUSHDB", "RENAME other k", "RENAME k other", "COPY other k", "SWAPDB 0 1",
		} {
			c := clock.NewManual(someDay)
			p := newInProcess(t, c)
			p.env.Saver = &noSaver{env: p.env}
			ours, theirs := p.client(resp.RESP2), p.client(resp.RESP2)
			wait := func() {
				writer.Must(t, "DEBUG", "SLEEP", "0.11")
				c.Advance(110 * time.Millisecond)
			}
			both := func(line string) {
				args := strings.Fields(line)
				if _, err := writer.Do(args...); err != nil {
					t.Fatal(err)
				}
				theirs.do(args...)
			}
			for inTime := false; !inTime; { // a machine may stand still until k has ended
				both("FLUSHALL")
				both("MSET k v other v")
				both("PEXPIRE k 100")
				if ended {
					wait()
				}
				watcher.Must(t, "UNWATCH")
				watcher.Must(t, "WATCH", "k")
				inTime = ended || writer.Must(t, "PTTL", "k").Text != "-2"
			}
			ours.do("WATCH", "k")
			wait()
			both(between)
			for _, args := range []string{"MULTI", "PING"} {
				watcher.Must(t, args)
				ours.do(args)
			}
			want := !watcher.Must(t, "EXEC").Null
			if got := ours.do("EXEC") != "*-1\r\n"; got != want {
				t.Errorf("%s, k had ended at WATCH: %t: the transaction runs: %t, want %t", between, ended, got, want)
			}
		}
	}
}
