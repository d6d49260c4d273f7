// Backup files: what is in the folder of backups, and what of it may go.
//
// The name of a file says what it is, so nothing else need be remembered over a restart:
//
//	dump-2026-11-21T03-00-00Z.rdb             read back, and found to be whole
//	dump-2026-11-21T03-00-00Z.rdb.unverified  written, and not yet read back
//	dump-2026-11-21T03-00-00Z.rdb.bad         read back, and found to be damaged
//
// The time is that of the cut, in UTC, so that names have the order of time also when clocks are put back. The
// first part is that of dbfilename: servers that share a folder keep to their own. A file with any other name
// is nobody's business here.
//
// What must hold: no file is removed but after a newer one was verified.

package persist

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tarn/internal/config"
)

// backupState is what is known of a backup.
type backupState uint8

const (
	verified backupState = iota
	unverified
	damaged
)

// What names end in.
var backupEndings = [...]string{verified: ".rdb", unverified: ".rdb.unverified", damaged: ".rdb.bad"}

// What states are called in replies.
var backupStates = [...]string{verified: "verified", unverified: "unverified", damaged: "damaged"}

// backupTime is how names say when.
const backupTime = "2006-01-02T15-04-05Z"

// backupFile is a file in the folder of backups.
type backupFile struct {
	stem  string    // of its name, without what says its state
	at    time.Time // of the cut
	state backupState
	bytes int64
}

func (f *backupFile) name() string { return f.stem + backupEndings[f.state] }

// backupPlace is a folder of backups, and whose of them are meant.
type backupPlace struct{ folder, prefix string }

// placeOf returns the place that the settings name. The folder is "" when they name none.
func placeOf(c *config.Config) backupPlace {
	if c.BackupDir == "" {
		return backupPlace{}
	}
	return backupPlace{besides(c, c.BackupDir), strings.TrimSuffix(c.DBFilename, ".rdb") + "-"}
}

func (at backupPlace) path(name string) string { return filepath.Join(at.folder, name) }

// parse tells what a name says; ok is false when it is none of ours.
func (at backupPlace) parse(name string) (f backupFile, ok bool) {
	rest, ok := strings.CutPrefix(name, at.prefix)
	if !ok {
		return f, false
	}
	for state, ending := range backupEndings {
		text, ok := strings.CutSuffix(rest, ending)
		if !ok {
			continue
		}
		if when, err := time.Parse(backupTime, text); err == nil && when.Format(backupTime) == text {
			return backupFile{stem: at.prefix + text, at: when, state: backupState(state)}, true
		}
	}
	return f, false
}

// listBackups returns the backups in a folder, oldest first. A folder that is not there has none. Errors: the
// disk's.
func (p *Store) listBackups(at backupPlace) ([]backupFile, error) {
	entries, err := p.o.Files.ReadDir(at.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []backupFile
	for _, e := range entries {
		f, ours := at.parse(e.Name())
		if !ours {
			continue
		}
		st, err := p.o.Files.Stat(at.path(e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // meanwhile
		}
		if err != nil {
			return nil, err
		}
		if !st.Mode().IsRegular() {
			continue
		}
		f.bytes = st.Size()
		list = append(list, f)
	}
	slices.SortStableFunc(list, func(a, b backupFile) int { return a.at.Compare(b.at) })
	return list, nil
}

// freeStem returns the first part of the name of a backup made now: one that no file has.
func (at backupPlace) freeStem(now time.Time, list []backupFile) (stem string, when time.Time) {
	when = now.UTC().Truncate(time.Second)
	for {
		stem = at.prefix + when.Format(backupTime)
		if !slices.ContainsFunc(list, func(f backupFile) bool { return f.stem == stem }) {
			return stem, when
		}
		when = when.Add(time.Second)
	}
}

// superfluous returns which backups may go now that the one with this stem has been verified: all verified ones
// but it and the newest others, keep together, and whatever is older than all of those. list is in order.
func superfluous(list []backupFile, stem string, keep int) []backupFile {
	if keep <= 0 {
		return nil
	}
	var kept []backupFile
	for _, f := range list {
		if f.stem == stem && f.state == verified {
			kept = append(kept, f)
		}
	}
	for _, f := range slices.Backward(list) {
		if f.state == verified && f.stem != stem && len(kept) > 0 && len(kept) < keep {
			kept = append(kept, f)
		}
	}
	if len(kept) < keep {
		return nil
	}
	oldest := slices.MinFunc(kept, func(a, b backupFile) int { return cmp.Compare(a.at.Unix(), b.at.Unix()) })
	var gone []backupFile
	for _, f := range list {
		if !slices.Contains(kept, f) && (f.state == verified || f.at.Before(oldest.at)) {
			gone = append(gone, f)
		}
	}
	return gone
}
