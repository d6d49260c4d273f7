// Starting: every form of the command line, with a file, standard input, both or neither; what is
// refused, with which words and exit code; and the background.

package process

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"tarn/test/harness"
)

// TestStartForms shows that each form of the arguments sets what it says. PORT stands for a free
// port, which every form listens on.
func TestStartForms(t *testing.T) {
	for _, tc := range []struct {
		name  string
		file  []string // lines of ./server.conf; nil: none
		stdin string   // "": not given
		args  string   // words, split at blanks; "_" in a word stands for one
		want  map[string]string
	}{
		{name: "file", file: []string{"port PORT", "maxclients 77"}, args: "./server.conf", want: map[string]string{"maxclients": "77"}},
		{name: "file and arguments", file: []string{"port 1", "maxclients 77"}, args: "server.conf --port PORT --maxclients 78", want: map[string]string{"maxclients": "78"}},
		{name: "arguments alone", args: "--port PORT --maxclients 79", want: map[string]string{"maxclients": "79"}},
		{name: "pair in one word", args: "--port_PORT --maxclients_80", want: map[string]string{"maxclients": "80"}},
		{name: "first pair without dashes", file: []string{"maxclients 5"}, args: "server.conf port PORT --maxclients 81", want: map[string]string{"maxclients": "81"}},
		{name: "several values", args: "--port PORT --client-output-buffer-limit normal 1000 900 7", want: map[string]string{"client-output-buffer-limit": "normal 1000 900 7 slave 268435456 67108864 60 pubsub 33554432 8388608 60"}},
		{name: "several values in one word", args: "--port PORT --save 900_1_300_10", want: map[string]string{"save": "900 1 300 10"}},
		{name: "save adds up in a file", file: []string{"port PORT", "save 900 1", "save 300 10"}, args: "server.conf", want: map[string]string{"save": "900 1 300 10"}},
		{name: "save cleared in a file", file: []string{"port PORT", "save 900 1", `save ""`}, args: "server.conf", want: map[string]string{"save": ""}},
		{name: "save without a value", args: "--port PORT --save --loglevel verbose", want: map[string]string{"save": "", "loglevel": "verbose"}},
		{name: "save without a value, last", args: "--port PORT --save", want: map[string]string{"save": ""}},
		{name: "value with dashes", args: "--port PORT --proc-title-template --my--title", want: map[string]string{"proc-title-template": "--my--title"}},
		{name: "standard input", stdin: "port PORT\nmaxclients 82\n", args: "-", want: map[string]string{"maxclients": "82"}},
		{name: "file and standard input", file: []string{"port PORT", "maxclients 1"}, stdin: "maxclients 83", args: "server.conf -", want: map[string]string{"maxclients": "83"}},
		{name: "quotes", file: []string{"port PORT", `requirepass "with \"quotes\" and \x41"`, "dbfilename 'a b.rdb'"}, args: "server.conf", want: map[string]string{"dbfilename": "a b.rdb"}},
		{name: "later lines win", file: []string{"port 1", "PORT 2", "port PORT", "maxmemory 1kb", "maxmemory 1gb"}, args: "server.conf", want: map[string]string{"maxmemory": "1073741824"}},
		{name: "comments and case", file: []string{"# a comment", "", "   # another", "PoRt PORT", "\tTimeout   5  "}, args: "server.conf", want: map[string]string{"timeout": "5"}},
		{name: "old names", file: []string{"port PORT", "slave-read-only no", "hash-max-ziplist-entries 9", "lua-time-limit 7"}, args: "server.conf", want: map[string]string{"replica-read-only": "no", "hash-max-listpack-entries": "9", "busy-reply-threshold": "7"}},
		{name: "include", file: []string{"port PORT", "maxclients 3", "include more.conf"}, args: "server.conf", want: map[string]string{"maxclients": "84"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, p program) {
				dir := t.TempDir()
				port := harness.Port(t)
				fill := func(s string) string { return strings.ReplaceAll(s, "PORT", strconv.Itoa(port)) }
				if tc.file != nil {
					lines := strings.Split(fill(strings.Join(tc.file, "\n")), "\n")
					if tc.name == "later lines win" {
						lines[1] = "port 2" // the word PORT is a name here
					}
					write(t, dir, "server.conf", lines...)
				}
				write(t, dir, "more.conf", "maxclients 84")
				var args []string
				for word := range strings.FieldsSeq(fill(tc.args)) {
					args = append(args, strings.ReplaceAll(word, "_", " "))
				}
				s := p.launchWith(t, dir, strings.NewReader(fill(tc.stdin)), args...)
				s.port = port
				s.await("Ready to accept connections")
				c := s.dial()
				if tc.name == "quotes" {
					if v, err := c.Do("AUTH", `with "quotes" and A`); err != nil || v.Text != "OK" {
						t.Errorf("AUTH: %v, %v", v, err)
					}
				}
				for name, want := range tc.want {
					v := c.Must(t, "CONFIG", "GET", name)
					if len(v.Elem) != 2 || v.Elem[1].Text != want {
						t.Errorf("CONFIG GET %s = %v, want %q", name, v, want)
					}
				}
				s.signal(syscall.SIGKILL)
				s.wait()
			})
		})
	}
}

// versions are what differs between the two programs in what they print of a refusal.
var versions = regexp.MustCompile(`\(Redis [0-9.]+\)|^\d+:C \d\d \w+ \d{4} [\d:.]+ `)

// TestRefusals shows that mistakes end the start at once, with redis-server's own words and a
// non-zero exit code.
func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		file []string
		args []string
		say  string // what redis-server is known to say
	}{
		{args: []string{"--port"}, say: "wrong number of arguments"},
		{args: []string{"--port", "abc"}, say: "argument couldn't be parsed into an integer"},
		{args: []string{"--port", "6379", "6380"}, say: "'port \"6379\" \"6380\"'"},
		{args: []string{"--port", "65536"}, say: "argument must be between 0 and 65535 inclusive"},
		{args: []string{"--foo", "bar"}, say: "Bad directive or wrong number of arguments"},
		{args: []string{"--foo"}, say: "Bad directive or wrong number of arguments"},
		{args: []string{"--maxmemory-policy", "some"}, say: "argument(s) must be one of the following"},
		{args: []string{"--daemonize", "perhaps"}, say: "argument must be 'yes' or 'no'"},
		{args: []string{"--replicaof", "127.0.0.1", "abc"}, say: "Invalid master port"},
		{args: []string{"--replicaof", "--127.0.0.1", "abc"}, say: "Invalid master port"},
		{args: []string{"--user", "foo", "--user", "foo"}, say: "foo"},
		{args: []string{"--maxmemory", "1xb"}, say: "argument must be a memory value"},
		{args: []string{"--save", "a", "b"}, say: "Invalid save parameters"},
		{args: []string{"--rename-command", "nosuch", "a"}, say: "No such command in rename-command"},
		{args: []string{"--rename-command", "get", "mget"}, say: "Target command name already exists"},
		{args: []string{"--client-output-buffer-limit", "normal", "1"}, say: "client-output-buffer-limit"},
		{args: []string{"--appendfilename", "a/b"}, say: "appendfilename can't be a path"},
		{args: []string{"--dir", "/nonexistent/folder"}, say: "No such file or directory"},
		{args: []string{"--logfile", "/nonexistent/log"}, say: "Can't open the log file: No such file or directory"},
		{args: []string{"--proc-title-template", "{nope}"}, say: "template format is invalid"},
		{args: []string{"--oom-score-adj-values", "1", "2", "5000"}, say: "oom-score-adj-values"},
		{args: []string{"nosuch.conf"}, say: "Fatal error, can't open config file"},
		{file: []string{"include nosuch.conf"}, say: "Fatal error, can't open config file"},
		{file: []string{"port 0", "", "# fine", "nosuch"}, say: "at line 4"},
		{file: []string{`requirepass "a`}, say: "Unbalanced quotes in configuration line"},
		{file: []string{"port"}, say: "wrong number of arguments"},
	} {
		t.Run(strings.Join(append(tc.args, tc.file...), " "), func(t *testing.T) {
			said := map[string]string{}
			onBoth(t, func(t *testing.T, p program) {
				dir := t.TempDir()
				args := tc.args
				if tc.file != nil {
					write(t, dir, "server.conf", tc.file...)
					args = []string{"server.conf"}
				}
				s := p.launch(t, dir, args...)
				if code := s.code(); code != 1 {
					t.Errorf("exit code %d, want 1", code)
				}
				text := strings.ReplaceAll(versions.ReplaceAllString(s.log(), ""), dir, "DIR")
				if !strings.Contains(text, tc.say) {
					t.Errorf("says no %q:\n%s", tc.say, text)
				}
				said[p.name] = text
			})
			if said["tarn"] != said["redis-server"] {
				t.Errorf("got:\n%s\nwant:\n%s", said["tarn"], said["redis-server"])
			}
		})
	}
}

// TestRelativePaths starts a server as benches do: from the root of a tree, with a relative path to a
// file in which the folder is relative too. CONFIG REWRITE finds the file later.
func TestRelativePaths(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		root := t.TempDir()
		port := strconv.Itoa(harness.Port(t))
		mkdir(t, root, "tests/tmp/server.1")
		write(t, root, "tests/tmp/redis.conf.1", "# mine", "port "+port, "bind 127.0.0.1", "dir ./tests/tmp/server.1", "unixsocket socket", "pidfile a.pid")
		s := p.launch(t, root, "./tests/tmp/redis.conf.1")
		s.port, _ = strconv.Atoi(port)
		s.await("Ready to accept connections")
		if !isThere(filepath.Join(root, "tests/tmp/server.1/socket")) {
			t.Error("the socket is not in the folder")
		}
		s.must("CONFIG", "SET", "maxclients", "99")
		s.must("CONFIG", "REWRITE")
		s.must("SET", "key", "value")
		s.stop()
		if !isThere(filepath.Join(root, "tests/tmp/server.1/dump.rdb")) {
			t.Error("the file of the save is not in the folder")
		}
		inOrder(t, read(t, filepath.Join(root, "tests/tmp/redis.conf.1")), "# mine", "port "+port, "maxclients 99")

		again := p.launch(t, root, "./tests/tmp/redis.conf.1")
		again.port = s.port
		again.await("Ready to accept connections")
		if got := again.config("maxclients"); got != "99" {
			t.Errorf("maxclients after the second start is %s", got)
		}
		if got := again.must("GET", "key"); got.Text != "value" {
			t.Errorf("GET key = %v", got)
		}
	})
}

// TestDaemonize shows that a server told to work in the background leaves at once, writes its pid, and
// answers as another process without a terminal.
func TestDaemonize(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		dir := t.TempDir()
		port := harness.Port(t)
		write(t, dir, "server.conf", "port "+strconv.Itoa(port), "bind 127.0.0.1", "daemonize yes", "dir data",
			"pidfile server.pid", "logfile server.log", "save 900 1")
		mkdir(t, dir, "data")
		s := p.launch(t, dir, "server.conf")
		s.port = port
		if code := s.code(); code != 0 {
			t.Fatalf("exit code %d:\n%s", code, s.log())
		}
		log := filepath.Join(dir, "data/server.log")
		awaitFile(t, log, "Ready to accept connections")
		pid, err := strconv.Atoi(s.info("process_id"))
		if err != nil || pid == s.cmd.Process.Pid {
			t.Fatalf("process_id %d is that of the process that was started", pid)
		}
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
		if got := strings.TrimSpace(read(t, filepath.Join(dir, "data/server.pid"))); got != strconv.Itoa(pid) {
			t.Errorf("pid file holds %q, want %d", got, pid)
		}
		if session, err := sessionOf(pid); err != nil || session != pid {
			t.Errorf("session %d, %v; want one of its own, %d", session, err, pid)
		}
		s.must("SET", "a", "1")
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		awaitFile(t, log, "bye bye")
		if isThere(filepath.Join(dir, "data/server.pid")) {
			t.Error("the pid file is still there")
		}
		if !isThere(filepath.Join(dir, "data/dump.rdb")) {
			t.Error("nothing was saved at the end")
		}
	})
}

// TestVersionOption shows that --version prints a line in redis-server's form and ends.
func TestVersionOption(t *testing.T) {
	line := regexp.MustCompile(`^Redis server v=\d+\.\d+\.\d+ sha=[0-9a-f]{8}:\d malloc=\S+ bits=\d+ build=[0-9a-f]+\n$`)
	onBoth(t, func(t *testing.T, p program) {
		for _, option := range []string{"-v", "--version"} {
			s := p.launch(t, t.TempDir(), option)
			if code := s.code(); code != 0 || !line.MatchString(s.log()) {
				t.Errorf("%s: exit code %d, printed %q, want %s", option, code, s.log(), line)
			}
		}
	})
}

// TestSubcommand shows that the binary under its own name serves by "server".
func TestSubcommand(t *testing.T) {
	p := tarn(t)
	path, err := filepath.EvalSymlinks(p.path)
	if err != nil {
		t.Fatal(err)
	}
	p.path = path
	port := harness.Port(t)
	s := p.launch(t, t.TempDir(), "server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1")
	s.port = port
	s.await("Ready to accept connections")
	s.must("PING")
	s.stop()
}
