// Shown here, against Debian's redis-server (7.0.15): values of every type and shape, made by the same
// commands on both servers, go over from each to the other, by DUMP and RESTORE and in files, and are
// then the same by DEBUG DIGEST, which both compute alike.

package object_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tarn/test/chance"
	"tarn/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// peer is a server and the directory of its file.
type peer struct {
	name string
	dir  string
	conn *harness.Conn
}

func newPeer(t *testing.T, name string, p harness.Program, directives ...string) *peer {
	dir := t.TempDir()
	s := p.Start(t, append(directives, "dir "+harness.Quote(dir), "enable-debug-command yes")...)
	return &peer{name, dir, s.Dial(t)}
}

func (p *peer) must(t *testing.T, args ...string) string {
	t.Helper()
	v := p.conn.Must(t, args...)
	if len(v.Elem) > 0 { // of DIGEST-VALUE
		return v.Elem[0].Text
	}
	return v.Text
}

// text returns a random element.
func text(r *rand.Rand, i int) string {
	switch r.IntN(6) {
	case 0:
		return strconv.Itoa(i - 50)
	case 1:
		return strconv.FormatInt(int64(r.Uint64()>>r.IntN(64)), 10)
	case 2:
		return strings.Repeat("ab", r.IntN(60)) + strconv.Itoa(i)
	case 3:
		return strings.Repeat(strconv.Itoa(i), 1+r.IntN(300))
	case 4:
		return ""
	}
	return string([]byte{byte(i), byte(i >> 8), 0, 'x', byte(r.IntN(256))})
}

// populate makes the same keys on all peers and returns their names.
func populate(t *testing.T, r *rand.Rand, peers ...*peer) (names []string) {
	do := func(args ...string) {
		for _, p := range peers {
			p.must(t, args...)
		}
	}
	for _, size := range []int{1, 2, 40, 500, 3000} {
		for _, kind := range []string{"list", "set", "ints", "hash", "zset", "wholes", "stream"} {
			name := fmt.Sprintf("%s-%d", kind, size)
			names = append(names, name)
			var args []string
			if kind == "stream" {
				size = min(size, 700) // a command each
			}
			for i := range size {
				switch kind {
				case "list":
					args = append(args, text(r, i))
				case "set":
					args = append(args, text(r, i))
				case "ints":
					args = append(args, strconv.Itoa(i*i*i*1000-77))
				case "hash":
					args = append(args, text(r, i), text(r, i+1))
				case "zset":
					args = append(args, strconv.FormatFloat(r.NormFloat64()*math.Pow(10, float64(i%20)), 'g', -1, 64), text(r, i))
				case "wholes":
					args = append(args, []string{"inf", "-inf", "7", "-3"}[i%4], text(r, i))
				case "stream":
					do("XADD", name, strconv.Itoa(i+1)+"-5", text(r, i), text(r, i+1), "f", text(r, i+2))
				}
			}
			command := map[string]string{"list": "RPUSH", "set": "SADD", "ints": "SADD", "hash": "HSET", "zset": "ZADD", "wholes": "ZADD"}[kind]
			if command != "" {
				do(append([]string{command, name}, args...)...)
			} else {
				do("XDEL", name, "2-5")
				for _, group := range []string{"g", "7"} {
					do("XGROUP", "CREATE", name, group, "0")
					do("XREADGROUP", "GROUP", group, "c", "COUNT", strconv.Itoa(1+size/5), "STREAMS", name, ">")
				}
			}
			if r.IntN(3) == 0 {
				do("PEXPIREAT", name, "4102444800123")
			}
		}
	}
	return names
}

func TestAgainstOracle(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, limits := range [][]string{
		nil,
		{"hash-max-listpack-entries 0", "zset-max-listpack-entries 0", "set-max-intset-entries 0", "list-max-listpack-size 3", "list-compress-depth 1", "rdbcompression no"},
		{"hash-max-listpack-entries 4000", "zset-max-listpack-entries 4000", "set-max-intset-entries 4000", "list-max-listpack-size -5", "hash-max-listpack-value 4000", "zset-max-listpack-value 4000"},
	} {
		tarn, oracle := newPeer(t, "tarn", harness.Tarn(t), limits...), newPeer(t, "oracle", harness.Oracle(t), limits...)
		names := populate(t, r, tarn, oracle)
		for _, name := range names {
			want := oracle.must(t, "DEBUG", "DIGEST-VALUE", name)
			if got := tarn.must(t, "DEBUG", "DIGEST-VALUE", name); got != want {
				t.Errorf("seed %d, %q, %s: digest %s, the oracle's is %s", seed, limits, name, got, want)
			}
			for _, way := range [][2]*peer{{tarn, oracle}, {oracle, tarn}, {tarn, tarn}} {
				from, to := way[0], way[1]
				reply, err := to.conn.Do("RESTORE", "copy", "4102444800123", from.must(t, "DUMP", name), "REPLACE", "ABSTTL")
				if err != nil || reply.Text != "OK" {
					t.Errorf("seed %d, %q, %s from %s to %s: %v, %v", seed, limits, name, from.name, to.name, reply, err)
					continue
				}
				from.must(t, "PEXPIREAT", name, "4102444800123")
				want := from.must(t, "DEBUG", "DIGEST-VALUE", name)
				if got := to.must(t, "DEBUG", "DIGEST-VALUE", "copy"); got != want {
					t.Errorf("seed %d, %q, %s from %s to %s: digest %s, want %s", seed, limits, name, from.name, to.name, got, want)
				}
			}
			tarn.must(t, "PEXPIREAT", name, "4102444800123")
			oracle.must(t, "PEXPIREAT", name, "4102444800123")
		}
		want := oracle.must(t, "DEBUG", "DIGEST")
		files := map[*peer][]byte{}
		for _, p := range []*peer{tarn, oracle} {
			if got := p.must(t, "DEBUG", "DIGEST"); got != want {
				t.Errorf("seed %d, %q: the digest of %s is %s, the oracle's is %s", seed, limits, p.name, got, want)
			}
			p.must(t, "SAVE")
			path := filepath.Join(p.dir, "dump.rdb")
			if out, err := exec.Command(harness.LookPath(t, "redis-check-rdb"), path).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("RDB looks OK!")) {
				t.Fatalf("seed %d, %q, file of %s: redis-check-rdb: %v\n%s", seed, limits, p.name, err, out)
			}
			var err error
			if files[p], err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		for _, way := range [][2]*peer{{tarn, oracle}, {oracle, tarn}, {tarn, tarn}} {
			from, to := way[0], way[1]
			if err := os.WriteFile(filepath.Join(to.dir, "dump.rdb"), files[from], 0o644); err != nil {
				t.Fatal(err)
			}
			to.must(t, "DEBUG", "RELOAD", "NOSAVE")
			if got := to.must(t, "DEBUG", "DIGEST"); got != want {
				t.Errorf("seed %d, %q: the file of %s in %s has the digest %s, want %s", seed, limits, from.name, to.name, got, want)
			}
		}
	}
}
