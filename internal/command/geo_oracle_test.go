// Shown here, against Debian's redis-server (7.0.15): stored distances have its digits. They come out
// of sines, which C libraries round rightly nearly always, and not always: one of 200 may differ, and
// in its last digits only.

package command_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"tarn/internal/clock"
	"tarn/internal/resp"
	"tarn/test/chance"
	"tarn/test/harness"
)

func TestStoredDistancesAgainstOracle(t *testing.T) {
	oracle := harness.Oracle(t).Start(t).Dial(t)
	tarn := newInProcess(t, clock.System{}).client(resp.RESP2)
	seed := chance.Seed(t)
	random := rand.New(rand.NewPCG(seed, 0))
	const places, lastDigits = 4000, 8 // differences in units of the last bit
	for i := range places {
		args := []string{"GEOADD", "places", fmt.Sprint(random.Float64()*360 - 180), fmt.Sprint(random.Float64()*170 - 85), fmt.Sprint("place-", i)}
		oracle.Must(t, args...)
		tarn.do(args...)
	}
	search := []string{"GEOSEARCHSTORE", "distances", "places", "FROMMEMBER", "place-7", "BYRADIUS", "30000", "km", "STOREDIST"}
	if got, want := tarn.do(search...), fmt.Sprintf(":%d\r\n", places); got != want || oracle.Must(t, search...).Text != strconv.Itoa(places) {
		t.Fatalf("seed %d: %q, want %q", seed, got, want)
	}
	differ := 0
	for i := range places {
		ask := []string{"ZSCORE", "distances", fmt.Sprint("place-", i)}
		want, err := strconv.ParseFloat(oracle.Must(t, ask...).Text, 64)
		reply := tarn.do(ask...)
		var length int
		var text string
		if _, scanned := fmt.Sscanf(reply, "$%d\r\n%s\r\n", &length, &text); err != nil || scanned != nil {
			t.Fatalf("seed %d: %q: %v, %v", seed, reply, err, scanned)
		}
		got, err := strconv.ParseFloat(text, 64)
		bits := int64(math.Float64bits(got)) - int64(math.Float64bits(want))
		if err != nil || bits < -lastDigits || bits > lastDigits {
			t.Fatalf("seed %d: place-%d is stored at %v, want %v", seed, i, got, want)
		}
		if bits != 0 {
			differ++
		}
	}
	if differ > places/200 {
		t.Errorf("seed %d: %d of %d distances differ", seed, differ, places)
	}
}
