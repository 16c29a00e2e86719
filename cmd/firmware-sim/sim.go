package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"lotusgate/firmware-sim/sim"
	"lotusgate/gateway/config"
)

// simRun is what is asked for.
type simRun struct {
	first       uint64
	day         int
	seeds, days int
	small       sim.Options // of every world: what it is cut down to
	quiet       bool
	once        bool   // the first world that fails is the last one
	save        string // directory of recordings
}

// simCommand runs whole gateways with everything that goes wrong around them.
func simCommand() *cobra.Command {
	var run simRun
	var none bool
	var only []int
	hardware := "share"
	cmd := &cobra.Command{
		Use:   "sim [CONFIG…]",
		Short: "Whole gateways on virtual time, with failing disks, networks, brokers, power and clocks, judged by the truth",
		Long: "Whole gateways of the reference district, or of other configurations, on virtual time: field, core, outbox, uplink,\n" +
			"disk, network, broker and center; everything fails, again and again, and oracles that know the truth say what was\n" +
			"lost, late, wrong or too much. In one of seven days of a gateway it reads simulated chips through its own drivers, and\n" +
			"what is wired fails as well. A seed and a day decide everything. Odd seeds kill the daemon and cut the power; of\n" +
			"every four seeds two confirm by the center's watermark.\n\n" +
			"The first world that fails is cut down to the troubles and the time that it needs, printed with what happened in it\n" +
			"and with the command that lives it again, and its flight recording is written. Exit code 1: a gateway did not keep\n" +
			"what it promises.",
		RunE: func(cmd *cobra.Command, args []string) error {
			cfgs, err := dayConfigs(args)
			if err != nil {
				return err
			}
			if run.small.Only = only; none {
				run.small.Only = []int{}
			}
			how, ok := map[string]sim.Hardware{"share": sim.Shared, "all": sim.Everybody, "none": sim.Nobody}[hardware]
			if !ok {
				return fmt.Errorf("--hardware %s: write share, all or none", hardware)
			}
			run.small.Hardware = how
			return run.do(cmd.OutOrStdout(), cfgs, args)
		},
	}
	f := cmd.Flags()
	f.IntVar(&run.seeds, "seeds", 4, "so many seeds")
	f.IntVar(&run.days, "days", 1, "so many days of each")
	f.Uint64Var(&run.first, "seed", 0, "the first seed")
	f.IntVar(&run.day, "day", 0, "the first day of each")
	f.BoolVar(&run.quiet, "quiet", false, "only days with a violation, and the sum")
	f.BoolVar(&run.once, "first", false, "end with the first day that has a violation")
	f.IntSliceVar(&only, "only", nil, "of the troubles of a day only those with these numbers")
	f.BoolVar(&none, "calm", false, "none of the troubles")
	f.StringSliceVar(&run.small.Without, "without", nil, "people who do nothing: the first words of their names, as honest, hostile, technician, editor")
	f.DurationVar(&run.small.From, "from", 0, "nothing happens in the field before that time of the day")
	f.DurationVar(&run.small.To, "to", 0, "nor from then on")
	f.StringVar(&hardware, "hardware", hardware, "chips, buses, wires and drivers in a share of the days of each gateway, in all, or in none")
	f.StringVar(&run.save, "save", ".", "directory for the flight recording of a world that fails; \"\" = only say that it fails, and cut nothing down")
	cmd.MarkFlagsMutuallyExclusive("only", "calm")
	return cmd
}

// errFirst ends a campaign at its first violation.
var errFirst = errors.New("a violation was found")

// do prints a line for each day, in order, and the sum.
func (run simRun) do(out io.Writer, cfgs []*config.Config, paths []string) error {
	worlds := sim.Worlds(cfgs, run.first, run.seeds, run.days)
	for i := range worlds {
		w := &worlds[i]
		w.Day += run.day
		w.Only, w.From, w.To = run.small.Only, run.small.From, run.small.To
		w.Hardware, w.Without = run.small.Hardware, run.small.Without
	}
	explained := run.save == ""
	n := 0
	sum, err := sim.Campaign(worlds, func(r *sim.Result) error {
		o := worlds[n]
		n++
		if run.quiet && len(r.Violations) == 0 {
			return nil
		}
		err := r.Print(out)
		if err == nil && len(r.Violations) > 0 && !explained {
			explained = true
			err = run.explain(out, o, pathOf(cfgs, paths, o.Config))
		}
		if err == nil && len(r.Violations) > 0 && run.once {
			err = errFirst
		}
		return err
	})
	if err != nil && !errors.Is(err, errFirst) {
		return err
	}
	if err := sum.Print(out, len(cfgs)); err != nil {
		return err
	}
	if sum.Violations > 0 {
		return fmt.Errorf("%d violations; each line of a day names its seed: run it again with --seed, --day, --seeds 1 and --days 1", sum.Violations)
	}
	return nil
}

// pathOf is what a configuration is called on the command line.
func pathOf(cfgs []*config.Config, paths []string, cfg *config.Config) string {
	for i, c := range cfgs {
		if c == cfg && i < len(paths) {
			return paths[i]
		}
	}
	return filepath.Join("deploy/examples", cfg.Gateway.ID+".yaml")
}

// explain cuts a world that fails down, and records it.
func (run simRun) explain(out io.Writer, o sim.Options, path string) error {
	small, err := sim.Shrink(o)
	if err != nil || small == nil {
		return cmp.Or(err, fmt.Errorf("seed %d, day %d: the same world did not fail again", o.Seed, o.Day))
	}
	if err := small.Print(out, path); err != nil {
		return err
	}
	if err := os.MkdirAll(run.save, 0o755); err != nil {
		return err
	}
	file := filepath.Join(run.save, fmt.Sprintf("sim-%s-seed%d-day%d.rec", o.Config.Gateway.ID, o.Seed, o.Day))
	if err := sim.Record(small.Options, file); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "flight recording: lotusgate replay %s\n\n", file)
	return err
}
