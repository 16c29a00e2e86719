package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"
	"pgregory.net/rapid"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/plant"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
	"lotusgate/gateway/intake"
)

// yardConfig: one barrier with everything that people and centers can do to it. The safety loop is on a chip.
const yardConfig = `
gateway: {site: lianhua, id: park-01}
storage: {path: /var/lib/lotusgate}
buses: {i2c-1: {device: /dev/i2c-1}}
chips: {x1: {kind: mcp23017, bus: i2c-1, address: 0x20, interrupt: GPIO25}}
points:
  up: {line: GPIO22, active: high}
  down: {line: GPIO23, active: high}
  beam: {line: GPIO24, active: high}
  under: {chip: x1, pin: GPA0, active: high}
  smoke: {line: GPIO5, active: high}
  key: {line: GPIO6, active: high}
  button: {line: GPIO12, active: high}
gates:
  entry-gate:
    {open_limit: up, closed_limit: down, safety: [beam, under], travel: 3s, clear: 1s,
     outputs: {open: {line: GPIO16}, close: {line: GPIO20, guard: one_shot}, stop: {line: GPIO21}}}
fires: {fire: {input: smoke}}
service: {lockout: key, button: button}
commands: {per_minute: 600}
`

// yardFiles are what somebody may write into the configuration while the gateway runs: what to replace, and with what.
var yardFiles = [][]string{
	{},
	{"{line: GPIO22, active: high}", "{line: GPIO22, active: high, label: Arm is up}"},
	{"travel: 3s, clear: 1s", "travel: 4s, clear: 2s"},
	{"{line: GPIO24, active: high}", "{line: GPIO24, active: high, settle: 10ms}"},
	{"safety: [beam, under]", "safety: [under, beam], on_trip: stop"},
	{"fires: {fire: {input: smoke}}", ""},
	{"service: {lockout: key, button: button}", "service: {button: button, window: 2m}"}, // a section that waits for a restart
	{"gates:\n", "contacts: {door: {input: key}}\ngates:\n", "service: {lockout: key, button: button}", "service: {button: button}"},
	{yardConfig[strings.Index(yardConfig, "gates:"):], "commands: {per_minute: 600}\n"},
}

// yardFile is one of them.
func yardFile(t *rapid.T, n int) *config.Config {
	cfg, err := config.Parse("yard.yaml", []byte(strings.NewReplacer(yardFiles[n]...).Replace(yardConfig)))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Wires of the yard, and what holds them.
const (
	upWire = iota
	downWire
	beamWire
	underWire
	smokeWire
	keyWire
	buttonWire
	wires
)

var terminalsOfYard = [wires]string{"GPIO22", "GPIO23", "GPIO24", "x1.GPA0", "GPIO5", "GPIO6", "GPIO12"}

// stopping is the longest from a vehicle's nose under the arm until the arm rises, as docs/commands.md publishes it, and the
// grain of this test.
const (
	stopping  = 60*time.Millisecond + 20*time.Millisecond + device.Gap + 20*time.Millisecond + 300*time.Millisecond + 4*yardGrain
	yardGrain = 10 * time.Millisecond
)

// yard is a whole gateway on virtual time, but for storage and broker, at a barrier without any safety of its own; a center
// with a key, and a stranger who hears all it says.
type yard struct {
	t       *rapid.T
	file    *config.Config // as it lies on disk
	waiting bool           // for a moment in which nothing moves, to put it in force
	lane    *plant.Lane
	journal plant.Journal
	lock    *Lockstep
	in      *intake.Intake
	options intake.Options
	signer  *intake.Signer
	forger  *intake.Signer
	now     gateway.Mono
	coils   [device.Outputs]*yardCoil
	queue   []gateway.Command
	session string
	epoch   int
	wall    time.Duration // by how much the gateway's clock is ahead
	quality gateway.ClockQuality
	kept    map[string][]byte // what survives
	open    unfinished
	n       int
	heard   []string // messages that the stranger may send again

	held    [3]bool // smoke, key, button
	levels  [wires]bool
	blocked [2]gateway.Mono // when the beam, the loop was last blocked or lost
	lost    bool            // the chip

	accepted map[gateway.Action]gateway.Mono // last time
	holdEnds gateway.Mono
	trip     gateway.Mono // something came under the arm within a CLOSE
	latched  bool
	fireOver gateway.Mono
	window   bool
	stages   map[string][]gateway.Type // of each command, by issuer and jti
	final    map[string]int
	attacks  map[string]bool // must never be accepted

	closes, opens, done, refused, restarted, reloaded int
}

// yardCoil is a relay with the barrier's terminal behind it.
type yardCoil struct {
	gpiotest.Pin
	y      *yard
	output device.Output
	on     bool
	broken bool
	weak   bool // was broken within this pulse
	began  gateway.Mono
	ended  gateway.Mono
}

var errCoil = errors.New("the line does not answer")

// Out implements gpio.PinOut.
func (c *yardCoil) Out(l gpio.Level) error {
	if c.broken {
		c.weak = true
		return errCoil
	}
	c.y.switched(c, bool(l))
	return nil
}

// yardMemory is a checkpoint: it holds text.
type yardMemory struct{ y *yard }

func (m yardMemory) Keep(changed []field.Truth, _ bool) {
	for _, c := range changed {
		m.y.kept[c.Key], _ = json.Marshal(c.Value)
	}
}

func (m yardMemory) Recall(key string, v any) (time.Duration, bool) {
	b, ok := m.y.kept[key]
	return 0, ok && json.Unmarshal(b, v) == nil
}

// newYard is given the folder of the keys.
func newYard(t *rapid.T, dir string) *yard {
	cfg := yardFile(t, 0)
	y := &yard{
		t: t, file: cfg, now: gateway.Mono(time.Minute), quality: gateway.ClockSynced, kept: map[string][]byte{},
		accepted: map[gateway.Action]gateway.Mono{}, stages: map[string][]gateway.Type{}, final: map[string]int{}, attacks: map[string]bool{},
	}
	y.lane = plant.NewLane("entry", plant.LaneOptions{
		Loops: plant.LoopDetector(), Beam: plant.Photocell(),
		Barrier: plant.BarrierOptions{Unprotected: true, Bounce: plant.LimitSwitch()},
	}, plant.Seed(rapid.Uint64().Draw(t, "seed")), &y.journal)
	for n := range y.coils {
		y.coils[n] = &yardCoil{y: y, output: device.Output(n), Pin: gpiotest.Pin{N: []string{"GPIO16", "GPIO20", "GPIO21"}[n]}}
	}
	var err error
	for name, to := range map[string]**intake.Signer{"center": &y.signer, "forger": &y.forger} {
		if *to, err = intake.NewSigner(filepath.Join(dir, name+".key"), "center"); err != nil {
			t.Fatal(err)
		}
	}
	y.options = intake.Options{
		Audience: cfg.Source(), PerMinute: cfg.Commands.PerMinute, Local: intake.Permission{Devices: []string{"*"}, Actions: []string{"*"}},
		Keys:    []intake.KeyFile{{ID: "center", File: filepath.Join(dir, "center.pub"), Alg: "EdDSA", Devices: []string{"*"}, Actions: []string{"*"}}},
		Now:     func() gateway.Mono { return y.now },
		Wall:    func() (time.Time, gateway.ClockQuality) { return y.true().Add(y.wall), y.quality },
		Command: func(c gateway.Command) bool { y.queue = append(y.queue, c); return true },
	}
	y.start()
	return y
}

// true is the date.
func (y *yard) true() time.Time { return time.Unix(1_800_000_000, 0).Add(time.Duration(y.now)) }

func (y *yard) since() time.Duration { return y.now.Sub(gateway.Mono(time.Minute)) }

// start is a new process with a new session.
func (y *yard) start() {
	y.lock = NewLockstep(LockstepOptions{
		Config: y.file, Start: y.now, Event: y.event, Memory: yardMemory{y},
		Reply: func(r gateway.Reply) { y.in.Answer(r) },
		Lines: line.Pins(func(name string) gpio.PinIO {
			for _, c := range y.coils {
				if c.N == name {
					return c
				}
			}
			return nil
		}, func() time.Duration { return time.Duration(y.now) }),
	})
	o := y.options
	o.Audit = func(context.Context, gateway.Event) bool { return true }
	o.Devices = y.lock.Commands()
	var err error
	if y.in, err = intake.New(o); err != nil {
		y.t.Fatal(err)
	}
	y.levels = y.wires()
	for n, terminal := range terminalsOfYard {
		y.lock.Level(terminal, y.levels[n])
	}
	for _, e := range y.open.abandoned(y.now) { // as the daemon does, before anything else
		y.lock.field.Apply(field.Input{Kind: field.EventInput, Event: e})
	}
	y.queue, y.lost = nil, false
	y.lock.Begin()
	y.connect()
}

func (y *yard) connect() {
	y.epoch++
	y.session = fmt.Sprint("session-", y.epoch)
	y.in.Begin(y.session)
}

// wires are as they stand, electrically.
func (y *yard) wires() [wires]bool {
	b := y.lane.Barrier
	return [wires]bool{
		b.Open.Closed(), b.Closed.Closed(), y.lane.Photocell.Present(), y.lane.B.Present(), y.held[0], y.held[1], y.held[2],
	}
}

// pass lets time pass for everybody.
func (y *yard) pass(d time.Duration) {
	for end := y.now.Add(d); y.now < end; {
		next := min(end, y.now.Add(10*yardGrain))
		if y.lane.Vehicles() > 0 {
			next = min(end, y.now.Add(yardGrain))
		}
		if n := y.lock.Next(); n > y.now {
			next = min(next, n)
		}
		if n := y.lane.Step(y.since()); n > y.since() && n != plant.Never {
			next = min(next, y.now.Add(n-y.since()))
		}
		if y.now.Sub(0)/time.Second != next.Sub(0)/time.Second {
			for _, h := range y.lock.relays.all { // once a second, as keep does
				_ = h.look(context.Background())
			}
		}
		y.now = next
		y.lane.Step(y.since())
		y.lock.Advance(y.now)
		y.look()
		y.lock.Advance(y.now)
		y.deliver()
		y.reload()
	}
}

// reload is SIGHUP: it waits until no barrier moves, and relays notice nothing.
func (y *yard) reload() {
	if !y.waiting {
		return
	}
	before := y.active()
	done, err := y.lock.Reload(y.file)
	if err != nil {
		y.t.Fatal(err)
	}
	if now := y.active(); now != before && !y.burns() { // a fire that nobody had asked for opens at once
		y.t.Fatalf("%v: relays %v before the reload, %v after it", y.since(), before, now)
	}
	if done {
		y.waiting = false
		y.reloaded++
		y.in.SetDevices(y.lock.Commands())
	}
}

// gate is the barrier as it is configured now.
func (y *yard) gate() config.Gate { return y.lock.inForce.config().Gates["entry-gate"] }

// burns tells whether a fire is latched, where there is a section that makes it one.
func (y *yard) burns() bool { return y.latched && len(y.lock.inForce.config().Fires) > 0 }

// active are the relays that are.
func (y *yard) active() (on [device.Outputs]bool) {
	for n, c := range y.coils {
		on[n] = c != nil && c.on
	}
	return on
}

// look tells the gateway which wires have changed.
func (y *yard) look() {
	for n, level := range y.wires() {
		if safety := n - beamWire; safety == 0 || safety == 1 {
			if level || n == underWire && y.lost {
				y.trips(safety)
			}
		}
		if level == y.levels[n] || n == underWire && y.lost {
			continue
		}
		y.levels[n] = level
		y.lock.Level(terminalsOfYard[n], level)
	}
}

// trips notes that a safety input is not clear.
func (y *yard) trips(safety int) {
	y.blocked[safety] = y.now
	if at, ok := y.accepted[gateway.Close]; ok && y.now.Sub(at) <= 9*time.Second { // twice the longest travel time, and a pulse
		y.trip = y.now
	}
}

// deliver hands over what the intake let through. It does so itself where there are goroutines.
func (y *yard) deliver() {
	for len(y.queue) > 0 {
		c := y.queue[0]
		y.queue = y.queue[1:]
		y.lock.Command(c)
	}
}

// event follows the ledger.
func (y *yard) event(issued gateway.EventID, e gateway.Event) {
	issued.Epoch = "aaaaaa"
	y.open.follow(issued, e)
	y.open.settle(func(gateway.EventID) bool { return true }, issued)
	if err := wire().Event(e); err != nil {
		panic(err)
	}
	switch e.Type {
	case gateway.FireOpened:
		y.latched = true
	case gateway.FireReset:
		y.latched, y.fireOver = false, y.now
	case gateway.MaintenanceOpened, gateway.MaintenanceClosed:
		y.window = e.Type == gateway.MaintenanceOpened
	}
	d, ok := e.Data.(gateway.CommandData)
	if !ok {
		return
	}
	id := d.Issuer + " " + d.JTI
	y.stages[id] = append(y.stages[id], e.Type)
	switch e.Type {
	case gateway.CommandAccepted:
		y.accept(id, d)
	case gateway.CommandRejected:
		y.refused++
	case gateway.CommandDone, gateway.CommandFailed:
		y.final[id]++
		if y.final[id] > 1 {
			y.t.Fatalf("%v: %s ended twice: %v", y.since(), id, y.stages[id])
		}
		if d.Reason == gateway.Restarted {
			y.restarted++
		}
		if e.Type == gateway.CommandDone {
			y.done++
		}
	}
}

func (y *yard) accept(id string, d gateway.CommandData) {
	if len(y.stages[id]) != 1 {
		y.t.Fatalf("%v: %s is accepted after %v", y.since(), id, y.stages[id])
	}
	if y.attacks[d.JTI] {
		y.t.Fatalf("%v: an attack was accepted: %+v", y.since(), d)
	}
	local := strings.HasPrefix(d.Issuer, "local/")
	if moves := d.Action == gateway.Open || d.Action == gateway.Close || d.Action == gateway.HoldOpen; moves && local != y.window {
		y.t.Fatalf("%v: %s by %s, window open: %v", y.since(), d.Action, d.Issuer, y.window)
	}
	y.accepted[d.Action] = y.now
	switch d.Action {
	case gateway.HoldOpen:
		y.holdEnds = device.Forever
	case gateway.Release:
		y.holdEnds = y.now
	}
}

// switched holds the rule book at every edge of a relay.
func (y *yard) switched(c *yardCoil, on bool) {
	if on == c.on {
		return
	}
	c.on = on
	y.lane.Barrier.Set(y.since(), plant.Input(c.output), on)
	fail := func(format string, args ...any) {
		y.t.Fatalf("%v: %v: "+format, append([]any{y.since(), c.output}, args...)...)
	}
	if !on {
		if long := y.now.Sub(c.began); long > device.MaxPulse && !c.weak {
			fail("a pulse of %v", long)
		}
		c.ended = y.now
		return
	}
	c.began, c.weak = y.now, false
	if c.output != device.StopOutput {
		other := y.coils[device.CloseOutput-c.output]
		if other.on || other.ended != 0 && y.now.Sub(other.ended) < device.Gap {
			fail("within the gap")
		}
		if y.lock.inForce.config().Service.Lockout != "" && y.held[1] && y.levels[keyWire] && y.now.Sub(y.accepted["key"]) > 50*time.Millisecond {
			fail("while the key is turned")
		}
	}
	tripped := y.trip != 0 && y.now.Sub(y.trip) < time.Second
	stops := y.gate().OnTrip == config.TripStops
	recent := func(a gateway.Action, within time.Duration) bool {
		at, ok := y.accepted[a]
		return ok && y.now.Sub(at) <= within
	}
	switch c.output {
	case device.OpenOutput:
		y.opens++
		held := y.holdEnds == device.Forever || y.holdEnds != 0 && y.now.Sub(y.holdEnds) < time.Second
		fire := y.burns() || y.fireOver != 0 && y.now.Sub(y.fireOver) < time.Second
		if !recent(gateway.Open, 2*time.Second) && !held && !fire && (!tripped || stops) {
			fail("without a command, a fire or a trip")
		}
	case device.CloseOutput:
		y.closes++
		if !recent(gateway.Close, 100*time.Millisecond) {
			fail("without a command; the last one was accepted %v before", y.now.Sub(y.accepted[gateway.Close]))
		}
		for i, at := range y.blocked {
			if clear := y.now.Sub(at); at != 0 && clear < time.Duration(y.gate().Clear)-25*time.Millisecond {
				fail("safety input %d has been clear for %v", i, clear)
			}
		}
		if y.burns() {
			fail("in a fire")
		}
	case device.StopOutput:
		if !recent(gateway.Stop, 2*time.Second) && !recent("key", 2*time.Second) && (!tripped || !stops) {
			fail("without a command, the key or a trip")
		}
	}
}

// request is a command as the center makes it.
func (y *yard) request(a gateway.Action) intake.Request {
	y.n++
	r := intake.Request{
		JTI: fmt.Sprint("jti-", y.n), IssuedAt: y.true().Unix(), Expires: y.true().Unix() + 10, Audience: y.file.Source(),
		Session: y.session, Device: "entry-gate", Action: a,
	}
	if a == gateway.ResetFire {
		r.Device = "fire"
	}
	r.Nonce, _ = y.in.Nonce()
	return r
}

func (y *yard) sign(s *intake.Signer, r intake.Request) []byte {
	m, err := s.Sign(r)
	if err != nil {
		y.t.Fatal(err)
	}
	return []byte(m)
}

func (y *yard) command(a gateway.Action) {
	r := y.request(a)
	if a == gateway.HoldOpen {
		r.Args.Seconds = 0
	}
	m := y.sign(y.signer, r)
	y.heard = append(y.heard, string(m))
	y.in.Take(r.Device, m, false)
	y.deliver()
}

// attack sends something that must move nothing.
func (y *yard) attack() {
	t := y.t
	r := y.request(rapid.SampledFrom([]gateway.Action{gateway.Open, gateway.Close, gateway.HoldOpen, gateway.Stop}).Draw(t, "wanted"))
	signer, topic, retained := y.signer, r.Device, false
	switch rapid.IntRange(0, 8).Draw(t, "attack") {
	case 0: // again, whatever has happened since
		if len(y.heard) > 0 {
			old := rapid.SampledFrom(y.heard).Draw(t, "old")
			y.in.Take("entry-gate", []byte(old), rapid.Bool().Draw(t, "retained"))
			y.deliver()
		}
		return
	case 1:
		r.Session = fmt.Sprint("session-", y.epoch-1)
	case 2:
		r.Audience = "//lianhua/park-02"
	case 3:
		signer = y.forger
	case 4:
		retained = true
	case 5:
		topic = "fire"
	case 6:
		r.IssuedAt, r.Expires = r.IssuedAt-120, r.Expires-120
		if y.quality != gateway.ClockSynced { // nobody knows the date: the nonce is what counts
			r.Nonce = "stale"
		} else {
			r.IssuedAt -= int64(max(0, -y.wall) / time.Second)
			r.Expires -= int64(max(0, -y.wall) / time.Second)
		}
	case 7:
		r.Device, topic = "nothing", "nothing"
	case 8:
		m := y.sign(signer, r)
		m[rapid.IntRange(0, len(m)-3).Draw(t, "where")] ^= byte(rapid.IntRange(1, 63).Draw(t, "how"))
		y.attacks[r.JTI] = true
		y.in.Take(topic, m, false)
		y.deliver()
		return
	}
	y.attacks[r.JTI] = true
	y.in.Take(topic, y.sign(signer, r), retained)
	y.deliver()
}

// restart is kill -9 and a new process: the kernel, or ExecStopPost, lets go of the relays; a broken one is left as it is.
func (y *yard) restart() {
	for _, c := range y.coils {
		c.broken = false
		y.switched(c, false)
	}
	b, err := json.Marshal(y.open)
	if err != nil {
		y.t.Fatal(err)
	}
	y.open = unfinished{}
	if err := json.Unmarshal(b, &y.open); err != nil {
		y.t.Fatal(err)
	}
	y.now = y.now.Add(time.Second) // RestartSec of the unit
	y.lane.Step(y.since())
	y.holdEnds, y.trip = y.now, 0
	y.waiting = false
	y.start()
}

// deed does one thing to the gateway or its surroundings.
func (y *yard) deed() {
	t := y.t
	switch rapid.IntRange(0, 24).Draw(t, "deed") {
	case 0, 1, 2:
		y.command(gateway.Open)
	case 3, 4, 5, 6:
		y.command(gateway.Close)
	case 7:
		y.command(gateway.Stop)
	case 8:
		y.command(rapid.SampledFrom([]gateway.Action{gateway.HoldOpen, gateway.Release, gateway.ResetFire}).Draw(t, "action"))
	case 9, 10:
		y.attack()
	case 11, 12, 13:
		y.lane.Enter(y.since(), plant.Vehicle{
			Length: plant.Length(rapid.IntRange(1900, 6000).Draw(t, "length")) * plant.Millimetre,
			Speed:  plant.Speed(rapid.IntRange(1000, 4000).Draw(t, "speed")) * plant.MillimetrePerSecond,
			Bold:   rapid.Bool().Draw(t, "bold"),
		})
	case 14:
		y.lose()
	case 15:
		y.held[0] = rapid.IntRange(0, 2).Draw(t, "smoke") == 0
	case 16:
		y.held[1] = rapid.IntRange(0, 2).Draw(t, "key") == 0
		y.accepted["key"] = y.now
	case 17:
		y.held[2] = true // a push of the button
		y.look()
		y.pass(200 * time.Millisecond)
		y.held[2] = false
	case 18:
		y.in.Local(gateway.Command{
			Issuer: "local/guard", Device: "entry-gate",
			Action: rapid.SampledFrom([]gateway.Action{gateway.Open, gateway.Close, gateway.Stop}).Draw(t, "local"),
		})
		y.deliver()
	case 19:
		y.connect()
	case 20:
		y.restart()
	case 21:
		y.wall = time.Duration(rapid.IntRange(-7200, 7200).Draw(t, "clock ahead")) * time.Second * time.Duration(rapid.IntRange(0, 1).Draw(t, "stepped"))
		y.quality = rapid.SampledFrom([]gateway.ClockQuality{gateway.ClockSynced, gateway.ClockSynced, gateway.ClockHoldover, gateway.ClockUnset}).Draw(t, "clock")
	case 22:
		c := y.coils[rapid.IntRange(0, 2).Draw(t, "relay")]
		c.broken = !c.broken && rapid.Bool().Draw(t, "broken")
	case 23:
		y.lock.Center(rapid.Bool().Draw(t, "center"))
	case 24:
		y.file, y.waiting = yardFile(t, rapid.IntRange(0, len(yardFiles)-1).Draw(t, "file")), true
	}
}

// lose makes the chip of the safety loop unreadable, or readable again.
func (y *yard) lose() {
	y.lost = !y.lost
	if y.lost {
		y.trips(1)
		if err := y.lock.Lose("x1", errCoil); err != nil {
			y.t.Fatal(err)
		}
		return
	}
	if err := y.lock.Find("x1"); err != nil {
		y.t.Fatal(err)
	}
}

// touched holds that the arm touches a vehicle only if that came under it within the stopping time, or if nothing of ours
// could have stopped it: a relay was broken, the key had been turned, the process had just died.
func (y *yard) touched(excused bool) {
	under := map[int]time.Duration{}
	for _, t := range y.journal.Take() {
		switch t.Kind {
		case plant.VehicleUnderArm:
			under[t.Vehicle] = t.At
		case plant.ArmTouched:
			if late := t.At - under[t.Vehicle]; late > stopping && !excused {
				y.t.Fatalf("%v: the arm touched vehicle %d, %v after it had come under it", t.At, t.Vehicle, late)
			}
		}
	}
}

// liveYard plays a random life.
func liveYard(t *rapid.T, dir string) *yard {
	y := newYard(t, dir)
	y.pass(2 * time.Second)
	excused := false
	for range rapid.IntRange(5, 40).Draw(t, "deeds") {
		process := y.lock
		y.deed()
		y.look()
		excused = excused || y.lock != process || y.held[1]
		for _, c := range y.coils {
			excused = excused || c.broken
		}
		y.pass(time.Duration(rapid.IntRange(1, 400).Draw(t, "pause in 10ms")) * yardGrain)
	}
	for _, c := range y.coils {
		c.broken = false
	}
	y.pass(30 * time.Second)
	y.touched(excused)
	for id, stages := range y.stages {
		accepted := stages[0] == gateway.CommandAccepted
		if accepted && y.final[id] != 1 || !accepted && len(stages) != 1 {
			t.Fatalf("%s: %v", id, stages)
		}
	}
	for _, c := range y.coils {
		if c.on && !y.burns() && y.holdEnds != device.Forever {
			t.Fatalf("%v is left active", c.output)
		}
	}
	return y
}

// yardKeys makes the keys of the center and of somebody who would like to be it.
func yardKeys(t testing.TB) (dir string) {
	dir = t.TempDir()
	for _, name := range []string{"center", "forger"} {
		if _, err := intake.NewKey(dir, name, "EdDSA"); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Whatever a center, a stranger, people at the machine, drivers, faults, the clock and the power do, in whatever order: no
// relay moves without a reason, and every accepted command ends once.
func TestCommandsKeepTheRuleBook(t *testing.T) {
	dir := yardKeys(t)
	var all yard
	rapid.Check(t, func(t *rapid.T) {
		y := liveYard(t, dir)
		all.closes, all.opens, all.done = all.closes+y.closes, all.opens+y.opens, all.done+y.done
		all.refused, all.restarted, all.reloaded = all.refused+y.refused, all.restarted+y.restarted, all.reloaded+y.reloaded
	})
	t.Logf("%d CLOSE and %d OPEN pulses, %d commands done, %d refused by the core, %d ended by a restart, %d reloads",
		all.closes, all.opens, all.done, all.refused, all.restarted, all.reloaded)
	if all.closes == 0 || all.opens == 0 || all.done == 0 || all.reloaded == 0 {
		t.Error("the test never saw what it is about")
	}
}

func FuzzCommandsKeepTheRuleBook(f *testing.F) {
	dir := yardKeys(f)
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { liveYard(t, dir) }))
}
