package sim

import (
	"testing"

	"lotusgate/deploy/examples"
	"lotusgate/gateway/config"
)

func shipped(t testing.TB, id string) *config.Config {
	t.Helper()
	text, err := examples.Read(id)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse(id+".yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func day(t testing.TB, o Options) *Result {
	t.Helper()
	r, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A week of an elevator and of the cameras and a day of the car park, each with and without kills and power cuts, with the
// broker's word and the center's. Whatever the gateway owed it kept.
func TestSim(t *testing.T) {
	for _, c := range []struct {
		gateway     string
		seeds, days int
	}{{"elevator-01", 4, 7}, {"cctv-01", 4, 2}, {"park-01", 4, 1}} {
		cfg := shipped(t, c.gateway)
		for seed := range c.seeds {
			for d := range c.days {
				t.Run("", func(t *testing.T) {
					t.Parallel()
					r := day(t, Options{Config: cfg, Seed: uint64(seed), Day: d})
					if err := r.Print(t.Output()); err != nil {
						t.Error(err)
					}
					if len(r.Violations) > 0 {
						t.Fail()
					}
				})
			}
		}
	}
}

// One seed decides everything, whatever else the machine does.
func TestSameSeedSameWorld(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			o := Options{Config: shipped(t, "cctv-01"), Seed: seed}
			first := day(t, o)
			if again := day(t, o); again.Sum != first.Sum || again.Issued != first.Issued {
				t.Errorf("%d events, %x; again %d events, %x", first.Issued, first.Sum, again.Issued, again.Sum)
			}
			o.Day = 1
			if other := day(t, o); other.Sum == first.Sum {
				t.Error("another day is the same world")
			}
		})
	}
}

func BenchmarkDay(b *testing.B) {
	cfg := shipped(b, "park-01")
	var simulated float64
	for b.Loop() {
		simulated += day(b, Options{Config: cfg, Seed: 2}).Length.Seconds()
	}
	b.ReportMetric(simulated/b.Elapsed().Seconds(), "virtual_s/s")
}
