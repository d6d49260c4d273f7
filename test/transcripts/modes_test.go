// The conditions under which every transcript must read the same.

package transcripts

import (
	"errors"
	"fmt"
	"strings"

	"tarn/test/harness"
)

var plain = Mode{Name: "plain"}

// sharedModes are those that redis-server has too, by which they are proved.
var sharedModes = []Mode{
	{Name: "reload", After: reload},
	{Name: "log", Directives: []string{"appendonly yes", "auto-aof-rewrite-min-size 32kb"}, After: loadLog}, // and rewritten meanwhile
	{Name: "multi", Multi: true},
	{Name: "snapshot", Directives: []string{"rdb-key-save-delay 400"}, Before: keepSnapshotRunning},
	{Name: "io-threads", Directives: []string{"io-threads 2"}},
	{Name: "tiny", Tiny: true, Directives: tinyLimits},
}

// tinyLimits are those of collections that redis-server has too.
var tinyLimits = []string{"hash-max-listpack-entries 1", "zset-max-listpack-entries 1", "set-max-intset-entries 1",
	"list-max-listpack-size 2", "stream-node-max-entries 2"}

// tarnModes are Tarn's own. In resp3 the oracle plays along and both are compared.
var tarnModes = append([]Mode{
	{Name: "shards=1", Directives: []string{"keyspace-shards 1"}},
	{Name: "shards=64", Directives: []string{"keyspace-shards 64"}},
	{Name: "tiny=all", Tiny: true, Directives: append([]string{"set-max-listpack-entries 1"}, tinyLimits...)},
}, sharedModes...)

var resp3 = Mode{Name: "resp3", RESP3: true}

func reload(control *harness.Conn) error {
	v, err := control.Do("DEBUG", "RELOAD")
	if err == nil && v.IsError() {
		err = fmt.Errorf("DEBUG RELOAD: %s", v.Text)
	}
	return err
}

// loadLog empties the server and has it do again what its append-only log holds.
func loadLog(control *harness.Conn) error {
	v, err := control.Do("DEBUG", "LOADAOF")
	if err == nil && v.IsError() {
		err = fmt.Errorf("DEBUG LOADAOF: %s", v.Text)
	}
	return err
}

// fillerDB is a database that no transcript looks into. What is in it keeps a snapshot busy.
const (
	fillerDB   = "15"
	fillerKeys = "1500"
)

// snapshotTries is how often a snapshot may be over before it is looked at, on a machine that stands still meanwhile.
const snapshotTries = 20

// keepSnapshotRunning starts a BGSAVE unless one is in progress. With the mode's delay per key one
// takes most of a second, so that lines meet snapshots at their beginning, middle and end.
func keepSnapshotRunning(control *harness.Conn) error {
	for range snapshotTries {
		running, err := snapshotRuns(control)
		if err != nil || running {
			return err
		}
		for _, args := range [][]string{
			{"SELECT", fillerDB}, {"DEBUG", "POPULATE", fillerKeys}, {"BGSAVE"},
		} {
			v, err := control.Do(args...)
			if err != nil || v.IsError() {
				return fmt.Errorf("%q: %v, %w", args, v, err)
			}
		}
	}
	return errors.New("a BGSAVE just started is never in progress")
}

func snapshotRuns(control *harness.Conn) (bool, error) {
	info, err := control.Do("INFO", "persistence")
	return strings.Contains(info.Text, "rdb_bgsave_in_progress:1"), err
}
