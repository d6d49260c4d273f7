// Kinds of directive with one word for a value: yes or no, numbers, sizes, words of a list, text.
//
// Each constructor takes the name, the default as a file would have it, when it may change, the
// limits, the field and the sentence. The texts of refusals are Redis's.

package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"tarn/internal/resp"
)

const (
	maxInt32  = math.MaxInt32
	maxUint32 = math.MaxUint32
	maxInt64  = math.MaxInt64
	maxPort   = 65535
)

func boolean(name, def string, when When, field func(*Config) *bool, doc string) Directive {
	return Directive{Name: name, Kind: "yes or no", Default: def, When: when, Doc: doc, isSwitch: def == "no",
		parse: oneWord(func(c *Config, word string) error {
			switch strings.ToLower(word) {
			case "yes":
				*field(c) = true
			case "no":
				*field(c) = false
			default:
				return reason("argument must be 'yes' or 'no'")
			}
			return nil
		}),
		print: func(c *Config) string {
			if *field(c) {
				return "yes"
			}
			return "no"
		},
	}
}

// number makes a directive of whole numbers from lowest to highest; unit is for documents.
func number(name, def string, when When, lowest, highest int64, unit string, field func(*Config) *int64, doc string) Directive {
	return Directive{Name: name, Kind: unit, Range: span(lowest, highest), Default: def, When: when, Doc: doc,
		parse: oneWord(func(c *Config, word string) error {
			n, ok := wholeNumber(word)
			if !ok {
				return reason("argument couldn't be parsed into an integer")
			}
			return storeBetween(field(c), n, lowest, highest)
		}),
		print: func(c *Config) string { return strconv.FormatInt(*field(c), 10) },
	}
}

func integer(name, def string, when When, lowest, highest int64, field func(*Config) *int64, doc string) Directive {
	return number(name, def, when, lowest, highest, "number", field, doc)
}

func seconds(name, def string, when When, lowest, highest int64, field func(*Config) *int64, doc string) Directive {
	return number(name, def, when, lowest, highest, "seconds", field, doc)
}

func millis(name, def string, when When, lowest, highest int64, field func(*Config) *int64, doc string) Directive {
	return number(name, def, when, lowest, highest, "milliseconds", field, doc)
}

func micros(name, def string, when When, lowest, highest int64, field func(*Config) *int64, doc string) Directive {
	return number(name, def, when, lowest, highest, "microseconds", field, doc)
}

func percent(name, def string, when When, lowest, highest int64, field func(*Config) *int64, doc string) Directive {
	return number(name, def, when, lowest, highest, "percent", field, doc)
}

func bytes(name, def string, when When, lowest, highest int64, field func(*Config) *int64, doc string) Directive {
	return Directive{Name: name, Kind: "bytes", Range: span(lowest, highest), Default: def, When: when, Doc: doc,
		parse: oneWord(func(c *Config, word string) error {
			n, ok := ParseBytes(word)
			if !ok {
				return reason("argument must be a memory value")
			}
			return storeBetween(field(c), n, lowest, highest)
		}),
		print:   func(c *Config) string { return strconv.FormatInt(*field(c), 10) },
		rewrite: func(c *Config) []string { return []string{formatBytes(*field(c))} },
	}
}

// bytesOrPercent makes a directive whose field is negative when it holds a percentage.
func bytesOrPercent(name, def string, when When, field func(*Config) *int64, doc string) Directive {
	const errNeither reason = "argument must be a memory or percent value"
	return Directive{Name: name, Kind: "bytes or percent", Default: def, When: when, Doc: doc,
		parse: oneWord(func(c *Config, word string) error {
			digits, isPercent := strings.CutSuffix(word, "%")
			if !isPercent {
				n, ok := ParseBytes(word)
				if !ok {
					return errNeither
				}
				*field(c) = n
				return nil
			}
			n, ok := wholeNumber(digits)
			if !ok || n < 0 {
				return errNeither
			}
			if n > 100 {
				return reason("percentage argument must be less or equal to 100")
			}
			*field(c) = -n
			return nil
		}),
		print: func(c *Config) string {
			if n := *field(c); n < 0 {
				return strconv.FormatInt(-n, 10) + "%"
			}
			return strconv.FormatInt(*field(c), 10)
		},
		rewrite: func(c *Config) []string {
			if n := *field(c); n < 0 {
				return []string{strconv.FormatInt(-n, 10) + "%"}
			}
			return []string{formatBytes(*field(c))}
		},
	}
}

// mode makes a directive of file mode bits, in octal.
func mode(name, def string, when When, field func(*Config) *int64, doc string) Directive {
	return Directive{Name: name, Kind: "octal mode", Range: "0 to 777", Default: def, When: when, Doc: doc,
		parse: oneWord(func(c *Config, word string) error {
			n, err := strconv.ParseInt(word, 8, 64)
			if err != nil {
				return reason("argument couldn't be parsed as an octal number")
			}
			if n < 0 || n > 0o777 {
				return reason("argument must be between 0 and 777 inclusive")
			}
			*field(c) = n
			return nil
		}),
		print: func(c *Config) string { return strconv.FormatInt(*field(c), 8) },
	}
}

// powerOfTwo narrows a number to powers of two.
func (d Directive) powerOfTwo(field func(*Config) *int64) Directive {
	parse := d.parse
	d.Range += ", a power of two"
	d.parse = func(c *Config, words []string) error {
		old := *field(c)
		if err := parse(c, words); err != nil {
			return err
		}
		if n := *field(c); n&(n-1) != 0 {
			*field(c) = old
			return reason("argument must be a power of two")
		}
		return nil
	}
	return d
}

// enum makes a directive whose value is one of words; the field holds the place in the list.
func enum[T ~uint8](name, def string, when When, words []string, field func(*Config) *T, doc string) Directive {
	return Directive{Name: name, Kind: "word", Range: strings.Join(words, ", "), Default: def, When: when, Doc: doc, isSwitch: true,
		parse: oneWord(func(c *Config, word string) error {
			i := slices.Index(words, strings.ToLower(word))
			if i < 0 {
				return errNotAmong(words)
			}
			*field(c) = T(i)
			return nil
		}),
		print: func(c *Config) string { return words[*field(c)] },
	}
}

func text(name, def string, when When, field func(*Config) *string, doc string) Directive {
	return Directive{Name: name, Kind: "text", Default: def, When: when, Doc: doc,
		parse: oneWord(func(c *Config, word string) error { *field(c) = word; return nil }),
		print: func(c *Config) string { return *field(c) },
		rewrite: func(c *Config) []string {
			return []string{quote(*field(c))}
		},
	}
}

// checked adds a test of the word before it is stored.
func (d Directive) checked(check func(word string) error) Directive {
	parse := d.parse
	d.parse = oneWord(func(c *Config, word string) error {
		if err := check(word); err != nil {
			return err
		}
		return parse(c, []string{word})
	})
	return d
}

func oneWord(parse func(c *Config, word string) error) func(*Config, []string) error {
	return func(c *Config, words []string) error {
		if len(words) != 1 {
			return errWordCount
		}
		return parse(c, words[0])
	}
}

func errNotAmong(words []string) error {
	return reason("argument(s) must be one of the following: " + strings.Join(words, ", "))
}

func storeBetween(field *int64, n, lowest, highest int64) error {
	if n < lowest || n > highest {
		return reasonf("argument must be between %d and %d inclusive", lowest, highest)
	}
	*field = n
	return nil
}

// wholeNumber reads a decimal number written the one canonical way: no plus sign, no leading zeros,
// no blanks.
func wholeNumber(s string) (int64, bool) { return resp.ParseInt([]byte(s)) }

var unitBytes = map[string]int64{
	"": 1, "b": 1,
	"k": 1000, "kb": 1 << 10,
	"m": 1000 * 1000, "mb": 1 << 20,
	"g": 1000 * 1000 * 1000, "gb": 1 << 30,
}

// ParseBytes reads a size: digits and a unit in any case, k m g for powers of 1000 and kb mb gb for
// powers of 1024. As in Redis no digits at all are 0. A size of 2^63 or more is not ok.
func ParseBytes(s string) (n int64, ok bool) {
	digits := 0
	for digits < len(s) && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	unit, known := unitBytes[strings.ToLower(s[digits:])]
	if !known {
		return 0, false
	}
	if digits == 0 {
		return 0, true
	}
	n, err := strconv.ParseInt(s[:digits], 10, 64)
	if err != nil || n > maxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

// formatBytes writes a size with the largest unit that leaves a whole number.
func formatBytes(n int64) string {
	for _, u := range []struct {
		bytes int64
		name  string
	}{{1 << 30, "gb"}, {1 << 20, "mb"}, {1 << 10, "kb"}} {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

func span(lowest, highest int64) string {
	switch {
	case highest == maxInt64 && lowest == math.MinInt64:
		return ""
	case highest == maxInt64:
		return fmt.Sprintf("%d or more", lowest)
	}
	return fmt.Sprintf("%d to %d", lowest, highest)
}

// quote writes s in double quotes so that resp.SplitArgs reads it back.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch ch := s[i]; ch {
		case '\\', '"':
			b.WriteByte('\\')
			b.WriteByte(ch)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '\a':
			b.WriteString(`\a`)
		case '\b':
			b.WriteString(`\b`)
		default:
			if ch >= ' ' && ch <= '~' {
				b.WriteByte(ch)
				continue
			}
			fmt.Fprintf(&b, `\x%02x`, ch)
		}
	}
	b.WriteByte('"')
	return b.String()
}
