package sim

import (
	"maps"
	"math/rand/v2"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// editor changes the configuration file while everything goes on, and makes mistakes.
type editor struct {
	*people
	file    *config.Config            // that was right last
	mistake bool                      // as it is now
	known   map[string]*config.Config // every right one, by its hash
	inForce *config.Config
	edited  int
	at      time.Duration // when the configuration in force took effect

	path     string      // of the file; "" = there is none
	corrects bool        // a correction is being written beside it
	wrong    []*miswired // all day
}

// edits are what changes in the file. None needs another wire.
var edits = []struct {
	name string
	do   func(*config.Config, *rand.Rand) bool
}{
	{"label", func(c *config.Config, _ *rand.Rand) bool { c.Gateway.Label += "."; return true }},
	{"closing rule", func(c *config.Config, chance *rand.Rand) bool {
		return editGate(c, chance, func(g *config.Gate) {
			if g.Closing != nil {
				g.Closing = nil
				return
			}
			after := time.Duration(chance.IntN(3)) * time.Second
			g.Closing = &config.Closing{AfterPass: &after, NoPass: 30 * time.Second}
		})
	}},
	{"trip", func(c *config.Config, chance *rand.Rand) bool {
		return editGate(c, chance, func(g *config.Gate) {
			g.OnTrip = map[config.OnTrip]config.OnTrip{config.TripOpens: config.TripStops, config.TripStops: config.TripOpens}[g.OnTrip]
		})
	}},
	{"free exit", func(c *config.Config, _ *rand.Rand) bool {
		c.Lanes = maps.Clone(c.Lanes)
		for _, id := range config.IDs(c.Lanes) {
			if l := c.Lanes[id]; l.Direction == gateway.Out {
				l.FreeExit = !l.FreeExit
				c.Lanes[id] = l
				return true
			}
		}
		return false
	}},
}

func editGate(c *config.Config, chance *rand.Rand, change func(*config.Gate)) bool {
	ids := config.IDs(c.Gates)
	if len(ids) == 0 {
		return false
	}
	id := ids[chance.IntN(len(ids))]
	g := c.Gates[id]
	change(&g)
	c.Gates = maps.Clone(c.Gates)
	c.Gates[id] = g
	return true
}

// act writes a file, right or wrong, and lets the daemon read it.
func (e *editor) act(chance *rand.Rand) {
	if e.w.proc == nil {
		return
	}
	what := "a mistake"
	if e.mistake = chance.IntN(4) == 0; !e.mistake {
		n := edits[chance.IntN(len(edits))]
		fresh := *e.file
		if !n.do(&fresh, chance) {
			return
		}
		e.write(&fresh)
		what = n.name
	}
	e.count("reload: " + what)
	if err := e.w.proc.Reload(); (err != nil) != e.mistake {
		e.w.violate("the configuration with %s is read again: %v", what, err)
	}
	e.mistake = false // which is corrected at once
}

// write makes a configuration the file.
func (e *editor) write(fresh *config.Config) {
	e.edited++
	fresh.Hash = string(rune('a'+e.edited%26)) + e.file.Hash[1:] // of another text
	e.file, e.known[fresh.Hash] = fresh, fresh
}

// issued follows what is in force.
func (e *editor) issued(v gateway.Event) {
	switch d := v.Data.(type) {
	case gateway.ConfigReloadedData:
		e.inForce, e.at = e.known[d.Config], e.w.now
		if e.inForce == nil {
			e.w.violate("a configuration %s is in force that nobody has written", d.Config)
			e.inForce = e.file
		}
		e.inForceAgain()
	case gateway.StartedData:
		e.inForce = e.file
		e.inForceAgain()
	}
}

// reloaded tells whether devices have begun anew lately because the configuration has changed.
func (w *world) reloaded(lately time.Duration) bool {
	return w.people != nil && w.people.editor.at != 0 && w.now-w.people.editor.at <= lately
}

// load reads the file.
func (w *world) load() (*config.Config, error) {
	if w.people.editor.mistake {
		return config.Parse("gateway.yaml", []byte("gateway: {site: lianhua, id: park-01}\npoints: {door: {line: GPIO99, chip: x1}}\n"))
	}
	if w.people.editor.corrects {
		if err := w.people.editor.reread(); err != nil {
			return nil, err
		}
	}
	c := *w.people.editor.file
	return &c, nil
}

// path is where the file is; "" = nowhere.
func (w *world) path() string {
	if w.people == nil {
		return ""
	}
	return w.people.editor.path
}

// onDisk is the configuration that a daemon finds when it starts.
func (w *world) onDisk() *config.Config {
	if w.people == nil {
		return w.cfg
	}
	return w.people.editor.file
}

// inForce is the configuration that the gateway works by.
func (w *world) inForce() *config.Config { return w.people.editor.inForce }
