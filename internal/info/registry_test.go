// Shows that INFO's text has Redis's form: a table of values by unit, sections chosen by name and
// put in order. The same arguments are given to a real redis-server, whose headings must be the same.

package info

import (
	"slices"
	"strings"
	"testing"

	"tarn/test/harness"
)

func TestUnits(t *testing.T) {
	count := func(n int64) func() int64 { return func() int64 { return n } }
	float := func(x float64) func() float64 { return func() float64 { return x } }
	flag := func(on bool) func() bool { return func() bool { return on } }
	for _, tc := range []struct {
		field Field
		want  string
	}{
		{Text("s", "n", "D.", func() string { return "some text" }), "n:some text\r\n"},
		{Count("s", "n", "D.", count(-1)), "n:-1\r\n"},
		{Bytes("s", "n", "D.", count(2048)), "n:2048\r\n"},
		{BytesAndHuman("s", "n", "D.", count(990912)), "n:990912\r\nn_human:967.69K\r\n"},
		{BytesAndHuman("s", "n", "D.", count(0)), "n:0\r\nn_human:0B\r\n"},
		{BytesAndHuman("s", "n", "D.", count(-7)), "n:-7\r\nn_human:-7B\r\n"},
		{Seconds("s", "n", "D.", count(17)), "n:17\r\n"},
		{MicroSeconds("s", "n", "D.", count(1_500_001)), "n:1.500001\r\n"},
		{MicroSeconds("s", "n", "D.", count(3030)), "n:0.003030\r\n"},
		{Ratio("s", "n", "D.", float(1.075)), "n:1.07\r\n"},
		{Ratio("s", "n", "D.", float(0)), "n:0.00\r\n"},
		{Percent("s", "n", "D.", float(99.756)), "n:99.76%\r\n"},
		{Flag("s", "n", "D.", flag(true)), "n:1\r\n"},
		{Flag("s", "n", "D.", flag(false)), "n:0\r\n"},
		{Count("s", "n", "D.", count(1)).Only(flag(true)), "n:1\r\n"},
		{Count("s", "n", "D.", count(1)).Only(flag(false)), ""},
		{Lines("s", "n*", "D.", func(b []byte) []byte { return append(b, "n1:a\r\nn2:b\r\n"...) }), "n1:a\r\nn2:b\r\n"},
	} {
		if got := string(tc.field.appendLine(nil)); got != tc.want {
			t.Errorf("%+v prints %q; want %q", tc.field, got, tc.want)
		}
	}
}

func TestAppendHuman(t *testing.T) {
	for _, tc := range []struct {
		bytes int64
		want  string
	}{
		{0, "0B"}, {1023, "1023B"}, {1024, "1.00K"}, {33792, "33.00K"},
		{1<<20 - 1, "1024.00K"}, {1 << 20, "1.00M"}, {25276510208, "23.54G"},
		{1 << 40, "1.00T"}, {1 << 50, "1.00P"}, {1 << 62, "4096.00P"},
	} {
		if got := string(AppendHuman(nil, tc.bytes)); got != tc.want {
			t.Errorf("AppendHuman(%d) = %q; want %q", tc.bytes, got, tc.want)
		}
	}
}

// fullRegistry has a field in every section that a server has, registered in no good order.
func fullRegistry() *Registry {
	r := &Registry{}
	one := func() int64 { return 1 }
	nothing := func(b []byte) []byte { return b }
	for _, section := range []string{"debug", "keyspace", "cluster", "stats", "errorstats", "latencystats",
		"modules", "cpu", "replication", "server", "persistence", "memory", "clients", "commandstats"} {
		r.Add(Lines(section, "x", "D.", nothing))
	}
	r.Add(Count("memory", "maxmemory", "D.", one), Count("memory", "tarn_extra", "D.", one),
		Count("memory", "used_memory", "D.", one), Count("memory", "tarn_more", "D.", one),
		Count("memory", "used_memory_rss", "D.", one))
	return r
}

func headings(text string) []string {
	var list []string
	for line := range strings.SplitSeq(text, "\r\n") {
		if strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}

func TestOrder(t *testing.T) {
	got := string(fullRegistry().AppendInfo(nil, "memory"))
	want := "# Memory\r\nused_memory:1\r\nused_memory_rss:1\r\nmaxmemory:1\r\ntarn_extra:1\r\ntarn_more:1\r\n"
	if got != want {
		t.Errorf("memory section:\n%q; want\n%q", got, want)
	}
	r := fullRegistry()
	r.Add(Count("census", "prefixes", "D.", func() int64 { return 3 }))
	if got := headings(string(r.AppendInfo(nil, "all"))); got[len(got)-1] != "# Census" {
		t.Errorf("all: %v; want a section of Tarn's own at the end", got)
	}
	if got := headings(string(r.AppendInfo(nil))); slices.Contains(got, "# Census") {
		t.Errorf("default: %v; want no section of Tarn's own", got)
	}
	var names []string
	for _, f := range r.Fields() {
		names = append(names, f.Name)
	}
	if want := []string{"x", "x", "used_memory", "used_memory_rss", "maxmemory"}; !slices.Equal(names[:5], want) {
		t.Errorf("Fields begins with %v; want %v", names[:5], want)
	}
}

func TestSectionsAreSeparatedByABlankLine(t *testing.T) {
	r := &Registry{}
	one := func() int64 { return 1 }
	r.Add(Count("stats", "b", "D.", one), Count("server", "a", "D.", one))
	want := "# Server\r\na:1\r\n\r\n# Stats\r\nb:1\r\n"
	if got := string(r.AppendInfo(nil)); got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	if got := string(r.AppendInfo([]byte("x"), "nosuch")); got != "x" {
		t.Errorf("an unknown section: got %q; want nothing", got)
	}
}

func TestMistakenDeclarationsPanic(t *testing.T) {
	good := Count("s", "n", "A sentence.", func() int64 { return 1 })
	for name, change := range map[string]func(f *Field){
		"no section":  func(f *Field) { f.Section = "" },
		"no name":     func(f *Field) { f.Name = "" },
		"no reader":   func(f *Field) { f.Read = nil },
		"no doc":      func(f *Field) { f.Doc = "" },
		"no sentence": func(f *Field) { f.Doc = "phrase" },
		"twice":       func(f *Field) {},
	} {
		r := &Registry{}
		r.Add(good)
		bad := good
		bad.Name = "other"
		if name == "twice" {
			bad.Name = good.Name
		}
		change(&bad)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: Add did not panic", name)
				}
			}()
			r.Add(bad)
		}()
	}
}

func TestOrderTableHasNoDoubles(t *testing.T) {
	for section, names := range fieldOrder {
		seen := map[string]bool{}
		for _, name := range strings.Fields(names) {
			if seen[name] {
				t.Errorf("%s: %s stands twice", section, name)
			}
			seen[name] = true
		}
	}
}

// TestHeadingsAgainstRedis asks Redis for the same sections in the same words.
func TestHeadingsAgainstRedis(t *testing.T) {
	conn := harness.Oracle(t).Start(t).Dial(t)
	r := fullRegistry()
	for _, args := range []string{
		"", "default", "all", "everything", "server", "SERVER cpu", "cpu server", "cpu cpu",
		"nosuch", "nosuch memory", "default commandstats", "commandstats latencystats", "modules",
		"module_list", "all modules", "everything server", "default default", "keyspace cluster errorstats",
	} {
		text := conn.Must(t, append([]string{"INFO"}, strings.Fields(args)...)...).Text
		want := headings(text)
		got := headings(string(r.AppendInfo(nil, strings.Fields(args)...)))
		if !slices.Equal(got, want) {
			t.Errorf("INFO %s: headings %q; Redis has %q", args, got, want)
		}
	}
}

// TestOrderAgainstRedis puts Redis's own names into a registry, shuffled by a map, and demands
// them back in Redis's order.
func TestOrderAgainstRedis(t *testing.T) {
	conn := harness.Oracle(t).Start(t, "appendonly yes").Dial(t)
	r := &Registry{}
	shuffled := map[string]string{} // name to section
	var want []string
	section := ""
	for line := range strings.SplitSeq(conn.Must(t, "INFO").Text, "\r\n") {
		if name, ok := strings.CutPrefix(line, "# "); ok {
			section = strings.ToLower(name)
			continue
		}
		name, _, ok := strings.Cut(line, ":")
		if !ok || section == "keyspace" || section == "errorstats" {
			continue
		}
		if strings.HasSuffix(name, "_human") && name != "used_memory_lua_human" {
			continue // printed with the number
		}
		shuffled[name] = section
		want = append(want, name)
	}
	for name, section := range shuffled {
		if _, listed := fieldPlaces[section+"/"+name]; !listed {
			t.Errorf("%s/%s is a field of Redis's and has no place in fieldOrder", section, name)
		}
		r.Add(Count(section, name, "D.", func() int64 { return 0 }))
	}
	var got []string
	for _, f := range r.Fields() {
		got = append(got, f.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("order %q;\nRedis has %q", got, want)
	}
}
