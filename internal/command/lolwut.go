// LOLWUT's picture: a tarn, the small lake under a mountain ridge, and the ridge upside down in it.

package command

import (
	"math"
	"math/rand/v2"
)

// appendTarn appends a picture of columns by rows characters, the lower half of it water.
func appendTarn(b []byte, columns, rows int, chance *rand.Rand) []byte {
	shore := rows / 2
	ridge := ridgeLine(columns, shore, chance)
	row := make([]byte, columns)
	for y := range shore {
		height := shore - y
		for x := range row {
			row[x] = slope(ridge, x, height)
			if row[x] == ' ' && chance.IntN(70) == 0 {
				row[x] = ".'*"[chance.IntN(3)]
			}
		}
		b = append(append(b, row...), '\n')
	}
	for depth := 1; depth <= rows-shore; depth++ {
		// Waves grow towards the beholder: they push the reflection aside, and cover more of it.
		sway := math.Sin(float64(depth)*1.7) * float64(depth) / 4
		for x := range row {
			at := min(max(x+int(math.Round(sway)), 0), columns-1)
			row[x] = reflected[slope(ridge, at, depth)]
			if chance.IntN(rows-shore+2) < depth/2 {
				row[x] = "~-_"[chance.IntN(3)]
			}
		}
		b = append(append(b, row...), '\n')
	}
	return b
}

// ridgeLine returns the height of a ridge over each column, 1 to top, which rises or falls by at
// most one from column to column.
func ridgeLine(columns, top int, chance *rand.Rand) []int {
	phases := [3]float64{}
	for i := range phases {
		phases[i] = chance.Float64() * 2 * math.Pi
	}
	ridge := make([]int, columns)
	for x := range ridge {
		at := float64(x) / float64(columns) * 2 * math.Pi
		swell := 0.55 + 0.25*math.Sin(at+phases[0]) + 0.15*math.Sin(3*at+phases[1]) + 0.1*math.Sin(7*at+phases[2])
		want := min(max(int(math.Round(swell*float64(top))), 1), top)
		if x > 0 {
			want = min(max(want, ridge[x-1]-1), ridge[x-1]+1)
		}
		ridge[x] = want
	}
	return ridge
}

// slope returns what is seen of a ridge at a height over a column.
func slope(ridge []int, x, height int) byte {
	switch here := ridge[x]; {
	case height > here:
		return ' '
	case height < here:
		return ':'
	case x > 0 && ridge[x-1] < here:
		return '/'
	case x+1 < len(ridge) && ridge[x+1] < here:
		return '\\'
	}
	return '^'
}

// reflected are the parts of a ridge upside down.
var reflected = map[byte]byte{' ': ' ', ':': ':', '/': '\\', '\\': '/', '^': 'v'}
