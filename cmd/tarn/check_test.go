// Shown here, on the built binary: the arguments, answers and exit codes of "tarn check", and that links called
// redis-check-aof and redis-check-rdb take the arguments of Redis's tools and end as they do.

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tarn/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// call runs a program and returns its exit code and what it printed.
func call(t *testing.T, program, input string, args ...string) (code int, output string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// files makes files to check and returns their folder.
func files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	set := string(harness.AppendCommand(nil, "SET", "a", "1"))
	rdb := "REDIS0010\xfe\x00\x00\x01a\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00"
	for name, text := range map[string]string{
		"good.aof": "#TS:100\r\n" + set + "#TS:200\r\n" + set, "short.aof": set + set[:9], "good.rdb": rdb, "short.rdb": rdb[:13], "newer.rdb": "REDIS0013" + rdb[9:],
		"backup/a.rdb": rdb, "log/a.manifest": "file b seq 1 type b\n", "log/b": rdb,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCheck(t *testing.T) {
	tarn := harness.Tarn(t).Path
	for _, tc := range []struct {
		args  string // DIR stands for the folder of the files
		input string
		code  int
		says  string
	}{
		{args: "check rdb DIR/good.rdb", says: `\o/ RDB looks OK! \o/`},
		{args: "check rdb DIR/short.rdb", code: 1, says: "Unexpected EOF"},
		{args: "check rdb DIR/none", code: 1, says: "No such file or directory"},
		{args: "check rdb DIR/newer.rdb", code: 1, says: "Can't handle RDB format version"},
		{args: "check rdb DIR/newer.rdb --load-what-you-can", code: 1, says: "version 13 is newer"},
		{args: "check rdb --for redis-7.0 DIR/good.rdb", says: "It loads there as it is"},
		{args: "check rdb DIR/good.rdb --for=10", says: "It loads there as it is"},
		{args: "check rdb DIR/good.rdb --for redis-6.2", code: 1, says: "nothing is lost: tarn convert FILE OUT --rdb-version 9"},
		{args: "check rdb DIR/good.rdb --for redis-1", code: 1, says: `"redis-1" is none of redis-2.6, `},
		{args: "check aof DIR/good.aof --for redis-6.2", code: 1, says: "not defined: -for"},
		{args: "check aof DIR/good.aof", says: "good.aof is valid"},
		{args: "check aof DIR/log", says: "All AOF files and manifest are valid"},
		{args: "check aof DIR/log/a.manifest", says: "All AOF files and manifest are valid"},
		{args: "check aof DIR/short.aof", code: 1, says: "Use the --fix option"},
		{args: "check aof --fix DIR/short.aof", input: "n\n", code: 1, says: "Aborting..."},
		{args: "check aof --fix DIR/short.aof", code: 1, says: "Aborting..."},
		{args: "check aof --fix DIR/short.aof", input: "y\n", says: "Successfully truncated AOF"},
		{args: "check aof DIR/short.aof --fix --yes", says: "Successfully truncated AOF"},
		{args: "check aof DIR/good.aof --truncate-to-timestamp 150 --yes", says: "to timestamp 150"},
		{args: "check aof DIR/good.aof --until=SET --yes", says: "before the command at offset 9: SET a 1"},
		{args: "check aof DIR/good.aof --until=DEL", code: 1, says: "nothing is cut"},
		{args: "check backup DIR/backup", says: "1 good, 0 bad"},
		{args: "check backup DIR", code: 1, says: "BAD   DIR/short.rdb"},
		{args: "check", code: 1, says: "usage: tarn check"},
		{args: "check rdb", code: 1, says: "usage: tarn check"},
		{args: "check rdb a b", code: 1, says: "usage: tarn check"},
		{args: "check rdb --fix a", code: 1, says: "not defined: -fix"},
		{args: "check aof --until 'a DIR/good.aof", code: 1, says: "not a command"},
		{args: "check other a", code: 1, says: "usage: tarn check"},
		{args: "check aof --help", says: "usage: tarn check"},
	} {
		dir := files(t)
		code, output := call(t, tarn, tc.input, strings.Fields(strings.ReplaceAll(tc.args, "DIR", dir))...)
		if says := strings.ReplaceAll(tc.says, "DIR", dir); code != tc.code || !strings.Contains(output, says) {
			t.Errorf("tarn %s: exit code %d, want %d, and %q in\n%s", tc.args, code, tc.code, says, output)
		}
	}
}

// TestLinks compares exit codes and files with those of Redis's tools, where these are installed.
func TestLinks(t *testing.T) {
	tarn := harness.Tarn(t).Path
	links := t.TempDir()
	for _, name := range []string{"redis-check-aof", "redis-check-rdb"} {
		if err := os.Symlink(tarn, filepath.Join(links, name)); err != nil {
			t.Fatal(err)
		}
		theirs := harness.LookPath(t, name)
		for _, args := range []string{
			"", "FILE.aof", "FILE.rdb", "--fix FILE.aof", "FILE.aof --fix", "--fix", "--truncate-to-timestamp 150 FILE.aof", "--truncate-to-timestamp x FILE.aof",
			"--truncate-to-timestamp 150", "--other FILE.aof", "--fix --truncate-to-timestamp 150 FILE.aof", "none", "/", "--help",
		} {
			for _, kind := range []string{"good", "short"} {
				a, b := files(t), files(t)
				line := strings.ReplaceAll(args, "FILE", kind)
				code, output := runIn(t, filepath.Join(links, name), a, line)
				want, wantOutput := runIn(t, theirs, b, line)
				if code != want {
					t.Errorf("%s %s: exit code %d, want %d\n%s\nand\n%s", name, line, code, want, output, wantOutput)
				}
				if wantUsage := strings.ReplaceAll(wantOutput, theirs, filepath.Join(links, name)); strings.HasPrefix(wantOutput, "Usage") && output != wantUsage {
					t.Errorf("%s %s: %q, want %q", name, line, output, wantOutput)
				}
				for _, file := range []string{"good.aof", "short.aof", "good.rdb"} {
					left, err := os.ReadFile(filepath.Join(a, file))
					wantLeft, wantErr := os.ReadFile(filepath.Join(b, file))
					if err != nil || wantErr != nil || string(left) != string(wantLeft) {
						t.Errorf("%s %s: leaves %q in %s, want %q", name, line, left, file, wantLeft)
					}
				}
			}
		}
	}
	if code, output := call(t, filepath.Join(links, "redis-check-rdb"), "", "--version"); code != 0 || !strings.HasPrefix(output, "redis-check-rdb 7.2") {
		t.Errorf("version: %d, %q", code, output)
	}
}

// runIn calls a program in a folder, and answers its question with yes.
func runIn(t *testing.T, program, dir, line string) (code int, output string) {
	t.Helper()
	args := strings.Fields(line)
	for i, arg := range args {
		if strings.HasSuffix(arg, ".aof") || strings.HasSuffix(arg, ".rdb") {
			args[i] = filepath.Join(dir, arg)
		}
	}
	return call(t, program, "y\n", args...)
}
