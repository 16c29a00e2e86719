package main

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/firmware-sim/sim"
	"lotusgate/gateway/config"
)

// simCommand runs whole gateways with everything that goes wrong around them.
func simCommand() *cobra.Command {
	var seeds, days int
	var first uint64
	var quiet bool
	cmd := &cobra.Command{
		Use:   "sim [CONFIG…]",
		Short: "Whole gateways on virtual time, with failing disks, networks, brokers, power and clocks, judged by the truth",
		Long: "Whole gateways of the reference district, or of other configurations, on virtual time: field, core, outbox, uplink,\n" +
			"disk, network, broker and center; everything fails, again and again, and oracles that know the truth say what was\n" +
			"lost, late, wrong or too much. A seed and a day decide everything. Odd seeds kill the daemon and cut the power; of\n" +
			"every four seeds two confirm by the center's watermark. Exit code 1: a gateway did not keep what it promises.",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfgs, err := dayConfigs(args)
			if err != nil {
				return err
			}
			return runSim(cmd.OutOrStdout(), cfgs, first, seeds, days, quiet)
		},
	}
	cmd.Flags().IntVar(&seeds, "seeds", 4, "so many seeds")
	cmd.Flags().IntVar(&days, "days", 1, "so many days of each")
	cmd.Flags().Uint64Var(&first, "seed", 0, "the first seed")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "only days with a violation, and the sum")
	return cmd
}

// runSim prints a line for each day, in order, and the sum.
func runSim(out io.Writer, cfgs []*config.Config, first uint64, seeds, days int, quiet bool) error {
	var all []sim.Options
	for n := range seeds {
		for day := range days {
			for _, cfg := range cfgs {
				all = append(all, sim.Options{Config: cfg, Seed: first + uint64(n), Day: day})
			}
		}
	}
	began := time.Now()
	results, errs := make([]*sim.Result, len(all)), make([]error, len(all))
	done := make([]chan struct{}, len(all))
	for i := range done {
		done[i] = make(chan struct{})
	}
	var workers sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range next {
				results[i], errs[i] = sim.Run(all[i])
				close(done[i])
			}
		})
	}
	workers.Go(func() {
		defer close(next)
		for i := range all {
			next <- i
		}
	})
	var sum simSum
	for i := range all {
		<-done[i]
		if errs[i] != nil {
			return errs[i]
		}
		r := results[i]
		sum.add(r)
		if quiet && len(r.Violations) == 0 {
			continue
		}
		if err := r.Print(out); err != nil {
			return err
		}
	}
	workers.Wait()
	return sum.print(out, seeds, time.Since(began))
}

// simSum adds days up.
type simSum struct {
	days, issued, heard, passages, injected, violations int
	simulated                                           time.Duration
	troubles                                            map[string]int
}

func (s *simSum) add(r *sim.Result) {
	s.days++
	s.issued, s.heard, s.passages = s.issued+r.Issued, s.heard+r.Heard, s.passages+r.Passages
	s.injected, s.violations = s.injected+r.Injected, s.violations+len(r.Violations)
	s.simulated += r.Length
	if s.troubles == nil {
		s.troubles = map[string]int{}
	}
	for name, n := range r.Faults {
		s.troubles[name] += n
	}
}

func (s *simSum) print(out io.Writer, seeds int, took time.Duration) error {
	_, err := fmt.Fprintf(out, "\n%d days of a gateway, %d seeds: %d events issued, %d heard, %d passages\n", s.days, seeds, s.issued, s.heard, s.passages)
	for _, name := range slices.Sorted(maps.Keys(s.troubles)) {
		if err == nil {
			_, err = fmt.Fprintf(out, "  %-28s %6d\n", name, s.troubles[name])
		}
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "  %-28s %6d\n\nin %v: %.0f simulated seconds a second, %.1f seeds a minute\nviolations: %s\n",
			"in the field", s.injected, took.Round(time.Second), s.simulated.Seconds()/took.Seconds(),
			float64(seeds)/took.Minutes(), noneOr(s.violations))
	}
	if err == nil && s.violations > 0 {
		err = fmt.Errorf("%d violations; each line of a day names its seed: run it again with --seed, --seeds 1 and --days", s.violations)
	}
	return err
}

func noneOr(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}
