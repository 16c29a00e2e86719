package config

import (
	"fmt"
	"strings"
	"time"
)

// checkGateRules holds that what moves a gate by itself can see what it does.
func (c *checker) checkGateRules(id string) {
	g, path := c.cfg.Gates[id], join(gates, id)
	if at := path + ".closing"; g.Closing != nil && c.good(at) {
		switch {
		case g.Outputs.Close == nil:
			c.fail(at, "closing_without_relay", id)
		case len(g.Safety) == 0:
			c.fail(at, "closing_without_sensor", id)
		}
		for _, key := range []string{".after_pass", ".no_pass"} {
			if c.good(at+key) && g.Lane == "" {
				c.fail(at+key, "closing_without_lane", id)
			}
		}
	}
	if at := path + ".on_power_fail"; g.OnPowerFail == PowerFailOpens && c.good(at) {
		switch {
		case c.cfg.Service.Mains == "":
			c.fail(at, "no_mains", id)
		case g.Outputs.Open == nil:
			c.fail(at, "opening_without_relay", id)
		}
	}
	if lane, ok := c.cfg.Lanes[g.Lane]; ok && lane.FreeExit && g.Outputs.Open == nil && c.good(path+".lane") {
		c.fail(join(lanes, g.Lane)+".free_exit", "opening_without_relay", id)
	}
}

// checkFires warns of a fire contact whose broken wire would look like "no fire". That of one that opens looks like a fire.
func (c *checker) checkFires() {
	for _, id := range c.ids(fires) {
		path := join(fires, id) + ".input"
		if p, point := c.cfg.Points[c.cfg.Fires[id].Input]; point && p.Active == ActiveLow && c.good(path) {
			c.warn(path, "fire_unsupervised", id)
		}
	}
}

// checkNight is a form: hours of the day, "22:00-06:00".
func checkNight(c *checker, path, text string) {
	if _, _, err := ParseNight(text); err != nil {
		c.fail(path, "bad_night", text)
	}
}

// ParseNight reads hours of a day, which may go over midnight: the time since midnight at which they begin and end.
func ParseNight(text string) (from, to time.Duration, err error) {
	a, b, ok := strings.Cut(text, "-")
	if ok {
		if from, err = clockTime(a); err == nil {
			to, err = clockTime(b)
		}
	}
	if !ok || err != nil || from == to {
		return 0, 0, fmt.Errorf("hours %q: write from and to, as in 22:00-06:00", text)
	}
	return from, to, nil
}

func clockTime(text string) (time.Duration, error) {
	t, err := time.Parse("15:04", text)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err
}
