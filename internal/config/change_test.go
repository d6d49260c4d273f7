// CONFIG GET and SET: which names are found, what is refused in which order, that a SET happens
// wholly or not at all, and that rooms hear of it exactly once.

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func newStore(t testing.TB) *Store {
	return New(testFiles(t, map[string]string{"/srv/file": ""}), "/srv")
}

func pairsOf(words ...string) []Pair {
	var pairs []Pair
	for pair := range slices.Chunk(words, 2) {
		pairs = append(pairs, Pair{pair[0], pair[1]})
	}
	return pairs
}

func TestGet(t *testing.T) {
	s := newStore(t)
	for _, tc := range []struct {
		patterns []string
		want     []Pair
	}{
		{patterns: []string{"port"}, want: pairsOf("port", "6379")},
		{patterns: []string{"PORT", "port", "po?t"}, want: pairsOf("PORT", "6379")},
		{patterns: []string{"maxmemory-c*", "MaxMemory"}, want: pairsOf("maxmemory-clients", "0", "MaxMemory", "0")},
		{patterns: []string{"*lave-priority", "*replica-priority"}, want: pairsOf("slave-priority", "100", "replica-priority", "100")},
		{patterns: []string{"none", "no*ne", ""}},
		{patterns: []string{`po\rt`}},
		{patterns: []string{"[p]ort"}, want: pairsOf("port", "6379")},
		{patterns: []string{"rdb-key-save-dela?"}},
		{patterns: []string{"rdb-key-save-delay"}, want: pairsOf("rdb-key-save-delay", "0")},
		{patterns: []string{"save"}, want: pairsOf("save", "3600 1 300 100 60 10000")},
		{patterns: []string{"client-output-buffer-limit"},
			want: pairsOf("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60")},
		{patterns: []string{"dir", "bind"}, want: pairsOf("dir", "/srv", "bind", "* -::*")},
	} {
		if got := s.Get(tc.patterns...); !slices.Equal(got, tc.want) {
			t.Errorf("Get(%q) = %v, want %v", tc.patterns, got, tc.want)
		}
	}
}

const failed = "ERR CONFIG SET failed (possibly related to argument '%s') - %s"

func TestSetRefusals(t *testing.T) {
	all := Rights{Protected: true}
	for _, tc := range []struct {
		pairs []Pair
		may   Rights
		want  string
	}{
		{pairsOf("Foo", "1"), all, "ERR Unknown option or number of arguments for CONFIG SET - 'Foo'"},
		{pairsOf("hz", "x", "foo", "1"), all, "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"},
		{pairsOf("DAEMONIZE", "yes", "foo", "1"), all, fmt.Sprintf(failed, "DAEMONIZE", "can't set immutable config")},
		{pairsOf("daemonize", "no"), all, fmt.Sprintf(failed, "daemonize", "can't set immutable config")},
		{pairsOf("hz", "x", "daemonize", "no"), all, fmt.Sprintf(failed, "daemonize", "can't set immutable config")},
		{pairsOf("replicaof", "a 1"), all, fmt.Sprintf(failed, "replicaof", "can't set immutable config")},
		{pairsOf("dir", "/srv/data"), Rights{}, fmt.Sprintf(failed, "dir", "can't set protected config")},
		{pairsOf("dbfilename", "x"), Rights{}, fmt.Sprintf(failed, "dbfilename", "can't set protected config")},
		{pairsOf("dir", "/none"), all, fmt.Sprintf(failed, "dir", "No such file or directory")},
		{pairsOf("dir", "/srv/file"), all, fmt.Sprintf(failed, "dir", "Not a directory")},
		{pairsOf("dir", "/srv/data"), Rights{Protected: true, Loading: true}, string(ErrLoading)},
		{pairsOf("hz", "1", "HZ", "2"), all, fmt.Sprintf(failed, "HZ", "duplicate parameter")},
		{pairsOf("slave-priority", "x"), all, fmt.Sprintf(failed, "slave-priority", "argument couldn't be parsed into an integer")},
		{pairsOf("maxclients", "4294967296"), all, fmt.Sprintf(failed, "maxclients", "argument must be between 1 and 4294967295 inclusive")},
		{pairsOf("save", "10  1"), all, fmt.Sprintf(failed, "save", "Invalid save parameters")},
		{pairsOf("tls-port", "1"), all, fmt.Sprintf(failed, "tls-port", "tarn: tls-port 1 needs TLS, which this version does not have")},
	} {
		s := newStore(t)
		before := s.Current()
		err := s.Set(tc.pairs, tc.may)
		if err == nil || err.Error() != tc.want {
			t.Errorf("Set(%v, %+v) = %v, want %s", tc.pairs, tc.may, err, tc.want)
		}
		if s.Current() != before {
			t.Errorf("Set(%v, %+v) was refused and changed something", tc.pairs, tc.may)
		}
	}
}

func TestSetTakes(t *testing.T) {
	s := newStore(t)
	old := *s.Current()
	err := s.Set(pairsOf("HZ", "1000", "save", "", "slave-priority", "1", "replica-priority", "2", "dir", "data",
		"appendonly", "no", "client-output-buffer-limit", "replica 1mb 1k 3 normal 1 2 3", "loglevel", "DEBUG"), Rights{Protected: true})
	if err != nil {
		t.Fatal(err)
	}
	want := old
	want.Hz, want.Save, want.ReplicaPriority, want.Dir, want.LogLevel = 500, []SavePoint{}, 2, "/srv/data", LogDebug
	want.ClientOutputBufferLimit.Normal = BufferLimit{1, 2, 3}
	want.ClientOutputBufferLimit.Replica = BufferLimit{1 << 20, 1000, 3}
	if got := *s.Current(); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if err := s.Set(nil, Rights{}); err != nil {
		t.Errorf("Set of nothing: %v", err)
	}
}

// TestHooks shows who is called, in which order, and that a failure takes everything back.
func TestHooks(t *testing.T) {
	s := newStore(t)
	var calls []string
	watch := func(name string, fails func(new *Config) bool, directives ...string) {
		s.Watch(func(old, new *Config) error {
			calls = append(calls, fmt.Sprintf("%s %d>%d", name, old.Hz, new.Hz))
			if s.Current() != new {
				t.Errorf("hook %s: the Config in force is not the new one", name)
			}
			if fails(new) {
				return errors.New("cannot follow")
			}
			return nil
		}, directives...)
	}
	never := func(*Config) bool { return false }
	watch("a", never, "hz", "timeout")
	watch("b", never, "port")
	watch("c", func(c *Config) bool { return c.Hz == 66 }, "timeout", "slave-priority")
	watch("d", never, "hz")

	for _, tc := range []struct {
		pairs []Pair
		want  error
		calls []string
	}{
		{pairs: pairsOf("hz", "10"), calls: nil},
		{pairs: pairsOf("hz", "20", "timeout", "1"), calls: []string{"a 10>20", "c 10>20", "d 10>20"}},
		{pairs: pairsOf("replica-priority", "7"), calls: []string{"c 20>20"}},
		{pairs: pairsOf("hz", "66"), calls: []string{"a 20>66", "d 20>66"}},
		{pairs: pairsOf("hz", "30"), calls: []string{"a 66>30", "d 66>30"}},
		{pairs: pairsOf("hz", "66", "Slave-Priority", "9"), calls: []string{"a 30>66", "c 30>66", "a 66>30"},
			want: fmt.Errorf(failed, "slave-priority", "cannot follow")},
		{pairs: pairsOf("loglevel", "debug"), calls: nil},
		{pairs: pairsOf("hz", "x", "port", "1"), calls: nil, want: fmt.Errorf(failed, "hz", "argument couldn't be parsed into an integer")},
	} {
		calls = nil
		before := *s.Current()
		err := s.Set(tc.pairs, Rights{})
		if fmt.Sprint(err) != fmt.Sprint(tc.want) || !slices.Equal(calls, tc.calls) {
			t.Errorf("Set(%v) = %v with calls %q; want %v with %q", tc.pairs, err, calls, tc.want, tc.calls)
		}
		if after := *s.Current(); err != nil && fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("Set(%v) failed and left %+v, want %+v", tc.pairs, after, before)
		}
	}
}

func TestFilesAreReadAgain(t *testing.T) {
	s := newStore(t)
	called := 0
	s.Watch(func(_, _ *Config) error { called++; return nil }, "tls-cert-file", "logfile")
	for range 2 {
		if err := s.Set(pairsOf("tls-cert-file", "a"), Rights{}); err != nil {
			t.Fatal(err)
		}
	}
	if called != 2 {
		t.Errorf("the hook was called %d times, want 2: the file may be another under the same name", called)
	}
}

func TestWatchWantsKnownNames(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "no-such-name") {
			t.Errorf("recovered %q, want a panic that names the directive", got)
		}
	}()
	newStore(t).Watch(nil, "no-such-name")
}

// TestReadersSeeWholeConfigs has readers look on while two writers change two directives together,
// and demands that no reader ever sees one without the other.
func TestReadersSeeWholeConfigs(t *testing.T) {
	s := newStore(t)
	if err := s.Set(pairsOf("timeout", "0", "tcp-keepalive", "0"), Rights{}); err != nil {
		t.Fatal(err)
	}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				if c := s.Current(); c.Timeout != c.TCPKeepalive {
					t.Errorf("timeout %d, tcp-keepalive %d; want them equal", c.Timeout, c.TCPKeepalive)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for w := range 2 {
		writers.Go(func() {
			for i := range 300 {
				n := fmt.Sprint(2*i + w)
				if err := s.Set(pairsOf("timeout", n, "tcp-keepalive", n), Rights{}); err != nil {
					t.Error(err)
				}
				s.Update(func(c *Config) { c.MaxClients++ })
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if got, want := s.Current().MaxClients, int64(10600); got != want {
		t.Errorf("maxclients = %d after 600 updates, want %d", got, want)
	}
}

func TestCurrentDoesNotAllocate(t *testing.T) {
	s := newStore(t)
	var sum int64
	if n := testing.AllocsPerRun(100, func() { sum += s.Current().Hz }); n != 0 {
		t.Errorf("Current made %v allocations, want none", n)
	}
}
