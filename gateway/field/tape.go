package field

import (
	"errors"
	"fmt"
	"reflect"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/plain"
)

// Tape is told of everything that the core is given and of what it decides, by the core's goroutine. It must not wait.
// What follows from State and the inputs after it is decided again by another core of the same configuration.
type Tape interface {
	// Begins is the start of a stretch: all that the core has become, and what it is made of.
	Begins(now gateway.Mono, state []byte, layout string, config []byte)
	Ends() // before another configuration
	// Wants tells whether another stretch shall begin.
	Wants() bool

	Given(now gateway.Mono, in *Input)    // before it is applied
	Ticked(now gateway.Mono)              // before time passes
	Applied(now gateway.Mono, moved bool) // not moved: what was given had no effect and need not be kept

	Decided(id gateway.EventID, e gateway.Event)
	Drove(id string, d device.Drive)
	Asked(id string, number uint32)
}

// blank is the Tape of who has none.
type blank struct{}

func (blank) Begins(gateway.Mono, []byte, string, []byte) {}
func (blank) Ends()                                       {}
func (blank) Wants() bool                                 { return false }
func (blank) Given(gateway.Mono, *Input)                  {}
func (blank) Ticked(gateway.Mono)                         {}
func (blank) Applied(gateway.Mono, bool)                  {}
func (blank) Decided(gateway.EventID, gateway.Event)      {}
func (blank) Drove(string, device.Drive)                  {}
func (blank) Asked(string, uint32)                        {}

// begins starts a stretch of the recording.
func (c *Core) begins(now gateway.Mono) {
	if _, ok := c.tape.(blank); !ok {
		c.tape.Begins(now, c.State(), c.Layout(), c.recorded)
	}
}

// applied ends what an input or a tick has done.
func (c *Core) applied(now gateway.Mono) {
	c.tape.Applied(now, c.moved)
	c.moved = false
	if c.tape.Wants() {
		c.begins(now)
	}
}

// forms are those of what is in a Core or an Input and has no plain form.
var forms = plain.Coder{
	reflect.TypeFor[error]():         {Append: appendError, Read: readError},
	reflect.TypeFor[gateway.Event](): {Append: appendEvent, Read: readEvent},
}

// recorded is an error as a recording has it.
type recorded struct {
	fault drivers.Fault
	text  string
}

func (e recorded) Error() string { return e.text }

// As lets drivers.Classify find the fault.
func (e recorded) As(target any) bool {
	p, ok := target.(**drivers.Error)
	if ok {
		*p = &drivers.Error{Fault: e.fault, Op: e.text}
	}
	return ok
}

func appendError(dst []byte, v reflect.Value) []byte {
	err, _ := v.Interface().(error)
	return plain.AppendText(append(dst, byte(drivers.Classify(err))), err.Error())
}

func readError(r *plain.Reader, v reflect.Value) {
	fault := drivers.Fault(r.Byte())
	v.Set(reflect.ValueOf(recorded{fault, r.Text()}))
}

// An event is kept as the outbox keeps it.
func appendEvent(dst []byte, v reflect.Value) []byte {
	e, _ := v.Interface().(gateway.Event)
	stored, err := gateway.Store(e, "")
	if err != nil {
		stored = nil // the recorder of events tells of it
	}
	return plain.AppendText(dst, string(stored))
}

func readEvent(r *plain.Reader, v reflect.Value) {
	if b := r.Bytes(); len(b) > 0 {
		e, err := gateway.Unstore(b)
		if err != nil {
			r.Err = errors.Join(plain.ErrDamaged, err)
			return
		}
		v.Set(reflect.ValueOf(e))
	}
}

// AppendInput writes an input.
func AppendInput(dst []byte, in *Input) []byte { return forms.Append(dst, in) }

// ReadInput reads what AppendInput wrote.
func ReadInput(r *plain.Reader) (in Input) {
	forms.Read(r, &in)
	return in
}

// state is what of a core changes, in its parts.
func (c *Core) state() (parts []any) {
	for i := range c.points {
		p := &c.points[i]
		parts = append(parts, &p.settle, &p.wake, &p.budget, &p.rest, &p.sent, &p.view, &p.fault, &p.value, &p.shown)
	}
	for i := range c.devices {
		d := &c.devices[i]
		parts = append(parts, &d.cfg.Machine, &d.wake, &d.view.Event)
	}
	for i := range c.sources {
		s := &c.sources[i]
		parts = append(parts, &s.view, &s.shown, &s.blind, &s.heard)
	}
	return append(parts, &c.alarms, &c.orders.last, &c.orders.open)
}

// State is everything that the core has become. Layout names its form.
func (c *Core) State() []byte {
	var b []byte
	for _, part := range c.state() {
		b = forms.Append(b, part)
	}
	return b
}

// Restore makes the core what another one of the same configuration had become.
func (c *Core) Restore(state []byte) error {
	r := plain.Reader{Rest: state}
	for _, part := range c.state() {
		forms.Read(&r, part)
	}
	if r.Err == nil && len(r.Rest) > 0 {
		r.Err = plain.ErrDamaged
	}
	if r.Err != nil {
		return fmt.Errorf("restore the state of a recording: %w", r.Err)
	}
	for i := range c.devices {
		c.devices[i].view.State = c.devices[i].cfg.Machine.state()
	}
	c.dueKnown = false
	return nil
}

// Begin lets time begin for a core that has not been given anything.
func (c *Core) Begin(now gateway.Mono) { c.begin(now) }

// Standing is what a source said last, or the word of why it cannot be read.
func (c *Core) Standing(source int) (l Levels, fault string) {
	for i := range c.points {
		p := &c.points[i]
		if p.cfg.Source != source || p.cfg.Unit != "" || p.fault != "" {
			continue
		}
		if _, _, known := p.settle.Level(); known || !p.wake.IsZero() {
			l.Set(p.cfg.Channel, p.settle.Raw())
		}
	}
	return l, c.sources[source].view.Fault
}

// Layout names the form of State and of inputs.
func (c *Core) Layout() string { return forms.Layout(append(c.state(), new(Input))...) }
