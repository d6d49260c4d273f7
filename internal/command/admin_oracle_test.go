// Shown here, against Debian's redis-server (7.0.15): connections, CLIENT, CONFIG, DEBUG and the like
// answer as Redis's do. A seeded stream of random commands, good ones and bad ones, goes over one
// connection to it and to a server without sockets; after each command the replies must be the same
// byte for byte, and so must what CLIENT INFO says of the session and, at the end, the counts of
// calls, refusals and errors. Where Redis 7.2 differs by its documentation, this is said in skip.

package command_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tarn/internal/clock"
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/resp"
	"tarn/test/chance"
	"tarn/test/harness"
)

const (
	adminRounds   = 4
	adminCommands = 3000 // per round
)

func TestAdminAgainstOracle(t *testing.T) {
	oracle := harness.Oracle(t).Start(t, "slowlog-log-slower-than -1", "latency-monitor-threshold 0")
	for range adminRounds {
		seed := chance.Seed(t)
		d := &adminDuel{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), addr: oracle.Addr, admin: newAdmin(t)}
		d.admin.set(func(c *config.Config) { c.EnableDebugCommand = config.ProtectedYes })
		d.reconnect()
		d.play("CONFIG", "RESETSTAT")
		for range adminCommands {
			d.play(d.words()...)
			if d.random.IntN(8) == 0 {
				d.compareSession()
			}
		}
		d.compareCounts()
		d.play("CONFIG", "SET", "requirepass", "", "timeout", "0", "maxclients", "10000")
		d.conn.Close()
	}
}

// adminDuel is one round.
type adminDuel struct {
	t      *testing.T
	seed   uint64
	random *rand.Rand
	recent []string
	addr   string
	conn   net.Conn
	raw    bytes.Buffer // what was read from conn
	dec    *resp.Decoder
	admin  *admin
	client *client

	// unsure says that the sessions' names may differ: Redis 7.0 gives a HELLO's name to the session
	// even when it then refuses the HELLO, 7.2 does not.
	unsure bool
}

// reconnect opens a new session on both sides, and gives ours the oracle's ID.
func (d *adminDuel) reconnect() {
	d.t.Helper()
	conn, err := net.Dial("tcp", d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { conn.Close() })
	d.conn = conn
	d.dec = resp.NewDecoder(io.TeeReader(conn, &d.raw))
	d.admin.sessions = nil
	d.unsure = false
	d.client = d.admin.connect()
	if d.client.session.State&command.Unauthenticated != 0 {
		d.play("AUTH", d.admin.env.Config.Current().RequirePass)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(d.oracle("CLIENT", "ID"), ":"), "\r")
	if d.client.session.ID, err = strconv.ParseInt(id, 10, 64); err != nil {
		d.t.Fatal(err)
	}
	d.admin.ask(d.client, "CLIENT", "ID") // both have run it
}

// oracle sends a command to the oracle and returns its reply as it came.
func (d *adminDuel) oracle(words ...string) string {
	d.t.Helper()
	if err := d.conn.SetDeadline(deadline()); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.conn.Write(harness.AppendCommand(nil, words...)); err != nil {
		d.t.Fatal(err)
	}
	d.raw.Reset()
	if _, err := d.dec.Decode(); err != nil {
		d.fail("%.200q: %v", words, err)
	}
	return d.raw.String()
}

func deadline() time.Time { return clock.System{}.Now().Add(harness.ReplyTimeout) }

var versions = strings.NewReplacer("$6\r\n7.0.15\r\n", "$5\r\n"+command.RedisVersion+"\r\n")

// play sends a command to both.
func (d *adminDuel) play(words ...string) {
	d.t.Helper()
	if d.skip(words) {
		return
	}
	d.recent = append(d.recent, fmt.Sprintf("%.200q", words))
	want := versions.Replace(d.oracle(words...))
	got, closed := d.admin.ask(d.client, words...)
	if got != want {
		d.fail("reply is %.500q, want %.500q", got, want)
	}
	d.trackName(words, got)
	if !closed {
		return
	}
	if _, err := d.dec.Decode(); err != io.EOF {
		d.fail("the oracle has not closed the connection: %v", err)
	}
	d.reconnect()
}

// trackName keeps unsure.
func (d *adminDuel) trackName(words []string, reply string) {
	switch name := strings.ToUpper(words[0]); {
	case reply == "+RESET\r\n", name == "CLIENT" && len(words) == 3 && strings.EqualFold(words[1], "SETNAME") && reply == "+OK\r\n":
		d.unsure = false
	case name == "HELLO" && slices.Contains(words, "SETNAME"):
		d.unsure = reply[0] != '*' && reply[0] != '%'
	}
}

// skip tells what is not compared: what Redis 7.0 and 7.2 do differently.
func (d *adminDuel) skip(words []string) bool {
	state := d.client.session.State
	switch strings.ToUpper(words[0]) {
	case "RESET":
		return state&command.NoEvict != 0 // which 7.2 ends
	case "HELLO":
		return helloBadlyAuthenticates(words)
	case "QUIT", "CLIENT": // in MULTI: what follows the end of a connection is not sent by Redis
		return state&command.InMulti != 0 || d.unsure && slices.Contains(words, "GETNAME")
	}
	return false
}

// helloBadlyAuthenticates tells whether a HELLO has a wrong option besides AUTH. Redis 7.0 lets the
// user in before it looks at the other options, 7.2 afterwards.
func helloBadlyAuthenticates(words []string) bool {
	auth, bad := false, false
	for i := 2; i < len(words) && !bad; i++ {
		switch more := len(words) - 1 - i; {
		case words[i] == "AUTH" && more >= 2:
			auth = true
			i += 2
		case words[i] == "SETNAME" && more >= 1:
			i++
			bad = strings.Contains(words[i], "\x01")
		default:
			bad = true
		}
	}
	return auth && bad
}

func (d *adminDuel) fail(format string, args ...any) {
	d.t.Helper()
	from := max(len(d.recent)-15, 0)
	d.t.Fatalf("seed %d: %s\n%s", d.seed, strings.Join(d.recent[from:], "\n"), fmt.Sprintf(format, args...))
}

var sessionField = regexp.MustCompile(` (name|flags|db|multi|cmd|user|resp|redir|sub|psub|ssub)=(\S*)`)

// compareSession compares what CLIENT INFO says.
func (d *adminDuel) compareSession() {
	d.t.Helper()
	if d.client.session.State&(command.InMulti|command.Unauthenticated) != 0 {
		return
	}
	fields := func(text string) string { return fmt.Sprint(sessionField.FindAllString(text, -1)) }
	want := fields(d.oracle("CLIENT", "INFO"))
	text, _ := d.admin.ask(d.client, "CLIENT", "INFO")
	if got := fields(text); got != want && !d.unsure {
		d.fail("session is %s, want %s", got, want)
	}
}

var statLine = regexp.MustCompile(`(?:cmdstat_(\S+?):calls=(\d+),.*,(rejected_calls=\d+,failed_calls=\d+)|(errorstat_\S+))\r\n`)

// compareCounts compares the statistics of commands and errors. QUIT became a command in 7.2.
func (d *adminDuel) compareCounts() {
	d.t.Helper()
	for d.client.session.State&(command.InMulti|command.Unauthenticated) != 0 {
		d.play("DISCARD")
		d.play("AUTH", "default", d.admin.env.Config.Current().RequirePass)
	}
	d.admin.env.Info.Add(d.admin.env.Commands.InfoFields()...)
	d.admin.env.Info.Add(d.admin.env.Errors.InfoFields()...)
	counts := func(text string) map[string]string {
		m := map[string]string{}
		for _, line := range statLine.FindAllStringSubmatch(text, -1) {
			if line[1] != "quit" {
				m[line[1]+line[4]] = line[2] + " " + line[3]
			}
		}
		return m
	}
	want := counts(d.oracle("INFO", "commandstats", "errorstats"))
	text, _ := d.admin.ask(d.client, "INFO", "commandstats", "errorstats")
	got := counts(text)
	for name, n := range want {
		if got[name] != n {
			d.t.Errorf("seed %d: %s: counts are %q, want %q", d.seed, name, got[name], n)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		d.t.Errorf("seed %d: counted only here: %v", d.seed, got)
	}
}

// Random words. A '|' separates what one is chosen from, a '?' before a word leaves it out now and
// then, and '_' is an empty word.
var adminCommandForms = strings.Split(strings.TrimSpace(`
AUTH one|two|wrong|_|default ?one|two|wrong ?x
HELLO ?2|3|2|3|4|1|abc ?AUTH|SETNAME|NOSUCH ?default|nobody|name ?one|two|SETNAME ?name|a
HELLO 2|3 AUTH default one|two SETNAME name|bad\x01name|_
HELLO 2|3 SETNAME me|you ?SETNAME|AUTH ?he|default ?x
CLIENT|client GETNAME|ID|GETREDIR|UNPAUSE ?x
CLIENT SETNAME name|_|a\x20b|\x7f|!~ ?x
CLIENT NO-EVICT ON|OFF|on|off|maybe ?x
CLIENT REPLY ON|on|maybe ?x
CLIENT KILL ?ID|ADDR|LADDR|TYPE|USER|SKIPME|NOSUCH|1.2.3.4:5|ID|TYPE ?999999|0|-1|abc|1.2.3.4:5|pubsub|master|slave|replica|nosuch|nobody|maybe|9223372036854775808 ?ID|SKIPME|TYPE|USER ?999999|yes|no|normal|default
CLIENT KILL ID|TYPE|SKIPME|USER 999999|normal|yes|no|default SKIPME|TYPE yes|no|normal
CLIENT LIST TYPE|ID|NOSUCH ?nosuch|pubsub|replica|MASTER|abc|0|999999|1.5|18446744073709551616 ?x|888888
CLIENT PAUSE ?abc|-1|1.5|_|0 ?ALL|WRITE|NOSUCH ?x
CLIENT UNBLOCK ?abc|1|999999|_ ?TIMEOUT|ERROR|NOSUCH ?x
CLIENT NOSUCH|_ ?x
PING ?x|_|a\x00b ?y
ECHO ?x|_ ?y
RESET ?x
QUIT ?x ?y
MULTI ?x
MULTI
EXEC ?x
EXEC
DISCARD
CONFIG SET requirepass one|two|_
CONFIG SET ?requirepass|nosuch|timeout|databases ?one|x|7 ?timeout|requirepass|maxclients ?5|x
CONFIG GET ?requirepass|nosuch|time?ut|RequirePass ?nosuch
CONFIG NOSUCH|_ ?x
CONFIG RESETSTAT x
ROLE ?x
TIME|LASTSAVE|SAVE x
BGSAVE NOSUCH|_ ?x
BGSAVE SCHEDULE x
LOLWUT VERSION abc|_|1.5
SHUTDOWN NOSUCH|_ ?x
SHUTDOWN ABORT NOSAVE|SAVE|NOW|x
SHUTDOWN SAVE NOSAVE
SHUTDOWN NOW|FORCE|SAVE|NOSAVE ABORT|x
SLOWLOG LEN|RESET|GET ?x|-2|-1|0|5 ?x
SLOWLOG NOSUCH
LATENCY LATEST|HISTORY|RESET|GRAPH ?event ?x
LATENCY HISTOGRAM nosuch ?nosuch
LATENCY NOSUCH
INFO nosuch|_ ?nosuch
DEBUG ?NOSUCH|DIGEST|SET-ACTIVE-EXPIRE|LOG|ERROR|REPLYBUFFER|PROTOCOL|DIGEST-VALUE ?-1|abc|1|0|99999 ?x ?y ?z
DEBUG PROTOCOL string|integer|double|bignum|null|array|set|map|attrib|verbatim|true|false|nosuch|STRING ?x
DEBUG ERROR ERR\x20a\x0d\x0ab|TEXT|_
DEBUG REPLYBUFFER PEAK-RESET-TIME|RESIZING|NOSUCH NEVER|RESET|100|abc|1
DEBUG QUICKLIST-PACKED-THRESHOLD 0|100b|5gb|mb|abc|1gb|4293918720|4293918721|-1|_
DEBUG SET-SKIP-CHECKSUM-VALIDATION|SET-DISABLE-DENY-SCRIPTS|PAUSE-CRON 0
DEBUG DIGEST
DEBUG DIGEST-VALUE ?a ?b
DEBUG HTSTATS abc|-1|99999
DEBUG OBJECT|HTSTATS-KEY absent
DEBUG POPULATE abc|-1|0 ?x ?abc|-1|0
DEBUG RELOAD NOSUCH
DEBUG SLEEP 0|abc|-1|_
DEBUG SLEEP|POPULATE
DEBUG SLEEP|POPULATE|DIGEST 0 x y z
COMMAND|CLIENT|CONFIG|DEBUG|LATENCY|SLOWLOG
NOSUCH ?x
`), "\n")

func (d *adminDuel) words() []string {
	var words []string
	for _, form := range strings.Fields(adminCommandForms[d.random.IntN(len(adminCommandForms))]) {
		if choice, ok := strings.CutPrefix(form, "?"); ok {
			if d.random.IntN(3) == 0 {
				break
			}
			form = choice
		}
		choices := strings.Split(form, "|")
		word := choices[d.random.IntN(len(choices))]
		if word == "_" {
			word = ""
		}
		word, err := strconv.Unquote(`"` + word + `"`)
		if err != nil {
			d.t.Fatal(err)
		}
		words = append(words, word)
	}
	if words[0] == "COMMAND" {
		words = append(words, "NOSUCH")
	}
	return words
}
