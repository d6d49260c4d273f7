// Starting up: what both servers refuse, in a config file or on the command line, and why; and what
// they make of arguments they accept.

package transcripts

import (
	"regexp"
	"strings"
	"testing"

	"tarn/test/harness"
)

// TestStartErrors compares the exit code, the line quoted and the reason.
func TestStartErrors(t *testing.T) {
	for _, tc := range []struct {
		name       string
		directives []string
		args       []string
	}{
		{name: "unknown", directives: []string{"nosuch 1"}},
		{name: "no value", directives: []string{"maxclients"}},
		{name: "two values", directives: []string{"maxclients 1 2"}},
		{name: "no integer", directives: []string{"maxclients abc"}},
		{name: "too small", directives: []string{"maxclients 0"}},
		{name: "too large", directives: []string{"databases 99999999999"}},
		{name: "no size", directives: []string{"maxmemory 1xb"}},
		{name: "no boolean", directives: []string{"appendonly maybe"}},
		{name: "no word of the list", directives: []string{"appendfsync seldom"}},
		{name: "no policy", directives: []string{"maxmemory-policy nosuch"}},
		{name: "quotes", directives: []string{`dbfilename "a`}},
		{name: "save of one", directives: []string{"save 60"}},
		{name: "save of words", directives: []string{"save a b"}},
		{name: "output limit class", directives: []string{"client-output-buffer-limit nosuch 1 1 1"}},
		{name: "output limit short", directives: []string{"client-output-buffer-limit normal 1 1"}},
		{name: "file name", directives: []string{"dbfilename a/b"}},
		{name: "folder", directives: []string{"dir /no/such/folder"}},
		{name: "include", directives: []string{"include /no/such/file"}},
		{name: "rename unknown", directives: []string{"rename-command nosuch x"}},
		{name: "rename to existing", directives: []string{"rename-command get set"}},
		{name: "argument unknown", args: []string{"--nosuch", "1"}},
		{name: "argument no value", args: []string{"--maxclients"}},
		{name: "argument two values", args: []string{"--port", "6379", "6380"}},
		{name: "argument no integer", args: []string{"--port", "abc"}},
		{name: "argument no word", args: []string{"--appendfsync", "seldom"}},
		{name: "argument in one word", args: []string{"--maxclients abc"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want, wantCode := startError(t, harness.Oracle(t), tc.args, tc.directives)
			got, gotCode := startError(t, harness.Tarn(t), tc.args, tc.directives)
			if got != want || gotCode != wantCode {
				t.Errorf("%q %q: exit code %d\n%s\nwant exit code %d\n%s", tc.directives, tc.args, gotCode, got, wantCode, want)
			}
		})
	}
}

var logStamp = regexp.MustCompile(`(?m)^\d+:(.) \d+ \w+ \d+ [\d:.]+ `)

// startError returns the quoted line and the reason, which stand after the line with the number, or
// else the log without pid and time.
func startError(t *testing.T, p harness.Program, args, directives []string) (reason string, code int) {
	p.After = args
	out, code := p.StartError(t, directives...)
	_, reason, found := strings.Cut(out, "\nReading the configuration file, at line ")
	if !found {
		return logStamp.ReplaceAllString(out, "pid:$1 "), code
	}
	return "at line " + reason, code
}

// TestStartArguments compares what CONFIG GET says after a start with arguments.
func TestStartArguments(t *testing.T) {
	for _, tc := range []struct {
		name       string
		directives []string
		args       []string
		get        string
	}{
		{name: "pair", args: []string{"--maxclients", "77"}, get: "maxclients"},
		{name: "one word", args: []string{"--maxclients 77"}, get: "maxclients"},
		{name: "later wins", args: []string{"--timeout", "7", "--timeout", "8"}, get: "timeout"},
		{name: "argument wins", directives: []string{"timeout 5"}, args: []string{"--timeout", "6"}, get: "timeout"},
		{name: "save of two", args: []string{"--save", "900", "1"}, get: "save"},
		{name: "save twice", args: []string{"--save", "900", "1", "--save", "60", "5"}, get: "save"},
		{name: "save without value", args: []string{"--save", "--timeout", "3"}, get: "save"},
		{name: "save empty", args: []string{"--save", ""}, get: "save"},
		{name: "value with dashes", args: []string{"--proc-title-template", "--my--title--"}, get: "proc-title-template"},
		{name: "several values", args: []string{"--client-output-buffer-limit", "normal", "1mb", "2mb", "3"}, get: "client-output-buffer-limit"},
		{name: "quoted value", directives: []string{`dbfilename "a\x62c.rdb"`}, get: "dbfilename"},
		{name: "single quotes", directives: []string{`dbfilename 'abc.rdb'`}, get: "dbfilename"},
		{name: "comment and blanks", directives: []string{"# timeout 9", "", "  timeout   4  "}, get: "timeout"},
		{name: "letter case", directives: []string{"TimeOut 4"}, get: "timeout"},
		{name: "save lines add up", directives: []string{"save 900 1", "save 60 5"}, get: "save"},
		{name: "save is cleared", directives: []string{"save 900 1", `save ""`, "save 60 5"}, get: "save"},
		{name: "units", directives: []string{"maxmemory 1gb"}, get: "maxmemory"},
		{name: "old alias", directives: []string{"hash-max-ziplist-entries 99"}, get: "hash-max-*-entries"},
		{name: "slave alias", directives: []string{"slave-priority 7"}, get: "*-priority"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var replies [2]string
			for i, p := range []harness.Program{harness.Oracle(t), harness.Tarn(t)} {
				p.After = tc.args
				c := p.Start(t, tc.directives...).Dial(t)
				replies[i] = strings.Join(sortedLines(c.Must(t, "CONFIG", "GET", tc.get)), "\n")
			}
			if replies[1] != replies[0] {
				t.Errorf("%q %q: CONFIG GET %s\n%s\nwant\n%s", tc.directives, tc.args, tc.get, replies[1], replies[0])
			}
		})
	}
}
