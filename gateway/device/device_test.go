package device

import (
	"testing"
	"time"

	"lotusgate/gateway"
)

var inputRole = map[string]Input{"I": {Role: RoleInput}}

func TestLoop(t *testing.T) {
	l, got := play(t, NewLoop(), inputRole, `0s I-
		1s I+
		3s I-
		4s I?
		5s I+
		6s I-`)
	expect(t, got, `
		1s loop.occupied {}
		3s loop.cleared {"occupied_ms":2000}
		6s loop.cleared {"occupied_ms":1000}`)
	if s := l.State(); s.Value != "clear" || s.Quality != gateway.Good {
		t.Errorf("state %+v", s)
	}
}

var gateRoles = map[string]Input{"O": {Role: RoleOpenLimit}, "C": {Role: RoleClosedLimit}, "S": {Role: RoleSafety}}

func TestGate(t *testing.T) {
	cfg := GateConfig{Travel: 5 * time.Second, Safety: 1}
	for _, c := range []struct{ name, script, want, value string }{
		{"opens and closes", `0s O- C+ S-
			1s C-
			4s O+
			9s O-
			12s C+`, `
			1s gate.opening {"cause":"unknown"}
			4s gate.opened {"cause":"unknown","travel_ms":3000}
			9s gate.closing {"cause":"unknown"}
			12s gate.closed {"cause":"unknown","travel_ms":3000}`, "closed"},
		{"reopens inside a close", `0s O+ C-
			1s O-
			2s O+`, `
			1s gate.closing {"cause":"unknown"}
			2s gate.obstructed {"cause":"unknown","travel_ms":1000}
			2s gate.opened {"cause":"unknown","travel_ms":1000}`, "open"},
		{"travel time-out and its end", `0s O- C+
			1s C-
			30s
			40s O+`, `
			1s gate.opening {"cause":"unknown"}
			11s gate.fault {"cause":"travel_timeout"}
			40s gate.fault_cleared {"cause":"travel_timeout"}
			40s gate.opened {"cause":"unknown","travel_ms":39000}`, "open"},
		{"stays on the way", `0s O- C+
			1s C-
			30s`, `
			1s gate.opening {"cause":"unknown"}
			11s gate.fault {"cause":"travel_timeout"}`, "stopped"},
		{"limits contradict", `0s O- C+
			1s O+
			2s O-`, `
			1s gate.fault {"cause":"limit_conflict"}
			2s gate.fault_cleared {"cause":"limit_conflict"}`, "closed"},
		{"not known until a limit was read", `0s O- C-
			60s`, ``, ""},
		{"a lost limit hides the position", `0s O- C+
			1s C?
			2s C-
			3s O+`, ``, "open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, got := play(t, NewGate(cfg), gateRoles, c.script)
			expect(t, got, c.want)
			if s := g.State(); s.Value != c.value || (s.Quality == gateway.Good) != (c.value != "") {
				t.Errorf("state %+v, want %q", s, c.value)
			}
		})
	}
}

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

func TestElevator(t *testing.T) {
	e, got := play(t, NewElevator(time.Second, 2*time.Second), inputRole, `0s I-
		10s I+
		10.5s I-
		20s I+
		30s I-
		31s I+
		32s I-
		60s I?`)
	expect(t, got, `
		20s elevator.fault_raised {"fault":"general"}
		32s elevator.fault_cleared {"fault":"general"}`)
	if s := e.State(); s.Value != "normal" || s.Quality != gateway.Stale {
		t.Errorf("state with a lost contact: %+v", s)
	}
	// A fault that stood there at start is raised: nobody may have heard of it.
	_, got = play(t, NewElevator(time.Second, time.Second), inputRole, "0s I+\n5s")
	expect(t, got, `0s elevator.fault_raised {"fault":"general"}`)
}

func TestCamera(t *testing.T) {
	for _, c := range []struct{ name, script, want, value string }{
		{"comes online with the second pulse", `0s I-
			10s I+
			10.2s I-
			70s I+
			70.2s I-`, `1m10s camera.online {"method":"pulse"}`, "online"},
		{"late, then back", `0s I-
			10s I+
			10.2s I-
			70s I+
			70.2s I-
			170s I+
			170.2s I-`, `
			1m10s camera.online {"method":"pulse"}
			2m40s camera.late {"method":"pulse","silent_ms":90000}
			2m50s camera.online {"method":"pulse"}`, "online"},
		{"offline, back after two", `0s I-
			10s I+
			10.2s I-
			70s I+
			70.2s I-
			1000s I+
			1000.2s I-
			1060s I+
			1060.2s I-`, `
			1m10s camera.online {"method":"pulse"}
			2m40s camera.late {"method":"pulse","silent_ms":90000}
			4m10s camera.offline {"method":"pulse","silent_ms":180000}
			17m40s camera.online {"method":"pulse"}`, "online"},
		{"never heard", `0s I-
			1000s`, `3m0s camera.offline {"method":"pulse","silent_ms":180000}`, "offline"},
		{"stuck", `0s I-
			10s I+
			10.2s I-
			70s I+
			1000s`, `
			1m10s camera.online {"method":"pulse"}
			2m40s camera.late {"method":"pulse","silent_ms":90000}
			3m10s camera.heartbeat_stuck {"method":"pulse","silent_ms":120000}`, "stuck"},
		{"stuck, then dead", `0s I-
			10s I+
			10.2s I-
			70s I+
			1000s I-
			2000s`, `
			1m10s camera.online {"method":"pulse"}
			2m40s camera.late {"method":"pulse","silent_ms":90000}
			3m10s camera.heartbeat_stuck {"method":"pulse","silent_ms":120000}
			19m40s camera.offline {"method":"pulse","silent_ms":180000}`, "offline"},
		{"wire lost", `0s I-
			10s I+
			10.2s I-
			70s I+
			71s I?
			1000s`, `1m10s camera.online {"method":"pulse"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, got := play(t, NewCamera(time.Minute), inputRole, c.script)
			expect(t, got, c.want)
			if s := m.State(); s.Value != c.value {
				t.Errorf("state %+v, want %q", s, c.value)
			}
		})
	}
}
