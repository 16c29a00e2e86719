package device

import (
	"time"

	"lotusgate/gateway"
)

// cameraValue is what is known of a camera by any method.
type cameraValue uint8

const (
	cameraUnknown cameraValue = iota
	cameraOnline
	cameraLate
	cameraOffline
	cameraStuck
	cameraPowerLost
	cameraHung
	cameraOvercurrent
	cameraRebootLoop
)

var cameraWords = [...]string{
	"", "online", "late", "offline", "stuck", "power_lost", "hung_or_dark", "overcurrent", "reboot_loop",
}

var cameraTypes = [...]gateway.Type{
	cameraOnline: gateway.CameraOnline, cameraLate: gateway.CameraLate, cameraOffline: gateway.CameraOffline,
	cameraStuck: gateway.CameraHeartbeatStuck, cameraPowerLost: gateway.CameraPowerLost,
	cameraHung: gateway.CameraHungOrDark, cameraOvercurrent: gateway.CameraOvercurrent,
	cameraRebootLoop: gateway.CameraRebootLoop,
}

func cameraState(v cameraValue, since gateway.Mono, detail any) gateway.DeviceState {
	if v == cameraUnknown {
		return gateway.DeviceState{Since: since}
	}
	return gateway.DeviceState{Value: cameraWords[v], Quality: gateway.Good, Since: since, Detail: detail}
}

func cameraSignal(v cameraValue, since gateway.Mono) Signal {
	if v == cameraUnknown {
		return Signal{Since: since}
	}
	return Signal{On: v == cameraOnline, Quality: gateway.Good, Since: since}
}

// cameraVoice says what became of a camera: once, not again after a lost wire, and not at all when its whole group is out.
// In a group bad news waits until it is clear that it is not everybody's.
type cameraVoice struct {
	hold  time.Duration
	proof time.Duration // what shows that a camera is up takes so long

	told    cameraValue // what the last event said
	out     bool        // the group is out: bad news waits for its end
	waits   cameraValue // bad news that was not told yet; cameraUnknown = none
	waitsAt gateway.Mono
	data    gateway.CameraData
	due     gateway.Mono // when it is told; zero = not by itself
}

// say what the camera is now.
func (v cameraVoice) say(is cameraValue, at gateway.Mono, data gateway.CameraData, fx *Effects) cameraVoice {
	if is == v.told { // nothing new: as before the wire was lost, or better before it was told
		return v.silence()
	}
	if is == cameraOnline || v.hold == 0 {
		fx.emit(cameraTypes[is], at, data)
		v.told = is
		return v.silence()
	}
	if v.waits == cameraUnknown && !v.out {
		v.due = at.Add(v.hold)
	}
	v.waits, v.waitsAt, v.data = is, at, data
	return v
}

// stands tells whether what was said last stands as the alarm of that name.
func (v cameraVoice) stands(alarm string) bool {
	return v.told > cameraOnline && alarm == cameraTypes[v.told].Name()
}

// silence drops what was not told yet.
func (v cameraVoice) silence() cameraVoice {
	v.waits, v.waitsAt, v.data, v.due = cameraUnknown, 0, gateway.CameraData{}, 0
	return v
}

// parent follows the group. When the group is back, a camera has as long to come back as bad news waits, and then to prove it.
func (v cameraVoice) parent(s Signal, now gateway.Mono) cameraVoice {
	v.out, v.due = s.Known() && s.On, 0
	if !v.out && v.waits != cameraUnknown {
		v.due = now.Add(v.hold + v.proof)
	}
	return v
}

// tick lets time pass up to now.
func (v cameraVoice) tick(now gateway.Mono, fx *Effects) cameraVoice {
	if v.due.IsZero() || now < v.due {
		return v
	}
	fx.emit(cameraTypes[v.waits], v.waitsAt, v.data)
	v.told = v.waits
	return v.silence()
}
