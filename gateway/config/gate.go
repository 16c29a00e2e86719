package config

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

// Gate is one barrier.
type Gate struct {
	Label       string            `yaml:"label"`
	Labels      map[string]string `yaml:"labels"`
	Lane        string            `yaml:"lane"`         // lane it closes
	OpenLimit   string            `yaml:"open_limit"`   // point
	ClosedLimit string            `yaml:"closed_limit"` // point
	Travel      time.Duration     `yaml:"travel"`       // nominal travel time; default 5s, time-out is twice that
	Safety      []string          `yaml:"safety"`       // points, loops and supervised inputs that must be clear to close
	Outputs     GateOutputs       `yaml:"outputs"`
	Pulse       time.Duration     `yaml:"pulse"`         // of a relay; default 500ms
	Maintain    bool              `yaml:"maintain"`      // hold_open and fire hold the open relay; default false: it is pulsed whenever the gate is not open
	MaxHold     time.Duration     `yaml:"max_hold"`      // longest time that the open relay is held, but for fire; default 0s: no limit
	OnTrip      OnTrip            `yaml:"on_trip"`       // something comes under the closing arm: open, stop; default open
	Clear       time.Duration     `yaml:"clear"`         // safety must have been clear that long to close; default 1s
	Exclusive   bool              `yaml:"exclusive"`     // nothing but this gateway opens it; default false
	HeldOpen    time.Duration     `yaml:"held_open"`     // tell when it has been open that long; default 0s: never
	Manual      string            `yaml:"manual"`        // point: somebody opens it by hand: a fob receiver, a button, the guard's desk
	Force       string            `yaml:"force"`         // point: the controller's contact that the arm was forced
	Arm         string            `yaml:"arm"`           // point: active = the arm is off
	OnPowerFail OnPowerFail       `yaml:"on_power_fail"` // the mains are lost: none, open (one pulse); default none
	Closing     *Closing          `yaml:"closing"`
}

// OnTrip is what happens when a safety input trips while closing.
type OnTrip string

const (
	TripOpens OnTrip = "open"
	TripStops OnTrip = "stop"
)

// Closing are rules by which a gate closes what this gateway has opened; none without.
type Closing struct {
	AfterPass *time.Duration `yaml:"after_pass"` // when all who were let in have passed, so long after lane and safety are clear; 0s = at once (against tailgating)
	NoPass    time.Duration  `yaml:"no_pass"`    // when nobody came for so long; default 0s: never
	Idle      time.Duration  `yaml:"idle"`       // when the lane has been clear for so long, whoever has passed; default 0s: never
}

// OnPowerFail is what a gate does when the mains are lost.
type OnPowerFail string

const (
	PowerFailNothing OnPowerFail = "none"
	PowerFailOpens   OnPowerFail = "open" // one OPEN pulse
)

// GateOutputs are the relays of a barrier; all are held inactive from the first moment on.
type GateOutputs struct {
	Open  *Output `yaml:"open"`
	Close *Output `yaml:"close"`
	Stop  *Output `yaml:"stop"`
}

// All yields the outputs that are configured, by name.
func (o GateOutputs) All() iter.Seq2[string, Output] {
	return func(yield func(string, Output) bool) {
		for _, out := range []struct {
			name string
			out  *Output
		}{{"open", o.Open}, {"close", o.Close}, {"stop", o.Stop}} {
			if out.out != nil && !yield(out.name, *out.out) {
				return
			}
		}
	}
}

// Output is one relay, on a native line or a pin of an expander.
type Output struct {
	Line   string `yaml:"line"`
	Chip   string `yaml:"chip"`
	Pin    string `yaml:"pin"`
	Active Level  `yaml:"active"` // level that energises the coil; default high
	Guard  Guard  `yaml:"guard"`  // what makes the relay inactive when this program dies: kernel (probed at start), one_shot, watchdog; default kernel
}

// Guard is what makes a relay inactive when the program that drives it dies.
type Guard string

const (
	GuardKernel   Guard = "kernel"   // returns released lines to inputs; probed, not believed
	GuardOneShot  Guard = "one_shot" // the relay makes one pulse of its own length
	GuardWatchdog Guard = "watchdog" // the relay wants to be told again and again
)

// Fire is the contact of a fire alarm system.
type Fire struct {
	Label  string            `yaml:"label"`
	Labels map[string]string `yaml:"labels"`
	Input  string            `yaml:"input"` // point or supervised input
	Gates  []string          `yaml:"gates"` // its zone; none = all gates
}

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
