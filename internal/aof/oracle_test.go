// Shown here: a redis-server that is started on a manifest finds the same wrong with it as this room,
// in the same line and the same words, and nothing where this room finds nothing; the manifests that
// it writes are written the same here.
//
// A server that takes its manifest ends all the same, since the base that it needs is a folder.

package aof

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tarn/test/harness"
)

var (
	said  = regexp.MustCompile(`(?m)^\d+:M .*? # (.*)$`)
	place = regexp.MustCompile(`at line (\d+)`)
)

func TestOracleManifest(t *testing.T) {
	oracle := harness.Oracle(t)
	for i, tc := range manifests {
		dir := t.TempDir()
		logs := filepath.Join(dir, "appendonlydir")
		if err := os.Mkdir(logs, 0o755); err != nil {
			t.Fatal(err)
		}
		text := tc.text
		if tc.what == "" && (!strings.Contains(text, "type b") || !strings.HasSuffix(text, "\n")) {
			continue // such a server would run
		}
		m, _ := ParseManifest([]byte(text))
		if tc.what == "" {
			if m.Base.Name == "" {
				continue
			}
			if err := os.Mkdir(filepath.Join(logs, m.Base.Name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(logs, "appendonly.aof.manifest"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		output, _ := oracle.StartError(t, "appendonly yes", "dir "+harness.Quote(dir))
		got := &ManifestError{}
		var lines []string
		for _, match := range said.FindAllStringSubmatch(output, -1) {
			lines = append(lines, match[1])
		}
		if strings.Contains(output, "AOF MANIFEST FILE ERROR") {
			got.What = lines[len(lines)-1]
			for _, line := range lines {
				if at := place.FindStringSubmatch(line); at != nil {
					got.Line, _ = strconv.Atoi(at[1])
				}
				if quoted, ok := strings.CutPrefix(line, ">>> '"); ok {
					got.Text = strings.TrimSuffix(quoted, "'")
				}
			}
		}
		_, err := ParseManifest([]byte(text))
		var wrong *ManifestError
		if !errors.As(err, &wrong) {
			wrong = &ManifestError{}
		}
		shown := *wrong
		shown.Text = shown.Text[:min(len(shown.Text), len(got.Text))] // its log cuts lines after 1,024 bytes
		if *got != shown || len(shown.Text) < min(len(wrong.Text), 1000) {
			t.Errorf("manifest %d, %.60q:\n got %+v\nwant %+v, of\n%s", i, text, *wrong, *got, output)
		}
	}
}

func TestOracleWritesManifests(t *testing.T) {
	server := harness.Oracle(t).Start(t, "appendonly yes", "save \"\"", "appendfilename \"my log\"", "aof-disable-auto-gc yes")
	conn := server.Dial(t)
	path := filepath.Join(server.Dir, "appendonlydir", ManifestName("my log"))
	m, _ := Manifest{}.Rewritten("my log", true, 0)
	m, _ = m.WithIncr("my log")
	check := func(when string) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(m.AppendTo(nil)); got != string(text) {
			t.Errorf("%s: got\n%swant\n%s", when, got, text)
		}
		for _, f := range m.Live() {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), f.Name)); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
	}
	check("at the start")
	for round := range 3 {
		conn.Must(t, "SET", "k", fmt.Sprint(round))
		preamble := round != 1
		conn.Must(t, "CONFIG", "SET", "aof-use-rdb-preamble", map[bool]string{true: "yes", false: "no"}[preamble])
		conn.Must(t, "BGREWRITEAOF")
		for conn.Must(t, "INFO", "persistence").Text != "" {
			info := conn.Must(t, "INFO", "persistence").Text
			if strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0") {
				break
			}
		}
		m, _ = m.WithIncr("my log")
		m, _ = m.Rewritten("my log", preamble, 1)
		check(fmt.Sprintf("after rewrite %d", round+1))
	}
	if _, err := ParseManifest(m.AppendTo(nil)); err != nil {
		t.Error(err)
	}
}
