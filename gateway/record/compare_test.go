package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/plain"
)

// tape is a recording of n changes of a wire, and its steps.
func tape(t *testing.T, n int) (recording []byte, steps []Step) {
	t.Helper()
	dir := t.TempDir()
	r, err := New(Options{Dir: dir, Limit: 4 << 20, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	l := newLife(t, r)
	for range n {
		l.change()
	}
	if err := r.write(false); err != nil {
		t.Fatal(err)
	}
	recording = read(t, dir)
	if _, err := Play(t.Context(), bytes.NewReader(recording), PlayOptions{Parts: site, Step: func(s Step) { steps = append(steps, s) }}); err != nil {
		t.Fatal(err)
	}
	return recording, steps
}

// at is the site with its wire elsewhere.
func at(channel int, settle time.Duration) field.Config {
	parts, _ := site(nil)
	parts.Points = nil
	for n := range channel {
		parts.Points = append(parts.Points, field.PointConfig{ID: "other-" + string(rune('a'+n)), Channel: n, Settle: settle})
	}
	parts.Points = append(parts.Points, field.PointConfig{ID: "in", Channel: channel, Settle: settle})
	parts.Devices[0].Machine = field.Box(device.NewLoop(device.LoopConfig{}))
	parts.Devices[0].Parts = []field.Part{{Point: channel}}
	return parts
}

func TestCompare(t *testing.T) {
	const changes = 10
	_, steps := tape(t, changes)
	without := at(0, 20*time.Millisecond)
	without.Points[0].ID = "another"
	for _, c := range []struct {
		name               string
		other              field.Config
		same               bool
		atLeast, foreignAs int
	}{
		{"the same", at(0, 20*time.Millisecond), true, changes / 2, 0},
		{"the wire is at another terminal", at(3, 20*time.Millisecond), true, changes / 2, 0},
		{"it settles for longer", at(0, 25*time.Millisecond), false, 0, 0},
		{"the wire is not there", without, false, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			recorded, _ := site(json.RawMessage(nil))
			got, err := Compare(steps, recorded, c.other)
			if err != nil {
				t.Fatal(err)
			}
			if (got.Different == nil) != c.same || got.Decisions < c.atLeast || got.Foreign < c.foreignAs || c.foreignAs == 0 && got.Foreign > 0 {
				t.Errorf("%+v", got)
			}
			if d := got.Different; d != nil && d.Recorded == nil {
				t.Errorf("the recorded configuration decided nothing: %v", d.Other)
			}
		})
	}
}

// Played at a speed, a recording takes as long as it lasted, divided by the speed; until is where it ends.
func TestPace(t *testing.T) {
	recording, _ := tape(t, 100)
	all := played(t, recording)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		got, err := Play(t.Context(), bytes.NewReader(recording), PlayOptions{Parts: site, Speed: 4})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); (took-got.Span/4).Abs() > time.Microsecond || got.Span < time.Second || got != (Result{
			Stretches: all.Stretches, Inputs: all.Inputs, Decisions: all.Decisions, Span: all.Span, Took: got.Took,
		}) {
			t.Errorf("%v at fourfold speed took %v: %+v, at once %+v", got.Span, took, got, all)
		}
	})
	first := gateway.Mono(time.Hour)
	half, err := Play(t.Context(), bytes.NewReader(recording), PlayOptions{Parts: site, Enough: func(now gateway.Mono) bool {
		return now.Sub(first) > all.Span/2
	}})
	if err != nil || half.Inputs < all.Inputs/3 || half.Inputs > 2*all.Inputs/3 || half.Different != nil {
		t.Errorf("half of it: %+v, all %+v, %v", half, all, err)
	}
}

// restless is a machine that a state has brought to where it wants to be woken at once, for ever, or comes down.
type restless struct{ Dead bool }

func (r restless) Step(now gateway.Mono, _ device.Input) (restless, device.Effects, gateway.Mono) {
	if r.Dead {
		panic("index out of range")
	}
	return r, device.Effects{}, now
}

func (restless) State() gateway.DeviceState { return gateway.DeviceState{} }

// Whatever a machine does, playing ends with an error, and the program goes on.
func TestRestlessMachine(t *testing.T) {
	for _, dead := range []bool{false, true} {
		parts := func(json.RawMessage) (field.Config, error) {
			c, err := site(nil)
			c.Devices[0].Machine = field.Box(restless{})
			return c, err
		}
		r, err := New(Options{Dir: t.TempDir(), Limit: 4 << 20})
		if err != nil {
			t.Fatal(err)
		}
		now := gateway.Mono(time.Hour)
		c, _ := parts(nil)
		c.Devices[0].Machine = field.Box(restless{Dead: dead})
		core := field.NewCore(c, hub.New(func() gateway.Mono { return now }), &nobody{}, now)
		r.Begins(now, core.State(), core.Layout(), c.Recorded)
		in := field.Input{Kind: field.LevelsInput, Levels: field.Levels{At: now}}
		in.Levels.Set(0, true)
		r.Given(now, &in)
		r.Applied(now, true)
		now = now.Add(time.Second)
		r.Ticked(now)
		r.Applied(now, true)
		if err := r.write(false); err != nil {
			t.Fatal(err)
		}
		_, err = Play(t.Context(), bytes.NewReader(read(t, r.o.Dir)), PlayOptions{Parts: parts})
		want := "wants to be woken for ever"
		if dead {
			want = "index out of range"
		}
		if !errors.Is(err, plain.ErrDamaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("dead %v: %v", dead, err)
		}
	}
}
