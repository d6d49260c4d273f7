// The documents made from the rows are those in the tree. With -update they are written anew.

package config

import (
	"flag"
	"path/filepath"
	"testing"

	"tarn/internal/vfs"
)

var update = flag.Bool("update", false, "write the generated files")

func TestGenerated(t *testing.T) {
	root := filepath.Join("..", "..")
	for path, want := range map[string]string{
		filepath.Join(root, "tarn.conf"):                Sample(),
		filepath.Join(root, "docs", "configuration.md"): Reference(),
	} {
		if *update {
			if err := vfs.WriteFile(vfs.OS{}, path, path+".tmp", filepath.Dir(path), []byte(want)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := vfs.ReadFile(vfs.OS{}, path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what the rows say: run make generate", path)
		}
	}
}
