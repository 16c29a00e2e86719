package device

import (
	"testing"
	"time"
)

func TestGateSafety(t *testing.T) {
	g, _ := play(t, NewGate(GateConfig{Travel: time.Second, Safety: 1}), gateRoles, "0s O- C+ S-")
	if !g.safetyClear() {
		t.Error("a readable, clear safety input is not taken as clear")
	}
	for _, s := range []string{"1s S+", "1s S?"} {
		if blocked, _ := play(t, g, gateRoles, s); blocked.safetyClear() {
			t.Errorf("%s: taken as clear", s)
		}
	}
	if NewGate(GateConfig{}).safetyClear() {
		t.Error("no safety input at all is taken as clear")
	}
}
