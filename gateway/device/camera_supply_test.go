package device

import (
	"testing"
	"time"

	"lotusgate/gateway"
)

// A camera that starts again draws nothing for 8 s. Two readings 5 s apart find it so, and the third, a moment later than
// its time, does not: no power loss is concluded in that moment.
func TestSupplyCameraThatStartsAgainHasPower(t *testing.T) {
	c := NewSupplyCamera(0)
	now := gateway.Mono(time.Minute)
	var said []gateway.Type
	step := func(in Input) gateway.Mono {
		next, fx, wake := c.Step(now, in)
		for _, ev := range fx.Events {
			said = append(said, ev.Type)
		}
		c = next
		return wake
	}
	read := func(at gateway.Mono, microamps int64) {
		for { // timers that are due before the reading
			wake := step(Input{Kind: Timer})
			if wake.IsZero() || wake >= at {
				break
			}
			now = wake
		}
		now = at
		step(Input{Kind: Measured, Role: RoleSupply, Signal: Signal{Quality: gateway.Good, Since: at}, Value: microamps})
	}
	for range 2 * supplyLearn {
		read(now.Add(5*time.Second), 180_000)
	}
	said = nil
	low := now.Add(5 * time.Second)
	read(low, 0)
	read(low.Add(5*time.Second), 0)
	read(low.Add(10*time.Second+4*time.Millisecond), 180_000)
	read(low.Add(15*time.Second), 180_000)
	if len(said) != 0 {
		t.Errorf("off for less than 10 s: %v", said)
	}
	low = now.Add(5 * time.Second)
	for n := range 3 {
		read(low.Add(time.Duration(n)*5*time.Second), 0)
	}
	if len(said) != 1 || said[0] != gateway.CameraPowerLost {
		t.Errorf("off for 10 s: %v", said)
	}
}
