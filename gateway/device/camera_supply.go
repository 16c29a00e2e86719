package device

import (
	"time"

	"lotusgate/gateway"
)

// SupplyCamera watches the supply current of a camera that has no heartbeat. Current shows that power is drawn as it
// usually is, not that there is a picture.
//
// The usual current is learned: what the camera draws by day, slowly up (infrared light at night adds 40 to 120 %) and
// quickly down. Against it, each for its time: less than 10 mA is no power, less than 40 % a hung or dark camera, more
// than 250 % a fault in it. Four steps of more than half of it within ten minutes are a camera that starts again and again.
type SupplyCamera struct {
	reading Signal
	current int64 // µA

	base    int64 // learned current, nA; 0 = not learned yet
	learned uint16

	value cameraValue
	since gateway.Mono
	tends cameraValue               // what the current says now, if it lasts
	from  gateway.Mono              // since when
	steps [supplySteps]gateway.Mono // the last big ones, oldest first
	voice cameraVoice
}

const (
	supplyNone  = 10_000 // µA
	supplyLearn = 24     // samples until the usual current is believed: two minutes of one every 5 s
	supplySteps = 4
	supplySpan  = 10 * time.Minute
	supplyUp    = 8192 // samples for the learned current to follow upwards: 11 hours of one every 5 s
	supplyDown  = 64
)

// supplyAfter is how long a current must say the same.
var supplyAfter = [...]time.Duration{
	cameraOnline: 10 * time.Second, cameraPowerLost: 10 * time.Second, cameraHung: 30 * time.Second,
	cameraOvercurrent: 5 * time.Second, cameraRebootLoop: 0,
}

// NewSupplyCamera returns a camera whose current has not been read yet. hold is as in CameraConfig.
func NewSupplyCamera(hold time.Duration) SupplyCamera {
	return SupplyCamera{voice: cameraVoice{hold: hold}}
}

// Step takes RoleSupply, the current in µA every few seconds, and RoleParent.
func (c SupplyCamera) Step(now gateway.Mono, in Input) (SupplyCamera, Effects, gateway.Mono) {
	var fx Effects
	t := in.at(now)
	switch {
	case in.Kind == Measured && in.Role == RoleSupply:
		c = c.read(in.Signal, in.Value, t).calm(now).settle(now, &fx)
	case in.Kind == SignalChanged && in.Role == RoleParent:
		c.voice = c.voice.parent(in.Signal, now)
	}
	c = c.calm(now)
	c.voice = c.voice.tick(now, &fx)
	return c, fx, after(now, gateway.Earliest(c.deadline(), c.voice.due))
}

// read follows one sample.
func (c SupplyCamera) read(s Signal, current int64, t gateway.Mono) SupplyCamera {
	was, last := c.reading, c.current
	c.reading, c.current = s, current
	if !s.Known() {
		c.value, c.tends, c.since, c.from = cameraUnknown, cameraUnknown, t, 0
		c.voice = c.voice.silence()
		return c
	}
	if c.voice.told == cameraRebootLoop && c.steps[0].IsZero() { // an earlier run has seen its starts; the wait for their end begins anew
		for i := range c.steps {
			c.steps[i] = t
		}
	}
	if step := current - last; was.Known() && c.learned == supplyLearn && max(step, -step)*2000 > c.base {
		copy(c.steps[:], c.steps[1:])
		c.steps[supplySteps-1] = t
	}
	if is := c.judge(t); is != c.tends {
		c.tends, c.from = is, t
	}
	if c.tends == cameraOnline {
		c = c.learn(current * 1000)
	}
	return c
}

// judge what the current says, if it lasts.
func (c SupplyCamera) judge(t gateway.Mono) cameraValue {
	nano := c.current * 1000
	known := c.learned == supplyLearn
	switch {
	case !c.steps[0].IsZero() && t.Sub(c.steps[0]) < supplySpan:
		return cameraRebootLoop
	case c.current < supplyNone:
		return cameraPowerLost
	case known && nano < c.base*2/5:
		return cameraHung
	case known && nano > c.base*5/2:
		return cameraOvercurrent
	}
	return cameraOnline
}

// learn the usual current from what a camera in order draws.
func (c SupplyCamera) learn(nano int64) SupplyCamera {
	switch {
	case c.learned < supplyLearn:
		c.learned++
		c.base += (nano - c.base) / int64(c.learned)
	case nano < c.base:
		c.base += (nano - c.base) / supplyDown
	default:
		c.base += (nano - c.base) / supplyUp
	}
	return c
}

// calm ends a reboot loop without further steps.
func (c SupplyCamera) calm(now gateway.Mono) SupplyCamera {
	if c.tends == cameraRebootLoop && now.Sub(c.steps[0]) >= supplySpan {
		c.tends, c.from = c.judge(now), c.steps[0].Add(supplySpan)
	}
	return c
}

// settle makes true what has lasted. Only a reading proves that it has: when the time is over the next one may be on its way,
// and say otherwise.
func (c SupplyCamera) settle(now gateway.Mono, fx *Effects) SupplyCamera {
	due := c.lasts()
	if due.IsZero() || now < due {
		return c
	}
	c.value, c.since = c.tends, c.from
	c.voice = c.voice.say(c.value, c.from, gateway.CameraData{
		Method: "supply", CurrentMA: c.current / 1000, UsualMA: c.base / 1_000_000,
	}, fx)
	return c
}

// lasts is when what the current says counts; zero when it does already.
func (c SupplyCamera) lasts() gateway.Mono {
	if c.tends == cameraUnknown || c.tends == c.value {
		return 0
	}
	return c.from.Add(supplyAfter[c.tends])
}

func (c SupplyCamera) deadline() gateway.Mono {
	if c.tends == cameraRebootLoop {
		return c.steps[0].Add(supplySpan)
	}
	return 0
}

// Signal tells the camera's group whether it has power.
func (c SupplyCamera) Signal() Signal { return cameraSignal(c.value, c.since) }

// SupplyDetail goes out with the state of a camera by supply current.
type SupplyDetail struct {
	UsualMA int64 `json:"usual_ma"` // learned; 0 = not yet
}

// State is online, power_lost, hung_or_dark, overcurrent or reboot_loop.
func (c SupplyCamera) State() gateway.DeviceState {
	d := SupplyDetail{}
	if c.learned == supplyLearn {
		d.UsualMA = c.base / 1_000_000
	}
	return cameraState(c.value, c.since, d)
}
