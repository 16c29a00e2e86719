package plant

import (
	"math/rand/v2"
	"time"
)

// CameraOptions say how a camera shows that it lives.
type CameraOptions struct {
	Period time.Duration // from pulse to pulse
	Jitter time.Duration // a pulse comes up to this much late; the next one is not delayed by it
	Width  time.Duration // of a pulse; 0 = 150 ms
	Boot   time.Duration // from power to the first pulse; 0 = 30 s
}

// Camera is a camera that closes a contact for a moment, again and again, while its program runs.
type Camera struct {
	Heartbeat *Contact

	name    string
	opt     CameraOptions
	journal *Journal
	chance  *rand.Rand
	now     time.Duration

	running bool
	beat    time.Duration // the period in progress began then, without jitter
	due     time.Duration // next change; Never = nothing goes on
	booting bool
}

// NewCamera returns a running camera whose first pulse comes somewhere in its first period.
func NewCamera(name string, o CameraOptions, seed Seed, j *Journal) *Camera {
	if o.Width == 0 {
		o.Width = 150 * time.Millisecond
	}
	if o.Boot == 0 {
		o.Boot = 30 * time.Second
	}
	chance := seed.For(name)
	c := &Camera{Heartbeat: NewContact(Bounce{}, chance), name: name, opt: o, journal: j, chance: chance, running: true}
	c.beat = Span{0, o.Period}.Draw(chance)
	c.due = c.beat
	return c
}

// Running tells the truth.
func (c *Camera) Running() bool { return c.running }

// Die takes its power: the contact opens and nothing comes any more.
func (c *Camera) Die(now time.Duration) {
	c.Step(now)
	c.halt(now, CameraDead)
	c.Heartbeat.Move(now, false)
}

// Hang stops its program. The contact stays as the hang left it: open, or closed for ever.
func (c *Camera) Hang(now time.Duration, closed bool) {
	c.Step(now)
	c.halt(now, CameraHung)
	c.Heartbeat.Move(now, closed)
}

// Start gives power back, or ends a hang by a restart. It pulses again once it has booted.
func (c *Camera) Start(now time.Duration) {
	c.Step(now)
	if c.running || c.booting {
		return
	}
	c.Heartbeat.Move(now, false)
	c.booting, c.due = true, now+c.opt.Boot
	c.journal.add(Truth{At: now, Device: c.name, Kind: CameraBooting})
}

func (c *Camera) halt(now time.Duration, kind Kind) {
	c.running, c.booting, c.due = false, false, Never
	c.journal.add(Truth{At: now, Device: c.name, Kind: kind})
}

// Step brings the camera to now.
func (c *Camera) Step(now time.Duration) (next time.Duration) {
	c.now = max(c.now, now)
	for c.due <= c.now {
		at := c.due
		switch {
		case c.booting:
			c.booting, c.running, c.beat = false, true, at
			c.journal.add(Truth{At: at, Device: c.name, Kind: CameraRunning})
			c.pulse(at)
		case c.Heartbeat.Closed():
			c.Heartbeat.Move(at, false)
			c.beat += c.opt.Period
			c.due = max(c.beat+Span{0, c.opt.Jitter}.Draw(c.chance), at+1)
		default:
			c.pulse(at)
		}
	}
	return c.due
}

func (c *Camera) pulse(at time.Duration) {
	c.Heartbeat.Move(at, true)
	c.due = at + c.opt.Width
}
