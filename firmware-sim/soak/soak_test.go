package soak

import (
	"encoding/xml"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway/audit"
)

func TestTheilSen(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name  string
		slope float64
		noise func() float64
	}{
		{"exact", 3, func() float64 { return 0 }},
		{"flat with noise", 0, chance.NormFloat64},
		{"growth with noise", 5, chance.NormFloat64},
		{"every fourth far off", 5, func() float64 { return []float64{0, 0, 0, 1000}[chance.IntN(4)] }},
	} {
		var x, y []float64
		for i := range 2000 { // more than are taken as they are
			x = append(x, float64(i)/100)
			y = append(y, 7+c.slope*x[i]+c.noise())
		}
		got := theilSen(x, y)
		if math.Abs(got.slope-c.slope) > 0.1 || got.low > c.slope+1e-9 || got.high < c.slope-1e-9 {
			t.Errorf("%s: %+v, the slope is %v", c.name, got, c.slope)
		}
	}
	if got := theilSen([]float64{1}, []float64{1}); got != (trend{}) {
		t.Errorf("of one point: %+v", got)
	}
}

// run is a report of an hour, in which a measure is what grow makes of the hours that have passed.
func run(m int, grow func(hours float64) float64) *report {
	r := &report{began: time.Unix(0, 0), took: time.Hour, every: 5 * time.Second, clients: &clients{}, verdict: audit.Report{Complete: true}}
	for at := time.Duration(0); at < r.took; at += r.every {
		s := moment{at: at, values: [measures]float64{40, 14, 80, 25, 4, 25}}
		s.values[m] += grow(at.Hours())
		r.samples = append(r.samples, s)
	}
	r.happened(&r.kills, "broker killed")
	return r
}

func TestVerdict(t *testing.T) {
	chance := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		name, want string
		of         *report
	}{
		{"nothing grows", "", run(memory, func(float64) float64 { return chance.NormFloat64() / 10 })},
		{"grows at first, then rests", "", run(memory, func(h float64) float64 { return 10 * min(h, 0.4) })},
		{"shrinks", "", run(goroutines, func(h float64) float64 { return -20 * h })},
		{"a leak", "resident memory grows", run(memory, func(h float64) float64 { return 4*h + chance.NormFloat64()/10 })},
		{"goroutines leak", "goroutines grows", run(goroutines, func(h float64) float64 { return math.Floor(60 * h) })},
		{"the log fills up", "", run(disk, func(h float64) float64 { return 50 * h })},
		{"the disk is full beyond what is allowed", "disk grows", run(disk, func(h float64) float64 { return 150 * h })},
		{"slower and slower", "edge to subscriber, median grows", run(delay, func(h float64) float64 { return 30 * h })},
	} {
		err := c.of.failed()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	noisy := run(delay, func(float64) float64 { return 200 * chance.Float64() })
	if word := noisy.word(); !strings.Contains(word, "run for longer") && noisy.judge(delay).slope > 1 {
		t.Errorf("a slope that may be chance: %q, %+v", word, noisy.judge(delay))
	}
	r := run(memory, func(float64) float64 { return 0 })
	if word := r.word(); word != "flat or explained" {
		t.Error(word)
	}
	r.verdict = audit.Report{Missing: 3}
	if err := r.failed(); err == nil || !strings.Contains(err.Error(), "3 events are missing") {
		t.Errorf("events are missing: %v", err)
	}
}

func TestReport(t *testing.T) {
	r := run(memory, func(h float64) float64 { return 4 * h })
	r.samples[7].values[delay] = -1 // no loop said anything
	dir := t.TempDir()
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Soak: resident memory grows: +4.00 MiB an hour", "| goroutines |", "0 missing", "soak.svg"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	samples, err := os.ReadFile(filepath.Join(dir, "samples.csv"))
	if err != nil || strings.Count(string(samples), "\n") != len(r.samples)+1 {
		t.Errorf("%d lines for %d samples, %v", strings.Count(string(samples), "\n"), len(r.samples), err)
	}
	f, err := os.Open(filepath.Join(dir, "soak.svg"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := 0
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "polyline" {
			lines++
		}
	}
	if lines != measures {
		t.Errorf("%d lines for %d measures", lines, measures)
	}
}

func TestDelays(t *testing.T) {
	s := &site{book: audit.New()}
	for _, line := range []string{
		root + `/event/loop/entry-a {"id":"abc-00000001-0000000001","uptime":"10.000000","late":false}`,
		root + `/event/loop/entry-a {"id":"abc-00000001-0000000002","uptime":"10.030000","late":false}`,
		root + `/event/loop/entry-a {"id":"abc-00000001-0000000003","uptime":"1.000000","late":true}`,
		root + `/event/contact/door {"id":"abc-00000001-0000000004","uptime":"1.000000","late":false}`,
	} {
		s.hear([]byte(line), 10*time.Second+40*time.Millisecond)
	}
	if got := s.takeDelay(); math.Abs(got-40) > 0.01 { // the other came 10 ms after its edge
		t.Errorf("%v ms", got)
	}
	if got := s.takeDelay(); got >= 0 {
		t.Errorf("nothing was said, and it took %v ms", got)
	}
}
