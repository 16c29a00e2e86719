package daemon

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
)

// inForce is the configuration that the field works by; sections that need a restart are those of the start.
type inForce struct {
	mu    sync.Mutex // held while the configuration is read again, and a change waits
	cfg   atomic.Pointer[config.Config]
	parts field.Config
	start *config.Config // the first: its relays are held until the end
}

func (f *inForce) set(cfg *config.Config, parts field.Config) {
	if f.start == nil {
		f.start = cfg
	}
	f.cfg.Store(cfg)
	f.parts = parts
}

func (f *inForce) config() *config.Config { return f.cfg.Load() }

// patience is how long a change waits for a barrier before the log tells.
const patience = 2 * time.Second

// followReloads reads the configuration again whenever it is asked to. A file that is newer replaces one that waits.
func (d *daemon) followReloads(ctx context.Context) {
	for stop := context.CancelFunc(func() {}); ; {
		select {
		case <-ctx.Done():
			stop()
			return
		case <-d.o.Reload:
		}
		stop()
		var waiting context.Context
		waiting, stop = context.WithCancel(ctx)
		d.reloads.Go(func() {
			_, _ = d.reload(waiting) // told in the log and by events
		})
	}
}

// reload reads the configuration and puts what changed in the place of what was. It waits until no barrier moves. The
// error is why the old configuration stays in force; unless ctx ended, an event tells it too.
func (d *daemon) reload(ctx context.Context) (gateway.ConfigReloadedData, error) {
	d.inForce.mu.Lock()
	defer d.inForce.mu.Unlock()
	if ctx.Err() != nil {
		return gateway.ConfigReloadedData{}, ctx.Err()
	}
	r, err := d.readAgain(ctx)
	if err != nil {
		return gateway.ConfigReloadedData{}, err
	}
	late := time.AfterFunc(patience, func() {
		d.log.Warn("the new configuration waits until no relay is active, no command is being carried out and no fire is latched")
	})
	defer late.Stop()
	if err := d.field.Change(ctx, r.parts, r.kept, func() gateway.Event { return d.takeEffect(r) }); err != nil {
		return gateway.ConfigReloadedData{}, err
	}
	d.inForce.set(r.cfg, r.parts)
	d.log.Info("configuration read again", "config", r.cfg.Hash, "devices", r.told.Devices, "begun", r.told.Begun, "restart", r.told.Restart)
	return r.told, nil
}

// readAgain reads the configuration, and tells of one that cannot take effect.
func (d *daemon) readAgain(ctx context.Context) (*reload, error) {
	fresh, err := d.o.Load()
	if err == nil {
		err = d.inForce.refuse(fresh)
	}
	if err != nil {
		told := rejection(err)
		d.log.Error("the new configuration is refused, the old one stays", "errors", told.Errors, "first", told.First)
		d.post(ctx, gateway.GatewayConfigRejected, told)
		return nil, err
	}
	r := d.inForce.compare(fresh, func(cfg *config.Config) field.Config {
		return attachConfig(cfg, d.o.Hardware, d.clock, d.attach.relays).out
	})
	return &r, nil
}

// takeEffect tells everybody who knows devices. The core calls it when it changes over. Outbox, connection and relays know
// nothing of it.
func (d *daemon) takeEffect(r *reload) gateway.Event {
	g := d.hub.View().Gateway
	g.Label, g.Labels, g.Config = r.cfg.Gateway.Label, r.cfg.Gateway.Labels, r.cfg.Hash
	d.hub.SetGateway(g)
	if d.page != nil { // in lockstep there is none
		d.page.Rewire(r.parts.Trace, terminals(r.cfg, r.parts))
	}
	d.intake.SetDevices(commandsOf(r.parts))
	return gateway.Event{Type: gateway.GatewayConfigReloaded, ID: gateway.GatewayID, At: d.clock.Now(), Data: r.told}
}

// rejection tells why a configuration is refused.
func rejection(err error) gateway.ConfigRejectedData {
	var bad config.Errors
	if errors.As(err, &bad) && len(bad) > 0 {
		return gateway.ConfigRejectedData{Errors: len(bad), First: bad[0].Place.String() + ": " + bad[0].Message().EN}
	}
	return gateway.ConfigRejectedData{Errors: 1, First: err.Error()}
}

// refuse finds what cannot be told apart from the rest and waits for a restart: the owner of a bus sets its chips up with
// the relays on them.
func (f *inForce) refuse(fresh *config.Config) error {
	for _, pair := range [][2]*config.Config{{f.config(), fresh}, {fresh, f.config()}} {
		is, other := pair[0], pair[1]
		for _, id := range config.IDs(is.Gates) {
			for _, out := range is.Gates[id].Outputs.All() {
				if out.Chip == "" {
					continue
				}
				chip := is.Chips[out.Chip]
				if !reflect.DeepEqual(is.Gates[id].Outputs, other.Gates[id].Outputs) ||
					!reflect.DeepEqual(chip, other.Chips[out.Chip]) || !reflect.DeepEqual(is.Buses[chip.Bus], other.Buses[chip.Bus]) {
					return errors.New("gates." + id + ".outputs: a relay on an expander, its chip and its bus are changed by a restart only: systemctl restart lotusgate")
				}
			}
		}
	}
	return nil
}

// reload is a configuration that can take effect.
type reload struct {
	cfg   *config.Config // with the sections in force of what needs a restart
	parts field.Config
	kept  field.Kept
	told  gateway.ConfigReloadedData
}

// compare finds what a fresh configuration changes, and what of it needs a restart; attach makes the field of one.
func (f *inForce) compare(fresh *config.Config, attach func(*config.Config) field.Config) reload {
	old, cfg := f.config(), *fresh
	told := gateway.ConfigReloadedData{Config: fresh.Hash, Restart: []string{}}
	stays := func(name string, same bool) {
		if !same {
			told.Restart = append(told.Restart, name)
		}
	}
	stays("gateway", old.Gateway.Site == cfg.Gateway.Site && old.Gateway.ID == cfg.Gateway.ID)
	cfg.Gateway.Site, cfg.Gateway.ID = old.Gateway.Site, old.Gateway.ID
	// Whatever is no list of things with ids: mqtt, storage, status and the like.
	was, now := reflect.ValueOf(old).Elem(), reflect.ValueOf(&cfg).Elem()
	for i := range now.NumField() {
		section := now.Type().Field(i)
		if section.Type.Kind() != reflect.Struct || section.Name == "Gateway" {
			continue
		}
		stays(section.Tag.Get("yaml"), reflect.DeepEqual(was.Field(i).Interface(), now.Field(i).Interface()))
		now.Field(i).Set(was.Field(i))
	}

	// Relays are held from the first moment to the last: no reload lets go of one, and a gate that comes back finds its own.
	held := f.start
	cfg.Gates = maps.Clone(cfg.Gates)
	for id, g := range cfg.Gates {
		stays("gates."+id+".outputs", reflect.DeepEqual(held.Gates[id].Outputs, g.Outputs))
		g.Outputs = held.Gates[id].Outputs
		cfg.Gates[id] = g
	}
	for id, g := range held.Gates {
		if _, ok := cfg.Gates[id]; !ok {
			stays("gates."+id+".outputs", reflect.DeepEqual(g.Outputs, config.GateOutputs{}))
		}
	}
	cfg.Lots = maps.Clone(cfg.Lots)
	for id, l := range cfg.Lots {
		stays("lots."+id+".sign", reflect.DeepEqual(held.Lots[id].Sign, l.Sign))
		l.Sign = held.Lots[id].Sign
		cfg.Lots[id] = l
	}
	for id, l := range held.Lots {
		if _, ok := cfg.Lots[id]; !ok {
			stays("lots."+id+".sign", l.Sign == nil)
		}
	}
	slices.Sort(told.Restart)

	r := reload{cfg: &cfg, parts: attach(&cfg), told: told}
	r.parts.Trace = traceOf(r.parts)
	r.kept = kept(old, &cfg, f.parts, r.parts)
	for _, dev := range r.parts.Devices {
		if dev.Internal {
			continue
		}
		r.told.Devices++
		if !r.kept.Device(dev.Meta.Kind, dev.Meta.ID) {
			r.told.Begun++
		}
	}
	return r
}

// kept finds the points that are the same wire as before, and the devices that are the same, made of such.
func kept(old, cfg *config.Config, was, is field.Config) field.Kept {
	points := map[string]bool{}
	for id, p := range cfg.Points {
		o, ok := old.Points[id]
		o.Label, p.Label = "", ""
		points[id] = ok && reflect.DeepEqual(o, p) && (p.Chip == "" ||
			reflect.DeepEqual(old.Chips[p.Chip], cfg.Chips[p.Chip]) &&
				reflect.DeepEqual(old.Buses[cfg.Chips[p.Chip].Bus], cfg.Buses[cfg.Chips[p.Chip].Bus]))
	}
	type name struct{ kind, id string }
	before := map[name][]string{}
	for _, d := range was.Devices {
		before[name{d.Meta.Kind, d.Meta.ID}] = partsOf(was, d)
	}
	devices := map[name]bool{}
	for _, d := range is.Devices {
		n := name{d.Meta.Kind, d.Meta.ID}
		made, ok := before[n]
		devices[n] = ok && slices.Equal(made, partsOf(is, d)) && reflect.DeepEqual(meaning(old, d.Meta), meaning(cfg, d.Meta))
	}
	for again := true; again; { // what is made of something that begins anew does so, too; cameras and groups hear each other
		again = false
		for _, d := range is.Devices {
			n := name{d.Meta.Kind, d.Meta.ID}
			if devices[n] && slices.ContainsFunc(d.Parts, func(p field.Part) bool {
				if p.Point >= 0 {
					return !points[is.Points[p.Point].ID]
				}
				of := is.Devices[p.Device].Meta
				if told(d, p) {
					return false
				}
				return !devices[name{of.Kind, of.ID}]
			}) {
				devices[n], again = false, true
			}
		}
	}
	return field.Kept{
		Point:  func(id string) bool { return points[id] },
		Device: func(kind, id string) bool { return devices[name{kind, id}] },
	}
}

// told tells whether a device is only told of a part, and not made of it: a gate and its lane are of each other, and go on
// when the other begins anew.
func told(d field.DeviceConfig, p field.Part) bool {
	return p.Role == device.RoleFree || p.Role == device.RoleLane && d.Meta.Kind == config.KindGate
}

// partsOf names what a device is made of.
func partsOf(c field.Config, d field.DeviceConfig) []string {
	var names []string
	for _, p := range d.Parts {
		if told(d, p) {
			continue
		}
		of := ""
		if p.Point >= 0 {
			of = c.Points[p.Point].ID
		} else {
			of = c.Devices[p.Device].Meta.Kind + " " + c.Devices[p.Device].Meta.ID
		}
		names = append(names, p.Role.String()+string(rune('0'+p.Index))+" "+of)
	}
	return names
}

// meaning is what the configuration says about a device, but for its labels, and for what others do for who is on its lane:
// nobody who stands there is forgotten for that.
func meaning(cfg *config.Config, dev gateway.MetaDevice) (all []any) {
	switch dev.Kind {
	case config.KindElevator:
		all = append(all, cfg.ElevatorCodes)
	case config.KindGate:
		lane := cfg.Lanes[cfg.Gates[dev.ID].Lane]
		all = append(all, lane.Direction, lane.Authorise != "")
	case config.KindLane:
		lane := cfg.Lanes[dev.ID]
		lane.Label, lane.Labels, lane.FreeExit, lane.WhenAway = "", nil, false, ""
		return []any{lane}
	}
	v := reflect.ValueOf(cfg).Elem()
	for i := range v.NumField() {
		section := v.Field(i)
		if section.Kind() != reflect.Map || section.Type().Elem().Kind() != reflect.Struct {
			continue
		}
		entry := section.MapIndex(reflect.ValueOf(dev.ID))
		if !entry.IsValid() {
			continue
		}
		words := reflect.New(entry.Type()).Elem()
		words.Set(entry)
		for _, name := range []string{"Label", "Labels"} {
			if f := words.FieldByName(name); f.IsValid() {
				f.SetZero()
			}
		}
		all = append(all, words.Interface())
	}
	return all
}
