// Directives from outside: every value that CONFIG GET prints can be set back, and CONFIG REWRITE with a
// restart brings the same values.

package process

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/test/harness"
)

// values returns what CONFIG GET * prints, by name, and the names in order.
func values(t *testing.T, c *harness.Conn) (byName map[string]string, names []string) {
	t.Helper()
	v := c.Must(t, "CONFIG", "GET", "*")
	byName = map[string]string{}
	for i := 0; i+1 < len(v.Elem); i += 2 {
		byName[v.Elem[i].Text] = v.Elem[i+1].Text
		names = append(names, v.Elem[i].Text)
	}
	if len(names) < 150 {
		t.Fatalf("only %d directives", len(names))
	}
	return byName, names
}

// TestSetBack sets each directive to the value it has, one by one: it is accepted, or refused as one for
// the start only, and nothing has changed after all.
func TestSetBack(t *testing.T) {
	s := tarn(t).serve(t)
	c := s.dial()
	before, names := values(t, c)
	for _, name := range names {
		v, err := c.Do("CONFIG", "SET", name, before[name])
		if err != nil {
			t.Fatalf("CONFIG SET %s %q: %v\n%s", name, before[name], err, s.log())
		}
		if v.Text != "OK" && !strings.HasSuffix(v.Text, "can't set immutable config") {
			t.Errorf("CONFIG SET %s %q: %v", name, before[name], v)
		}
	}
	after, _ := values(t, c)
	for _, name := range names {
		if after[name] != before[name] {
			t.Errorf("%s was %q, is %q", name, before[name], after[name])
		}
	}
}

// TestSameDirectives shows that all of redis-server's directives are there, with the same defaults and
// the same answer to whether they may change.
func TestSameDirectives(t *testing.T) {
	own := []string{"dir", "port", "bind"} // of the process
	first := func(p program) *harness.Conn { return p.serve(t).dial() }
	theirs, ours := first(oracle(t)), first(tarn(t))
	want, names := values(t, theirs)
	got, _ := values(t, ours)
	for _, name := range names {
		value, ok := got[name]
		if !ok { // a hidden one is printed only when asked for by name
			v := ours.Must(t, "CONFIG", "GET", name)
			if len(v.Elem) != 2 {
				t.Errorf("%s is missing", name)
				continue
			}
			value = v.Elem[1].Text
		}
		switch {
		case slices.Contains(own, name):
		case value != want[name]:
			t.Errorf("%s is %q, want %q", name, value, want[name])
		default:
			v, err := theirs.Do("CONFIG", "SET", name, value)
			if err != nil {
				t.Fatal(err)
			}
			u, err := ours.Do("CONFIG", "SET", name, value)
			if err != nil {
				t.Fatal(err)
			}
			const refused = "can't set immutable config"
			if strings.HasSuffix(u.Text, refused) != strings.HasSuffix(v.Text, refused) {
				t.Errorf("CONFIG SET %s: %v, want %v", name, u, v)
			}
		}
	}
}

// unusual are values that no directive has by itself, of as many kinds as there are.
var unusual = map[string]string{
	"maxmemory": "123456789", "timeout": "345", "tcp-keepalive": "123", "hz": "37", "loglevel": "verbose",
	"masterauth": `a "quoted" \ pass`, "client-output-buffer-limit": "normal 10000000 5000000 17",
	"proc-title-template": "{title} of {port}", "slowlog-log-slower-than": "12345", "latency-tracking-info-percentiles": "50 75.5",
	"stop-writes-on-bgsave-error": "no", "rdbcompression": "no", "lfu-log-factor": "11", "proto-max-bulk-len": "1073741824",
	"save": "100 7 50 3", "shutdown-on-sigterm": "save now", "oom-score-adj-values": "1 2 3", "dbfilename": "other name.rdb",
	"maxclients": "321", "busy-reply-threshold": "777", "hash-max-listpack-entries": "99", "lazyfree-lazy-user-flush": "yes",
}

// TestRewrite sets unusual values, rewrites the file and starts again from it: all values are the same,
// the file's comments are there, and a further rewrite changes nothing.
func TestRewrite(t *testing.T) {
	for _, all := range []bool{false, true} {
		t.Run("all written "+strconv.FormatBool(all), func(t *testing.T) {
			onBoth(t, func(t *testing.T, p program) {
				dir := t.TempDir()
				port := harness.Port(t)
				conf := write(t, dir, "server.conf", "# first comment", "", "port "+strconv.Itoa(port), "bind 127.0.0.1", "dir "+dir,
					"# second comment", "timeout 1", "save 900 1", "save 300 10", "enable-debug-command yes", "enable-protected-configs yes", "hz 11")
				start := func() (*process, *harness.Conn) {
					s := p.launch(t, dir, "./server.conf")
					s.port = port
					s.await("Ready to accept connections")
					return s, s.dial()
				}
				s, c := start()
				for name, value := range unusual {
					c.Must(t, "CONFIG", "SET", name, value)
				}
				if all {
					c.Must(t, "DEBUG", "CONFIG-REWRITE-FORCE-ALL")
				}
				before, names := values(t, c)
				c.Must(t, "CONFIG", "REWRITE")
				once := read(t, conf)
				c.Must(t, "CONFIG", "REWRITE")
				if twice := read(t, conf); twice != once && p.tarn {
					t.Errorf("the second rewrite differs:\n%s\nthe first:\n%s", twice, once)
				}
				inOrder(t, once, "# first comment", "port "+strconv.Itoa(port), "# second comment", "timeout 345", "hz 37")
				if err := c.Send("SHUTDOWN", "NOSAVE"); err != nil {
					t.Fatal(err)
				}
				s.wait()

				_, c = start()
				after, _ := values(t, c)
				for _, name := range names {
					if after[name] != before[name] {
						t.Errorf("%s was %q, is %q after the restart; the file:\n%s", name, before[name], after[name], once)
					}
				}
				for name, value := range unusual {
					if name != "client-output-buffer-limit" && after[name] != value {
						t.Errorf("%s is %q, want %q", name, after[name], value)
					}
				}
			})
		})
	}
}

// TestRewriteWithoutFile shows the refusal of a server that has no file.
func TestRewriteWithoutFile(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		if v := p.serve(t).do("CONFIG", "REWRITE"); v.Text != "ERR The server is running without a config file" {
			t.Errorf("CONFIG REWRITE: %v", v)
		}
	})
}

// TestSetIsAtomic shows that of several pairs all or none are in force, also when one cannot be
// applied.
func TestSetIsAtomic(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		s := p.serve(t, "--timeout", "5")
		c := s.dial()
		for _, words := range []string{
			"timeout 6 maxmemory nonsense", "timeout 6 nosuch 1", "timeout 6 daemonize yes", "timeout 6 timeout 7",
			"timeout 6 bind " + elsewhere, "maxclients 20 timeout 6 bind " + elsewhere, "timeout 6 dir /nonexistent",
		} {
			v, err := c.Do(append([]string{"CONFIG", "SET"}, strings.Fields(words)...)...)
			if err != nil || !v.IsError() {
				t.Errorf("CONFIG SET %s: %v, %v", words, v, err)
			}
			if got := c.Must(t, "CONFIG", "GET", "timeout").Elem[1].Text; got != "5" {
				t.Errorf("after CONFIG SET %s, timeout is %s", words, got)
			}
			s.must("PING")
		}
	})
}
