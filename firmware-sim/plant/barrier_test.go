package plant

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// story is the journal as lines: "1.02s arm opening by relay".
func story(j *Journal) (lines []string) {
	for _, t := range j.Take() {
		if t.Kind.Limit() {
			continue
		}
		line := fmt.Sprintf("%v %s", t.At, t.Kind)
		if t.Cause != CauseNone {
			line += " by " + string(t.Cause)
		}
		lines = append(lines, line)
	}
	return lines
}

// What limit switches see: an arm that reopens inside a close, and one that reopens when it is as good as down.
func TestBarrierLimits(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		reopen time.Duration // after the close
		want   []Kind
	}{
		{20 * time.Millisecond, nil}, // still at its upper limit
		{s, []Kind{ArmReopens, ArmUp}},
		{3*s - 10*time.Millisecond, []Kind{ArmDown, ArmUp}},
	} {
		j := &Journal{}
		b := NewBarrier("gate", BarrierOptions{}, 1, j)
		b.Lift(0)
		b.Step(10 * s)
		j.Take()
		b.Set(10*s, CloseInput, true)
		b.Set(10*s+20*time.Millisecond+c.reopen, OpenInput, true)
		b.Step(30 * s)
		var got []Kind
		for _, truth := range j.Take() {
			if truth.Kind.Limit() {
				got = append(got, truth.Kind)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("reopened after %v: %v, want %v", c.reopen, got, c.want)
		}
	}
}

func TestBarrier(t *testing.T) {
	type does struct {
		at time.Duration
		do func(*Barrier, time.Duration)
	}
	set := func(in Input, active bool) func(*Barrier, time.Duration) {
		return func(b *Barrier, now time.Duration) { b.Set(now, in, active) }
	}
	block := func(on bool) func(*Barrier, time.Duration) {
		return func(b *Barrier, now time.Duration) { b.Block(now, on) }
	}
	under := func(vehicle int) func(*Barrier, time.Duration) {
		return func(b *Barrier, now time.Duration) { b.Under(now, vehicle) }
	}
	power := func(on bool) func(*Barrier, time.Duration) {
		return func(b *Barrier, now time.Duration) { b.Power(now, on) }
	}
	const s = time.Second
	opened := []does{{1 * s, set(OpenInput, true)}, {1500 * ms, set(OpenInput, false)}}
	closes := []does{{5 * s, set(CloseInput, true)}, {5500 * ms, set(CloseInput, false)}}
	unprotected := BarrierOptions{Unprotected: true}
	for _, c := range []struct {
		name string
		opt  BarrierOptions
		does []does
		want string
	}{
		{"opens", BarrierOptions{}, opened, `
			1.02s arm opening by relay
			4.02s arm open by relay`},
		{"ignores a pulse shorter than its filter", BarrierOptions{}, []does{{1 * s, set(OpenInput, true)}, {1*s + 19*ms, set(OpenInput, false)}}, ``},
		{"closes", BarrierOptions{}, slices.Concat(opened, closes), `
			1.02s arm opening by relay
			4.02s arm open by relay
			5.02s arm closing by relay
			8.02s arm closed by relay`},
		{"close while blocked is forgotten", BarrierOptions{}, slices.Concat(opened, []does{{4500 * ms, block(true)}}, closes, []does{{6 * s, block(false)}}), `
			1.02s arm opening by relay
			4.02s arm open by relay`},
		{"unprotected closes all the same", unprotected, slices.Concat(opened, []does{{4500 * ms, block(true)}}, closes), `
			1.02s arm opening by relay
			4.02s arm open by relay
			5.02s arm closing by relay
			8.02s arm closed by relay`},
		{"blocked while closing opens after the standstill", BarrierOptions{}, slices.Concat(opened, closes, []does{{6020 * ms, block(true)}}), `
			1.02s arm opening by relay
			4.02s arm open by relay
			5.02s arm closing by relay
			6.02s arm opening by safety
			7.32s arm open by safety`},
		{"stop beats a held open, and close comes after", BarrierOptions{}, []does{
			{1 * s, set(OpenInput, true)},
			{2 * s, set(StopInput, true)},
			{3 * s, set(OpenInput, false)},
			{4 * s, set(CloseInput, true)},
			{5 * s, set(CloseInput, false)},
			{6 * s, set(StopInput, false)},
			{7 * s, set(CloseInput, true)},
		}, `
			1.02s arm opening by relay
			2.02s arm stopped
			7.02s arm closing by relay
			8.02s arm closed by relay`},
		{"held open ignores close and its own timer", BarrierOptions{NoPassage: 2 * s}, slices.Concat([]does{{1 * s, set(OpenInput, true)}}, closes, []does{{20 * s, set(OpenInput, false)}}), `
			1.02s arm opening by relay
			4.02s arm open by relay
			22.02s arm closing by auto
			25.02s arm closed by auto`},
		{"closes itself after a passage", BarrierOptions{AutoClose: 2 * s, NoPassage: 45 * s}, slices.Concat(opened, []does{{6 * s, block(true)}, {9 * s, block(false)}}), `
			1.02s arm opening by relay
			4.02s arm open by relay
			11s arm closing by auto
			14s arm closed by auto`},
		{"closes itself after a passage that was over before it was open", BarrierOptions{AutoClose: 2 * s, NoPassage: 45 * s}, slices.Concat(opened, []does{{2 * s, block(true)}, {3 * s, block(false)}}), `
			1.02s arm opening by relay
			4.02s arm open by relay
			6.02s arm closing by auto
			9.02s arm closed by auto`},
		{"closes itself when nobody came", BarrierOptions{AutoClose: 2 * s, NoPassage: 45 * s}, opened, `
			1.02s arm opening by relay
			4.02s arm open by relay
			49.02s arm closing by auto
			52.02s arm closed by auto`},
		{"feels an obstacle", BarrierOptions{}, slices.Concat(opened, []does{{4500 * ms, func(b *Barrier, now time.Duration) { b.Obstruct(now, 50) }}}, closes), `
			1.02s arm opening by relay
			4.02s arm open by relay
			5.02s arm closing by relay
			6.52s arm touched something
			6.52s arm opening by obstacle
			8.32s arm open by obstacle`},
		{"unprotected lies on a vehicle until its motor gives up, then falls no further", unprotected, slices.Concat(opened, []does{{4500 * ms, under(1)}}, closes), `
			1.02s arm opening by relay
			4.02s arm open by relay
			5.02s arm closing by relay
			6.82s arm touched something
			11.02s motor timed out`},
		{"goes on down when the vehicle below it leaves", unprotected, slices.Concat(opened, []does{{4500 * ms, under(1)}}, closes, []does{{8 * s, under(0)}}), `
			1.02s arm opening by relay
			4.02s arm open by relay
			5.02s arm closing by relay
			6.82s arm touched something
			9.2s arm closed by relay`},
		{"jammed runs its motor to the time-out", BarrierOptions{}, slices.Concat([]does{{0, func(b *Barrier, now time.Duration) { b.Jam(now, true) }}}, opened), `
			1.02s arm opening by relay
			7.02s motor timed out`},
		{"switched off while it opens stands still, hears nobody, and goes on when it is asked again", BarrierOptions{}, slices.Concat(opened, []does{
			{2 * s, power(false)},
			{3 * s, set(FobInput, true)},
			{4 * s, set(FobInput, false)},
			{20 * s, power(true)},
			{30 * s, set(FobInput, true)},
			{31 * s, set(FobInput, false)},
		}), `
			1.02s arm opening by relay
			2s controller switched off
			20s controller switched on
			30.02s arm opening by fob
			32.04s arm open by fob`},
		{"switched off while it is open closes only after it is on again", BarrierOptions{NoPassage: 5 * s}, slices.Concat(opened, []does{
			{5 * s, power(false)}, {15 * s, power(true)},
		}), `
			1.02s arm opening by relay
			4.02s arm open by relay
			5s controller switched off
			15s controller switched on
			20s arm closing by auto
			23s arm closed by auto`},
		{"lifted by hand stays up", BarrierOptions{AutoClose: 2 * s, NoPassage: 5 * s}, []does{{1 * s, (*Barrier).Lift}}, `
			1s arm opening by hand
			4s arm open by hand`},
		{"lifted and lowered by hand", BarrierOptions{}, []does{{1 * s, (*Barrier).Lift}, {6 * s, (*Barrier).Lower}}, `
			1s arm opening by hand
			4s arm open by hand
			6s arm closing by hand
			9s arm closed by hand`},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := &Journal{}
			b := NewBarrier("gate", c.opt, 1, j)
			for _, x := range c.does {
				b.Step(x.at)
				x.do(b, x.at)
			}
			b.Step(time.Minute)
			want := strings.Fields(strings.ReplaceAll(strings.TrimSpace(c.want), "\n", " "))
			if got := strings.Fields(strings.Join(story(j), " ")); !slices.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// Whatever is done to a barrier: the arm stays within its ends and takes its time, the switches tell where it is, a
// broken stop loop means standstill, and long steps lead to the same as short ones.
func TestBarrierInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opt := BarrierOptions{
			Bounce: LimitSwitch(), AutoClose: 2 * time.Second, NoPassage: 5 * time.Second,
			Unprotected: rapid.Bool().Draw(t, "unprotected"),
		}
		seed := Seed(rapid.Uint64().Draw(t, "seed"))
		fineJ, coarseJ := &Journal{}, &Journal{}
		fine, coarse := NewBarrier("gate", opt, seed, fineJ), NewBarrier("gate", opt, seed, coarseJ)
		now := time.Duration(0)
		place := fine.arm.now(0)
		last, stopped := now, false
		look := func(at time.Duration) {
			p := fine.arm.now(at)
			if p < 0 || p > fine.opt.Travel || p-place > at-last || place-p > at-last {
				t.Fatalf("the arm went from %v to %v in %v", place, p, at-last)
			}
			if stop := fine.in[StopInput].active; stop && stopped && p != place {
				t.Fatalf("at %v: the arm moves with a broken stop loop", at)
			} else {
				stopped = stop
			}
			if p > fine.overlap()+25*ms && p < fine.opt.Travel-fine.overlap()-25*ms && fine.Open.Resting() && fine.Closed.Resting() &&
				(fine.Open.Closed() || fine.Closed.Closed()) {
				t.Fatalf("at %v: the arm is at %v and a limit switch is closed", at, p)
			}
			place, last = p, at
		}
		for range 30 {
			to := now + time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "wait"))
			step(fine, now, to, look)
			coarse.Step(to)
			now = to
			do := rapid.IntRange(0, 7).Draw(t, "do")
			on := rapid.Bool().Draw(t, "on")
			for _, b := range []*Barrier{fine, coarse} {
				switch do {
				case 0, 1, 2, 3:
					b.Set(now, Input(do), on)
				case 4:
					b.Block(now, on)
				case 5:
					b.Under(now, map[bool]int{true: 1}[on])
				case 6:
					b.Jam(now, on)
				case 7:
					b.Obstruct(now, map[bool]int{true: 70}[on])
				}
			}
		}
		if next := fine.Step(now); next <= now {
			t.Fatalf("next is %v at %v", next, now)
		}
		coarse.Step(now)
		if a, b := story(fineJ), story(coarseJ); !slices.Equal(a, b) {
			t.Fatalf("short steps: %q\nlong steps: %q", a, b)
		}
		if fine.arm.now(now) != coarse.arm.now(now) || fine.Open.Closed() != coarse.Open.Closed() || fine.Closed.Closed() != coarse.Closed.Closed() {
			t.Fatal("short and long steps end differently")
		}
	})
}
