// Gates: what may keep a command from running, in the order in which Redis asks.
//
// A client sees the first refusal, so the order is behaviour. The server keeps its unusual
// conditions as bits in one word and a session keeps its own; when both words are zero, the common
// case, no gate is asked.

package dispatch

import (
	"bytes"
	"fmt"
	"strings"

	"tarn/internal/command"
	"tarn/internal/resp"
)

// Conditions of the server.
const (
	Loading    uint32 = 1 << iota // the data set is being loaded
	Misconf                       // the last save failed, and writes are refused for it
	OverMemory                    // used memory is over maxmemory
	Paused                        // CLIENT PAUSE is on
	Behind                        // the log is further behind than it may be
)

// Errors of the gates.
const (
	ErrNoAuth        resp.Error = "NOAUTH Authentication required."
	ErrNoMulti       resp.Error = "ERR Command not allowed inside a transaction"
	ErrOverMemory    resp.Error = "OOM command not allowed when used memory > 'maxmemory'."
	ErrLoading       resp.Error = "LOADING Redis is loading the dataset in memory"
	errDebugRefused  resp.Error = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."
	errModuleRefused resp.Error = "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."
)

// outcome is what the gates say.
type outcome uint8

const (
	pass outcome = iota
	done         // the reply is written
	wait         // the command is to be tried again later
)

// gate is one question. It is asked when the session or the server is in one of the states.
type gate struct {
	session command.State
	server  uint32
	flags   command.Flags // or when the command has one of these
	ask     func(*Worker, *command.Session, *request) (outcome, resp.Error)
}

var gates = [...]gate{
	{flags: command.Protected, ask: askProtected},
	{session: command.Unauthenticated, ask: askAuth},
	{session: command.InMulti, ask: askNoMulti},
	{server: OverMemory, ask: askMemory},
	{server: Misconf, ask: askDisk},
	{server: Loading, ask: askLoading},
	{server: Paused, ask: askPaused},
	{server: Behind, ask: askBehind},
	{session: command.InMulti, ask: askQueue},
}

func (w *Worker) gates(s *command.Session, r *request) outcome {
	if w.replayer != nil {
		return w.replays(s, r)
	}
	server := w.d.state.Load()
	for i := range gates {
		g := &gates[i]
		if s.State&g.session == 0 && server&g.server == 0 && r.spec.Flags&g.flags == 0 {
			continue
		}
		switch o, e := g.ask(w, s, r); {
		case e != "":
			w.refuse(s, r.spec, e)
			return done
		case o != pass:
			return o
		}
	}
	return pass
}

// flagsOf returns a command's flags; those of EXEC include what is queued.
func flagsOf(s *command.Session, spec *command.Spec) command.Flags {
	f := spec.Flags
	if spec.Name == "exec" && s.State&command.InMulti != 0 {
		for i := range s.More.Queue {
			f |= s.More.Queue[i].Spec.Flags & (command.Write | command.DenyOOM)
		}
	}
	return f
}

func askProtected(w *Worker, s *command.Session, r *request) (outcome, resp.Error) {
	enabled, refusal := w.cfg.EnableDebugCommand, errDebugRefused
	if name := r.spec.Name; name == "module" || r.spec.Parent != nil && r.spec.Parent.Name == "module" {
		enabled, refusal = w.cfg.EnableModuleCommand, errModuleRefused
	}
	if enabled.Allows(s.IsLocal()) {
		return pass, ""
	}
	return pass, refusal
}

func askAuth(w *Worker, s *command.Session, r *request) (outcome, resp.Error) {
	if r.spec.Flags&command.NoAuth != 0 || w.cfg.RequirePass == "" {
		return pass, ""
	}
	return pass, ErrNoAuth
}

func askNoMulti(w *Worker, s *command.Session, r *request) (outcome, resp.Error) {
	if r.spec.Flags&command.NoMulti != 0 {
		return pass, ErrNoMulti
	}
	return pass, ""
}

func askMemory(w *Worker, s *command.Session, r *request) (outcome, resp.Error) {
	if flagsOf(s, r.spec)&command.DenyOOM != 0 || s.State&command.InMulti != 0 && !endsQueue(r.spec) {
		return pass, ErrOverMemory
	}
	return pass, ""
}

func askDisk(w *Worker, s *command.Session, r *request) (outcome, resp.Error) {
	if flagsOf(s, r.spec)&command.Write == 0 && r.spec.Name != "ping" {
		return pass, ""
	}
	return pass, *w.d.reason.Load()
}

func askLoading(w *Worker, s *command.Session, r *request) (outcome, resp.Error) {
	if r.spec.Flags&command.Loading != 0 {
		return pass, ""
	}
	return pass, ErrLoading
}

// askPaused puts commands off while CLIENT PAUSE holds them: all, or those that may change keys.
func askPaused(w *Worker, s *command.Session, r *request) (outcome, resp.Error) {
	if w.tx.Now() >= w.d.pauseUntil.Load() {
		return pass, ""
	}
	if !w.d.pauseAll.Load() && flagsOf(s, r.spec)&(command.Write|command.MayReplicate) == 0 {
		return pass, ""
	}
	if s.State&command.InMulti != 0 && r.spec.Name != "exec" {
		return pass, "" // queueing changes nothing
	}
	s.State |= command.Pausing
	return wait, ""
}

// askBehind puts commands off that would add to a log that is behind.
func askBehind(w *Worker, s *command.Session, r *request) (outcome, resp.Error) {
	if flagsOf(s, r.spec)&(command.Write|command.MayReplicate) == 0 || s.State&command.InMulti != 0 && r.spec.Name != "exec" {
		return pass, ""
	}
	return wait, ""
}

// endsQueue tells whether a command is run at once inside MULTI.
func endsQueue(spec *command.Spec) bool {
	switch spec.Name {
	case "exec", "discard", "multi", "watch", "quit", "reset":
		return spec.Parent == nil
	}
	return false
}

func askQueue(w *Worker, s *command.Session, r *request) (outcome, resp.Error) {
	if endsQueue(r.spec) {
		return pass, ""
	}
	w.queue(s, r)
	return done, ""
}

// Texts that quote the request.

const quotedMax = 128 // bytes

// quoted returns what a C program prints of arg in up to so many bytes: nothing from a zero byte on.
func quoted(arg []byte, limit int) []byte {
	text, _, _ := bytes.Cut(arg[:min(len(arg), limit)], []byte{0})
	return text
}

// unknownCommand is the reply to a command, or a subcommand, that does not exist.
func unknownCommand(r *request) resp.Error {
	if r.container != nil {
		return resp.Error(fmt.Sprintf("ERR unknown subcommand '%s'. Try %s HELP.", quoted(r.args[1], quotedMax), strings.ToUpper(r.container.Name)))
	}
	var b strings.Builder
	for i := 1; i < len(r.args) && b.Len() < quotedMax; i++ {
		fmt.Fprintf(&b, "'%s' ", quoted(r.args[i], quotedMax-b.Len()))
	}
	return resp.Error(fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", quoted(r.args[0], quotedMax), b.String()))
}

func wrongArity(spec *command.Spec) resp.Error {
	return resp.Error("ERR wrong number of arguments for '" + spec.FullName + "' command")
}

func later(spec *command.Spec) resp.Error {
	return resp.Error("ERR tarn: the command '" + spec.FullName + "' comes in a later version")
}
