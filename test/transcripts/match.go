// What a reply is compared with: exact lines, patterns, or names in order.

package transcripts

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tarn/test/harness"
)

// present renders a reply as the step shows it.
func (s *Step) present(v harness.Value) []string {
	switch {
	case s.Has("fields"):
		return fieldNames(v.Text)
	case s.Has("sorted"):
		return sortedLines(v)
	}
	return v.Lines()
}

// record is what -rewrite puts under the step for a reply: the lines of the reply, unless patterns
// stand there that match it. A new pattern has its numbers masked.
func (s *Step) record(got []string) []string {
	if (s.Has("like") || s.Has("near")) && len(s.Want) > 0 && s.Matches(got) {
		return s.Want
	}
	if !s.Has("like") {
		return got
	}
	masked := make([]string, len(got))
	for i, line := range got {
		masked[i] = maskNumbers(line)
	}
	return masked
}

// Matches tells whether got is what the step expects.
func (s *Step) Matches(got []string) bool {
	switch {
	case s.Has("like"):
		return matchLines(s.Want, got)
	case s.Has("near"):
		return near(s.Want, got)
	case s.Has("fields"):
		return isSubsequence(s.Want, got)
	}
	return slices.Equal(s.Want, got)
}

var (
	runOfDigits = regexp.MustCompile(`\\x[0-9a-f]{2}|[0-9]+(\.[0-9]+)*`)
	runID       = regexp.MustCompile(`\b[0-9a-f]{40}\b`)
	header      = regexp.MustCompile(`^ *(?:[*~%|]|>>)-?[0-9]+$`)
	placeholder = regexp.MustCompile(`<n>|<hex>|<\*>`)
	patternOf   = map[string]string{
		"<n>":   `-?[0-9]+(?:\.[0-9]+)*`,
		"<hex>": `[0-9a-f]{40}`,
		"<*>":   `.*`,
	}
)

// maskNumbers turns a reply line into a pattern without its ids and numbers. Counts of elements stay.
func maskNumbers(line string) string {
	if header.MatchString(line) {
		return line
	}
	const idMark = "\x01"
	line = runID.ReplaceAllString(line, idMark)
	line = runOfDigits.ReplaceAllStringFunc(line, func(run string) string {
		if run[0] == '\\' {
			return run
		}
		return "<n>"
	})
	return strings.ReplaceAll(line, idMark, "<hex>")
}

// matchLines matches lines with patterns, of which "..." takes any number of lines.
func matchLines(patterns, lines []string) bool {
	for i, pattern := range patterns {
		if strings.TrimSpace(pattern) == "..." {
			for skip := 0; skip <= len(lines)-i; skip++ {
				if matchLines(patterns[i+1:], lines[i+skip:]) {
					return true
				}
			}
			return false
		}
		if i >= len(lines) || !matchLine(pattern, lines[i]) {
			return false
		}
	}
	return len(patterns) == len(lines)
}

func matchLine(pattern, line string) bool {
	if pattern == line {
		return true
	}
	var re strings.Builder
	re.WriteString(`^(?s)`)
	end := 0
	for _, at := range placeholder.FindAllStringIndex(pattern, -1) {
		re.WriteString(regexp.QuoteMeta(pattern[end:at[0]]))
		re.WriteString(patternOf[pattern[at[0]:at[1]]])
		end = at[1]
	}
	re.WriteString(regexp.QuoteMeta(pattern[end:]) + `$`)
	return regexp.MustCompile(re.String()).MatchString(line)
}

// near tells whether want and got are one positive integer each, at most 2 % apart.
func near(want, got []string) bool {
	if len(want) != 1 || len(got) != 1 {
		return false
	}
	w, err1 := strconv.ParseInt(strings.TrimPrefix(want[0], ":"), 10, 64)
	g, err2 := strconv.ParseInt(strings.TrimPrefix(got[0], ":"), 10, 64)
	return err1 == nil && err2 == nil && w > 0 && max(w-g, g-w) <= w/50
}

// fieldNames lists the names of the fields in text, which has lines name:value and section lines
// "# Name", as INFO has, or words name=value, as CLIENT LIST has.
func fieldNames(text string) []string {
	var names []string
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "txt:"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		name, _, isField := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "# "):
			names = append(names, "["+line[2:]+"]")
		case strings.Contains(name, "="):
			for _, word := range strings.Fields(line) {
				name, _, _ := strings.Cut(word, "=")
				names = append(names, name)
			}
		case isField:
			names = append(names, name)
		}
	}
	return names
}

// sortedLines renders a reply with the entries of every aggregate, or the lines of a text, sorted
// by their rendering.
func sortedLines(v harness.Value) []string {
	if strings.Contains(v.Text, "\n") {
		lines := strings.SplitAfter(v.Text, "\n")
		slices.Sort(lines)
		v.Text = strings.Join(lines, "")
	}
	perEntry := 1
	if v.Kind == '%' {
		perEntry = 2
	}
	var entries []string
	for entry := range slices.Chunk(v.Elem, perEntry) {
		var lines []string
		for _, e := range entry {
			for _, line := range sortedLines(e) {
				lines = append(lines, "  "+line)
			}
		}
		entries = append(entries, strings.Join(lines, "\n"))
	}
	if len(entries) == 0 {
		return v.Lines()
	}
	slices.Sort(entries)
	return append(v.Lines()[:1], strings.Split(strings.Join(entries, "\n"), "\n")...)
}

// isSubsequence tells whether all of want stands in got, in this order.
func isSubsequence(want, got []string) bool {
	for _, name := range got {
		if len(want) > 0 && want[0] == name {
			want = want[1:]
		}
	}
	return len(want) == 0
}
