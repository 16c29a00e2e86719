package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// stateOf is what the broker retains of a device. It is read once: most of them rest for hours.
type stateOf struct {
	payload []byte
	Value   json.RawMessage `json:"value"`
	Quality string          `json:"quality"`
}

// word is its value as text.
func (s stateOf) word() string {
	var text string
	if json.Unmarshal(s.Value, &text) == nil {
		return text
	}
	return string(s.Value)
}

// judgeStates holds what is retained of every device against the field: it is what has been so for a while, or it says that
// it is not known.
func (w *world) judgeStates() {
	if w.now-max(w.began(), w.alarms.unsure) < learning || w.reloaded(learning) {
		return
	}
	for _, d := range w.ground.devices {
		want, since := w.ground.state(d)
		since = max(since, w.repaired(d.ID))
		for _, bay := range w.cfg.Lots[d.ID].Bays {
			since = max(since, w.repaired(bay))
		}
		if len(want) == 0 || w.now-since <= soon {
			continue
		}
		is, err := w.ground.retained(d.ID)
		if err != nil {
			w.once(d.ID+" state", "nothing that can be read is retained of %s: %v", d.ID, err)
			continue
		}
		w.result.States++
		if is.Quality == gateway.Good.String() && !slices.Contains(want, is.word()) {
			w.once(fmt.Sprint(d.ID, since), "%s is retained as %s, and has been %s for %v", d.ID, is.word(), want[0], w.now-since)
		}
	}
}

// retained is what is retained of a device.
func (g *ground) retained(id string) (stateOf, error) {
	payload, old := g.w.broker.retained[g.w.cfg.Root()+"/state/"+id], g.states[id]
	if len(payload) > 0 && len(payload) == len(old.payload) && &payload[0] == &old.payload[0] {
		return old, nil
	}
	is := stateOf{payload: payload}
	err := json.Unmarshal(payload, &is)
	if err == nil {
		g.states[id] = is
	}
	return is, err
}

// state is what may be retained of a device by the truth, and since when at the latest; none = nobody can say.
func (g *ground) state(d gateway.MetaDevice) (want []string, since time.Duration) {
	pick := func(s span, on, off string, after time.Duration) ([]string, time.Duration) {
		if s.on {
			return []string{on}, s.since + after
		}
		return []string{off}, s.since + after
	}
	switch d.Kind {
	case config.KindBay:
		if s := g.is(d.ID, loose); s.on || s.since != 0 && g.w.now-s.since < 3*time.Minute {
			return nil, 0
		}
		return pick(g.is(d.ID, raised), "occupied", "vacant", 5*time.Second)
	case config.KindContact:
		k, s := g.w.cfg.Contacts[d.ID], g.is(d.ID, raised)
		if s.on {
			return []string{"raised"}, s.since + orSecond(k.RaiseAfter)
		}
		return []string{"clear"}, s.since + orSecond(k.ClearAfter)
	case config.KindFire:
		s := g.is(d.ID, raised)
		if want, since = pick(s, "alarm", "clear", 0); !s.on && g.reset[d.ID] < s.since {
			want = append(want, "latched")
		}
		return want, max(since, g.reset[d.ID])
	case config.KindInput:
		open, short := g.is(d.ID, cutWire), g.is(d.ID, shortWire)
		switch {
		case open.on:
			return []string{cutWire}, open.since
		case short.on:
			return []string{shortWire}, short.since
		}
		return []string{"idle", "active"}, max(open.since, short.since)
	case config.KindLoop:
		return g.loopState(d.ID)
	case config.KindLane:
		l := g.w.cfg.Lanes[d.ID]
		a, since := g.loopState(l.A)
		b, sinceB := g.loopState(l.B)
		if len(a) == 0 || len(b) == 0 {
			return nil, 0
		}
		if a[0] == "clear" && b[0] == "clear" {
			return []string{"clear"}, max(since, sinceB)
		}
		return []string{"waiting", "passing"}, max(since, sinceB)
	case config.KindGate:
		return g.gateState(d.ID)
	case config.KindElevator:
		return g.liftState(d.ID)
	case config.KindCamera:
		s := either(g.is(d.ID, down), g.is(d.ID, restarts))
		if s.on {
			return []string{"late", "offline", "stuck", "power_lost", "hung_or_dark", "overcurrent", "reboot_loop"}, s.since + cameraLate
		}
		if again := g.is(d.ID, restarts).since; again != 0 { // a start counts the time without another one anew
			return []string{"online"}, max(s.since+cameraLate, max(again, g.w.began())+10*time.Minute)
		}
		return []string{"online"}, s.since + cameraLate
	case config.KindLot:
		return g.lotState(d.ID)
	case config.KindCameraGroup:
		return g.groupState(d.ID)
	case config.KindCounter:
		return g.counterState(d.ID), 0
	}
	return nil, 0
}

// loopState: a detector that has lied learns anew when nothing stands there.
func (g *ground) loopState(id string) (want []string, since time.Duration) {
	d := g.detector(id)
	c, lie, talk := g.is(d, covered), g.is(d, lies), g.is(d, talks)
	switch {
	case d == "" || lie.on || talk.on || c.on && lie.since > c.since:
		return nil, 0
	case c.on:
		return []string{"occupied"}, max(c.since, talk.since)
	}
	return []string{"clear"}, max(c.since, lie.since, talk.since)
}

// gateState is known while the arm is at a limit.
func (g *ground) gateState(id string) (want []string, since time.Duration) {
	lane := g.lane(id)
	up, lies, off := g.is(lane, armUp), g.is(lane, armDown), g.is(lane, armOff)
	switch {
	case g.w.cfg.Gates[id].Arm != "" && off.on:
		return []string{"arm_off"}, off.since
	case up.on == lies.on:
		return nil, 0
	case up.on && g.w.people != nil && g.w.now-g.w.people.rules.gates[id].began[plant.CloseInput] < 2*g.w.cfg.Gates[id].Travel+soon:
		return nil, 0 // a trip before it has left its limit, and until it cannot fall any more
	case up.on:
		return []string{"open"}, max(up.since, off.since)
	}
	return []string{"closed"}, max(lies.since, off.since)
}

// liftState: what stands latched is over when the day's operator has been there.
func (g *ground) liftState(id string) (want []string, since time.Duration) {
	inside, bad := g.is(id, trapped), either(g.is(id, failed), g.is(id, dark))
	over := max(inside.since, g.is(id, pressed).since) + attended
	switch wired := g.w.repaired(id); {
	case inside.on:
		return []string{"entrapment_confirmed", "entrapment_suspected"}, max(inside.since, wired) + calls
	case bad.on:
		return []string{"fault"}, max(bad.since, over, wired)
	case g.is(id, inspected).on:
		return []string{"service"}, max(g.is(id, inspected).since, bad.since, over, wired)
	default:
		return []string{"normal"}, max(g.is(id, inspected).since, bad.since, over, wired)
	}
}

// lotState is how many of its bays are free, when all have rested for a while and none is in doubt.
func (g *ground) lotState(id string) (want []string, since time.Duration) {
	l := g.w.cfg.Lots[id]
	free := len(l.Bays)
	for _, bay := range l.Bays {
		s, wire := g.is(bay, raised), g.is(bay, loose)
		if wire.on {
			return nil, 0
		}
		if since = max(since, s.since+5*time.Second); wire.since != 0 {
			since = max(since, wire.since+3*time.Minute)
		}
		if s.on {
			free--
		}
	}
	if len(l.Bays) == 0 {
		return nil, 0
	}
	return []string{fmt.Sprint(free)}, since
}

// groupState is an outage where all cameras fell together, and none while half of them are up. One that began while nothing was
// known of them is none, and where chips break, that may be so at any time.
func (g *ground) groupState(id string) (want []string, since time.Duration) {
	cameras := g.w.cfg.CameraGroups[id].Cameras
	up, first := 0, never
	for _, cam := range cameras {
		s := either(g.is(cam, down), g.is(cam, restarts))
		since = max(since, s.since)
		if first = min(first, s.since); !s.on {
			up++
		}
	}
	switch {
	case 2*up >= len(cameras):
		return []string{"online"}, since + cameraLate
	case up == 0 && since-first < time.Second && first > g.w.began()+cameraLate && !g.w.o.hardware():
		return []string{"outage"}, since + cameraLate
	}
	return nil, 0
}

// counterState is as many units behind the meter as it was at the first look after a start, which is as many as flowed while
// nobody counted: it has never more than the meter. The last units may still have to settle, or be under way.
func (g *ground) counterState(id string) (want []string) {
	if g.w.o.hardware() {
		return nil // a unit that flows while its chip cannot be read is not to be known
	}
	units := g.w.field.Board.Units(id)
	behind, known := g.behind[id]
	if !known {
		is, err := g.retained(id)
		count, bad := strconv.ParseUint(is.word(), 10, 64)
		if err != nil || bad != nil || is.Quality != gateway.Good.String() {
			return nil
		}
		if count > units {
			return []string{fmt.Sprint("at most ", units)}
		}
		behind = units - count
		g.behind[id] = behind
	}
	const underWay = 3 // at that look or at this one
	most := units - min(units, behind-min(behind, underWay))
	least := units - min(units, behind+underWay)
	for n := least; n <= most; n++ {
		want = append(want, fmt.Sprint(n))
	}
	return want
}
