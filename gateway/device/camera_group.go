package device

import (
	"time"

	"lotusgate/gateway"
)

// CameraGroup is what cameras have in common: a supply, a switch. When at least half of those that were up go down within
// its window, that is one outage of the group, and its cameras keep their own bad news to themselves. A camera that could not be
// read for a while was what it was before.
type CameraGroup struct {
	window  time.Duration
	size    uint8
	cameras [MaxCameras]groupMember

	known bool
	out   bool
	since gateway.Mono
	lost  uint8 // cameras that went down with it
}

// MaxCameras of one group.
const MaxCameras = 64

type groupMember struct {
	known, up bool
	was       bool         // up, when it was known last
	fell      gateway.Mono // when it was no longer; zero = it never was
}

// NewCameraGroup returns a group of which nothing is known.
func NewCameraGroup(size uint8, window time.Duration) CameraGroup {
	return CameraGroup{size: min(size, MaxCameras), window: window}
}

// Step takes RoleChild: on = the camera is up.
func (g CameraGroup) Step(now gateway.Mono, in Input) (CameraGroup, Effects, gateway.Mono) {
	var fx Effects
	if in.Kind != SignalChanged || in.Role != RoleChild || in.Index >= g.size {
		return g, fx, 0
	}
	t := in.at(now)
	m := &g.cameras[in.Index]
	m.known, m.up = in.Signal.Known(), in.Signal.Known() && in.Signal.On
	falls := m.known && !m.up && m.was
	if falls {
		m.fell = t
	}
	if m.known {
		m.was = m.up
	}
	if !g.known {
		g.known, g.since = true, t
	}
	if up, down := g.count(); g.out {
		if 2*up >= up+down && up > 0 {
			g.out, g.since = false, t
			fx.emit(gateway.CameraOnline, t, gateway.CameraData{Method: "group", Of: uint64(g.size)})
		}
	} else if falls {
		g = g.fell(t, &fx)
	}
	return g, fx, 0
}

// count the cameras of which something is known.
func (g CameraGroup) count() (up, down uint8) {
	for _, c := range g.cameras[:g.size] {
		switch {
		case c.up:
			up++
		case c.known:
			down++
		}
	}
	return up, down
}

// fell asks whether a camera that has gone down was the last drop.
func (g CameraGroup) fell(t gateway.Mono, fx *Effects) CameraGroup {
	var lost uint8
	first := t
	for _, c := range g.cameras[:g.size] {
		if c.known && !c.up && !c.fell.IsZero() && t.Sub(c.fell) <= g.window {
			lost++
			first = min(first, c.fell)
		}
	}
	up, _ := g.count()
	if lost < 2 || lost < up {
		return g
	}
	g.out, g.since, g.lost = true, first, lost
	fx.emit(gateway.CameraGroupOutage, first, gateway.CameraData{Method: "group", Lost: uint64(lost), Of: uint64(g.size)})
	return g
}

// Signal tells the cameras whether the group is out.
func (g CameraGroup) Signal() Signal {
	if !g.known {
		return Signal{}
	}
	return Signal{On: g.out, Quality: gateway.Good, Since: g.since}
}

// GroupDetail goes out with the state of a camera group.
type GroupDetail struct {
	Up   uint8 `json:"up"`
	Down uint8 `json:"down"`
	Of   uint8 `json:"of"`
}

// State is online or outage, and not known while nothing is known of any camera.
func (g CameraGroup) State() gateway.DeviceState {
	up, down := g.count()
	if !g.known || !g.out && up+down == 0 {
		return gateway.DeviceState{}
	}
	s := gateway.DeviceState{Value: "online", Quality: gateway.Good, Since: g.since, Detail: GroupDetail{up, down, g.size}}
	if g.out {
		s.Value = "outage"
	}
	return s
}
