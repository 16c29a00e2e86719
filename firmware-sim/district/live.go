package district

import (
	"cmp"
	"slices"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// chapterTime is how much of a live scenario is written at once.
const chapterTime = 10 * time.Minute

// Live is what goes on at a configuration for who watches it, for ever: vehicles come, park and leave, some back out; every
// few minutes something fails and works again. The first minute shows a passage, a vehicle that backs out, and an elevator
// that fails and works again, as far as there are such things.
func Live(cfg *config.Config, seed uint64) rig.Scenario {
	l := &live{
		Day:  Day{cfg: cfg, chance: plant.Seed(seed).For("live at " + cfg.Gateway.ID), free: map[string]time.Duration{}},
		bays: config.IDs(cfg.Bays),
	}
	for _, id := range config.IDs(cfg.Lanes) {
		if cfg.Lanes[id].Direction == gateway.In {
			l.in = append(l.in, id)
		} else {
			l.out = append(l.out, id)
		}
	}
	l.chance.Shuffle(len(l.bays), func(i, j int) { l.bays[i], l.bays[j] = l.bays[j], l.bays[i] })
	l.opening()
	return func() (rig.Cue, bool) {
		for len(l.Cues) == 0 || l.Cues[0].At >= l.at {
			l.chapter()
		}
		c := l.Cues[0]
		l.Cues = l.Cues[1:]
		return c, true
	}
}

// live writes a day that never ends, chapter by chapter.
type live struct {
	Day
	at      time.Duration // everything before it is written
	in, out []string      // lanes
	bays    []string      // that are free
	nextCar time.Duration
}

func (l *live) opening() {
	const s = time.Second
	if len(l.in) > 0 {
		l.cue(2*s, rig.Enter{Lane: l.in[0], Vehicle: sedan()})
		back := sedan()
		back.Plan = []plant.Leg{{To: plant.StandardLane().Hold, Pause: 3 * s}, {To: -plant.Metre}}
		l.cue(32*s, rig.Enter{Lane: l.in[0], Vehicle: back})
		l.free[l.in[0]] = 70 * s
	}
	if ids := config.IDs(l.cfg.Elevators); len(ids) > 0 {
		l.cue(28*s, rig.LiftAct{Lift: ids[0], Life: rig.Fails})
		l.cue(45*s, rig.LiftAct{Lift: ids[0], Life: rig.Works})
	}
	l.nextCar = 70 * s
}

// chapter writes the next ten minutes.
func (l *live) chapter() {
	from := l.at
	l.at += chapterTime
	l.traffic()
	begin := from + max(90*time.Second-from, 0) // the first minute is the opening's
	if n := len(l.cfg.Elevators); n > 0 {
		l.elevator(begin, config.IDs(l.cfg.Elevators)[l.chance.IntN(n)])
	}
	if n := len(l.cfg.Cameras); n > 0 {
		l.camera(begin, config.IDs(l.cfg.Cameras)[l.chance.IntN(n)])
	}
	if n := len(l.cfg.Contacts); n > 0 {
		id := config.IDs(l.cfg.Contacts)[l.chance.IntN(n)]
		at := begin + l.between(0, 3*time.Minute)
		l.cue(at, rig.Move{Switch: id})
		l.cue(at+l.between(time.Minute, 4*time.Minute), rig.Move{Switch: id, Rest: true})
	}
	slices.SortStableFunc(l.Cues, func(a, b rig.Cue) int { return cmp.Compare(a.At, b.At) })
}

// traffic comes, parks and leaves, each vehicle after a few minutes, so that who watches sees all of it.
func (l *live) traffic() {
	if len(l.in) == 0 {
		return
	}
	for ; l.nextCar < l.at; l.nextCar += l.between(10*time.Second, 50*time.Second) {
		lane := l.in[l.chance.IntN(len(l.in))]
		if l.chance.IntN(12) == 0 {
			l.backsOut(lane, l.nextCar)
			continue
		}
		came := l.comes(lane, l.nextCar)
		if len(l.bays) == 0 || len(l.out) == 0 {
			continue
		}
		bay := l.bays[0]
		l.bays = append(l.bays[1:], bay) // it is free again long before its turn comes
		stands := came + l.between(time.Minute, 2*time.Minute)
		leaves := stands + l.between(2*time.Minute, 9*time.Minute)
		l.cue(stands, rig.Move{Switch: bay})
		l.cue(leaves, rig.Move{Switch: bay, Rest: true})
		l.comes(l.out[l.chance.IntN(len(l.out))], leaves+l.between(30*time.Second, time.Minute))
	}
}

func (l *live) elevator(at time.Duration, id string) {
	at += l.between(0, time.Minute)
	life := [][2]rig.LiftLife{
		{rig.Traps, rig.Frees}, {rig.Fails, rig.Works}, {rig.Inspects, rig.Serves}, {rig.Darkens, rig.Lights}, {rig.Rings, rig.Rings},
	}[l.chance.IntN(5)]
	l.cue(at, rig.LiftAct{Lift: id, Life: life[0]})
	if life[0] != life[1] {
		l.cue(at+l.between(2*time.Minute, 5*time.Minute), rig.LiftAct{Lift: id, Life: life[1]})
	}
}

// camera lets one fail, or all of its group.
func (l *live) camera(at time.Duration, id string) {
	at += l.between(0, 2*time.Minute)
	life, cams := rig.Dies, []string{id}
	switch l.chance.IntN(4) {
	case 0:
		for _, g := range config.IDs(l.cfg.CameraGroups) {
			if group := l.cfg.CameraGroups[g].Cameras; slices.Contains(group, id) {
				cams = group
			}
		}
	case 1:
		life = rig.Hangs
	case 2:
		if life = rig.HangsClosed; l.cfg.Cameras[id].Supply != "" {
			life = rig.Sickens
		}
	}
	back := at + l.between(4*time.Minute, 6*time.Minute)
	for _, cam := range cams {
		l.cue(at, rig.CameraAct{Camera: cam, Life: life})
		l.cue(back, rig.CameraAct{Camera: cam, Life: rig.Starts})
	}
}
