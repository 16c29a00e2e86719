package device

import (
	"time"

	"lotusgate/gateway"
)

// Camera watches a heartbeat pulse. It proves that the camera's own program runs, not that there is a picture.
//
// With the period P: late after 1.5 P without a pulse, offline after 3 P, stuck when the contact has been closed for
// more than 2 P, online again after two pulses at most 1.5 P apart. Where its contact was not watched for a moment, one pulse
// may have come unseen: silence is counted anew from there, once.
type Camera struct {
	period time.Duration

	contact Signal
	value   cameraValue
	since   gateway.Mono
	from    gateway.Mono // the last pulse, or the moment watching began
	pulses  uint8        // good pulses in a row, up to 2
	excused bool         // nobody may have seen the pulse that is missed
	voice   cameraVoice
}

// CameraConfig is what a site says about a camera with a heartbeat.
type CameraConfig struct {
	Period time.Duration // must be positive
	Hold   time.Duration // bad news waits so long for that of the group; 0 = the camera has none
}

// NewCamera returns a camera that has not been heard yet.
func NewCamera(cfg CameraConfig) Camera {
	return Camera{period: cfg.Period, voice: cameraVoice{hold: cfg.Hold, proof: cfg.Period * 3 / 2}}
}

// Step takes RoleInput, the heartbeat contact, also that it was not watched, and RoleParent.
func (c Camera) Step(now gateway.Mono, in Input) (Camera, Effects, gateway.Mono) {
	var fx Effects
	t := in.at(now)
	switch {
	case in.Kind == SignalChanged && in.Role == RoleInput:
		c = c.expire(t, &fx)
		c = c.heard(in.Signal, t, &fx)
	case in.Kind == SignalChanged && in.Role == RoleParent:
		c = c.expire(now, &fx)
		c.voice = c.voice.parent(in.Signal, now)
	case in.Kind == Unwatched && in.Role == RoleInput:
		c = c.expire(now, &fx)
		c = c.excuse(now)
	}
	c = c.expire(now, &fx)
	c.voice = c.voice.tick(now, &fx)
	return c, fx, after(now, gateway.Earliest(c.deadline(), c.voice.due))
}

func (c Camera) heard(s Signal, t gateway.Mono, fx *Effects) Camera {
	was := c.contact
	c.contact = s
	switch {
	case !s.Known():
		c.value, c.since, c.from, c.pulses = cameraUnknown, t, 0, 0
		c.voice = c.voice.silence()
	case !was.Known():
		c.from, c.since = t, t // watching begins; a closed contact is no pulse, its edge was not seen
	case !s.On && c.value == cameraStuck:
		c.from = t // let go of: silence is counted anew
	case s.On && !was.On:
		if c.pulses > 0 && t.Sub(c.from) > c.period*3/2 {
			c.pulses = 0
		}
		c.from, c.excused = t, false
		c.pulses = min(c.pulses+1, 2)
		if c.pulses == 2 && c.value != cameraOnline || c.value == cameraLate {
			c = c.become(cameraOnline, t, 0, fx)
		}
	}
	return c
}

// excuse takes it that a pulse came which nobody could see. Of two that are missed one was not there.
func (c Camera) excuse(now gateway.Mono) Camera {
	if c.value == cameraOnline && !c.excused && !c.contact.On {
		c.from, c.excused = now, true
	}
	return c
}

// expire lets time pass up to t.
func (c Camera) expire(t gateway.Mono, fx *Effects) Camera {
	for {
		due := c.deadline()
		if due.IsZero() || t < due {
			return c
		}
		silent := due.Sub(c.from)
		switch {
		case c.stuckAt() == due:
			c = c.become(cameraStuck, due, silent, fx)
		case c.value == cameraOnline:
			c = c.become(cameraLate, due, silent, fx)
		default:
			c = c.become(cameraOffline, due, silent, fx)
		}
	}
}

// deadline is when silence means the next worse thing; zero when nothing worse can come.
func (c Camera) deadline() gateway.Mono {
	if !c.contact.Known() || c.from.IsZero() {
		return 0
	}
	stuck := c.stuckAt()
	switch c.value {
	case cameraOnline:
		return gateway.Earliest(stuck, c.from.Add(c.period*3/2))
	case cameraLate, cameraUnknown:
		return gateway.Earliest(stuck, c.from.Add(c.period*3))
	case cameraStuck:
		if !c.contact.On {
			return c.from.Add(c.period * 3)
		}
	}
	return stuck
}

func (c Camera) stuckAt() gateway.Mono {
	if !c.contact.On || c.value == cameraStuck {
		return 0
	}
	return c.contact.Since.Add(2 * c.period)
}

func (c Camera) become(v cameraValue, at gateway.Mono, silent time.Duration, fx *Effects) Camera {
	c.value, c.since = v, at
	if v != cameraOnline {
		c.pulses = 0
	}
	c.voice = c.voice.say(v, at, gateway.CameraData{Method: "pulse", SilentMS: silent.Milliseconds()}, fx)
	return c
}

// Signal tells the camera's group whether it is up; late is not.
func (c Camera) Signal() Signal { return cameraSignal(c.value, c.since) }

// State is online, late, offline or stuck.
func (c Camera) State() gateway.DeviceState { return cameraState(c.value, c.since, nil) }
