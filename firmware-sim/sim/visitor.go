package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// visitor is who comes to an exit where nobody is and has no ticket: he waits before the arm until the center, which hears of
// him, lets him out.
type visitor struct {
	*people
	exits map[string]*exit // by lane
	lets  int              // so often the center has let somebody out
}

// exit is a lane out, as who stands at it and the center see it.
type exit struct {
	*barrier
	waits *visit // who waits there, or is on his way there
	told  bool   // the center knows that somebody waits
	asked *order // what it has ordered last for who waits
}

// visit is one car without a ticket.
type visit struct {
	number int
	came   time.Duration
	first  time.Duration // since when he is the first, and nothing stands in his way
	looked time.Duration
}

// Times of who waits.
const (
	// waitsLong is how long one may wait before the arm if nothing is in the way: a minute until that is told, one in which the
	// center thinks about it, and two more attempts.
	waitsLong = 4 * time.Minute
	lookEvery = 5 * time.Second
	// morning is when the trouble at the lanes that the day brings is over.
	morning = 5 * time.Hour
)

func newVisitor(p *people) visitor {
	v := visitor{people: p, exits: map[string]*exit{}}
	for _, id := range config.IDs(p.w.cfg.Gates) {
		if g := p.rules.gates[id]; p.w.cfg.Lanes[g.lane].Direction == gateway.Out {
			v.exits[g.lane] = &exit{barrier: g}
		}
	}
	return v
}

// act chooses an exit for one.
func (v *visitor) act(chance *rand.Rand) {
	ids := config.IDs(v.exits)
	if len(ids) == 0 || v.w.now < morning {
		return
	}
	v.come(v.exits[ids[chance.IntN(len(ids))]], chance)
}

// come lets one come as soon as the lane is empty and its arm down: behind others he would just slip through.
func (v *visitor) come(x *exit, chance *rand.Rand) {
	switch {
	case x.waits != nil || v.w.now > v.w.o.Length-time.Hour:
		return
	case len(x.cars) > 0 || v.w.field.Board.Arm(x.lane) > 0:
		v.w.agenda.at(v.w.now+lookEvery, func() { v.come(x, chance) })
		return
	}
	v.drive(x.barrier, chance)
	v.count("visitor: comes to an unmanned exit")
	x.waits = &visit{number: x.entered, came: v.w.now, first: v.w.now, looked: v.w.now}
	v.w.agenda.at(v.w.now+lookEvery, func() { v.look(x) })
}

// drive sends a car without a ticket into the lane of a gate.
func (p *people) drive(g *barrier, chance *rand.Rand) {
	p.do(rig.Enter{Lane: g.lane, Vehicle: plant.Vehicle{
		Length: plant.Metres(4.2), Speed: plant.Speed(1400+chance.IntN(1400)) * plant.MillimetrePerSecond, Gap: plant.Metres(2.5),
	}})
}

// look holds that who is the first before an arm gets out, as long as nothing is in the way of the center.
func (v *visitor) look(x *exit) {
	c, w := x.waits, v.w
	if !x.has(c.number) {
		how := "gets out as others or a rule have opened"
		if x.asked != nil && x.asked.given > c.came && len(x.asked.accepted) > 0 {
			how = "is let out by the center"
		}
		v.count("visitor: " + how)
		x.waits = nil
		return
	}
	may, _ := v.rules.window() // somebody is at the machine, and the center may move nothing
	if may || x.cars[0] != c.number || !w.clear(c.looked) || v.rules.key.on || w.now < v.technician.busy {
		c.first = w.now
	}
	if c.looked = w.now; w.now-c.first > waitsLong {
		w.violate("%s: somebody without a ticket has waited for %v, and nothing is in the way of the center", x.lane, w.now-c.first)
		c.first = w.now
	}
	w.agenda.at(w.now+lookEvery, func() { v.look(x) })
}

// heard is what the center hears: that somebody waits, and that he is through.
func (v *visitor) heard(e gateway.Event) {
	x := v.exits[e.ID]
	if x == nil {
		return
	}
	switch e.Type {
	case gateway.VehicleWaiting:
		if !x.told {
			x.told = true
			chance := v.w.o.world().For("decision at " + v.w.now.String())
			v.w.agenda.at(v.w.now+plant.Span{Min: 3 * time.Second, Max: 40 * time.Second}.Draw(chance), func() { v.decide(x) })
		}
	case gateway.VehiclePassed, gateway.VehicleBackedOut:
		x.told = false
	}
}

// decide lets out who waits, again and again until he is through.
func (v *visitor) decide(x *exit) {
	if !x.told {
		return
	}
	v.lets++
	x.asked = v.caller.order(x.id, gateway.Open, gateway.Args{Passages: 1, Ref: fmt.Sprint("visit-", v.lets)})
	v.w.agenda.at(v.w.now+30*time.Second, func() { v.decide(x) })
}
