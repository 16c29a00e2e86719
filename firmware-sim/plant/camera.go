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

// draw is what a camera takes from its 12 V supply, in µA.
const (
	drawDay   = 180_000
	drawNight = 300_000 // its infrared lamps are lit
	drawBoot  = 220_000
	drawHung  = 45_000 // the sensor is off
	drawSick  = 800_000
	drawNoise = 6_000
	rebootFor = 8 * time.Second // of a camera that starts again and again
)

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
	dead    bool          // without power
	sick    bool          // draws too much
	loops   time.Duration // starts again and again until then; 0 = it does not
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
	c.dead = true
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
	c.sick, c.loops = false, 0
	if c.running || c.booting {
		return
	}
	c.dead = false
	c.Heartbeat.Move(now, false)
	c.booting, c.due = true, now+c.opt.Boot
	c.journal.add(Truth{At: now, Device: c.name, Kind: CameraBooting})
}

// Sicken lets it draw too much until it is started anew; its program runs on.
func (c *Camera) Sicken(now time.Duration) {
	c.Step(now)
	c.sick = true
	c.journal.add(Truth{At: now, Device: c.name, Kind: CameraSick})
}

// Loop lets it start again and again for a while: it never gets as far as its program.
func (c *Camera) Loop(now, spell time.Duration) {
	c.Step(now)
	c.halt(now, CameraLoops)
	c.Heartbeat.Move(now, false)
	c.loops = now + spell
	c.due = c.loops
}

// Supply is the current that it takes from its 12 V supply at now, in µA. dark is whether it is night. It is the same
// however often it is asked.
func (c *Camera) Supply(now time.Duration, dark bool) int64 {
	usual := int64(drawDay)
	if dark {
		usual = drawNight
	}
	noise := int64(uint64(now)*2654435761>>16) % drawNoise
	switch {
	case c.dead:
		return noise / 10
	case c.sick:
		return drawSick + noise
	case c.loops > now: // on for as long as it is off
		if (c.loops-now)/rebootFor%2 == 0 {
			return noise / 10
		}
		return drawBoot + noise
	case c.booting:
		return drawBoot + noise
	case !c.running:
		return drawHung + noise
	}
	return usual + noise
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
		case c.loops != 0:
			c.loops, c.due = 0, Never
			c.Start(at)
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
