// Files that released servers wrote are read as they listed them (testdata/make.sh made both).

package rdb

import (
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

func TestGoldenFiles(t *testing.T) {
	for _, tc := range []struct {
		file              string
		checked, lru, lfu bool
	}{
		{file: "7.0.15-strings", checked: true},
		{file: "7.0.15-raw"},
		{file: "7.0.15-lru", checked: true, lru: true},
		{file: "7.0.15-lfu", checked: true, lfu: true},
	} {
		f, err := os.Open(filepath.Join("testdata", tc.file+".rdb"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		listing, err := os.ReadFile("testdata/7.0.15.txt")
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		facts := map[string]string{}
		o := Options{Aux: func(name, fact []byte) error { facts[string(name)] = string(fact); return nil }}
		result, err := Scan(f, o, func(rec *Record) error {
			e, err := entryOf(rec)
			lines = append(lines, fmt.Sprintf("%d %d %d %x %s", e.DB, e.ExpireMs, len(e.Value), sha1.Sum([]byte(e.Value)), e.Key))
			if (e.Idle != None) != tc.lru || (e.Freq != None) != tc.lfu {
				t.Errorf("%s: key %q: idle %d, freq %d", tc.file, e.Key, e.Idle, e.Freq)
			}
			return err
		})
		if err != nil || result.Checked != tc.checked || result.Version != 10 || facts["redis-ver"] != "7.0.15" {
			t.Errorf("%s: %+v, %v, facts %q", tc.file, result, err, facts)
		}
		sort.Strings(lines)
		want := strings.Split(strings.TrimSuffix(string(listing), "\n"), "\n")
		for i := range max(len(lines), len(want)) {
			if i >= len(lines) || i >= len(want) || lines[i] != want[i] {
				t.Fatalf("%s: line %d of %d differs from %d in the listing: %q", tc.file, i, len(lines), len(want), lines[min(i, len(lines)-1)])
			}
		}
	}
}
