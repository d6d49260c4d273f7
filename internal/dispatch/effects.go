// Effects: from what a command changed to what the journal keeps of it.
//
// A command that counted changes is kept as it was sent, unless its handler said how it is to be done
// again (Call.Log). Keys and fields that ended while it ran come before it. All of it is one unit,
// appended before the first lock goes: keyspace.Tx says so by Release.

package dispatch

import (
	"tarn/internal/command"
	"tarn/internal/config"
	"tarn/internal/journal"
	"tarn/internal/keyspace"
)

// effects gathers the effects of one executor; it implements keyspace.Effects.
type effects struct {
	unit   *journal.Unit
	config *config.Store
}

// record makes all effects from now on go to d's journal.
func (d *Dispatcher) record() {
	d.journal = journal.New()
	d.env.Keyspace.SetEffects(func(*keyspace.Tx) keyspace.Effects {
		return &effects{unit: d.journal.NewUnit(), config: d.env.Config}
	})
}

// Journal returns where effects go.
func (d *Dispatcher) Journal() *journal.Journal { return d.journal }

// KeyExpired implements keyspace.Effects.
func (e *effects) KeyExpired(db int, name []byte) {
	if !e.unit.Active() {
		return
	}
	word := "DEL"
	if e.config.Current().LazyfreeLazyExpire {
		word = "UNLINK"
	}
	e.unit.Op(db, 2).Str(word).Bytes(name)
}

// FieldExpired implements keyspace.Effects.
func (e *effects) FieldExpired(db int, name, field []byte) {
	if e.unit.Active() {
		e.unit.Op(db, 3).Str("HDEL").Bytes(name).Bytes(field)
	}
}

// Release implements keyspace.Effects.
func (e *effects) Release(ms int64) { e.unit.Commit(ms) }

// perform runs a command's handler and takes note of its effects.
func (w *Worker) perform(s *command.Session, spec *command.Spec, args [][]byte) error {
	before := w.tx.Dirty.Load()
	w.call.Logged = false
	err := spec.Run(&w.call)
	if w.tx.Dirty.Load() != before && !w.call.Logged && w.call.Logs() && spec.Name != "exec" {
		w.unit.Command(int(s.DB), args)
	}
	return err
}
