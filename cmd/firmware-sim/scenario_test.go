package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const scenarios = "../../firmware-sim/scenario/testdata/"

func call(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var b strings.Builder
	code = execute(t.Context(), args, strings.NewReader(""), &b, &b)
	return code, b.String()
}

// The truth beside the report, the table, and the difference.
func TestScenarioCommand(t *testing.T) {
	configs := "--configs=../../deploy/examples"
	code, out := call(t, "scenario", "--lang=en", configs, scenarios+"passengers-trapped.txtar", scenarios+"wires-passage.txtar")
	for _, want := range []string{
		"what really happens", "car-1: people trapped", "elevator.entrapment_confirmed", "difference: none", "as the file says",
		"there is no other truth",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	text, err := os.ReadFile(scenarios + "passengers-trapped.txtar")
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.txtar")
	if err := os.WriteFile(wrong, []byte(strings.Replace(string(text), "entrapment_suspected", "alarm_button", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out = call(t, "scenario", configs, wrong); code != 1 || !strings.Contains(out, "did not come out as the file says") {
		t.Errorf("exit %d of a scenario that comes out otherwise:\n%s", code, out)
	}
	for _, bad := range []string{"none.txtar", "../../gateway/device/testdata/lane-passage.txtar"} {
		if code, _ := call(t, "scenario", configs, bad); code != 1 {
			t.Errorf("%s: exit %d", bad, code)
		}
	}
}

func TestDayCommand(t *testing.T) {
	code, out := call(t, "day", "--all", "../../deploy/examples/elevator-02.yaml")
	if code != 0 || !strings.Contains(out, "car-2 elevator.entrapment_confirmed") || !strings.Contains(out, "difference: none") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	if code, _ := call(t, "day", "none.yaml"); code != 1 {
		t.Errorf("exit %d without a configuration", code)
	}
	cfgs, err := dayConfigs(nil)
	if err != nil || len(cfgs) != 8 {
		t.Errorf("%d gateways, %v", len(cfgs), err)
	}
}
