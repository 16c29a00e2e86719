package daemon

import (
	"testing"
	"time"

	"lotusgate/gateway/config"
)

func TestWithinHours(t *testing.T) {
	for _, c := range []struct {
		hours, at string
		want      bool
	}{
		{"22:00-06:00", "21:59", false},
		{"22:00-06:00", "22:00", true},
		{"22:00-06:00", "03:00", true},
		{"22:00-06:00", "06:00", false},
		{"01:00-05:30", "00:59", false},
		{"01:00-05:30", "05:29", true},
	} {
		from, to, err := config.ParseNight(c.hours)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse("15:04", c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := within(at, from, to); got != c.want {
			t.Errorf("%s in %s: %v", c.at, c.hours, got)
		}
	}
	for _, hours := range []string{"", "22:00", "22-6", "25:00-06:00", "06:00-06:00"} {
		if _, _, err := config.ParseNight(hours); err == nil {
			t.Errorf("%q was taken", hours)
		}
	}
}
