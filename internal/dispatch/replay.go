// Replay: commands that a log holds, run again at start.
//
// They come as bytes and take the way of a client's, but no gate: what once ran runs, whatever the
// settings are now. Nobody hears a reply. A command that is not known, or cannot be run by this
// version, ends the replay: to leave it out would make another data set than the one that was logged.

package dispatch

import (
	"errors"
	"fmt"

	"tarn/internal/command"
	"tarn/internal/resp"
)

// Errors of Replayer.Feed.
var (
	ErrReplayUnknown = errors.New("unknown command")
	ErrReplayLater   = errors.New("a command that comes in a later version")
	ErrReplayArgs    = errors.New("wrong number of arguments")
	ErrReplayFormat  = errors.New("not a command")
)

// replaySlice is how many bytes are run before others, who may want the world stopped, get their turn.
const replaySlice = 256 << 10

// Replayer runs logged commands. One goroutine uses it; the server is loading meanwhile.
type Replayer struct {
	d       *Dispatcher
	w       *Worker
	session command.Session
	parser  resp.Parser
	stop    *ReplayError // the command that ended the replay, or nil

	// Alone says that the caller has stopped the world, so that it is not entered.
	Alone bool

	// Refused, when it is set, is told of a command that failed: it once changed something, and has
	// changed nothing now.
	Refused func(command string, err error)
}

// ReplayError is a command that cannot be replayed.
type ReplayError struct {
	At   int    // where it begins in what was fed
	Name string // of the command
	Err  error
}

func (e *ReplayError) Error() string { return fmt.Sprintf("command %q: %s", e.Name, e.Err) }

func (e *ReplayError) Unwrap() error { return e.Err }

// NewReplayer returns a replayer that starts in database 0.
func (d *Dispatcher) NewReplayer() *Replayer {
	r := &Replayer{d: d, w: d.newWorker(d.env.Commands.NewAside())}
	r.w.replayer, r.w.cfg = r, nil
	r.w.call.Unit = nil // what a log holds is not logged again
	r.session.State = command.Replaying
	r.session.Proto = resp.RESP2
	r.session.Conn = noConn{}
	return r
}

// Feed runs whole commands, MULTI and SELECT among them. It returns how many bytes were used: all, or
// without a last command that is not whole. Errors: *ReplayError.
func (r *Replayer) Feed(b []byte) (used int, err error) {
	s := &r.session
	for slice := replaySlice; used < len(b); {
		end := min(len(b), used+slice)
		if !r.Alone {
			r.d.World.Enter()
		}
		r.w.Turn()
		n, verdict := r.w.Feed(s, &r.parser, b[used:end])
		r.w.Writer.Reset(r.w.Writer.Buffer()[:0], resp.RESP2)
		if !r.Alone {
			r.d.World.Leave()
		}
		used += n
		switch {
		case verdict == Close:
			if e := r.stop; e != nil {
				e.At += used - n
				return e.At, e
			}
			return used, &ReplayError{At: used, Err: ErrReplayFormat}
		case verdict == Full, n > 0:
			slice = replaySlice
		case end == len(b):
			return used, nil
		default:
			slice *= 2 // a command longer than the slice
		}
	}
	return used, nil
}

// Pending tells whether a MULTI is open.
func (r *Replayer) Pending() bool { return r.session.State&command.InMulti != 0 }

// Close ends the replayer. What an open MULTI has queued is dropped. Who waits for keys is served now, by
// what the keys hold in the end.
func (r *Replayer) Close() {
	r.d.Sweep(r.w.tx)
	r.session.DropQueue()
	r.session.Unwatch(r.w.tx)
	r.d.env.Keyspace.CloseTx(r.w.tx)
}

func (r *Replayer) failed(spec *command.Spec, err error) {
	if r.Refused != nil {
		r.Refused(spec.FullName, err)
	}
}

// replays decides about a command of a log: it is queued, run, or ends the replay.
func (w *Worker) replays(s *command.Session, r *request) outcome {
	if s.State&command.InMulti != 0 && !endsQueue(r.spec) {
		w.queue(s, r)
		return done
	}
	return pass
}

// cannotReplay ends the replay at a request.
func (w *Worker) cannotReplay(s *command.Session, r *request) {
	e := &ReplayError{At: r.start, Name: string(quoted(r.args[0], quotedMax)), Err: ErrReplayUnknown}
	switch {
	case r.spec == nil:
	case r.spec.Run == nil:
		e.Name, e.Err = r.spec.FullName, ErrReplayLater
	default:
		e.Name, e.Err = r.spec.FullName, ErrReplayArgs
	}
	w.replayer.stop = e
	s.State |= command.Killed
}

// noConn is the connection of commands that come from no client.
type noConn struct{}

func (noConn) Addr() string             { return "" }
func (noConn) LocalAddr() string        { return "" }
func (noConn) FD() int                  { return -1 }
func (noConn) Buffers() command.Buffers { return command.Buffers{} }
