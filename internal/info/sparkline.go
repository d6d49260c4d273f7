// The picture of LATENCY GRAPH: a column for each sample, oldest first, scaled between the lowest
// and the highest, with the sample's age written downwards below it. Its form is Redis's.

package info

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

const (
	graphColumns  = 80
	graphRows     = 4
	graphLevels   = "_o#" // thirds of a row
	graphBelowTop = '|'
)

func appendGraph(b []byte, event string, samples []LatencySample, maxMillis, now int64) []byte {
	low, high := samples[0].Millis, samples[0].Millis
	for _, s := range samples {
		low, high = min(low, s.Millis), max(high, s.Millis)
	}
	b = fmt.Appendf(b, "%s - high %d ms, low %d ms (all time high %d ms)\n", event, high, low, maxMillis)
	b = append(b, strings.Repeat("-", graphColumns)+"\n"...)
	for from := 0; from < len(samples); from += graphColumns {
		if from > 0 {
			b = append(b, '\n')
		}
		b = appendStrip(b, samples[from:min(from+graphColumns, len(samples))], low, high, now)
	}
	return b
}

// appendStrip draws one strip of columns, a blank line, and their labels.
func appendStrip(b []byte, samples []LatencySample, low, high, now int64) []byte {
	span := float64(max(high-low, 1))
	const steps = graphRows * len(graphLevels)
	for row := graphRows - 1; row >= 0; row-- {
		for _, s := range samples {
			step := min(int(float64(s.Millis-low)*float64(steps)/span), steps-1)
			switch level := step - row*len(graphLevels); {
			case level < 0:
				b = append(b, ' ')
			case level < len(graphLevels):
				b = append(b, graphLevels[level])
			default:
				b = append(b, graphBelowTop)
			}
		}
		b = append(b, '\n')
	}
	b = append(append(b, bytes.Repeat([]byte{' '}, len(samples))...), '\n')
	for line, more := 0, true; more; line++ {
		more = false
		text := make([]byte, len(samples))
		for i, s := range samples {
			text[i] = ' '
			if label := ageLabel(now - s.UnixTime); line < len(label) {
				text[i] = label[line]
				more = true
			}
		}
		if more {
			b = append(append(b, text...), '\n')
		}
	}
	return b
}

// ageLabel is an age in its largest unit: 59s, 3m, 12h, 8d.
func ageLabel(seconds int64) string {
	switch {
	case seconds < 60:
		return strconv.FormatInt(seconds, 10) + "s"
	case seconds < 60*60:
		return strconv.FormatInt(seconds/60, 10) + "m"
	case seconds < 24*60*60:
		return strconv.FormatInt(seconds/(60*60), 10) + "h"
	}
	return strconv.FormatInt(seconds/(24*60*60), 10) + "d"
}
