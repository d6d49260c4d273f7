// Files that are not understood. Shown here: a server does not start over them, and says so in Redis's
// words; with load-what-you-can Tarn does, tells what it left out, and keeps the file when it saves.

package process

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/test/harness"
)

// Parts of files: a string, the value of a module, one of a type that nobody has.
const (
	stringPart  = "\x00\x01a\x01v"
	modulePart  = "\x07\x04json\x81\x44\x97\x89\x0d\x3e\x2d\x12\xc1\x05\x05hello\x00"
	unknownPart = "\x63\x03bad\x01x"
	partsEnd    = "\xff\x00\x00\x00\x00\x00\x00\x00\x00"
)

func TestFileNotUnderstood(t *testing.T) {
	onBoth(t, func(t *testing.T, p program) {
		for text, file := range map[string]string{
			"Can't handle RDB format version 13":                                         "REDIS0013" + stringPart + partsEnd,
			"The RDB file contains module data I can't load: no matching module type '":  "REDIS0010" + stringPart + modulePart + partsEnd,
			"Unknown RDB encoding type 99":                                               "REDIS0010" + stringPart + unknownPart + partsEnd,
			"Short read or OOM loading DB. Unrecoverable error, aborting now.":           "REDIS0010" + stringPart,
			"Wrong signature trying to load DB from file":                                "something else",
			"Wrong RDB checksum expected: (fbd17a8ad6874a9e) but got (807060504030201).": "REDIS0010" + stringPart + "\xff\x01\x02\x03\x04\x05\x06\x07\x08",
		} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "dump.rdb"), []byte(file), 0o644); err != nil {
				t.Fatal(err)
			}
			s := p.launch(t, dir, "--port", strconv.Itoa(harness.Port(t)), "--bind", "127.0.0.1", "--save", "")
			// A redis-server ends with 0 over a module's value: its check of the file finds nothing wrong.
			if code := s.code(); code != 1 && !(code == 0 && p.name != "tarn") || strings.Contains(s.log(), "Ready to accept") {
				t.Errorf("%.40q: exit code %d, want 1:\n%s", file, code, s.log())
			}
			if !strings.Contains(s.log(), text) {
				t.Errorf("%.40q: no %q in\n%s", file, text, s.log())
			}
		}
	})
}

func TestLoadWhatYouCan(t *testing.T) {
	p := tarn(t)
	file := []byte("REDIS0013" + stringPart + modulePart + partsEnd)
	dir := t.TempDir()
	dump := filepath.Join(dir, "dump.rdb")
	if err := os.WriteFile(dump, file, 0o644); err != nil {
		t.Fatal(err)
	}
	s := p.serveIn(t, dir, "--save", "", "--load-what-you-can")
	if got := s.must("GET", "a").Text; got != "v" {
		t.Errorf("GET a: %q", got)
	}
	if got := s.info("rdb_last_load_keys_left_out"); got != "1" {
		t.Errorf("%s keys are left out, want 1:\n%s", got, s.log())
	}
	kept := s.info("rdb_partly_loaded_kept_as")
	s.must("SAVE")
	s.stop()
	if got, err := os.ReadFile(kept); err != nil || !bytes.Equal(got, file) {
		t.Errorf("%s holds %q, %v", kept, got, err)
	}
	names, err := filepath.Glob(dump + ".*")
	if err != nil || len(names) != 2 || !slices.Contains(names, kept) {
		t.Errorf("beside the file there is %q, %v", names, err)
	}
	s = p.serveIn(t, dir, "--save", "")
	if got := s.must("GET", "a").Text; got != "v" {
		t.Errorf("after a save: GET a: %q", got)
	}
	s.stop()
}
