package sim

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"lotusgate/gateway/config"
)

// Worlds are all gateways on all days of seeds, the seeds one after another.
func Worlds(cfgs []*config.Config, first uint64, seeds, days int) (all []Options) {
	for n := range seeds {
		for day := range days {
			for _, cfg := range cfgs {
				all = append(all, Options{Config: cfg, Seed: first + uint64(n), Day: day})
			}
		}
	}
	return all
}

// collectAt is how much garbage is collected at once, in per cent of what is in use: worlds are small and make much of it.
const collectAt = 400

// Campaign runs worlds beside each other, one on each processor, and tells what became of them in order. It ends with the
// first error, of a world or of tell.
func Campaign(all []Options, tell func(*Result) error) (*Sum, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
	type outcome struct {
		result *Result
		err    error
	}
	outcomes := make([]chan outcome, len(all))
	for i := range outcomes {
		outcomes[i] = make(chan outcome, 1)
	}
	next := make(chan int, len(all))
	for i := range all {
		next <- i
	}
	close(next)
	quit := make(chan struct{})
	var workers sync.WaitGroup
	defer workers.Wait()
	defer close(quit)
	began := time.Now()
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				select {
				case <-quit:
					return
				default:
				}
				r, err := Run(all[i])
				outcomes[i] <- outcome{r, err}
			}
		})
	}
	sum := &Sum{Faults: map[string]int{}, Unknown: map[string]int{}, seeds: map[uint64]bool{}}
	for i := range all {
		o := <-outcomes[i]
		if o.err != nil {
			return sum, o.err
		}
		sum.add(o.result)
		if err := tell(o.result); err != nil {
			return sum, err
		}
	}
	sum.Took = time.Since(began)
	return sum, nil
}

// Sum adds worlds up.
type Sum struct {
	Days, Issued, Heard, Passages, Injected, Violations int
	Told, Late, Found, States                           int
	Faults, Unknown                                     map[string]int
	Simulated, Took, Slowest                            time.Duration
	Waiting                                             int
	Storage                                             int64

	seeds map[uint64]bool
}

func (s *Sum) add(r *Result) {
	s.Days++
	s.Issued, s.Heard, s.Passages = s.Issued+r.Issued, s.Heard+r.Heard, s.Passages+r.Passages
	s.Injected, s.Violations = s.Injected+r.Injected, s.Violations+len(r.Violations)
	s.Simulated += r.Length
	s.seeds[r.Seed] = true
	s.Told, s.Late, s.Found, s.States = s.Told+r.Told, s.Late+r.Late, s.Found+r.Found, s.States+r.States
	s.Slowest, s.Waiting, s.Storage = max(s.Slowest, r.Slowest), max(s.Waiting, r.Waiting), max(s.Storage, r.Storage)
	for name, n := range r.Faults {
		s.Faults[name] += n
	}
	for why, n := range r.Unknown {
		s.Unknown[why] += n
	}
}

// Print writes it as a table. gateways is of how many each day consists.
func (s *Sum) Print(out io.Writer, gateways int) error {
	var b bytes.Buffer
	row := func(name string, n int) { fmt.Fprintf(&b, "  %-58s %8d\n", name, n) }
	fmt.Fprintf(&b, "\n%d seeds, %d days of %d gateways: %d passages, %d events issued, %d heard\n",
		len(s.seeds), s.Days/gateways, gateways, s.Passages, s.Issued, s.Heard)
	fmt.Fprintln(&b, "what happened in the field:")
	row("told once, in time and in order", s.Told)
	row("told by the start after it", s.Late)
	row("alarms that a start raised, begun while the daemon was dead", s.Found)
	for _, why := range slices.Sorted(maps.Keys(s.Unknown)) {
		row("not to be known: "+why, s.Unknown[why])
	}
	row("retained states held against the truth", s.States)
	names := slices.Sorted(maps.Keys(s.Faults))
	rows := func(people bool) {
		for _, name := range names {
			if strings.Contains(name, ": ") == people {
				row(name, s.Faults[name])
			}
		}
	}
	fmt.Fprintln(&b, "troubles injected:")
	rows(false)
	row("in the field", s.Injected)
	fmt.Fprintln(&b, "what people did, and relays:")
	rows(true)
	fmt.Fprintf(&b, "at most %d events under way, %d bytes stored, %v under way without trouble\n", s.Waiting, s.Storage, s.Slowest.Round(time.Millisecond))
	words := "none"
	if s.Violations > 0 {
		words = fmt.Sprint(s.Violations)
	}
	fmt.Fprintf(&b, "in %v: %.0f simulated seconds a second of the whole, %.1f seeds a minute\nviolations: %s\n",
		s.Took.Round(time.Second), s.Simulated.Seconds()/float64(gateways)/s.Took.Seconds(), float64(len(s.seeds))/s.Took.Minutes(), words)
	_, err := b.WriteTo(out)
	return err
}
