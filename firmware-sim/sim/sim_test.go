package sim

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"lotusgate/deploy/examples"
	"lotusgate/gateway/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

// TestBuilding lives a day with what no gateway of the reference district has: a meter, and contacts that wait long.
func TestBuilding(t *testing.T) {
	for seed := range uint64(2) {
		r := day(t, Options{Config: shipped(t, "building"), Seed: seed, Hardware: Nobody})
		for _, v := range r.Violations {
			t.Error(seed, v)
		}
	}
}

// everyGateway is every shipped gateway of the reference district.
func everyGateway(t testing.TB) (all []*config.Config) {
	t.Helper()
	for _, id := range examples.District() {
		all = append(all, shipped(t, id))
	}
	return all
}

// A week of the whole district: each day is of another seed, so that all of it comes with and without kills and power cuts,
// with the broker's word and the center's. Whatever a gateway owed it kept.
func TestWeek(t *testing.T) {
	gateways := everyGateway(t)
	var week []Options
	for day := range 7 {
		week = append(week, Worlds(gateways, uint64(day), 1, 1)...)
	}
	sum, err := Campaign(week, func(r *Result) error {
		if len(r.Violations) == 0 {
			return nil
		}
		t.Fail()
		return r.Print(t.Output())
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sum.Print(t.Output(), len(gateways)); err != nil {
		t.Error(err)
	}
	for _, kind := range all {
		if sum.Faults[kind.name] == 0 {
			t.Errorf("%s: it did not happen all week", kind.name)
		}
	}
}

// One seed decides everything, whatever else the machine does.
func TestSameSeedSameWorld(t *testing.T) {
	for _, o := range []Options{{Seed: 1, Hardware: Nobody}, {Seed: 2, Hardware: Nobody}, {Seed: 3, Hardware: Everybody, Length: 6 * time.Hour}} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			o.Config = shipped(t, "cctv-01")
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

// goal is how many seconds of the whole district a second of two processors shall simulate.
const goal = 10_000

// A day of the whole district as make sim lives it, without hardware, and with it every day; and of each kind of gateway.
func BenchmarkDay(b *testing.B) {
	kinds := []struct {
		name     string
		hardware Hardware
	}{{"shared", Shared}, {"told", Nobody}, {"reading", Everybody}}
	for _, kind := range kinds {
		b.Run("district/"+kind.name, func(b *testing.B) {
			gateways := everyGateway(b)
			var simulated float64
			for seed := uint64(0); b.Loop(); seed++ {
				worlds := Worlds(gateways, seed, 1, 1)
				for i := range worlds {
					worlds[i].Hardware = kind.hardware
				}
				sum, err := Campaign(worlds, func(*Result) error { return nil })
				if err != nil {
					b.Fatal(err)
				}
				simulated += sum.Simulated.Seconds() / float64(len(gateways))
			}
			b.ReportMetric(simulated/b.Elapsed().Seconds(), "virtual_s/s")
			b.ReportMetric(simulated/b.Elapsed().Seconds()/goal, "of_goal")
		})
	}
	for _, gateway := range []string{"park-01", "elevator-01", "cctv-01"} {
		for _, kind := range kinds[1:] {
			b.Run(gateway+"/"+kind.name, func(b *testing.B) {
				cfg := shipped(b, gateway)
				var simulated float64
				for b.Loop() {
					simulated += day(b, Options{Config: cfg, Seed: 2, Hardware: kind.hardware}).Length.Seconds()
				}
				b.ReportMetric(simulated/b.Elapsed().Seconds(), "virtual_s/s")
			})
		}
	}
}
