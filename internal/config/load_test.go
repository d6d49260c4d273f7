// Start-up from arguments and files: what each line means, which are refused and in which words.
//
// The words are Redis's; oracle_test.go asks a real one for them.

package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"tarn/internal/vfs"
)

// testFiles returns files by path, in folders that are made for them, and the folders /srv and
// /srv/data.
func testFiles(t testing.TB, content map[string]string) *vfs.Mem {
	t.Helper()
	files := vfs.NewMem()
	for _, dir := range []string{"/srv", "/srv/data", "/srv/conf.d", "/srv/conf.d/empty"} {
		if err := files.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range content {
		f, err := files.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func testEnv(t testing.TB, stdin string, content map[string]string) Env {
	return Env{
		Files: testFiles(t, content), Dir: "/srv", Product: "Tarn 0.1", Stdin: strings.NewReader(stdin),
		Command: func(name string) bool {
			return slices.Contains([]string{"get", "set", "config", "flushall"}, strings.ToLower(name))
		},
	}
}

func loadText(t testing.TB, text string) (*Store, *Startup, error) {
	return Load([]string{"-"}, testEnv(t, text, nil))
}

func TestCommandLine(t *testing.T) {
	for _, tc := range []struct {
		args    []string
		path    string
		stdin   bool
		options string
	}{
		{args: nil},
		{args: []string{"a.conf"}, path: "a.conf"},
		{args: []string{"-"}, stdin: true},
		{args: []string{"a.conf", "-"}, path: "a.conf", stdin: true},
		{args: []string{"-", "--port", "1"}, stdin: true, options: `port "1" `},
		{args: []string{"--port", "1", "-"}, stdin: true, options: `port "1" `},
		{args: []string{"--port", "1", "-", "--hz", "1"}, options: "port \"1\" \"-\" \nhz \"1\" "},
		{args: []string{"--port", "6380", "--hz", "12"}, options: "port \"6380\" \nhz \"12\" "},
		{args: []string{"--bind", "::1", "127.0.0.1"}, options: `bind "::1" "127.0.0.1" `},
		{args: []string{"--port 6380"}, options: "port 6380 "},
		{args: []string{"--port 6380", "--hz 12"}, options: "port 6380 \nhz 12 "},
		{args: []string{"a.conf", "port", "6380"}, path: "a.conf", options: `"port" "6380" `},
		{args: []string{"a.conf", "port", "1", "--hz", "2"}, path: "a.conf", options: "\"port\" \"1\" \nhz \"2\" "},
		{args: []string{"--requirepass", "--secret"}, options: `requirepass "--secret" `},
		{args: []string{"--requirepass", "--secret", "--port", "1"}, options: "requirepass \"--secret\" \nport \"1\" "},
		{args: []string{"--port ", "--hz"}, options: `port  "--hz" `},
		{args: []string{"--save"}, options: `save ""`},
		{args: []string{"--SAVE"}, options: `SAVE ""`},
		{args: []string{"--load-what-you-can"}, options: `load-what-you-can yes`},
		{args: []string{"--load-what-you-can", "--port", "1"}, options: "load-what-you-can yes\nport \"1\" "},
		{args: []string{"--load-what-you-can", "no"}, options: `load-what-you-can "no" `},
		{args: []string{"--save", ""}, options: `save "" `},
		{args: []string{"--save", "--port", "1"}, options: "save \"\"\nport \"1\" "},
		{args: []string{"--save", "60", "1", "--save", "70", "2"}, options: "save \"60\" \"1\" \nsave \"70\" \"2\" "},
		{args: []string{"--save", "60 1 70 2"}, options: `save "60 1 70 2" `},
		{args: []string{"--hz", "a\"\\\n\x01"}, options: `hz "a\"\\\n\x01" `},
		{args: []string{`--user "a`, "--port"}, options: "user \"a \nport "},
	} {
		path, stdin, options := commandLine(tc.args)
		if path != tc.path || stdin != tc.stdin || options != tc.options {
			t.Errorf("commandLine(%q) = %q, %t, %q; want %q, %t, %q", tc.args, path, stdin, options, tc.path, tc.stdin, tc.options)
		}
	}
}

func TestLaterLinesWin(t *testing.T) {
	env := testEnv(t, "hz 30\ntimeout 3\n", map[string]string{
		"/srv/tarn.conf":         "# a comment\n\n  HZ 20\r\n\ttimeout 2\nport 2 \ninclude conf.d/*.conf\ninclude conf.d/none-*\n",
		"/srv/conf.d/b.conf":     "port 4\nmaxclients 5\n",
		"/srv/conf.d/a.conf":     "port 3\nmaxclients 4\ninclude conf.d/empty/*",
		"/srv/conf.d/.hid.conf":  "port 9\n",
		"/srv/conf.d/other.text": "port 9\n",
	})
	if _, startup, err := Load([]string{"tarn.conf", "-", "--timeout", "4"}, env); err == nil {
		t.Errorf("a lone - between words was taken, with Startup %+v", startup)
	}
	s, startup, err := Load([]string{"tarn.conf", "--timeout", "4", "-"}, env)
	if err != nil {
		t.Fatal(err)
	}
	c := s.Current()
	got := []int64{c.Hz, c.Timeout, c.Port, c.MaxClients}
	if want := []int64{30, 4, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("hz, timeout, port, maxclients = %v, want %v", got, want)
	}
	if startup.File != "/srv/tarn.conf" || s.File() != "/srv/tarn.conf" || !startup.Stdin {
		t.Errorf("file %q and %q, stdin %t; want /srv/tarn.conf twice, true", startup.File, s.File(), startup.Stdin)
	}
}

func TestDirMovesWhatIsRelative(t *testing.T) {
	env := testEnv(t, "", map[string]string{
		"/srv/tarn.conf":      "dir data\ninclude more.conf\ndir ..",
		"/srv/data/more.conf": "port 7\n",
	})
	s, startup, err := Load([]string{"./tarn.conf"}, env)
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Current(); c.Port != 7 || c.Dir != "/srv" || startup.File != "/srv/tarn.conf" {
		t.Errorf("port %d, dir %s, file %s; want 7, /srv, /srv/tarn.conf", c.Port, c.Dir, startup.File)
	}
}

func TestSavePoints(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "3600 1 300 100 60 10000"},
		{"save 10 1", "10 1"},
		{"save 10 1\nsave 20 2", "10 1 20 2"},
		{"save 10 1 30 3\nsave '20 2'", "10 1 30 3 20 2"},
		{"save ''", ""},
		{"save", ""},
		{"save 10 1\nsave ''", ""},
		{"save ''\nsave 10 1", "10 1"},
		{"save 10 1\nsave ''\nsave 20 2", "20 2"},
	} {
		s, _, err := loadText(t, tc.text)
		if err != nil {
			t.Errorf("%q: %v", tc.text, err)
			continue
		}
		if got := s.Get("save"); len(got) != 1 || got[0].Value != tc.want {
			t.Errorf("%q: CONFIG GET save = %v, want %q", tc.text, got, tc.want)
		}
	}
}

// mistakes are texts that end the start, with the line that is shown ("" none) and the reason.
var mistakes = []struct {
	text   string
	line   int
	shown  string
	reason string
}{
	{"bogus 1", 1, "bogus 1", "Bad directive or wrong number of arguments"},
	{"# x\n\n  Bogus  1\t\r\n", 3, "Bogus  1", "Bad directive or wrong number of arguments"},
	{`port "1`, 1, `port "1`, "Unbalanced quotes in configuration line"},
	{`port "1"x`, 1, `port "1"x`, "Unbalanced quotes in configuration line"},
	{`save "1 \" 2"`, 1, `save "1 \" 2"`, "Unbalanced quotes in configuration line"},
	{"port", 1, "port", "wrong number of arguments"},
	{"port 6379 6380", 1, "port 6379 6380", "wrong number of arguments"},
	{"port 1 #c", 1, "port 1 #c", "wrong number of arguments"},
	{"port x", 1, "port x", "argument couldn't be parsed into an integer"},
	{"port 01", 1, "port 01", "argument couldn't be parsed into an integer"},
	{"port 65536", 1, "port 65536", "argument must be between 0 and 65535 inclusive"},
	{"databases 0", 1, "databases 0", "argument must be between 1 and 2147483647 inclusive"},
	{"maxmemory -1", 1, "maxmemory -1", "argument must be a memory value"},
	{"maxmemory-clients x", 1, "maxmemory-clients x", "argument must be a memory or percent value"},
	{"maxmemory-clients 101%", 1, "maxmemory-clients 101%", "percentage argument must be less or equal to 100"},
	{"unixsocketperm 8", 1, "unixsocketperm 8", "argument couldn't be parsed as an octal number"},
	{"unixsocketperm 1000", 1, "unixsocketperm 1000", "argument must be between 0 and 777 inclusive"},
	{"daemonize maybe", 1, "daemonize maybe", "argument must be 'yes' or 'no'"},
	{"appendfsync often", 1, "appendfsync often", "argument(s) must be one of the following: everysec, always, no"},
	{"save 1", 1, "save 1", "Invalid save parameters"},
	{"save 0 1", 1, "save 0 1", "Invalid save parameters"},
	{"save 1 x", 1, "save 1 x", "Invalid save parameters"},
	{"bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", 1, "bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "Too many bind addresses specified."},
	{"client-output-buffer-limit normal 1 2", 1, "client-output-buffer-limit normal 1 2", "Wrong number of arguments in buffer limit configuration."},
	{"client-output-buffer-limit ''", 1, "client-output-buffer-limit ''", "Wrong number of arguments in buffer limit configuration."},
	{"client-output-buffer-limit master 1 2 3", 1, "client-output-buffer-limit master 1 2 3", "Invalid client class specified in buffer limit configuration."},
	{"client-output-buffer-limit normal 1 2 -3", 1, "client-output-buffer-limit normal 1 2 -3", "Error in hard, soft or soft_seconds setting in buffer limit configuration."},
	{"oom-score-adj-values 1 2", 1, "oom-score-adj-values 1 2", "wrong number of arguments"},
	{"oom-score-adj-values 1 2 2001", 1, "oom-score-adj-values 1 2 2001", "Invalid oom-score-adj-values, elements must be between -2000 and 2000."},
	{"notify-keyspace-events Q", 1, "notify-keyspace-events Q", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."},
	{"latency-tracking-info-percentiles x", 1, "latency-tracking-info-percentiles x", "Invalid latency-tracking-info-percentiles parameters"},
	{"latency-tracking-info-percentiles 101", 1, "latency-tracking-info-percentiles 101", "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"},
	{"shutdown-on-sigint", 1, "shutdown-on-sigint", "argument(s) must be one of the following: default, save, nosave, now, force"},
	{"shutdown-on-sigint save nosave", 1, "shutdown-on-sigint save nosave", "shutdown options SAVE and NOSAVE can't be used simultaneously"},
	{"proc-title-template {x}", 1, "proc-title-template {x}", "template format is invalid or contains unknown variables"},
	{"dbfilename a/b", 1, "dbfilename a/b", "dbfilename can't be a path, just a filename"},
	{"appendfilename ''", 1, "appendfilename ''", "appendfilename can't be empty"},
	{"appendfilename a/b", 1, "appendfilename a/b", "appendfilename can't be a path, just a filename"},
	{"appenddirname ''", 1, "appenddirname ''", "appenddirname can't be empty"},
	{"appenddirname a/b", 1, "appenddirname a/b", "appenddirname can't be a path, just a dirname"},
	{"cluster-announce-hostname a_b", 1, "cluster-announce-hostname a_b", "Hostnames may only contain alphanumeric characters, hyphens or dots"},
	{"cluster-announce-human-nodename a:b", 1, "cluster-announce-human-nodename a:b", "Announced human node name contained invalid character"},
	{"dir /none", 1, "dir /none", "No such file or directory"},
	{"dir ''", 1, "dir ''", "No such file or directory"},
	{"replicaof a", 1, "replicaof a", "wrong number of arguments"},
	{"slaveof a b", 1, "slaveof a b", "Invalid master port"},
	{"cluster-enabled yes\nreplicaof a 1", 0, "", "replicaof directive not allowed in cluster mode"},
	{"include", 1, "include", "Bad directive or wrong number of arguments"},
	{"include a b", 1, "include a b", "Bad directive or wrong number of arguments"},
	{"user", 1, "user", "Bad directive or wrong number of arguments"},
	{"loadmodule", 1, "loadmodule", "Bad directive or wrong number of arguments"},
	{"sentinel monitor x", 1, "sentinel monitor x", "sentinel directive while not in sentinel mode"},
	{"user foo on\nuser foo off", 2, "user foo off", "Error in user declaration 'foo': Duplicate user found. A user can only be defined once in config files"},
	{"rename-command", 1, "rename-command", "Bad directive or wrong number of arguments"},
	{"rename-command foo bar", 1, "rename-command foo bar", "No such command in rename-command"},
	{"rename-command get SET", 1, "rename-command get SET", "Target command name already exists"},
	{"rename-command get ''\nrename-command GET x", 2, "rename-command GET x", "No such command in rename-command"},
	{"rename-command config|get x", 1, "rename-command config|get x", "No such command in rename-command"},
	{"list-max-ziplist-entries", 1, "list-max-ziplist-entries", "Bad directive or wrong number of arguments"},
	// What follows is Tarn's own.
	{"keyspace-shards 3", 1, "keyspace-shards 3", "argument must be a power of two"},
	{"keyspace-shards 512", 1, "keyspace-shards 512", "argument must be between 1 and 256 inclusive"},
	{"rdb-version 8", 1, "rdb-version 8", "argument must be 0 or between 9 and 12"},
	{"snapshot-buffer-limit 1", 1, "snapshot-buffer-limit 1", "argument must be between 1048576 and 9223372036854775807 inclusive"},
	{"maxmemory 9999999999gb", 1, "maxmemory 9999999999gb", "argument must be a memory value"},
	{"a.b c", 1, "a.b c", "Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting"},
	{"cluster-enabled no\ncluster-enabled yes\nport 1", 2, "cluster-enabled yes", "tarn: cluster-enabled yes needs cluster mode, which this version does not have"},
	{"slaveof a 1", 1, "slaveof a 1", "tarn: replicaof a 1 needs replication, which this version does not have"},
	{"cluster-enabled yes", 1, "cluster-enabled yes", "tarn: cluster-enabled yes needs cluster mode, which this version does not have"},
	{"tls-port 1", 1, "tls-port 1", "tarn: tls-port 1 needs TLS, which this version does not have"},
	{"aclfile x", 1, "aclfile x", "tarn: aclfile x needs access control lists, which this version does not have"},
	{"user foo on", 1, "user foo on", "tarn: user foo needs access control lists, which this version does not have"},
	{"loadmodule x.so", 1, "loadmodule x.so", "tarn: loadmodule x.so needs modules, which this version does not have"},
}

func TestMistakesEndTheStart(t *testing.T) {
	for _, tc := range mistakes {
		_, _, err := loadText(t, tc.text)
		var mistake *FileError
		if !errors.As(err, &mistake) {
			t.Errorf("%q: %v, want a FileError", tc.text, err)
			continue
		}
		if mistake.Line != tc.line || mistake.Text != tc.shown || mistake.Reason != tc.reason {
			t.Errorf("%q: line %d, %q, %q; want %d, %q, %q", tc.text, mistake.Line, mistake.Text, mistake.Reason, tc.line, tc.shown, tc.reason)
		}
		if strings.Contains(mistake.Text, "\n") {
			t.Errorf("%q: text %q has a line end", tc.text, mistake.Text)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"hz 1\nport x", "\n*** FATAL CONFIG FILE ERROR (Tarn 0.1) ***\nReading the configuration file, at line 2\n>>> 'port x'\nargument couldn't be parsed into an integer\n"},
		{"cluster-enabled yes\nreplicaof a 1", "\n*** FATAL CONFIG FILE ERROR (Tarn 0.1) ***\nreplicaof directive not allowed in cluster mode\n"},
		{"include /none.conf", "Fatal error, can't open config file '/none.conf': No such file or directory"},
	} {
		_, _, err := loadText(t, tc.text)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%q: %q, want %q", tc.text, fmt.Sprint(err), tc.want)
		}
	}
	_, _, err := Load([]string{"none.conf"}, testEnv(t, "", nil))
	var open *OpenError
	if !errors.As(err, &open) || open.Path != "/srv/none.conf" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v, want an OpenError about /srv/none.conf", err)
	}
	if _, _, err := Load([]string{""}, testEnv(t, "", nil)); err == nil {
		t.Error("an empty file name was taken")
	}
}

func TestLinesCountThroughToTheArguments(t *testing.T) {
	env := testEnv(t, "", map[string]string{"/srv/tarn.conf": "port 1\nhz 1\n", "/srv/inc.conf": "\n\nhz x\n"})
	_, _, err := Load([]string{"tarn.conf", "--timeout", "1", "--hz", "x"}, env)
	var mistake *FileError
	if !errors.As(err, &mistake) || mistake.Line != 5 || mistake.Text != `hz "x"` {
		t.Errorf("got %v, want line 5, hz \"x\"", err)
	}
	_, _, err = Load([]string{"tarn.conf", "--include", "inc.conf"}, env)
	if !errors.As(err, &mistake) || mistake.Line != 3 || mistake.Text != "hz x" {
		t.Errorf("got %v, want line 3 of the included file, hz x", err)
	}
}

func TestIncludeOfItselfEnds(t *testing.T) {
	_, _, err := Load([]string{"a.conf"}, testEnv(t, "", map[string]string{"/srv/a.conf": "include a.conf\n"}))
	var mistake *FileError
	if !errors.As(err, &mistake) || mistake.Reason != "Files include one another too deeply" {
		t.Errorf("got %v, want the FileError about depth", err)
	}
}

func TestRefusedValuesMayBeTakenBack(t *testing.T) {
	s, _, err := loadText(t, "appendonly yes\nreplicaof a 1\nappendonly no\nslaveof no one\ntls-port 0\naclfile ''")
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Current(); c.AppendOnly || c.ReplicaOf.Host != "" {
		t.Errorf("appendonly %t, replicaof %v; want false and none", c.AppendOnly, c.ReplicaOf)
	}
	if got := s.Ineffective(); len(got) != 0 {
		t.Errorf("Ineffective() = %v, want none", got)
	}
}

func TestRenames(t *testing.T) {
	_, startup, err := loadText(t, "rename-command FLUSHALL ''\nrename-command config abc\nrename-command abc def\nrename-command get get")
	want := []Rename{{"FLUSHALL", ""}, {"config", "abc"}, {"abc", "def"}, {"get", "get"}}
	if err != nil || !slices.Equal(startup.Renames, want) {
		t.Errorf("got %v, %v; want %v", startup, err, want)
	}
}

func TestIneffective(t *testing.T) {
	s, _, err := loadText(t, "port 1\nactivedefrag no\nmaxmemory-policy noeviction\nappendonly no\nlist-max-ziplist-entries 5\n"+
		"activerehashing no\nhash-max-ziplist-entries 512\nlua-time-limit 5000\nserver-cpulist 0\n"+
		"lazyfree-lazy-expire yes\nlazyfree-lazy-server-del yes\nlazyfree-lazy-user-del yes\nsanitize-dump-payload yes\nlocale-collate C")
	if err != nil {
		t.Fatal(err)
	}
	want := []Notice{
		{"locale-collate", "text is compared byte by byte, as in the locale C"},
		{"server-cpulist", "this version does not have CPU pinning"},
		{"activerehashing", "tables grow one bucket at a time and never hold two copies"},
		{"busy-reply-threshold", "this version does not have scripts"},
	}
	if got := s.Ineffective(); !slices.Equal(got, want) {
		t.Errorf("Ineffective() = %v, want %v", got, want)
	}
}

func TestHzIsBroughtIntoRange(t *testing.T) {
	for text, want := range map[string]int64{"hz 0": 1, "hz 1": 1, "hz 501": 500, "hz 2147483647": 500} {
		s, _, err := loadText(t, text)
		if err != nil || s.Current().Hz != want {
			t.Errorf("%q: %v, want hz %d", text, err, want)
		}
	}
}
