// Replies too long to be made at once. Shown, on each kind of loop: what is read is the value as of the
// command, whole, though it is changed, renamed or deleted while the client takes its time; what was
// pipelined behind it comes after it; a client that goes in the middle leaves nothing behind.

package process

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tarn/test/harness"
)

const longMembers = 30_000

// fillLong makes a set of longMembers members of 40 bytes, which is more than a socket holds.
func fillLong(t *testing.T, c *harness.Conn, key string) []string {
	var all []string
	for i := 0; i < longMembers; i += 1000 {
		args := []string{"SADD", key}
		for j := range 1000 {
			args = append(args, fmt.Sprintf("%040d", i+j))
		}
		all = append(all, args[2:]...)
		c.Must(t, args...)
	}
	return all
}

func texts(v harness.Value) []string {
	var all []string
	for _, e := range v.Elem {
		all = append(all, e.Text)
	}
	slices.Sort(all)
	return all
}

func TestLongReplies(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		writer := s.dial()
		want := fillLong(t, writer, "s")
		for _, change := range [][]string{
			nil,
			{"SADD", "s", "new"}, {"SREM", "s", want[7], "new"}, {"SADD", "s", want[7]}, {"RENAME", "s", "t"}, {"RENAME", "t", "s"},
			{"COPY", "s", "u"}, {"UNLINK", "u"}, {"SPOP", "s", "100"}, {"DEL", "s"},
		} {
			slow := s.dial()
			id := slow.Must(t, "CLIENT", "ID").Text
			if err := slow.Write(append(harness.AppendCommand(nil, "SMEMBERS", "s"), harness.AppendCommand(nil, "ECHO", "after")...)); err != nil {
				t.Fatal(err)
			}
			await(t, "the reply to be under way", func() bool {
				line := writer.Must(t, "CLIENT", "LIST", "ID", id).Text
				return strings.Contains(line, "cmd=smembers") || strings.Contains(line, "cmd=echo")
			})
			before := texts(writer.Must(t, "SMEMBERS", "s"))
			if change != nil {
				writer.Must(t, change...)
			}
			v, err := slow.Read()
			if err != nil {
				t.Fatalf("%v: %v", change, err)
			}
			if got := texts(v); !slices.Equal(got, before) {
				t.Errorf("%v: %d members, want %d", change, len(got), len(before))
			}
			if v, err := slow.Read(); err != nil || v.Text != "after" {
				t.Errorf("%v: then got %v, %v", change, v, err)
			}
			_ = slow.Close()
		}
		if n := writer.Must(t, "DBSIZE").Text; n != "0" {
			t.Errorf("%s keys are left", n)
		}
		_ = writer.Close()
	})
}

// TestLongRepliesLeft has clients go, or be killed, while they read.
func TestLongRepliesLeft(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		writer := s.dial()
		fillLong(t, writer, "s")
		for i := range 6 {
			c := s.dial()
			id := c.Must(t, "CLIENT", "ID").Text
			if err := c.Write(harness.AppendCommand(nil, "SMEMBERS", "s")); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				writer.Must(t, "CLIENT", "KILL", "ID", id)
			}
			_ = c.Close()
			writer.Must(t, "SADD", "s", "x"+strconv.Itoa(i))
		}
		writer.Must(t, "UNLINK", "s")
		await(t, "the set to be freed", func() bool { return s.info("lazyfree_pending_objects") == "0" })
		_ = writer.Close()
	})
}

// TestLongRepliesLimited changes a value while clients read it slowly, whose rest of the reply must then
// be made at once: what waits for them counts as unread, and who is over the limit is closed.
func TestLongRepliesLimited(t *testing.T) {
	onLoops(t, func(t *testing.T, s *process) {
		writer := s.dial()
		const members = 24_000 // 48 MB, of which sockets hold the least part
		for i := range members {
			writer.Must(t, "SADD", "all", strconv.Itoa(i)+strings.Repeat(".", 2000))
		}
		writer.Must(t, "CONFIG", "SET", "client-output-buffer-limit", "normal 262144 0 0")
		const readers = 4
		var slow []*harness.Conn
		for range readers {
			c := s.dial()
			if err := c.Write(harness.AppendCommand(nil, "SMEMBERS", "all")); err != nil {
				t.Fatal(err)
			}
			slow = append(slow, c)
		}
		await(t, "all to be read", func() bool {
			return strings.Count(writer.Must(t, "CLIENT", "LIST").Text, "cmd=smembers") == readers
		})
		writer.Must(t, "SADD", "all", "another")
		await(t, "those who leave too much unread to be closed", func() bool {
			return strings.Count(writer.Must(t, "CLIENT", "LIST").Text, "cmd=smembers") == 0
		})
		for _, c := range slow {
			_ = c.Close()
		}
		if v := writer.Must(t, "SCARD", "all").Text; v != strconv.Itoa(members+1) {
			t.Errorf("the set has %s members", v)
		}
		writer.Must(t, "UNLINK", "all")
		await(t, "the set to be freed", func() bool { return s.info("lazyfree_pending_objects") == "0" })
		_ = writer.Close()
	})
}

// TestGarbageIsNotInUse has a client hold a large reply and go: what it held is not in use any more,
// though nothing happens that would need memory.
func TestGarbageIsNotInUse(t *testing.T) {
	s := tarn(t).serve(t, "--save", "")
	c := s.dial()
	c.Must(t, "SETRANGE", "large", strconv.Itoa(20<<20), "x")
	used := func() int64 {
		n, err := strconv.ParseInt(s.info("used_memory"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if held := used(); held < 20<<20 {
		t.Fatalf("%d bytes are in use with 20 MiB of data", held)
	}
	slow := s.dial()
	for range 10 {
		if err := slow.Write(harness.AppendCommand(nil, "GET", "large")); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "replies to wait", func() bool { return used() > 100<<20 })
	_ = slow.Close()
	await(t, "their memory to be free", func() bool { return used() < 60<<20 })
	_ = c.Close()
	s.stop()
}
