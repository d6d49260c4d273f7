// Kinds of directive with several words, or with letters that are flags.
//
// In a file their words are separate or quoted together; CONFIG SET gives them as one value. The
// texts of refusals are Redis's.

package config

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"tarn/internal/cron"
	"tarn/internal/resp"
)

// maxBinds is how many addresses bind takes.
const maxBinds = 16

func bindList(name, def string, field func(*Config) *[]string, doc string) Directive {
	return Directive{Name: name, Kind: "addresses", Range: "up to 16", Default: def, Doc: doc, manyWords: true,
		parse: func(c *Config, words []string) error {
			if len(words) > maxBinds {
				return reason("Too many bind addresses specified.")
			}
			*field(c) = slices.Clone(unlessNone(words))
			return nil
		},
		print: func(c *Config) string { return strings.Join(*field(c), " ") },
		rewrite: func(c *Config) []string {
			if len(*field(c)) == 0 {
				return []string{`""`}
			}
			return []string{strings.Join(*field(c), " ")}
		},
	}
}

// unlessNone returns words, or none of them when there is only an empty one.
func unlessNone(words []string) []string {
	if len(words) == 1 && words[0] == "" {
		return nil
	}
	return words
}

func savePoints(name, def string, field func(*Config) *[]SavePoint, doc string) Directive {
	const errInvalid reason = "Invalid save parameters"
	return Directive{Name: name, Kind: "pairs of seconds and changes", Default: def, Doc: doc, manyWords: true, alwaysWrite: true,
		parse: func(c *Config, words []string) error {
			words = unlessNone(words)
			if len(words)%2 != 0 {
				return errInvalid
			}
			points := make([]SavePoint, len(words)/2)
			for i := range points {
				seconds, ok1 := looseNumber(words[2*i])
				changes, ok2 := looseNumber(words[2*i+1])
				if !ok1 || !ok2 || seconds < 1 || changes < 0 || changes > maxInt32 {
					return errInvalid
				}
				points[i] = SavePoint{seconds, changes}
			}
			*field(c) = points
			return nil
		},
		print: func(c *Config) string { return strings.Join(saveLines(*field(c)), " ") },
		rewrite: func(c *Config) []string {
			if len(*field(c)) == 0 {
				return []string{`""`}
			}
			return saveLines(*field(c))
		},
	}
}

func saveLines(points []SavePoint) []string {
	lines := make([]string, len(points))
	for i, p := range points {
		lines[i] = strconv.FormatInt(p.Seconds, 10) + " " + strconv.FormatInt(p.Changes, 10)
	}
	return lines
}

// schedule makes a directive of times as crontab writes them. Its words are those of all expressions.
func schedule(name, def string, field func(*Config) *cron.Schedule, doc string) Directive {
	return Directive{Name: name, Kind: "five fields of crontab, or @daily and the like; several with a semicolon between two",
		Default: def, Doc: doc, manyWords: true,
		parse: func(c *Config, words []string) error {
			s, err := cron.Parse(strings.Join(words, " "))
			if err != nil {
				return reason("Invalid schedule: " + err.Error())
			}
			*field(c) = s
			return nil
		},
		print:   func(c *Config) string { return field(c).String() },
		rewrite: func(c *Config) []string { return []string{quote(field(c).String())} },
	}
}

func bufferLimits(name, def string, field func(*Config) *BufferLimits, doc string) Directive {
	return Directive{Name: name, Kind: "class, hard limit, soft limit, soft seconds; may repeat",
		Range: "classes normal, replica (or slave), pubsub", Default: def, Doc: doc, manyWords: true,
		parse: func(c *Config, words []string) error {
			if len(words)%4 != 0 {
				return reason("Wrong number of arguments in buffer limit configuration.")
			}
			limits := *field(c)
			for group := range slices.Chunk(words, 4) {
				limit := limits.class(group[0])
				if limit == nil {
					return reason("Invalid client class specified in buffer limit configuration.")
				}
				hard, ok1 := ParseBytes(group[1])
				soft, ok2 := ParseBytes(group[2])
				seconds, ok3 := looseNumber(group[3])
				if !ok1 || !ok2 || !ok3 || seconds < 0 {
					return reason("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
				}
				*limit = BufferLimit{hard, soft, seconds}
			}
			*field(c) = limits
			return nil
		},
		print: func(c *Config) string {
			l := *field(c)
			plain := func(n int64) string { return strconv.FormatInt(n, 10) }
			return strings.Join([]string{l.Normal.line("normal", plain), l.Replica.line("slave", plain),
				l.PubSub.line("pubsub", plain)}, " ")
		},
		rewrite: func(c *Config) []string {
			l := *field(c)
			return []string{l.Normal.line("normal", formatBytes), l.Replica.line("replica", formatBytes),
				l.PubSub.line("pubsub", formatBytes)}
		},
	}
}

func (l *BufferLimits) class(name string) *BufferLimit {
	switch strings.ToLower(name) {
	case "normal":
		return &l.Normal
	case "slave", "replica":
		return &l.Replica
	case "pubsub":
		return &l.PubSub
	}
	return nil
}

func (l BufferLimit) line(class string, size func(int64) string) string {
	return strings.Join([]string{class, size(l.HardBytes), size(l.SoftBytes), strconv.FormatInt(l.SoftSeconds, 10)}, " ")
}

func oomValues(name, def string, field func(*Config) *[3]int64, doc string) Directive {
	return Directive{Name: name, Kind: "three numbers", Range: "-2000 to 2000", Default: def, Doc: doc, manyWords: true,
		parse: func(c *Config, words []string) error {
			var values [3]int64
			if len(words) != len(values) {
				return errWordCount
			}
			for i, word := range words {
				n, ok := looseNumber(word)
				if !ok || n < -2000 || n > 2000 {
					return reason("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
				}
				values[i] = n
			}
			*field(c) = values
			return nil
		},
		print: func(c *Config) string {
			v := *field(c)
			return saveLines([]SavePoint{{v[0], v[1]}})[0] + " " + strconv.FormatInt(v[2], 10)
		},
	}
}

func percentiles(name, def string, field func(*Config) *[]float64, doc string) Directive {
	format := func(c *Config) string {
		words := make([]string, len(*field(c)))
		for i, p := range *field(c) {
			words[i] = trimZeros(strconv.FormatFloat(p, 'f', 6, 64))
		}
		return strings.Join(words, " ")
	}
	return Directive{Name: name, Kind: "percentiles", Range: "0 to 100", Default: def, Doc: doc, manyWords: true,
		parse: func(c *Config, words []string) error {
			words = unlessNone(words)
			list := make([]float64, len(words))
			for i, word := range words {
				p, ok := resp.ParseFloat([]byte(word))
				if !ok {
					return reason("Invalid latency-tracking-info-percentiles parameters")
				}
				if p < 0 || p > 100 {
					return reason("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
				}
				list[i] = p
			}
			*field(c) = list
			return nil
		},
		print: format,
		rewrite: func(c *Config) []string {
			if len(*field(c)) == 0 {
				return []string{`""`}
			}
			return []string{format(c)}
		},
	}
}

func trimZeros(decimal string) string {
	return strings.TrimSuffix(strings.TrimRight(decimal, "0"), ".")
}

func notifyClasses(name, def string, field func(*Config) *NotifyFlags, doc string) Directive {
	return Directive{Name: name, Kind: "letters", Range: "A g $ l s h z x e t d n K E m", Default: def, Doc: doc,
		parse: oneWord(func(c *Config, word string) error {
			var flags NotifyFlags
			for i := range len(word) {
				if word[i] == 'A' {
					flags |= NotifyAll
					continue
				}
				bit := strings.IndexByte(notifyLetters, word[i])
				if bit < 0 {
					return reason("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
				}
				flags |= 1 << bit
			}
			*field(c) = flags
			return nil
		}),
		print:   func(c *Config) string { return field(c).String() },
		rewrite: func(c *Config) []string { return []string{quote(field(c).String())} },
	}
}

// String returns the letters of the flags: A where it says the same with less.
func (f NotifyFlags) String() string {
	var letters []byte
	if f&NotifyAll == NotifyAll {
		letters = append(letters, 'A')
		f &^= NotifyAll
	}
	for ; f != 0; f &= f - 1 {
		letters = append(letters, notifyLetters[bits.TrailingZeros32(uint32(f))])
	}
	return string(letters)
}

func shutdownFlags(name, def string, field func(*Config) *ShutdownFlags, doc string) Directive {
	choices := append([]string{"default"}, shutdownWords...)
	return Directive{Name: name, Kind: "words", Range: strings.Join(choices, ", "), Default: def, Doc: doc, manyWords: true,
		parse: func(c *Config, words []string) error {
			var flags ShutdownFlags
			for _, word := range words {
				i := slices.Index(choices, strings.ToLower(word))
				if i < 0 {
					return errNotAmong(choices)
				}
				if i > 0 {
					flags |= 1 << (i - 1)
				}
			}
			if len(words) == 0 {
				return errNotAmong(choices)
			}
			if flags&ShutdownSave != 0 && flags&ShutdownNoSave != 0 {
				return reason("shutdown options SAVE and NOSAVE can't be used simultaneously")
			}
			*field(c) = flags
			return nil
		},
		print: func(c *Config) string {
			if *field(c) == 0 {
				return "default"
			}
			var words []string
			for i, word := range shutdownWords {
				if *field(c)&(1<<i) != 0 {
					words = append(words, word)
				}
			}
			return strings.Join(words, " ")
		},
	}
}

func address(name, def string, when When, field func(*Config) *Address, doc string) Directive {
	return Directive{Name: name, Kind: "host and port", Default: def, When: when, Doc: doc, manyWords: true, omitEmpty: true,
		parse: func(c *Config, words []string) error {
			if len(words) != 2 {
				return errWordCount
			}
			if strings.EqualFold(words[0], "no") && strings.EqualFold(words[1], "one") {
				*field(c) = Address{}
				return nil
			}
			port, ok := looseNumber(words[1])
			if !ok || port < 0 || port > maxPort {
				return reason("Invalid master port")
			}
			*field(c) = Address{words[0], port}
			return nil
		},
		print: func(c *Config) string {
			a := *field(c)
			if a.Host == "" {
				return ""
			}
			return a.Host + " " + strconv.FormatInt(a.Port, 10)
		},
	}
}

// looseNumber reads a decimal number as C's strtoll does: blanks before it, a plus sign and leading
// zeros are allowed, and nothing may follow.
func looseNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimLeft(s, " \t\n\v\f\r"), 10, 64)
	return n, err == nil
}
