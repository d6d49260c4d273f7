// Losses: what a file of the version that was asked for does not express of the data.
//
// The encoder knows (rdb.Loss), since it finds no room for it. A save that writes the version it likes best
// is not asked. What is told at the end of a save is how many keys are concerned, by reason, and the first
// of them by name; tarn check rdb --for names all of them, before.

package persist

import (
	"fmt"
	"strings"

	"tarn/internal/keyspace"
	"tarn/internal/rdb"
)

// shownLosses is how many keys are named in the log.
const shownLosses = 10

// losses are those of one file.
type losses struct {
	keys  int64
	by    map[rdb.Loss]int64
	named []string
}

// losesSome tells whether there is something to say of losses: a version is asked for, or was.
func (p *Store) losesSome() bool {
	return p.o.Config.Current().RDBVersion != 0 || p.saveLosses.Load()+p.baseLosses.Load() > 0
}

// note takes note of what was lost of a key.
func (l *losses) note(r *keyspace.Record, lost rdb.Loss) {
	if l.by == nil {
		l.by = map[rdb.Loss]int64{}
	}
	l.keys++
	lost.Each(func(one rdb.Loss) { l.by[one]++ })
	if len(l.named) < shownLosses {
		l.named = append(l.named, fmt.Sprintf("database %d, key %q", r.DB, shortKey(r.Key)))
	}
}

// report logs what was lost, if anything was.
func (l *losses) report(log Log, file string, version int64) {
	if l.keys == 0 {
		return
	}
	var reasons []string
	for _, loss := range []rdb.Loss{rdb.FieldDeadlines, rdb.ActiveTimes, rdb.StreamCounts} {
		if l.by[loss] == 0 {
			continue
		}
		fate := "not written"
		if loss == rdb.FieldDeadlines {
			fate = fmt.Sprintf("written in the newer form rather than lost: a server that reads version %d and no newer one will refuse the file", version)
		}
		reasons = append(reasons, fmt.Sprintf("%d × %s (%s)", l.by[loss], loss, fate))
	}
	log.Warning("%d keys hold what rdb-version %d cannot express, in %s: %s. The first: %s",
		l.keys, version, file, strings.Join(reasons, "; "), strings.Join(l.named, "; "))
}
