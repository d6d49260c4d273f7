// Fields: one fact that the server tells of itself, declared once.
//
// A room declares its fields next to the numbers they read, with a constructor that fits the kind
// of number, and boot registers them. From the one declaration come the line in INFO, the
// documentation page and the metrics. Reading a field must be quick, safe from any goroutine, and
// must not take a lock that is held while INFO runs.

// Package info is what the server says of itself: INFO's fields, statistics of commands and errors,
// the slow log and the latency monitor.
package info

import "strconv"

// Unit says what a field's number measures.
type Unit uint8

// The units.
const (
	UnitText    Unit = iota // not a number
	UnitCount               // a whole number of things
	UnitBytes               // bytes
	UnitSeconds             // seconds, or a time in seconds since 1970
	UnitRatio               // a fraction, printed with two decimals
	UnitPercent             // a percentage, with two decimals and a percent sign
	UnitFlag                // 0 or 1
	UnitLines               // several lines, each with a name of its own
)

// Field is one line of INFO; of UnitLines, several.
type Field struct {
	Section string // as INFO's argument names it: "memory"
	Name    string // of UnitLines, a pattern of its names for the documentation: "cmdstat_*"
	Unit    Unit
	Doc     string // a sentence

	// Human adds a second line, Name_human, with the bytes in short form.
	Human bool
	// When, unless nil, says whether the line is printed at present.
	When func() bool
	// Read appends the value to b; of UnitLines, whole lines that end in "\r\n".
	Read func(b []byte) []byte
}

// Only returns the field, printed only while when returns true.
func (f Field) Only(when func() bool) Field {
	f.When = when
	return f
}

// Text declares a field that is a word or a phrase.
func Text(section, name, doc string, read func() string) Field {
	return Field{Section: section, Name: name, Unit: UnitText, Doc: doc,
		Read: func(b []byte) []byte { return append(b, read()...) }}
}

// Count declares a whole number.
func Count(section, name, doc string, read func() int64) Field {
	return whole(section, name, doc, UnitCount, read)
}

// Bytes declares a number of bytes.
func Bytes(section, name, doc string, read func() int64) Field {
	return whole(section, name, doc, UnitBytes, read)
}

// BytesAndHuman declares a number of bytes, and beside it the short form, name_human. The number
// is read once, so that both lines agree.
func BytesAndHuman(section, name, doc string, read func() int64) Field {
	f := whole(section, name, doc, UnitBytes, read)
	f.Human = true
	return f
}

// Seconds declares a whole number of seconds.
func Seconds(section, name, doc string, read func() int64) Field {
	return whole(section, name, doc, UnitSeconds, read)
}

func whole(section, name, doc string, unit Unit, read func() int64) Field {
	return Field{Section: section, Name: name, Unit: unit, Doc: doc,
		Read: func(b []byte) []byte { return strconv.AppendInt(b, read(), 10) }}
}

// Ratio declares a fraction, printed with two decimals.
func Ratio(section, name, doc string, read func() float64) Field {
	return Field{Section: section, Name: name, Unit: UnitRatio, Doc: doc,
		Read: func(b []byte) []byte { return strconv.AppendFloat(b, read(), 'f', 2, 64) }}
}

// Percent declares a percentage: 12.5 is printed as 12.50%.
func Percent(section, name, doc string, read func() float64) Field {
	return Field{Section: section, Name: name, Unit: UnitPercent, Doc: doc,
		Read: func(b []byte) []byte { return append(strconv.AppendFloat(b, read(), 'f', 2, 64), '%') }}
}

// MicroSeconds declares seconds that are known to the microsecond: read returns microseconds, and
// 1500000 is printed as 1.500000.
func MicroSeconds(section, name, doc string, read func() int64) Field {
	return Field{Section: section, Name: name, Unit: UnitSeconds, Doc: doc,
		Read: func(b []byte) []byte { return strconv.AppendFloat(b, float64(read())/1e6, 'f', 6, 64) }}
}

// Flag declares something that is so (1) or not (0).
func Flag(section, name, doc string, read func() bool) Field {
	return Field{Section: section, Name: name, Unit: UnitFlag, Doc: doc,
		Read: func(b []byte) []byte {
			if read() {
				return append(b, '1')
			}
			return append(b, '0')
		}}
}

// Lines declares a group of lines that come and go, such as one per database. appendTo appends
// whole lines, each "name:value\r\n"; pattern names them in the documentation.
func Lines(section, pattern, doc string, appendTo func(b []byte) []byte) Field {
	return Field{Section: section, Name: pattern, Unit: UnitLines, Doc: doc, Read: appendTo}
}

// AppendHuman appends a number of bytes in the short form of the _human lines: 967.69K.
func AppendHuman(b []byte, bytes int64) []byte {
	value, unit := float64(bytes), byte('B')
	for _, next := range []byte("KMGTP") {
		if value < 1024 && value > -1024 || unit == 'P' {
			break
		}
		value, unit = value/1024, next
	}
	if unit == 'B' {
		return append(strconv.AppendInt(b, bytes, 10), 'B')
	}
	return append(strconv.AppendFloat(b, value, 'f', 2, 64), unit)
}

// appendSafe appends a name without the bytes that would break INFO's lines.
func appendSafe(b []byte, name string) []byte {
	for i := range len(name) {
		switch c := name[i]; c {
		case '#', ':', '\n', '\r':
			b = append(b, '_')
		default:
			b = append(b, c)
		}
	}
	return b
}
