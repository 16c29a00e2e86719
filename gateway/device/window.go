package device

import (
	"time"

	"lotusgate/gateway"
)

// Key is the key switch of people at the machine: while it is turned nothing moves. A key that cannot be read counts as
// turned, which gates decide; here it only changes no event.
type Key struct {
	input Signal
}

// NewKey returns a key of which nothing is known.
func NewKey() Key { return Key{} }

// Step takes RoleInput.
func (k Key) Step(_ gateway.Mono, in Input) (Key, Effects, gateway.Mono) {
	var fx Effects
	if in.Kind != SignalChanged || in.Role != RoleInput {
		return k, fx, 0
	}
	was := k.input
	k.input = in.Signal
	if !k.input.Known() {
		k.input.On, k.input.Since = was.On, was.Since
		return k, fx, 0
	}
	if k.input.On && was.On {
		k.input.Since = was.Since // found as it was lost
	}
	switch {
	case k.input.On && !was.On:
		fx.emit(gateway.LockoutOn, k.input.Since, gateway.WindowData{})
	case !k.input.On && was.On:
		fx.emit(gateway.LockoutOff, k.input.Since, gateway.WindowData{ForMS: millis(was.Since, k.input.Since)})
	}
	return k, fx, 0
}

// Signal is the key.
func (k Key) Signal() Signal { return k.input }

// State is on or off.
func (k Key) State() gateway.DeviceState {
	s := gateway.DeviceState{Value: "off", Quality: k.input.Quality, Since: k.input.Since}
	if k.input.On {
		s.Value = "on"
	}
	return s
}

// Window is the maintenance window that a push button at the machine opens, and that closes by itself.
type Window struct {
	length time.Duration
	button Signal
	opened gateway.Mono // 0 = closed
	until  gateway.Mono
}

// NewWindow returns a closed window.
func NewWindow(length time.Duration) Window { return Window{length: length} }

// Step takes RoleInput: the button. A push while the window is open starts its time anew. A button that is pressed when
// it can first be read opens nothing.
func (w Window) Step(now gateway.Mono, in Input) (Window, Effects, gateway.Mono) {
	var fx Effects
	if w.opened != 0 && now >= w.until {
		fx.emit(gateway.MaintenanceClosed, w.until, gateway.WindowData{ForMS: millis(w.opened, w.until)})
		w.opened, w.until = 0, 0
	}
	if in.Kind == SignalChanged && in.Role == RoleInput {
		pushed := w.button.Known() && !w.button.On && in.Signal.Known() && in.Signal.On
		w.button = in.Signal
		if pushed {
			if w.opened == 0 {
				w.opened = now
				fx.emit(gateway.MaintenanceOpened, now, gateway.WindowData{})
			}
			w.until = now.Add(w.length)
		}
	}
	wake := w.until
	for _, p := range w.Drive() {
		for _, t := range [...]gateway.Mono{p.From, p.Until} {
			if t > now {
				wake = gateway.Earliest(wake, t)
			}
		}
	}
	return w, fx, after(now, wake)
}

// BeepOutput is the one output of a window: a beeper.
const BeepOutput Output = 0

// The beep that says that the window is about to close.
const (
	beepBefore = time.Minute
	beepTime   = time.Second
)

// Drive is when it beeps. A window that is opened anew beeps later.
func (w Window) Drive() (d Drive) {
	if w.opened != 0 {
		from := max(w.until.Add(-beepBefore), w.opened)
		d[BeepOutput] = Pulse{from, from.Add(beepTime)}
	}
	return d
}

// Signal is on while the window is open.
func (w Window) Signal() Signal {
	return Signal{On: w.opened != 0, Quality: gateway.Good, Since: w.opened}
}

// State is on or off.
func (w Window) State() gateway.DeviceState {
	s := gateway.DeviceState{Value: "off", Quality: gateway.Good, Since: w.opened}
	if w.opened != 0 {
		s.Value = "on"
	}
	return s
}
