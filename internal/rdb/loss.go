// Losses: what an older version of the format cannot express.
//
// Two are lost indeed: what an older form of streams has no room for is not written. The third would be too
// dear to lose: a hash whose fields have deadlines is written in the newer type in a file of any version,
// and a server that knows that version only refuses the file. No other thing differs between the versions
// that are written, 9 to 12: they have other forms of the same values.

package rdb

import "strings"

// Loss is a set of things that a version cannot express.
type Loss uint8

// Things that a version may not be able to express.
const (
	FieldDeadlines Loss = 1 << iota // of a hash
	ActiveTimes                     // of a stream's consumers
	StreamCounts                    // entries ever added, deleted, read by groups
)

// lossTexts say what the losses are, in the order of their bits.
var lossTexts = [...]struct {
	text  string
	since int
}{
	{"the deadlines of its fields, which need version 12", fieldDeadlinesSince},
	{"when consumers were last active, which needs version 11", activeTimeSince},
	{"how many entries were ever added, deleted or read by groups, which needs version 10", listpacksSince},
}

// Each calls fn for every thing in l by itself.
func (l Loss) Each(fn func(one Loss)) {
	for i := range lossTexts {
		if one := Loss(1) << i; l&one != 0 {
			fn(one)
		}
	}
}

// Version returns the oldest version, but DefaultVersion at least, that expresses all things in l.
func (l Loss) Version() int {
	version := DefaultVersion
	for i, t := range lossTexts {
		if l&(1<<i) != 0 {
			version = max(version, t.since)
		}
	}
	return version
}

// String names the things in l.
func (l Loss) String() string {
	var texts []string
	for i, t := range lossTexts {
		if l&(1<<i) != 0 {
			texts = append(texts, t.text)
		}
	}
	return strings.Join(texts, "; ")
}
