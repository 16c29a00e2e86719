package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCorrect(t *testing.T) {
	main := write(t, filepath.Join(t.TempDir(), "site.yaml"), `
gateway: {site: s, id: g}
storage: {path: /var/lib/lotusgate}
points:
  p: {line: GPIO17, label: first}
  q: {line: GPIO27, active: high}
loops: {l: {input: p}, m: {input: q}}
`, 0o644)
	cfg, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	name, err := Correct(main, "walk test: p is\n# inverted", Invert(cfg, "p"))
	if err != nil || name != main+".d/50-correction-0001.yaml" {
		t.Fatal(name, err)
	}
	after, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	if p := after.Points["p"]; p.Active != ActiveHigh || p.Bias != cfg.Points["p"].Bias || p.Line != "GPIO17" || p.Label != "first" {
		t.Errorf("inverted: %+v", p)
	}

	swap, err := Swap(after, "p", "q")
	if err != nil {
		t.Fatal(err)
	}
	if name, err = Correct(main, "swapped", swap); err != nil || filepath.Base(name) != "50-correction-0002.yaml" {
		t.Fatal(name, err)
	}
	if after, err = Load(main); err != nil {
		t.Fatal(err)
	}
	if p, q := after.Points["p"], after.Points["q"]; p.Line != "GPIO27" || q.Line != "GPIO17" || p.Active != ActiveHigh || p.Label != "first" {
		t.Errorf("swapped: %+v, %+v", p, q)
	}

	// What would not be in order, or would change nothing, is not written.
	var wrong Errors
	if _, err := Correct(main, "", []Correction{{Point: "p", Line: "GPIO17"}}); !errors.As(err, &wrong) || wrong[0].Code != "line_taken" {
		t.Errorf("a line that is taken: %v", err)
	}
	if _, err := Correct(main, "", []Correction{{Point: "nobody", Active: ActiveLow}}); !errors.As(err, &wrong) {
		t.Errorf("a point that does not exist: %v", err)
	}
	write(t, main+".d/90-mine.yaml", "points: {q: {active: high}}\n", 0o644)
	if _, err := Correct(main, "", Invert(after, "q")); err == nil || !strings.Contains(err.Error(), "says otherwise") {
		t.Errorf("another drop-in decides: %v", err)
	}
	left, err := os.ReadDir(main + ".d")
	if err != nil || len(left) != 3 {
		t.Errorf("files left behind: %v %v", left, err)
	}
}

func TestSwapAcrossModules(t *testing.T) {
	cfg := &Config{Points: map[string]Point{"p": {Line: "GPIO17"}, "q": {Chip: "x1", Pin: "GPA0"}}}
	if _, err := Swap(cfg, "p", "q"); err == nil || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("got %v", err)
	}
}
