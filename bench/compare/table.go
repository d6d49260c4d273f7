// The table: a row for each reading, a column for each server, medians with what they lie between.

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// table collects readings, and keeps rows in the order in which they first came.
type table struct {
	reference, subject string
	rows               []*row
}

type row struct {
	name, unit string
	values     map[string][]float64 // by server
}

func newTable(reference, subject string) *table {
	return &table{reference: reference, subject: subject}
}

func (t *table) add(server string, r reading) {
	i := slices.IndexFunc(t.rows, func(have *row) bool { return have.name == r.name })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, &row{name: r.name, unit: r.unit, values: map[string][]float64{}})
	}
	t.rows[i].values[server] = append(t.rows[i].values[server], r.value)
}

// write prints the table as Markdown.
func (t *table) write(w io.Writer) {
	fmt.Fprintf(w, "| figure | unit | %s | %s | ratio |\n|---|---|---:|---:|---:|\n", t.reference, t.subject)
	for _, r := range t.rows {
		reference, subject := r.values[t.reference], r.values[t.subject]
		ratio := "–"
		if len(reference) > 0 && len(subject) > 0 && median(reference) > 0 {
			ratio = number(median(subject) / median(reference))
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", r.name, r.unit, spread(reference), spread(subject), ratio)
	}
}

// spread shows the median and, if there are several values, the range.
func spread(values []float64) string {
	if len(values) == 0 {
		return "–"
	}
	text := number(median(values))
	if len(values) > 1 {
		text += fmt.Sprintf(" [%s..%s]", number(slices.Min(values)), number(slices.Max(values)))
	}
	return text
}

// median is the middle value, or the mean of the middle two.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// quantile is the nearest of the sorted values; 0 of none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// number shows two digits or more, thousands apart.
func number(x float64) string {
	switch {
	case x < 0:
		return "-" + number(-x)
	case x > 0 && x < 0.01:
		return fmt.Sprintf("%.4f", x)
	case x > 0 && x < 0.1:
		return fmt.Sprintf("%.3f", x)
	case x < 10:
		return fmt.Sprintf("%.2f", x)
	case x < 100:
		return fmt.Sprintf("%.1f", x)
	}
	digits := fmt.Sprintf("%.0f", x)
	var groups []string
	for len(digits) > 3 {
		groups = append(groups, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	groups = append(groups, digits)
	slices.Reverse(groups)
	return strings.Join(groups, " ")
}
