package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/deploy/examples"
	"lotusgate/firmware-sim/district"
	"lotusgate/gateway/config"
)

const dayTime = 24 * time.Hour

// dayCommand runs a day of the reference district on virtual time.
func dayCommand() *cobra.Command {
	var seed uint64
	var all bool
	cmd := &cobra.Command{
		Use:   "day [CONFIG…]",
		Short: "A simulated day of the reference district, or of other configurations, in seconds: truth against report",
		Long: "A simulated day of the reference district, or of other configurations, in seconds: traffic, trips, and one of each\n" +
			"thing that can go wrong; every count beside the truth. Exit code 1: the gateways said more or less than happened.",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfgs, err := dayConfigs(args)
			if err != nil {
				return err
			}
			return runDay(newConsole(cmd.OutOrStdout(), "en", false), cfgs, seed, all)
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "what happens; the same seed gives the same day")
	cmd.Flags().BoolVar(&all, "all", false, "a row for each device, not only for each type of event")
	return cmd
}

// dayConfigs are those that are named, or the shipped ones of the district.
func dayConfigs(paths []string) (all []*config.Config, err error) {
	var errs []error
	for _, path := range paths {
		cfg, err := config.Load(path)
		all, errs = append(all, cfg), append(errs, err)
	}
	for _, id := range examples.District() {
		if len(paths) > 0 {
			break
		}
		text, err := examples.Read(id)
		if err != nil {
			return nil, err
		}
		cfg, err := config.Parse(filepath.Base(id)+".yaml", text)
		all, errs = append(all, cfg), append(errs, err)
	}
	return all, errors.Join(errs...)
}

// runDay runs the gateways side by side; each has its own virtual clock, and all days are the same one.
func runDay(say *console, cfgs []*config.Config, seed uint64, all bool) error {
	start := time.Now()
	rows, errs := make([][]district.Row, len(cfgs)), make([]error, len(cfgs))
	events, truths, faults := make([]int, len(cfgs)), make([]int, len(cfgs)), make([]int, len(cfgs))
	busy := make(chan struct{}, runtime.NumCPU())
	var wg sync.WaitGroup
	for n, cfg := range cfgs {
		wg.Go(func() {
			busy <- struct{}{}
			defer func() { <-busy }()
			g, err := district.OpenDay(cfg, seed)
			if err != nil {
				errs[n] = err
				return
			}
			if errs[n] = g.Run(dayTime); errs[n] == nil {
				rows[n] = g.Reckon()
				events[n], truths[n], faults[n] = len(g.Events), len(g.Truths), len(g.Faults)
			}
			errs[n] = errors.Join(errs[n], g.Close())
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var every []district.Row
	sum := func(list []int) (s int) {
		for _, n := range list {
			s += n
		}
		return s
	}
	for _, r := range rows {
		every = append(every, r...)
	}
	apart := district.Difference(every)
	shown := every
	if !all {
		shown = district.Sum(every)
	}
	fmt.Fprintf(say, "24 hours of %d gateways in %.1f s: %d things happened, %d went wrong on purpose, %d events\n\n",
		len(cfgs), time.Since(start).Seconds(), sum(truths), sum(faults), sum(events))
	if err := district.Print(say, shown); err != nil {
		return err
	}
	if len(apart) > 0 {
		return fmt.Errorf("truth and report differ in %d rows: %v", len(apart), apart)
	}
	return nil
}
