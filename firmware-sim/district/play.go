package district

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lotusgate/firmware-sim/rig"
	"lotusgate/firmware-sim/scenario"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// Outcome is what came of a scenario.
type Outcome struct {
	Lines map[string][]string // by part: Events, Relays, State
	Rows  []Row               // truth against report; nil where wires were moved by hand, so that there is no truth
}

// Play plays a site scenario. shipped is the directory of the configurations. tell, if not nil, hears everything as it
// happens.
func Play(f *scenario.File, shipped string, tell func(at time.Duration, what fmt.Stringer)) (*Outcome, error) {
	out, err := play(f, shipped, tell)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", f.Name(), err)
	}
	return out, nil
}

func play(f *scenario.File, shipped string, tell func(at time.Duration, what fmt.Stringer)) (out *Outcome, err error) {
	script, err := f.Script()
	if err != nil {
		return nil, err
	}
	name, end, more, err := f.Setup()
	if err != nil {
		return nil, err
	}
	base, err := os.ReadFile(filepath.Join(shipped, name+".yaml"))
	if err != nil {
		return nil, err
	}
	text, err := change(string(base), more)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Parse(name+".yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	g, err := Open(cfg, 1, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	var relays []string
	seen := len(g.Events)
	g.Tell = func(at time.Duration, what fmt.Stringer) {
		if c, ok := what.(rig.Change); ok {
			relays = append(relays, fmt.Sprintf("%v %s %s", at.Round(time.Millisecond), c.Line, [...]string{"off", "on"}[bit(c.On)]))
		}
		if tell != nil {
			tell(at, what)
		}
	}
	byHand := false
	for _, in := range script {
		if err := g.Run(in.At); err != nil {
			return nil, err
		}
		if in.Text == "" {
			continue
		}
		words := strings.Fields(in.Text)
		byHand = byHand || len(words) == 1
		if err := apply(g, words); err != nil {
			return nil, fmt.Errorf("%v %s: %w", in.At, in.Text, err)
		}
	}
	if err := g.Run(end); err != nil {
		return nil, err
	}
	out = &Outcome{Lines: map[string][]string{scenario.Relays: relays, scenario.Events: events(g.Events[seen:]), scenario.State: states(g)}}
	if !byHand {
		out.Rows = g.Reckon()
	}
	return out, nil
}

// change applies the lines "this => that" to a configuration; \n in that is a new line.
func change(text, lines string) (string, error) {
	for line := range strings.Lines(lines) {
		this, that, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if !ok || !strings.Contains(text, this) {
			return "", fmt.Errorf("%q changes nothing: write what is in the configuration, \" => \", and what shall be there", strings.TrimSpace(line))
		}
		text = strings.Replace(text, this, strings.ReplaceAll(that, `\n`, "\n"), 1)
	}
	return text, nil
}

// apply lets one line happen.
func apply(g *Gateway, text []string) error {
	if known, err := do(g, text); known || err != nil {
		return err
	}
	act, err := action(g, text)
	switch {
	case err != nil:
		return err
	case act == nil:
		return fmt.Errorf("nobody knows what that is; after a name come: %s", vocabulary())
	}
	return g.Act(act)
}

// events as a scenario has them. Loops say too much: their part is told by what it means.
func events(all []Issued) (lines []string) {
	for _, e := range all {
		data, err := json.Marshal(e.Event.Data)
		if err != nil {
			panic(err) // plain data
		}
		lines = append(lines, fmt.Sprintf("%v %s %s %s", e.At.Round(time.Millisecond), e.Event.ID, e.Event.Type, data))
	}
	return lines
}

// states of the devices that issued an event, and of those whose state is not as it was at rest.
func states(g *Gateway) (lines []string) {
	var ids []string
	for _, e := range g.Events {
		ids = append(ids, e.Event.ID)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if d, ok := g.View().Device(id); ok {
			lines = append(lines, fmt.Sprintf("%s %s %s", id, gateway.WireValue(d.State), d.State.Quality))
		}
	}
	return lines
}
