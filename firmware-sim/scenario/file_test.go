package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const good = "What it is about (entry lane.vehicle_waiting).\n-- site --\nminimal 2m\na => b\n-- inputs --\n1s entry car\n\n1.5s entry-a-in+\n" +
	"-- events --\n2s entry lane.vehicle_passed {}\n-- relays --\n-- state --\n"

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "car-passes.txtar")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFile(t *testing.T) {
	f, err := Read(write(t, good))
	if err != nil {
		t.Fatal(err)
	}
	config, end, more, err := f.Setup()
	if f.Name() != "car-passes" || config != "minimal" || end != 2*time.Minute || more != "a => b\n" || err != nil {
		t.Errorf("%s: %s, %v, %q, %v", f.Name(), config, end, more, err)
	}
	script, err := f.Script()
	if err != nil || len(script) != 2 || script[1] != (Input{1500 * time.Millisecond, "entry-a-in+"}) {
		t.Errorf("%v, %v", script, err)
	}
	if rows := Leave(f, []string{"entry lane.vehicle_waiting", "entry lane.u_turn"}, strings.Clone); len(rows) != 1 {
		t.Errorf("left %v", rows)
	}
	if f.Differs(Events, []string{"2s entry lane.vehicle_passed {}"}) != "" || f.Differs(Relays, nil) != "" || f.Differs(Events, nil) == "" {
		t.Error("differs, or does not")
	}
	f.Set(Events, []string{"3s", "4s"})
	if err := f.Write(); err != nil {
		t.Fatal(err)
	}
	if f, err = Read(f.Path); err != nil || f.Part(Events) != "3s\n4s\n" {
		t.Errorf("%v: %q", err, f.Part(Events))
	}
}

func TestBadFiles(t *testing.T) {
	for what, text := range map[string]string{
		"no comment":   good[strings.Index(good, "-- site"):],
		"no inputs":    strings.Replace(good, "-- inputs --", "-- outputs --", 1),
		"both setups":  good + "-- device --\nloop\n",
		"time goes":    strings.Replace(good, "1.5s", "0.5s", 1),
		"no time":      strings.Replace(good, "1.5s", "soon", 1),
		"no duration":  strings.Replace(good, "minimal 2m", "minimal", 1),
		"bad duration": strings.Replace(good, "minimal 2m", "minimal long", 1),
	} {
		f, err := Read(write(t, text))
		if err == nil {
			_, err = f.Script()
		}
		if err == nil {
			_, _, _, err = f.Setup()
		}
		if err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}
