package sim

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway/daemon"
	"lotusgate/gateway/record"
)

// A world that fails because of one trouble among many is cut down to that one; what is printed says what happened and how
// to live it again, and its recording is played back bit by bit.
func TestShrink(t *testing.T) {
	defer func(was []trouble) { all = was }(all)
	all = append(slices.Clone(all), trouble{ // not parallel: the table is everybody's
		name: "center eats an event", often: 8 * time.Hour,
		begin: func(w *world, _ *rand.Rand) {
			if w.now < 6*time.Hour {
				return
			}
			heard := w.center.heard
			w.center.heard = func(event) { w.center.heard = heard }
		},
	})
	o := Options{Config: shipped(t, "elevator-01"), Seed: 2, Length: 12 * time.Hour}
	small, err := Shrink(o)
	if err != nil || small == nil {
		t.Fatal(small, err)
	}
	if len(small.Troubles) != 1 || !strings.Contains(small.Troubles[0], "center eats an event") || small.Planned < 10 {
		t.Errorf("left of %d troubles: %v", small.Planned, small.Troubles)
	}
	if small.Options.From == 0 || small.Options.To == 0 {
		t.Errorf("the field lives from %v to %v", small.Options.From, small.Options.To)
	}
	var b bytes.Buffer
	if err := small.Print(&b, "elevator-01.yaml"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"never arrived", "decided   ", "wire      ", "--seed 2 --day 0 --seeds 1 --days 1 --only ", " --from ", " elevator-01.yaml\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	file := filepath.Join(t.TempDir(), "small.rec")
	if err := Record(small.Options, file); err != nil {
		t.Fatal(err)
	}
	playsAgain(t, file)
}

// A world that fails because of one of its people is left with that one.
func TestShrinkPeople(t *testing.T) {
	was := attacks[0].do
	defer func() { attacks[0].do = was }() // not parallel: the table is everybody's
	attacks[0].do = func(a *attacker, chance *rand.Rand) *attempt {
		a.w.violate("somebody hostile has been here")
		return was(a, chance)
	}
	small, err := Shrink(Options{Config: shipped(t, "elevator-01"), Seed: 2, Length: 6 * time.Hour, Hardware: Nobody})
	if err != nil || small == nil {
		t.Fatal(small, err)
	}
	if !slices.Equal(small.People, []string{"hostile"}) || len(small.Troubles) != 0 {
		t.Errorf("left: %v, %v", small.People, small.Troubles)
	}
	var b bytes.Buffer
	if err := small.Print(&b, "elevator-01.yaml"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"with hostile", " --without ", "honest", "technician", "editor"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	again, err := Run(small.Options)
	if err != nil || !slices.Contains(again.Violations, small.Violation) || !slices.Equal(again.People, small.People) {
		t.Errorf("again: %v, %v, %v", again, small.Violation, err)
	}
}

// Who is to be left out has to be somebody.
func TestWithoutNobody(t *testing.T) {
	if _, err := Run(Options{Config: shipped(t, "elevator-01"), Seed: 2, Without: []string{"hostil"}}); err == nil || !strings.Contains(err.Error(), "hostile") {
		t.Error(err)
	}
}

// playsAgain holds that a recording is decided bit by bit as it was.
func playsAgain(t *testing.T, file string) record.Result {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := record.Play(t.Context(), f, record.PlayOptions{Parts: daemon.Recorded})
	if err != nil || got.Different != nil || got.Cut || got.Decisions == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	return got
}

// What every run of a daemon was given and decided is in the recording, over kills, power cuts and reloads.
func TestRecord(t *testing.T) {
	t.Parallel()
	o := Options{Config: shipped(t, "elevator-01"), Seed: 1}
	file := filepath.Join(t.TempDir(), "day.rec")
	if err := Record(o, file); err != nil {
		t.Fatal(err)
	}
	got := playsAgain(t, file)
	if r := day(t, o); got.Stretches != r.Runs+r.Reloads {
		t.Errorf("%d runs, %d reloads; the recording: %+v", r.Runs, r.Reloads, got)
	}
}
