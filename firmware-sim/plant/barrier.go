package plant

import "time"

// BarrierOptions say how a barrier and its controller are set up.
type BarrierOptions struct {
	Travel    time.Duration // from end to end; 0 = 3 s
	Reversal  time.Duration // standstill before the other direction; 0 = 300 ms
	Filter    time.Duration // an input counts once it has been so for that long; 0 = 20 ms
	Bounce    Bounce        // of both limit switches
	AutoClose time.Duration // after the last vehicle has cleared the safety inputs; 0 = never
	NoPassage time.Duration // after opening when nobody came; 0 = never

	// Unprotected cuts the controller's own safety: photocell and loop are not wired to it, and it does not feel an
	// obstacle. A plant that protects the vehicle proves nothing about who commands it.
	Unprotected bool
}

// Input is one of the controller's terminals.
type Input int

const (
	OpenInput   Input = iota // normally open contact; held = stays open
	CloseInput               // normally open contact
	StopInput                // contact in the stop loop: active = the loop is broken, nothing moves
	TicketInput              // the ticket machine's contact, in parallel to OpenInput
	FobInput                 // the contact of a receiver of residents' fobs, likewise
	inputs
)

// terminal is an input with its filter.
type terminal struct {
	raw, active bool
	due         time.Duration // when raw counts; Never = it does already
}

// Barrier is an arm, its motor, two limit switches and the controller that the maker sells with it. The controller's
// order: stop, open, close, its own timers. A close that its safety forbids is forgotten, not remembered.
type Barrier struct {
	Open   *Contact // limit switch: closed when the arm is up
	Closed *Contact // limit switch: closed when the arm is down
	Off    *Contact // of the arm: closed while it is out of its flange

	name    string
	opt     BarrierOptions
	journal *Journal
	t       time.Duration

	arm     arm
	motor   time.Duration // what the motor is told: +1, -1, 0
	cause   Cause
	since   time.Duration // when the motor was told
	turn    time.Duration // when a reversed motor starts; Never = it does not wait
	jammed  bool          // the gear is stuck
	dead    bool          // somebody has switched it off
	blocked bool          // photocell or safety loop, as the controller sees them
	passed  bool          // somebody cleared the safety inputs since the arm began to open
	leave   time.Duration // when the controller closes by itself; Never = not
	in      [inputs]terminal

	off      bool          // somebody has driven the arm off
	obstacle time.Duration // place of a thing below the arm; 0 = none
	under    int           // vehicle below the arm; 0 = none
	touched  bool
	down     bool // at its lower limit
	raised   bool // at its upper one
}

const vehicleHeight = 40 // percent of the travel at which the arm lies on a vehicle

// NewBarrier returns a closed barrier.
func NewBarrier(name string, o BarrierOptions, seed Seed, j *Journal) *Barrier {
	if o.Travel == 0 {
		o.Travel = 3 * time.Second
	}
	if o.Reversal == 0 {
		o.Reversal = 300 * time.Millisecond
	}
	if o.Filter == 0 {
		o.Filter = 20 * time.Millisecond
	}
	b := &Barrier{
		Open: NewContact(o.Bounce, seed.For(name+".open")), Closed: NewContact(o.Bounce, seed.For(name+".closed")),
		Off:  NewContact(o.Bounce, seed.For(name+".off")),
		name: name, opt: o, journal: j, arm: arm{travel: o.Travel}, turn: Never, leave: Never,
	}
	for i := range b.in {
		b.in[i].due = Never
	}
	b.Closed.rest(true)
	b.down = true
	return b
}

// Set drives one input. Active means closed for a normally open contact, and broken for the stop loop.
func (b *Barrier) Set(now time.Duration, in Input, active bool) {
	b.Step(now)
	t := &b.in[in]
	if t.raw == active {
		return
	}
	t.raw, t.due = active, Never
	if t.raw != t.active {
		t.due = now + b.opt.Filter
	}
}

// Block tells the controller about its safety inputs. An unprotected controller has none.
func (b *Barrier) Block(now time.Duration, blocked bool) {
	if b.opt.Unprotected || b.blocked == blocked {
		return
	}
	b.Step(now)
	b.blocked = blocked
	b.safety(now)
}

// Under puts a vehicle below the arm, or takes it away (0).
func (b *Barrier) Under(now time.Duration, vehicle int) {
	if b.under == vehicle {
		return
	}
	b.Step(now)
	b.under = vehicle
	b.refloor(now)
}

// Obstruct puts a thing below the arm that stops it at a part of its travel, in percent; 0 takes it away.
func (b *Barrier) Obstruct(now time.Duration, percent int) {
	b.Step(now)
	b.obstacle = b.opt.Travel * time.Duration(percent) / 100
	b.refloor(now)
}

// Jam makes the gear stick, or frees it.
func (b *Barrier) Jam(now time.Duration, jammed bool) {
	b.Step(now)
	b.jammed = jammed
	b.gear(now)
}

// Power switches controller and motor off, or on again. The arm stays where it is, and limit switches are contacts: they
// speak all the same.
func (b *Barrier) Power(now time.Duration, on bool) {
	b.Step(now)
	if b.dead == !on {
		return
	}
	kind := ControllerOff
	if b.dead = !on; !b.dead {
		kind = ControllerOn
	}
	b.journal.add(Truth{At: now, Device: b.name, Kind: kind})
	if !b.dead {
		if b.up() {
			b.opened(now)
		}
		return
	}
	b.motor, b.turn, b.leave = 0, Never, Never
	b.gear(now)
}

// Knock breaks the arm out of its flange, or puts it back. The gear goes on without it, and nothing is stopped or touched.
func (b *Barrier) Knock(now time.Duration, off bool) {
	b.Step(now)
	if b.off == off {
		return
	}
	b.off = off
	b.Off.Move(now, off)
	kind := ArmMounted
	if off {
		kind = ArmOff
	}
	b.journal.add(Truth{At: now, Device: b.name, Kind: kind})
	b.refloor(now)
}

// Protect switches the controller's own safety: photocell, loop, and what it feels.
func (b *Barrier) Protect(now time.Duration, on bool) {
	b.Step(now)
	b.opt.Unprotected = !on
	if !on {
		b.blocked = false
	}
}

// Lift raises the arm by hand. Nobody tells the controller.
func (b *Barrier) Lift(now time.Duration) { b.byHand(now, +1, ArmOpening) }

// Lower pulls the arm down by hand.
func (b *Barrier) Lower(now time.Duration) { b.byHand(now, -1, ArmClosing) }

// IsOpen tells whether the arm is all the way up: a driver goes.
func (b *Barrier) IsOpen() bool { return b.off || b.up() }

// up tells whether the gear is at its upper end.
func (b *Barrier) up() bool { return b.arm.now(b.t) >= b.opt.Travel-b.overlap() }

// Clears tells whether a vehicle fits below the arm.
func (b *Barrier) Clears() bool { return b.off || b.arm.now(b.t) > b.lowest() }

// Touching tells whether the arm lies on what is below it.
func (b *Barrier) Touching() bool { return b.touched }

// Percent is how far the arm is up.
func (b *Barrier) Percent() int { return int(100 * b.arm.now(b.t) / b.opt.Travel) }

// overlap is how far before its end the arm closes a limit switch.
func (b *Barrier) overlap() time.Duration { return b.opt.Travel / 50 }

func (b *Barrier) lowest() time.Duration { return b.opt.Travel * vehicleHeight / 100 }

func (b *Barrier) byHand(now, dir time.Duration, kind Kind) {
	b.Step(now)
	if p := b.arm.now(now); dir > 0 && p == b.opt.Travel || dir < 0 && p == 0 {
		return
	}
	b.motor, b.turn, b.leave, b.cause = 0, Never, Never, CauseHand
	b.arm.drive(now, dir)
	b.tell(now, kind)
}

// refloor works out how low the arm can go, after something below it has changed.
func (b *Barrier) refloor(now time.Duration) {
	floor := b.obstacle
	if b.under != 0 && !b.off {
		floor = max(floor, b.lowest())
	}
	b.arm.drive(now, b.arm.dir)
	b.arm.floor = floor
	b.gear(now)
	if b.under != 0 && !b.off && b.arm.now(now) < floor {
		b.touch(now) // it drove into the arm
	}
	if floor == 0 || b.arm.now(now) > floor {
		b.touched = false
	}
}

// gear lets the arm follow the motor as far as it can. An arm moved by hand has no motor.
func (b *Barrier) gear(now time.Duration) {
	if b.cause == CauseHand {
		return
	}
	dir := b.motor
	if b.jammed || b.turn != Never {
		dir = 0
	}
	if dir != b.arm.dir {
		b.arm.drive(now, dir)
	}
}

func (b *Barrier) touch(now time.Duration) {
	if b.touched {
		return
	}
	b.touched = true
	b.journal.add(Truth{At: now, Device: b.name, Kind: ArmTouched, Vehicle: b.under})
	if !b.opt.Unprotected && b.motor < 0 {
		b.run(now, +1, CauseObstacle)
	}
}

func (b *Barrier) tell(now time.Duration, kind Kind) {
	b.journal.add(Truth{At: now, Device: b.name, Kind: kind, Cause: b.cause})
}

// Step brings the barrier to now.
func (b *Barrier) Step(now time.Duration) (next time.Duration) {
	now = max(b.t, now)
	for {
		at := b.next()
		if at > now {
			break
		}
		b.t = at
		b.arrive(at)
		b.control(at)
	}
	b.t = now
	return min(b.next(), b.Open.Step(now), b.Closed.Step(now), b.Off.Step(now))
}

// next is when the arm or the controller is due; the limit switches' bounces are their own.
func (b *Barrier) next() time.Duration {
	at := min(b.turn, b.leave)
	for _, t := range b.in {
		at = min(at, t.due)
	}
	if b.motor != 0 {
		at = min(at, b.since+2*b.opt.Travel)
	}
	for _, place := range b.marks() {
		at = min(at, b.arm.reaches(b.t, place))
	}
	return at
}

// marks are the places where something happens as the arm goes by.
func (b *Barrier) marks() [9]time.Duration {
	up := b.opt.Travel - b.overlap()
	down, low := b.overlap(), b.lowest()
	// Something is so at its place; on the way out of it, one nanosecond further.
	return [...]time.Duration{0, down, down + 1, low, low + 1, up - 1, up, b.opt.Travel, b.arm.floor}
}

// arrive looks at where the arm has come to.
func (b *Barrier) arrive(at time.Duration) {
	p := b.arm.now(at)
	if b.arm.dir > 0 && p >= b.arm.floor {
		b.touched = false
	}
	b.limit(at, b.Closed, &b.down, p <= b.overlap(), ArmDown)
	b.limit(at, b.Open, &b.raised, p >= b.opt.Travel-b.overlap(), ArmUp)
	switch {
	case b.arm.dir < 0 && b.arm.floor > 0 && p <= b.arm.floor:
		b.touch(at)
	case b.arm.dir > 0 && p == b.opt.Travel:
		b.rest(at, ArmOpen)
	case b.arm.dir < 0 && p == 0:
		b.rest(at, ArmClosed)
	}
}

// limit moves a limit switch.
func (b *Barrier) limit(at time.Duration, c *Contact, was *bool, is bool, kind Kind) {
	c.Move(at, is)
	if is && !*was {
		b.journal.add(Truth{At: at, Device: b.name, Kind: kind})
	}
	*was = is
}

// rest ends a movement at one of its ends.
func (b *Barrier) rest(at time.Duration, kind Kind) {
	b.tell(at, kind)
	hand := b.cause == CauseHand
	b.motor, b.cause = 0, CauseNone
	b.arm.drive(at, 0)
	if kind == ArmOpen && !hand {
		b.opened(at)
	}
}
