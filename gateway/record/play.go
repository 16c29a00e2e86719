package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/plain"
)

// PlayOptions of Play.
type PlayOptions struct {
	// Parts makes what the recorded configuration describes.
	Parts  func(config json.RawMessage) (field.Config, error)
	Enough func(now gateway.Mono) bool // nothing is played from there on; nil = everything
	Speed  float64                     // recorded seconds in a second; 0 = as fast as it goes
	// Decided is told of each decision as it is made again; nil = nobody listens.
	Decided func(Decision)
	// Began is told of each stretch; nil = nobody listens.
	Began func(Header)
	// Step is told of what the core is given, as lines of a script; nil = nobody listens. The first ones of a stretch are
	// what a gateway would have been told that began then.
	Step func(Step)
}

// Decision is one thing that the core decided: an event, what the relays of a gate shall do, or a question for fresh
// samples.
type Decision struct {
	Now   gateway.Mono    // when
	ID    string          // device
	Event json.RawMessage // as it was stored
	Drive *device.Drive
	Asked uint32 // number of the question

	id gateway.EventID
}

func (d Decision) String() string {
	switch {
	case d.Event != nil:
		return "event " + string(d.Event)
	case d.Drive != nil:
		return fmt.Sprintf("drive %s %v", d.ID, *d.Drive)
	}
	return fmt.Sprintf("ask %s %d", d.ID, d.Asked)
}

// Result is what came of a playback.
type Result struct {
	Stretches int
	Inputs    int // and ticks
	Decisions int
	Span      time.Duration // recorded; while the board was off it is not counted
	Took      time.Duration
	Cut       bool        // the recording ends in the middle; what was before was played
	Different *Difference // nil = bit by bit the same
}

// Difference is the first decision that was another one.
type Difference struct {
	Now      gateway.Mono // when
	Recorded string       // "" = nothing more was decided then
	Now2     string       // by this program; "" = it decides nothing more
	By       string       // version that recorded
}

func (d *Difference) Error() string {
	then, now := d.Recorded, d.Now2
	if then == "" {
		then = "nothing"
	}
	if now == "" {
		now = "nothing"
	}
	return fmt.Sprintf("at %v: %s decided %s; this program decides %s", time.Duration(d.Now), d.By, then, now)
}

// ErrLayout says that a recording was made by a version whose machines have other states.
var ErrLayout = errors.New("another version of lotusgate recorded this, whose machines have other states: play it with that version")

// Play decides again what was decided. The error of a recording that cannot be played at all says why; that of ctx ends it.
func Play(ctx context.Context, in io.Reader, o PlayOptions) (Result, error) {
	p := &player{ctx: ctx, o: o}
	began := time.Now()
	err := blocks(in, func(_ bool, frames []byte) error { return p.block(frames) })
	if errors.Is(err, errEnough) {
		err = nil
	}
	if errors.Is(err, ErrCut) {
		p.result.Cut, err = true, nil
	}
	if err == nil {
		err = p.finish()
	}
	p.result.Took = time.Since(began)
	var d *Difference
	if errors.As(err, &d) {
		p.result.Different, err = d, nil
	}
	return p.result, err
}

// longest pause between two inputs of a stretch.
const longest = 366 * 24 * time.Hour

// oldest board that is believed.
const oldest = 100 * longest

var errEnough = errors.New("enough")

// player is the tape of a core that is played to.
type player struct {
	ctx    context.Context
	o      PlayOptions
	core   *field.Core
	parts  field.Config
	header Header
	now    gateway.Mono
	result Result

	start time.Time     // of the pace
	from  gateway.Mono  // where the boot of the kernel begins, as far as it was recorded
	spent time.Duration // in the boots before

	given func()     // the input that waits until what was decided then is known; nil = none waits
	then  []Decision // recorded, of that input
	made  []Decision // by this core
}

// block plays the frames of a block.
func (p *player) block(frames []byte) error {
	r := &plain.Reader{Rest: frames}
	for len(r.Rest) > 0 && r.Err == nil {
		if err := p.frame(r.Byte(), r); err != nil {
			return err
		}
	}
	if r.Err != nil {
		return fmt.Errorf("read a recording: %w", r.Err)
	}
	return nil
}

func (p *player) frame(kind byte, r *plain.Reader) error {
	switch kind {
	case frameBegins:
		header, state := r.Bytes(), r.Bytes()
		if r.Err != nil {
			return r.Err
		}
		return p.begin(header, state)
	case frameGiven, frameTicked:
		if err := p.finish(); err != nil {
			return err
		}
		pause := r.Uvarint()
		if pause > uint64(longest) {
			return fmt.Errorf("read a recording: nothing for %d ns: %w", pause, plain.ErrDamaged)
		}
		now := p.now.Add(time.Duration(pause))
		var in field.Input
		if kind == frameGiven {
			in = field.ReadInput(r)
		}
		if r.Err != nil {
			return r.Err
		}
		return p.wait(kind, now, &in)
	case frameDecided:
		d := Decision{Now: p.now}
		d.id = gateway.EventID{Epoch: r.Text(), Run: uint32(r.Uvarint()), Number: r.Uvarint()}
		d.Event = bytes.Clone(r.Bytes())
		p.then = append(p.then, d)
	case frameDrove:
		d := Decision{Now: p.now, ID: r.Text(), Drive: &device.Drive{}}
		for i := range d.Drive {
			d.Drive[i] = device.Pulse{From: gateway.Mono(r.Varint()), Until: gateway.Mono(r.Varint())}
		}
		p.then = append(p.then, d)
	case frameAsked:
		p.then = append(p.then, Decision{Now: p.now, ID: r.Text(), Asked: uint32(r.Uvarint())})
	default:
		return fmt.Errorf("read a recording: a frame of kind %q: a newer version of lotusgate recorded this", kind)
	}
	return nil
}

// begin takes up a stretch.
func (p *player) begin(header, state []byte) error {
	if err := p.finish(); err != nil {
		return err
	}
	boot := p.header.Boot
	p.header = Header{}
	if err := json.Unmarshal(header, &p.header); err != nil {
		return fmt.Errorf("read a recording: %w", err)
	}
	parts, err := p.o.Parts(p.header.Config)
	if err != nil {
		return fmt.Errorf("read the configuration of a recording: %w", err)
	}
	if p.header.Now < 0 || time.Duration(p.header.Now) > oldest {
		return fmt.Errorf("read a recording: a board that has run for %v: %w", time.Duration(p.header.Now), plain.ErrDamaged)
	}
	p.now = p.header.Now
	parts.Tape = p
	now := func() gateway.Mono { return p.now }
	p.core = field.NewCore(parts, hub.New(now), p, p.now)
	if p.header.Layout != p.core.Layout() {
		return fmt.Errorf("%w (%s)", ErrLayout, p.header.Version)
	}
	if err := p.restore(state); err != nil {
		return err
	}
	if wake := p.core.Wake(); !wake.IsZero() && p.now.Sub(wake) > time.Hour {
		return fmt.Errorf("restore the state of a recording: a machine has waited since %v: %w", time.Duration(wake), plain.ErrDamaged)
	}
	p.parts = parts
	if p.result.Stretches == 0 {
		p.start = time.Now()
	}
	if p.result.Stretches == 0 || boot != p.header.Boot {
		p.spent, p.from = p.result.Span, p.now
	}
	p.result.Stretches++
	if p.o.Began != nil {
		p.o.Began(p.header)
	}
	if p.o.Step != nil {
		for _, step := range Opening(p.now, p.core, &parts) {
			p.o.Step(step)
		}
	}
	return nil
}

// restore makes the core what it had become. What its machines say of a state that they cannot be in may bring them down.
func (p *player) restore(state []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("restore the state of a recording: %v: %w", r, plain.ErrDamaged)
		}
	}()
	return p.core.Restore(state)
}

// wait keeps an input until what was decided then has been read.
func (p *player) wait(kind byte, now gateway.Mono, in *field.Input) error {
	if p.core == nil {
		return fmt.Errorf("read a recording: it has no beginning")
	}
	if in.Source < 0 || in.Source >= len(p.parts.Sources) || in.Device < 0 || in.Device >= len(p.parts.Devices) {
		return fmt.Errorf("read a recording: an input of nobody: %w", plain.ErrDamaged)
	}
	if p.o.Enough != nil && p.o.Enough(now) {
		return errEnough
	}
	if err := p.pace(now); err != nil {
		return err
	}
	p.now = now
	in = relative(in, now, 1)
	p.given = func() {
		if kind == frameTicked {
			if p.o.Step != nil {
				p.o.Step(Step{Now: now})
			}
			p.core.Tick(now)
			return
		}
		if p.o.Step != nil {
			p.o.Step(StepOf(now, in, &p.parts))
		}
		p.core.Apply(now, *in)
	}
	return nil
}

// pace lets time pass as it did.
func (p *player) pace(now gateway.Mono) error {
	if p.o.Speed <= 0 {
		return p.ctx.Err()
	}
	at := p.start.Add(time.Duration(float64(p.spent+now.Sub(p.from)) / p.o.Speed))
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-p.ctx.Done():
		return p.ctx.Err()
	case <-t.C:
		return nil
	}
}

// finish plays the input that waits, and compares.
func (p *player) finish() error {
	if p.given == nil {
		p.then = p.then[:0] // before the first input
		return nil
	}
	p.made = p.made[:0]
	if err := p.give(); err != nil {
		return err
	}
	p.result.Inputs++
	p.result.Span = p.spent + p.now.Sub(p.from)
	for i := range max(len(p.made), len(p.then)) {
		var then, made string
		if i < len(p.then) {
			then = p.then[i].String()
		}
		if i < len(p.made) {
			made = p.made[i].String()
			if p.o.Decided != nil {
				p.o.Decided(p.made[i])
			}
		}
		if then != made {
			return &Difference{p.now, then, made, p.header.Version}
		}
		p.result.Decisions++
	}
	p.then = p.then[:0]
	return nil
}

// give gives the input that waits. A state that this program would never have come to may bring its machines down, or let
// them go round in circles: that ends the playback, and not the program.
func (p *player) give() (err error) {
	defer func() {
		p.given = nil
		if r := recover(); r != nil {
			err = fmt.Errorf("at %v a machine fails: %v: %w", time.Duration(p.now), r, plain.ErrDamaged)
		}
	}()
	p.given()
	return nil
}

// Record implements field.Recorder: an event has the name that it had.
func (p *player) Record(gateway.Event) gateway.EventID {
	if n := len(p.made); n < len(p.then) {
		return p.then[n].id
	}
	return gateway.EventID{}
}

// Decided implements field.Tape.
func (p *player) Decided(_ gateway.EventID, e gateway.Event) {
	stored, err := gateway.Store(e, "")
	if err != nil {
		stored = []byte(err.Error())
	}
	p.made = append(p.made, Decision{Now: p.now, ID: e.ID, Event: stored})
}

// Drove implements field.Tape.
func (p *player) Drove(id string, d device.Drive) {
	p.made = append(p.made, Decision{Now: p.now, ID: id, Drive: &d})
}

// Asked implements field.Tape.
func (p *player) Asked(id string, number uint32) {
	p.made = append(p.made, Decision{Now: p.now, ID: id, Asked: number})
}

// What a player does not need of field.Tape.
func (p *player) Begins(gateway.Mono, []byte, string, []byte) {}
func (p *player) Ends()                                       {}
func (p *player) Wants() bool                                 { return false }
func (p *player) Given(gateway.Mono, *field.Input)            {}
func (p *player) Ticked(gateway.Mono)                         {}
func (p *player) Applied(gateway.Mono, bool)                  {}
