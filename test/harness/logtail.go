// The end of a server's log, kept for failure messages, and the moment one line appears in it.

package harness

import (
	"bytes"
	"sync"
)

const logTailBytes = 16 << 10

// logTail is an io.Writer that keeps the last logTailBytes written and closes found once a line
// holding want has been written whole.
type logTail struct {
	found chan struct{}

	mu   sync.Mutex // guards all below
	want []byte     // nil once found
	line []byte     // the unfinished last line, while want is looked for
	tail []byte
}

func newLogTail(want string) *logTail {
	return &logTail{found: make(chan struct{}), want: []byte(want)}
}

func (l *logTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, p...)
	if excess := len(l.tail) - logTailBytes; excess > 0 {
		l.tail = append(l.tail[:0], l.tail[excess:]...)
	}
	if l.want != nil {
		l.line = append(l.line, p...)
		end := bytes.LastIndexByte(l.line, '\n') + 1
		if bytes.Contains(l.line[:end], l.want) {
			l.want, l.line = nil, nil
			close(l.found)
		} else {
			l.line = append(l.line[:0], l.line[end:]...)
		}
	}
	return len(p), nil
}

func (l *logTail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.tail)
}
