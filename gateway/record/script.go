package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
)

// Step is one line of a script: at a time, the core is given this. Without anything else it is time that passes. A script
// does not know the state of machines, so it outlives their versions: it begins with a gateway that has just been started.
type Step struct {
	Now    gateway.Mono `json:"now"`
	Source string       `json:"source,omitempty"` // id of a bus, chip, or "gpio"

	Edge    *drivers.Edge    `json:"edge,omitempty"`
	Levels  *field.Levels    `json:"levels,omitempty"`
	Reading *drivers.Reading `json:"reading,omitempty"`
	Down    *Fault           `json:"down,omitempty"`
	Up      bool             `json:"up,omitempty"`
	Channel *int             `json:"channel,omitempty"` // of Down and Up; none = all of the source
	Reset   bool             `json:"reset,omitempty"`
	INT     *Fault           `json:"int,omitempty"` // its interrupt wire; an empty one = it works
	Event   json.RawMessage  `json:"event,omitempty"`
	Alarm   *field.AlarmAct  `json:"alarm,omitempty"`
	Command *gateway.Command `json:"command,omitempty"`
	Proof   *device.Evidence `json:"proof,omitempty"`
	Report  *device.Report   `json:"report,omitempty"`
	Signal  string           `json:"signal,omitempty"`
	Device  string           `json:"device,omitempty"` // of Proof and Report
	On      bool             `json:"on,omitempty"`
}

// Fault is an error in a script.
type Fault struct {
	Word  string `json:"word,omitempty"`
	Error string `json:"error,omitempty"`
}

// StepOf turns an input into a line of a script.
func StepOf(now gateway.Mono, in *field.Input, parts *field.Config) Step {
	s := Step{Now: now}
	fault := func() *Fault {
		if in.Err == nil {
			return &Fault{}
		}
		return &Fault{drivers.Classify(in.Err).String(), in.Err.Error()}
	}
	switch in.Kind {
	case field.EdgeInput, field.LevelsInput, field.DownInput, field.UpInput, field.ResetInput, field.ReadingInput, field.InterruptInput:
		s.Source = parts.Sources[in.Source].ID
	}
	if (in.Kind == field.DownInput || in.Kind == field.UpInput) && in.Channel != field.All {
		s.Channel = &in.Channel
	}
	switch in.Kind {
	case field.EdgeInput:
		s.Edge = &in.Edge
	case field.LevelsInput:
		s.Levels = &in.Levels
	case field.ReadingInput:
		s.Reading = &in.Reading
	case field.DownInput:
		s.Down = fault()
	case field.UpInput:
		s.Up = true
	case field.ResetInput:
		s.Reset = true
	case field.InterruptInput:
		s.INT = fault()
	case field.EventInput:
		s.Event, _ = gateway.Store(in.Event, "") // it came out of a recording, which stores it so
	case field.AlarmInput:
		s.Alarm = &in.Alarm
	case field.CommandInput:
		s.Command = &in.Command
	case field.ProofInput:
		s.Proof, s.Device = &in.Evidence, parts.Devices[in.Device].Meta.ID
	case field.ReportInput:
		s.Report, s.Device = &in.Report, in.ID
	case field.SignalInput:
		s.Signal, s.On = in.ID, in.On
	}
	return s
}

// input is the inverse of StepOf. It is not ok for time that passes.
func (s Step) input(parts *field.Config) (in field.Input, ok bool, err error) {
	in.Channel = field.All
	if s.Channel != nil {
		in.Channel = *s.Channel
	}
	if s.Source != "" {
		in.Source = -1
		for n, src := range parts.Sources {
			if src.ID == s.Source {
				in.Source = n
			}
		}
		if in.Source < 0 {
			return in, false, fmt.Errorf("no such source: %q", s.Source)
		}
	}
	switch {
	case s.Edge != nil:
		in.Kind, in.Edge = field.EdgeInput, *s.Edge
	case s.Levels != nil:
		in.Kind, in.Levels = field.LevelsInput, *s.Levels
	case s.Reading != nil:
		in.Kind, in.Reading = field.ReadingInput, *s.Reading
	case s.Down != nil:
		in.Kind, in.Err = field.DownInput, s.Down.err()
	case s.Up:
		in.Kind = field.UpInput
	case s.Reset:
		in.Kind = field.ResetInput
	case s.INT != nil:
		in.Kind, in.Err = field.InterruptInput, s.INT.err()
	case s.Event != nil:
		in.Kind = field.EventInput
		in.Event, err = gateway.Unstore(s.Event)
	case s.Alarm != nil:
		in.Kind, in.Alarm = field.AlarmInput, *s.Alarm
	case s.Command != nil:
		in.Kind, in.Command = field.CommandInput, *s.Command
	case s.Proof != nil:
		in.Kind, in.Evidence = field.ProofInput, *s.Proof
		in.Device = -1
		for n, d := range parts.Devices {
			if d.Meta.ID == s.Device && !d.Internal {
				in.Device = n
			}
		}
		if in.Device < 0 {
			err = fmt.Errorf("no such device: %q", s.Device)
		}
	case s.Report != nil:
		in.Kind, in.Report, in.ID = field.ReportInput, *s.Report, s.Device
	case s.Signal != "":
		in.Kind, in.ID, in.On = field.SignalInput, s.Signal, s.On
	default:
		return in, false, nil
	}
	return in, true, err
}

func (f *Fault) err() error {
	if *f == (Fault{}) {
		return nil
	}
	return &drivers.Error{Fault: drivers.ParseFault(f.Word), Err: errors.New(f.Error)}
}

// PlayScript gives the lines of a script to a gateway that has just been started, and returns what it decides.
func PlayScript(in io.Reader, parts field.Config) ([]Decision, error) {
	run := newRun(parts)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var s Step
		err := json.Unmarshal(lines.Bytes(), &s)
		if err == nil {
			err = run.give(s)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the script: %w", n, err)
		}
	}
	return run.tape.made, lines.Err()
}

// run is a gateway that has just been started, and is given steps.
type run struct {
	parts field.Config
	core  *field.Core // nil before the first step
	tape  *player
}

func newRun(parts field.Config) *run {
	r := &run{parts: parts, tape: &player{}}
	r.parts.Tape = r.tape
	return r
}

func (r *run) give(s Step) error {
	in, ok, err := s.input(&r.parts)
	if err != nil {
		return err
	}
	r.begin(s.Now)
	if r.tape.now = s.Now; ok {
		r.core.Apply(s.Now, in)
	} else {
		r.core.Tick(s.Now)
	}
	return nil
}

func (r *run) begin(now gateway.Mono) {
	if r.core == nil {
		r.tape.now = now
		r.core = field.NewCore(r.parts, hub.New(func() gateway.Mono { return r.tape.now }), r.tape, now)
		r.core.Begin(now)
	}
}

// Opening is what a gateway would have been told at the beginning of a stretch: every source as it stood.
func Opening(now gateway.Mono, core *field.Core, parts *field.Config) []Step {
	var steps []Step
	for n, src := range parts.Sources {
		levels, fault := core.Standing(n)
		if fault != "" {
			steps = append(steps, Step{Now: now, Source: src.ID, Down: &Fault{Word: fault, Error: fault}})
			continue
		}
		levels.At = now
		steps = append(steps, Step{Now: now, Source: src.ID, Up: true}, Step{Now: now, Source: src.ID, Levels: &levels})
	}
	return steps
}
