// Tool: what the checks of every kind of file share.
//
// A check reads a file as a server would that loads it, decodes every value, and says on Out what it
// found: where, what, and how much a repair would lose. Its lines begin as redis-check-aof's and
// redis-check-rdb's do, and the outcome is theirs too, so that scripts written for those go on working.
//
// What must hold: nothing is changed unless asked for, and then only by cutting off the end of a file;
// memory does not grow with a file, only with the largest value in it.

// Package check examines RDB files, append-only logs and folders of backups without a server, and
// turns one into another.
package check

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"tarn/internal/clock"
	"tarn/internal/vfs"
)

// Tool checks files. One goroutine uses it at a time.
type Tool struct {
	Files    vfs.FS
	In       io.Reader // answers to questions
	Out      io.Writer
	Clock    clock.Clock
	Terminal bool // Out is a terminal: how far a long check is, is drawn there
	Pid      int  // names what a conversion writes for the time being

	answers *bufio.Reader
}

// say writes to Out. What it cannot write is lost: the exit code tells the outcome.
func (t *Tool) say(format string, args ...any) { _, _ = fmt.Fprintf(t.Out, format, args...) }

// agrees asks whether to go on.
func (t *Tool) agrees() bool {
	t.say("Continue? [y/N]: ")
	if t.answers == nil {
		t.answers = bufio.NewReader(t.In)
	}
	line, _ := t.answers.ReadString('\n') // no answer is no
	return strings.HasPrefix(line, "y") || strings.HasPrefix(line, "Y")
}

// What of a long check is shown on a terminal.
const (
	progressAfterMs = 1000
	progressEveryMs = 200
	progressWidth   = 40
)

// progress counts what is read of a file, and draws it when that takes long.
type progress struct {
	t     *Tool
	r     io.Reader
	name  string
	size  int64
	read  int64
	began int64 // Unix ms
	drawn int64 // Unix ms; 0: nothing has been
}

// watch returns a reader of what r holds, which has so many bytes.
func (t *Tool) watch(name string, r io.Reader, size int64) *progress {
	return &progress{t: t, r: r, name: name, size: size, began: t.Clock.Millis()}
}

// Read reads from the file.
func (p *progress) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.read += int64(n)
	if p.t.Terminal {
		p.draw()
	}
	return n, err
}

func (p *progress) draw() {
	now := p.t.Clock.Millis()
	took := now - p.began
	if took < progressAfterMs || now-p.drawn < progressEveryMs || p.size == 0 {
		return
	}
	p.drawn = now
	done := min(int(p.read*progressWidth/p.size), progressWidth)
	p.t.say("\r%.40s [%s%s] %3d%%, %d MB/s ", p.name, strings.Repeat("#", done), strings.Repeat(".", progressWidth-done),
		p.read*100/p.size, p.read/1000/took)
}

// end removes what was drawn.
func (p *progress) end() {
	if p.drawn != 0 {
		p.t.say("\r\x1b[K")
		p.drawn = 0
	}
}
