package sim

import (
	"math/rand/v2"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// technician is somebody at the machine: with the page, the key, the button, and both hands on the barrier.
type technician struct {
	*people
	busy time.Duration // until then with the last thing
}

// jobs are what one does there.
var jobs = []struct {
	name string
	does func(*technician, *rand.Rand) (lasts time.Duration)
}{
	{"works in the maintenance window", (*technician).maintain},
	{"orders without the button", (*technician).impatient},
	{"turns the key", (*technician).lock},
	{"tests the fire alarm", (*technician).alarm},
	{"opens the cabinet", (*technician).cabinet},
	{"lifts an arm by hand", (*technician).lift},
	{"takes an arm off", (*technician).unmount},
	{"jams an arm", (*technician).jam},
	{"switches a barrier off", (*technician).switchOff},
	{"corrects two wires that were swapped", (*technician).swap},
	{"corrects a contact that works the other way round", (*technician).turn},
	{"looks after alarms", (*technician).acknowledge},
	{"restarts the daemon", (*technician).restart},
}

// act does one job, if the last one is over.
func (t *technician) act(chance *rand.Rand) {
	if t.w.now < t.busy || t.w.proc == nil {
		return
	}
	j := jobs[chance.IntN(len(jobs))]
	if lasts := j.does(t, chance); lasts > 0 {
		t.busy = t.w.now + lasts
		t.count("technician: " + j.name)
	}
}

// order gives a command over the page or the local socket.
func (t *technician) order(device string, a gateway.Action, args gateway.Args) {
	if t.w.proc == nil {
		return
	}
	c := gateway.Command{Issuer: "page/192.168.1.9", Device: device, Action: a, Args: args}
	o := &order{issuer: c.Issuer, jti: word(t.w.words + 1), device: device, action: a, session: t.w.session()} // Local draws it
	t.book.enter(o)
	replies := t.w.proc.Local(c)
	t.later(time.Second, func() {
		if len(replies) == 0 && t.w.proc != nil && t.w.runs[len(t.w.runs)-1].begin < o.given {
			t.w.violate("%s of %s at the page got no answer", a, device)
		}
	})
}

// later lets the technician do something.
func (t *technician) later(after time.Duration, do func()) { t.w.agenda.at(t.w.now+after, do) }

// gate is one of the barriers; "" = there is none.
func (p *people) gate(chance *rand.Rand) string {
	ids := config.IDs(p.w.cfg.Gates)
	if len(ids) == 0 {
		return ""
	}
	return ids[chance.IntN(len(ids))]
}

// maintain pushes the button and moves a barrier, also by a button of the page that moves as long as it is held.
func (t *technician) maintain(chance *rand.Rand) time.Duration {
	gate, button := t.gate(chance), t.w.cfg.Service.Button
	if gate == "" || button == "" {
		return 0
	}
	t.do(rig.Move{Switch: button})
	t.later(time.Second, func() { t.do(rig.Move{Switch: button, Rest: true}) })
	at := 3 * time.Second
	for range 3 + chance.IntN(6) {
		a := []gateway.Action{gateway.Open, gateway.Close, gateway.HoldOpen, gateway.Release, gateway.Stop}[chance.IntN(5)]
		held := (a == gateway.Open || a == gateway.Close) && chance.IntN(2) == 0
		t.later(at, func() {
			args := gateway.Args{}
			if a == gateway.HoldOpen {
				args.Seconds = 20
			}
			t.order(gate, a, args)
		})
		if held {
			t.later(at+plant.Span{Min: 200 * time.Millisecond, Max: 4 * time.Second}.Draw(chance), func() { t.order(gate, gateway.Stop, gateway.Args{}) })
		}
		at += plant.Span{Min: 2 * time.Second, Max: time.Minute}.Draw(chance)
	}
	return at
}

// impatient orders without having pushed the button.
func (t *technician) impatient(chance *rand.Rand) time.Duration {
	gate := t.gate(chance)
	if gate == "" {
		return 0
	}
	t.order(gate, []gateway.Action{gateway.Open, gateway.Close, gateway.HoldOpen, gateway.Stop}[chance.IntN(4)], gateway.Args{})
	return time.Second
}

func (t *technician) lock(chance *rand.Rand) time.Duration {
	return t.move(t.w.cfg.Service.Lockout, plant.Span{Min: 5 * time.Second, Max: 3 * time.Minute}.Draw(chance))
}

func (t *technician) cabinet(chance *rand.Rand) time.Duration {
	return t.move(t.w.cfg.Service.Cabinet, plant.Span{Min: 5 * time.Second, Max: 10 * time.Minute}.Draw(chance))
}

// move raises a switch for a while.
func (t *technician) move(name string, lasts time.Duration) time.Duration {
	if name == "" {
		return 0
	}
	t.do(rig.Move{Switch: name})
	t.later(lasts, func() { t.do(rig.Move{Switch: name, Rest: true}) })
	return lasts + time.Second
}

// alarm closes the contact of the fire alarm, opens it, and says that it is over: at the page, where the center has not.
func (t *technician) alarm(chance *rand.Rand) time.Duration {
	ids := config.IDs(t.w.cfg.Fires)
	if len(ids) == 0 {
		return 0
	}
	id := ids[chance.IntN(len(ids))]
	lasts := t.move(id, plant.Span{Min: 3 * time.Second, Max: time.Minute}.Draw(chance))
	t.later(lasts/2, func() { t.order(id, gateway.ResetFire, gateway.Args{}) }) // too early
	var over func()
	over = func() {
		if t.rules.fires[id].latched {
			t.order(id, gateway.ResetFire, gateway.Args{})
			t.later(time.Minute, over) // unless it worked
		}
	}
	t.later(lasts+plant.Span{Min: 5 * time.Second, Max: time.Minute}.Draw(chance), over)
	return lasts + 2*time.Minute
}

func (t *technician) lift(chance *rand.Rand) time.Duration {
	gate := t.gate(chance)
	if gate == "" {
		return 0
	}
	lane := t.rules.gates[gate].lane
	t.do(rig.Hand{Lane: lane})
	t.later(20*time.Second, func() { t.do(rig.Hand{Lane: lane, Down: true}) })
	return 30 * time.Second
}

func (t *technician) unmount(chance *rand.Rand) time.Duration {
	gate := t.gate(chance)
	if gate == "" || t.w.cfg.Gates[gate].Arm == "" {
		return 0
	}
	lane := t.rules.gates[gate].lane
	t.do(rig.Knock{Lane: lane})
	t.later(2*time.Minute, func() { t.do(rig.Knock{Lane: lane, Mounted: true}) })
	return 3 * time.Minute
}

func (t *technician) jam(chance *rand.Rand) time.Duration {
	gate := t.gate(chance)
	if gate == "" {
		return 0
	}
	lane := t.rules.gates[gate].lane
	t.do(rig.Jam{Lane: lane})
	t.later(30*time.Second, func() { t.do(rig.Jam{Lane: lane, Freed: true}) })
	return time.Minute
}

// acknowledge takes an alarm, or shelves it.
func (t *technician) acknowledge(chance *rand.Rand) time.Duration {
	alarms := t.w.proc.View().Alarms
	if len(alarms) == 0 {
		return 0
	}
	a := alarms[chance.IntN(len(alarms))]
	do, args := gateway.AckAlarm, gateway.Args{Alarm: a.Name}
	if chance.IntN(2) == 0 {
		do, args.Seconds = gateway.Shelve, chance.IntN(300)
	}
	t.order(a.ID, do, args)
	return time.Second
}

// restart is systemctl restart, where not every single thing has to be known.
func (t *technician) restart(chance *rand.Rand) time.Duration {
	if !t.w.o.deadly() {
		return 0
	}
	sick := t.w.disk.Faulty() // it may refuse the last write, and that is said
	if err := t.w.stop(); err != nil && !sick {
		t.w.violate("the daemon does not end in order: %v", err)
	}
	t.later(plant.Span{Min: time.Second, Max: 5 * time.Second}.Draw(chance), t.w.again)
	return 10 * time.Second
}
