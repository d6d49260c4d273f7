// Shows what schedules are taken, in which words others are refused, and when they come next: at plain times,
// and where the clock leaps in spring and stands still in autumn. A walk over two years, minute by minute,
// is the model that Next is held to.

package cron

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tarn/test/chance"
)

func TestParse(t *testing.T) {
	const few = "; five are needed: minute, hour, day of the month, month, day of the week"
	for _, tc := range []struct {
		in, want, err string
	}{
		{in: "", want: ""},
		{in: "  ", want: ""},
		{in: "0 3 * * *", want: "0 3 * * *"},
		{in: " 0  3 * *\t* ", want: "0 3 * * *"},
		{in: "@daily", want: "@daily"},
		{in: "@Daily", want: "@daily"},
		{in: "0 3 * * 1-5;0 12 * * sat,SUN", want: "0 3 * * 1-5; 0 12 * * sat,SUN"},
		{in: "*/15 0-4 1,15 JAN-jun 7", want: "*/15 0-4 1,15 JAN-jun 7"},
		{in: "0 3 * *", err: "'0 3 * *' has 4 fields" + few},
		{in: "0 0 3 * * *", err: "'0 0 3 * * *' has 6 fields" + few},
		{in: "daily", err: "'daily' has 1 fields" + few},
		{in: "0 3 * * *;", err: "an expression is missing at a semicolon"},
		{in: "@every 10s", err: "unknown name '@every 10s': there are @hourly, @daily, @weekly, @monthly and @yearly"},
		{in: "@reboot", err: "unknown name '@reboot': there are @hourly, @daily, @weekly, @monthly and @yearly"},
		{in: "60 3 * * *", err: "'60 3 * * *': syntax error in minute field: '60'"},
		{in: "0 24 * * *", err: "'0 24 * * *': syntax error in hour field: '24'"},
		{in: "0 3 0 * *", err: "'0 3 0 * *': syntax error in day-of-month field: '0'"},
		{in: "0 3 * 13 *", err: "'0 3 * 13 *': syntax error in month field: '13'"},
		{in: "0 3 * * 8", err: "'0 3 * * 8': syntax error in day-of-week field: '8'"},
		{in: "*/0 3 * * *", err: "'*/0 3 * * *': invalid interval */0"},
		{in: "0 3 30 2 *", err: "'0 3 30 2 *' never comes"},
		{in: "9-5 * * * *", err: "'9-5 * * * *' never comes"},
		{in: "0 3 29 2 *", want: "0 3 29 2 *"},
	} {
		s, err := Parse(tc.in)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if s.String() != tc.want || got != tc.err || s.IsZero() != (tc.want == "") {
			t.Errorf("Parse(%q) = %q, %q; want %q, %q", tc.in, s, got, tc.want, tc.err)
		}
		if again, err := Parse(s.String()); err != nil || again.String() != s.String() {
			t.Errorf("Parse(%q) = %q, %v, of what String returned", s, again, err)
		}
	}
}

func parsed(t *testing.T, text string) Schedule {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newYork has a clock that leaps at 2:00 on March 8, 2026 and stands still for an hour on November 1. It is made
// here, since a machine need not know of zones.
func newYork(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocationFromTZData("New York", []byte(
		"TZif2"+strings.Repeat("\x00", 15)+strings.Repeat("\x00", 24)+ // the first block is for old readers
			"TZif2"+strings.Repeat("\x00", 15)+
			"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x04"+
			"\xff\xff\xb9\xb0\x00\x00EST\x00"+"\nEST5EDT,M3.2.0,M11.1.0\n"))
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestNext(t *testing.T) {
	const layout = "2006-01-02 15:04:05 MST"
	zone := newYork(t)
	for _, tc := range []struct {
		schedule string
		from     time.Time
		want     []string
	}{
		{"0 3 * * *", time.Date(2026, 11, 21, 2, 59, 59, 999, zone), []string{"2026-11-21 03:00:00 EST", "2026-11-22 03:00:00 EST"}},
		{"0 3 * * *", time.Date(2026, 11, 21, 3, 0, 0, 0, zone), []string{"2026-11-22 03:00:00 EST"}},
		{"@monthly; 30 12 * * sun", time.Date(2026, 11, 21, 3, 0, 0, 0, zone), []string{"2026-11-22 12:30:00 EST", "2026-11-29 12:30:00 EST", "2026-12-01 00:00:00 EST"}},
		{"0 3 * * 7", time.Date(2026, 11, 21, 3, 0, 0, 0, zone), []string{"2026-11-22 03:00:00 EST"}},
		// Day of the month or of the week, as crontab has it.
		{"0 0 13 * 5", time.Date(2026, 11, 1, 12, 0, 0, 0, zone), []string{"2026-11-06 00:00:00 EST", "2026-11-13 00:00:00 EST", "2026-11-20 00:00:00 EST"}},
		// 2:30 is not on the clock of March 8: 3:30 takes its place, once.
		{"30 2 * * *", time.Date(2026, 3, 7, 12, 0, 0, 0, zone), []string{"2026-03-08 03:30:00 EDT", "2026-03-09 02:30:00 EDT"}},
		{"0 * * * *", time.Date(2026, 3, 8, 0, 30, 0, 0, zone), []string{"2026-03-08 01:00:00 EST", "2026-03-08 03:00:00 EDT", "2026-03-08 04:00:00 EDT"}},
		// 1:30 is there twice on November 1, and each counts.
		{"30 1 * * *", time.Date(2026, 10, 31, 12, 0, 0, 0, zone), []string{"2026-11-01 01:30:00 EDT", "2026-11-01 01:30:00 EST", "2026-11-02 01:30:00 EST"}},
		{"0 * * * *", time.Date(2026, 11, 1, 0, 30, 0, 0, zone), []string{"2026-11-01 01:00:00 EDT", "2026-11-01 01:00:00 EST", "2026-11-01 02:00:00 EST"}},
	} {
		s, at := parsed(t, tc.schedule), tc.from
		for i, want := range tc.want {
			at = s.Next(at)
			if got := at.Format(layout); got != want {
				t.Errorf("%q after %s, time %d: %s, want %s", tc.schedule, tc.from.Format(layout), i+1, got, want)
			}
		}
	}
	if next := (Schedule{}).Next(time.Unix(0, 0)); !next.IsZero() {
		t.Errorf("a schedule without times comes at %s", next)
	}
}

// TestNextWalked compares Next with a walk over all minutes, for plain lists of minutes, hours and days of the
// week.
func TestNextWalked(t *testing.T) {
	seed := chance.Seed(t)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 40 {
		minute, hour, day := r.IntN(60), r.IntN(24), r.IntN(7)
		text, fits := fmt.Sprintf("%d %d * * *", minute, hour), func(at time.Time) bool { return at.Minute() == minute && at.Hour() == hour }
		if r.IntN(2) == 0 {
			text, fits = fmt.Sprintf("%d * * * %d", minute, day), func(at time.Time) bool { return at.Minute() == minute && int(at.Weekday()) == day }
		}
		s := parsed(t, text)
		from := time.Date(2026, 1, 1, 0, 0, r.IntN(60*60*24*700), 0, time.UTC)
		want := from.Truncate(time.Minute).Add(time.Minute)
		for !fits(want) {
			want = want.Add(time.Minute)
		}
		if got := s.Next(from); !got.Equal(want) {
			t.Errorf("%q after %s: %s, want %s (seed %d)", text, from, got, want, seed)
		}
	}
}
