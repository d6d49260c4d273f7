// Shows how the place of the arguments is read out of /proc/self/stat.

package server

import (
	"strings"
	"testing"

	"tarn/internal/vfs"
)

func TestArgvBounds(t *testing.T) {
	zeros := func(n int) string { return strings.Repeat(" 0", n) }
	for _, tc := range []struct {
		name, stat string
		want       bounds
	}{
		{"as the kernel prints it", "42 (tarn) S" + zeros(44) + " 1000 1020 1020 1100 0\n", bounds{1000, 1020, 1020, 1100}},
		{"a name with blanks and parentheses", "42 (a) b (c) S" + zeros(44) + " 1 2 3 4 0\n", bounds{1, 2, 3, 4}},
		{"an old kernel", "42 (tarn) S" + zeros(30) + "\n", bounds{}},
		{"nonsense", "42 (tarn) S" + zeros(44) + " 1 2 x 4 0\n", bounds{}},
		{"empty", "", bounds{}},
	} {
		files := vfs.NewMem()
		for _, folder := range []string{"/proc", "/proc/self"} {
			if err := files.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := writeWhole(files, "/proc/self/stat", tc.stat); err != nil {
			t.Fatal(err)
		}
		if got := argvBounds(files); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
	if got := argvBounds(vfs.NewMem()); got != (bounds{}) {
		t.Errorf("without the file: %v", got)
	}
}
