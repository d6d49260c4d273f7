// Any bytes as configuration: no panic, no other errors than the two kinds, and what was understood
// survives being written out and read again.

package config

import (
	"errors"
	"strings"
	"testing"
)

func FuzzLoad(f *testing.F) {
	f.Add(before)
	f.Add(Sample())
	f.Add(strings.ReplaceAll(Sample(), "\n# ", "\n"))
	for _, m := range mistakes {
		f.Add(m.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := testFiles(t, map[string]string{"/srv/tarn.conf": text, "/srv/more.conf": "hz 13\n"})
		env := Env{Files: files, Dir: "/srv", Product: "Tarn"}
		s, _, err := Load([]string{"tarn.conf"}, env)
		if err != nil {
			var mistake *FileError
			var open *OpenError
			if !errors.As(err, &mistake) && !errors.As(err, &open) {
				t.Fatalf("%q: error %v is of no known kind", text, err)
			}
			return
		}
		for _, everything := range []bool{false, true} {
			if err := s.Rewrite(everything); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			again, _, err := Load([]string{"tarn.conf"}, env)
			if err != nil {
				t.Fatalf("%q was rewritten as\n%s\nwhich is refused: %v", text, read(t, files, "/srv/tarn.conf"), err)
			}
			for i := range directives {
				d := &directives[i]
				if got, want := d.print(again.Current()), d.print(s.Current()); got != want {
					t.Fatalf("%q: %s was %q, and %q after being rewritten as\n%s", text, d.Name, want, got, read(t, files, "/srv/tarn.conf"))
				}
			}
		}
	})
}

// FuzzCommandLine joins words by line ends. However they are written, the values of a directive that
// is named by a word of its own reach it unchanged.
func FuzzCommandLine(f *testing.F) {
	f.Add("a.conf\n--port\n1")
	f.Add("-\n--save\n--hz \"1")
	f.Add("--\x00\n\\\"'\xff")
	f.Fuzz(func(t *testing.T, text string) {
		words := strings.Split(text, "\n")
		_, _, _ = Load(words, testEnv(t, "", nil))

		value := strings.Join(words, "\n")
		s, _, err := Load([]string{"--masterauth", value, "--requirepass", value}, testEnv(t, "", nil))
		if value == "-" {
			return // that is standard input
		}
		if err != nil || s.Current().MasterAuth != value || s.Current().RequirePass != value {
			t.Fatalf("--masterauth %q --requirepass %q: %v", value, value, err)
		}
	})
}
