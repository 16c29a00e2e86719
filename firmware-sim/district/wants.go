package district

import (
	"slices"
	"strings"

	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// wants is what a gateway has to say, once, of something that goes wrong in its field for long enough, where no truth of the
// plant says it: nobody can see at a camera that it was missed.
func (g *Gateway) wants(a rig.Action) []name {
	switch a := a.(type) {
	case rig.CameraAct:
		return g.wantsOfCamera(a)
	case rig.Detector:
		if a.NoPower || a.Broken {
			return g.wantsOfLoop(a.Name, "max_presence")
		}
	case rig.DetectorAct:
		return g.wantsOfLoop(a.Name, map[rig.DetectorLife]string{rig.Drifts: "max_presence", rig.Talks: "erratic"}[a.Life])
	case rig.Loosen:
		for _, w := range Site(g.Config).Wires {
			if w.From == a.Switch+".contact" {
				return []name{{g.pointAt(w.To), gateway.InputChattering, ""}}
			}
		}
	case rig.WireAct:
		word := map[rig.WireLife]string{rig.Cut: "open", rig.Grounded: "short"}[a.Life]
		for id, in := range g.Config.Inputs {
			if word != "" && terminal(g.Config.Points[in.Point]) == a.Line {
				return []name{{id, gateway.InputTamper, word}}
			}
		}
	case rig.Move:
		s := g.Config.Service
		told := map[string][2]gateway.Type{ // raised, and at rest
			s.Lockout: {gateway.LockoutOn, gateway.LockoutOff}, s.Button: {gateway.MaintenanceOpened, gateway.MaintenanceClosed},
			s.Cabinet: {gateway.CabinetOpened, gateway.CabinetClosed}, s.Mains: {gateway.PowerRestored, gateway.PowerLost},
		}
		if kinds, ok := told[a.Switch]; ok && a.Switch != "" {
			return []name{{gateway.GatewayID, kinds[bit(a.Rest)], ""}}
		}
	}
	return nil
}

func (g *Gateway) pointAt(line string) string {
	for _, id := range config.IDs(g.Config.Points) {
		if terminal(g.Config.Points[id]) == line {
			return id
		}
	}
	return ""
}

func (g *Gateway) wantsOfLoop(detector, cause string) []name {
	lane, part, _ := strings.Cut(detector, ".")
	loop := map[string]string{"a": g.Config.Lanes[lane].A, "b": g.Config.Lanes[lane].B}[part]
	if cause == "" || loop == "" {
		return nil
	}
	return []name{{loop, gateway.LoopFault, cause}}
}

func (g *Gateway) wantsOfCamera(a rig.CameraAct) []name {
	pulse := map[rig.CameraLife]gateway.Type{
		rig.Dies: gateway.CameraOffline, rig.Hangs: gateway.CameraOffline, rig.HangsClosed: gateway.CameraHeartbeatStuck,
	}
	supply := map[rig.CameraLife]gateway.Type{
		rig.Dies: gateway.CameraPowerLost, rig.Hangs: gateway.CameraHungOrDark, rig.Sickens: gateway.CameraOvercurrent, rig.Loops: gateway.CameraRebootLoop,
	}
	kind := pulse[a.Life]
	if g.Config.Cameras[a.Camera].Supply != "" {
		kind = supply[a.Life]
	}
	if kind == "" {
		return nil
	}
	return []name{{a.Camera, kind, ""}}
}

// expect notes what an action wants. Cameras of one group that all go at one moment are one outage.
func (g *Gateway) expect(a rig.Action) {
	wants := g.wants(a)
	if len(wants) == 0 {
		return
	}
	g.Faults = append(g.Faults, Injected{At: g.now(), What: a.String(), wants: wants})
	cam, isCamera := a.(rig.CameraAct)
	for id, group := range g.Config.CameraGroups {
		if !isCamera || !slices.Contains(group.Cameras, cam.Camera) {
			continue
		}
		together := func(f Injected) bool {
			return f.At == g.now() && slices.Contains(group.Cameras, f.wants[0].id)
		}
		n := 0
		for _, f := range g.Faults {
			if together(f) {
				n++
			}
		}
		if n == len(group.Cameras) {
			g.Faults = slices.DeleteFunc(g.Faults, together)
			g.Faults = append(g.Faults, Injected{At: g.now(), What: "all of " + id, wants: []name{{id, gateway.CameraGroupOutage, ""}}})
		}
	}
}
