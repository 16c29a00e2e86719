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

// A day of each kind of gateway, as it is told what wires do, and as it reads them through its drivers.
func BenchmarkDay(b *testing.B) {
	for _, gateway := range []string{"park-01", "elevator-01", "cctv-01"} {
		for name, hardware := range map[string]Hardware{"told": Nobody, "reading": Everybody} {
			b.Run(gateway+"/"+name, func(b *testing.B) {
				cfg := shipped(b, gateway)
				var simulated float64
				for b.Loop() {
					simulated += day(b, Options{Config: cfg, Seed: 2, Hardware: hardware}).Length.Seconds()
				}
				b.ReportMetric(simulated/b.Elapsed().Seconds(), "virtual_s/s")
			})
		}
	}
}
