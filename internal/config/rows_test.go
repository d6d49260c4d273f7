// Every row is whole: it says what it is, owns one field and no other, prints what it reads, and
// reads what it prints.

package config

import (
	"reflect"
	"strings"
	"testing"

	"tarn/internal/vfs"
)

func TestRowsAreWhole(t *testing.T) {
	for _, d := range Directives() {
		for _, name := range d.names() {
			if name == "" || name != strings.ToLower(name) || Lookup(strings.ToUpper(name)) == nil {
				t.Errorf("%s: name %q is empty, not in lower case or not found in capitals", d.Name, name)
			}
		}
		if !strings.HasSuffix(d.Doc, ".") || strings.ToUpper(d.Doc[:1]) != d.Doc[:1] {
			t.Errorf("%s: %q is not a sentence", d.Name, d.Doc)
		}
		if d.Kind == "" || d.Group == "" {
			t.Errorf("%s: kind %q, group %q", d.Name, d.Kind, d.Group)
		}
		if states := count(d.Later != "", d.Moot != "", d.Needs != ""); states > 1 {
			t.Errorf("%s: %d of Later, Moot and Needs are set, want at most one", d.Name, states)
		}
		if d.refusal(defaults) != "" {
			t.Errorf("%s: its default is refused: %s", d.Name, d.refusal(defaults))
		}
	}
}

func count(conds ...bool) (n int) {
	for _, c := range conds {
		if c {
			n++
		}
	}
	return n
}

// otherValues are candidates of which each row must take one that is not its default.
var otherValues = []string{"yes", "no", "1", "2", "9", "17", "4096", "8388608", "debug", "allkeys-lru", "local", "always",
	"auto", "absolute", "allchannels", "clients", "swapdb", "hostname", "panic", "optional", "local3", "nosave now", "60 1", "pubsub 1 2 3",
	"1 2 3", "KEA", "10 20", "example.org", "primary 6380", "0 3 * * *"}

// base returns the Config of a server started in /srv and told nothing.
func base() *Config {
	c := *defaults
	c.Dir = "/srv"
	return &c
}

// other returns a Config in which d alone was set to another value than its default.
func other(t *testing.T, d *Directive) (*Config, string) {
	t.Helper()
	for _, value := range otherValues {
		if d.Name == "dir" {
			value = "data"
		}
		c := base()
		if d.set(c, value) == nil && d.print(c) != d.print(base()) {
			return c, value
		}
	}
	t.Fatalf("%s takes none of %q", d.Name, otherValues)
	return nil, ""
}

func TestEveryFieldHasOneRow(t *testing.T) {
	owner := map[string]string{}
	for i := range directives {
		d := &directives[i]
		c, value := other(t, d)
		got, was := reflect.ValueOf(*c), reflect.ValueOf(*base())
		var changed []string
		for f := range got.NumField() {
			if !reflect.DeepEqual(got.Field(f).Interface(), was.Field(f).Interface()) {
				changed = append(changed, got.Type().Field(f).Name)
			}
		}
		if len(changed) != 1 {
			t.Fatalf("%s %q changed the fields %v, want one", d.Name, value, changed)
		}
		if owner[changed[0]] != "" {
			t.Errorf("field %s is written by %s and by %s", changed[0], owner[changed[0]], d.Name)
		}
		owner[changed[0]] = d.Name
	}
	for f := range reflect.TypeFor[Config]().NumField() {
		if name := reflect.TypeFor[Config]().Field(f).Name; owner[name] == "" {
			t.Errorf("field %s has no row", name)
		}
	}
}

func TestPrintedValuesAreReadBack(t *testing.T) {
	for i := range directives {
		d := &directives[i]
		changed, _ := other(t, d)
		for _, pair := range [][2]*Config{{base(), changed}, {changed, base()}} {
			from, c := pair[0], *pair[1]
			value := d.print(from)
			if d.Name == "replicaof" && value == "" {
				continue // a file cannot say it, and CONFIG SET may not
			}
			if err := d.set(&c, value); err != nil {
				t.Errorf("%s does not take %q back: %v", d.Name, value, err)
				continue
			}
			if got := d.print(&c); got != value {
				t.Errorf("%s %q printed as %q", d.Name, value, got)
			}
		}
	}
}

// TestRewrittenLinesAreReadBack sends every value through a file, which quotes and uses units.
func TestRewrittenLinesAreReadBack(t *testing.T) {
	files := vfs.NewMem()
	mkdir(t, files, "/srv", "/srv/data")
	for i := range directives {
		d := &directives[i]
		if d.Needs != "" {
			continue
		}
		changed, value := other(t, d)
		var text strings.Builder
		for _, line := range d.lines(changed) {
			text.WriteString(d.Name + " " + line + "\n")
		}
		s, _, err := Load([]string{"-"}, Env{Files: files, Dir: "/srv", Stdin: strings.NewReader(text.String())})
		if err != nil {
			t.Errorf("%s %q written as %q: %v", d.Name, value, text.String(), err)
			continue
		}
		if got, want := d.print(s.Current()), d.print(changed); got != want {
			t.Errorf("%s %q written as %q was read as %q, want %q", d.Name, value, text.String(), got, want)
		}
	}
}

func mkdir(t *testing.T, files vfs.FS, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := files.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{in: "0", ok: true},
		{in: "123", want: 123, ok: true},
		{in: "007", want: 7, ok: true},
		{in: "1b", want: 1, ok: true},
		{in: "1k", want: 1000, ok: true},
		{in: "1kb", want: 1024, ok: true},
		{in: "1KB", want: 1024, ok: true},
		{in: "2m", want: 2_000_000, ok: true},
		{in: "2Mb", want: 2 << 20, ok: true},
		{in: "3g", want: 3_000_000_000, ok: true},
		{in: "3gB", want: 3 << 30, ok: true},
		{in: "9223372036854775807", want: 1<<63 - 1, ok: true},
		{in: "8589934591gb", want: 8589934591 << 30, ok: true},
		{in: "", ok: true},
		{in: "kb", ok: true},
		{in: "9223372036854775808"},
		{in: "8589934592gb"},
		{in: "99999999999999999999999k"},
		{in: "-1"},
		{in: "+1"},
		{in: " 1"},
		{in: "1 "},
		{in: "1.5gb"},
		{in: "1tb"},
		{in: "1kbb"},
		{in: "gb1"},
	} {
		if got, ok := ParseBytes(tc.in); got != tc.want || ok != tc.ok {
			t.Errorf("ParseBytes(%q) = %d, %t; want %d, %t", tc.in, got, ok, tc.want, tc.ok)
		}
		if back, ok := ParseBytes(formatBytes(tc.want)); back != tc.want || !ok {
			t.Errorf("formatBytes(%d) = %q, which reads as %d, %t", tc.want, formatBytes(tc.want), back, ok)
		}
	}
}

func TestExpandTitle(t *testing.T) {
	value := func(variable string) string {
		return map[string]string{"title": "tarn", "port": "6379", "unixsocket": ""}[variable]
	}
	for _, tc := range []struct {
		template, want string
		ok             bool
	}{
		{template: "plain", want: "plain", ok: true},
		{template: "{title} *:{port}", want: "tarn *:6379", ok: true},
		{template: "a {unixsocket}", want: "a", ok: true},
		{template: "{{title} }", want: "{title} }", ok: true},
		{template: ""},
		{template: "{"},
		{template: "{title"},
		{template: "{Title}"},
		{template: "{}"},
		{template: "{pid}"},
	} {
		if got, ok := ExpandTitle(tc.template, value); got != tc.want || ok != tc.ok {
			t.Errorf("ExpandTitle(%q) = %q, %t; want %q, %t", tc.template, got, ok, tc.want, tc.ok)
		}
	}
}

func TestPolicyAndAccess(t *testing.T) {
	for p, word := range policyWords {
		if got, want := Policy(p).LFU(), strings.HasSuffix(word, "-lfu"); got != want || Policy(p).String() != word {
			t.Errorf("Policy(%d) = %s, LFU %t; want %s, %t", p, Policy(p), got, word, want)
		}
	}
	for _, tc := range []struct {
		access    Access
		near, far bool
	}{{ProtectedNo, false, false}, {ProtectedYes, true, true}, {ProtectedLocal, true, false}} {
		if near, far := tc.access.Allows(true), tc.access.Allows(false); near != tc.near || far != tc.far {
			t.Errorf("Access %d allows local %t, remote %t; want %t, %t", tc.access, near, far, tc.near, tc.far)
		}
	}
}
