package main

import (
	"fmt"
	"io"

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
	sum, err := sim.Campaign(sim.Worlds(cfgs, first, seeds, days), func(r *sim.Result) error {
		if quiet && len(r.Violations) == 0 {
			return nil
		}
		return r.Print(out)
	})
	if err != nil {
		return err
	}
	if err := sum.Print(out, len(cfgs)); err != nil {
		return err
	}
	if sum.Violations > 0 {
		return fmt.Errorf("%d violations; each line of a day names its seed: run it again with --seed, --seeds 1 and --days", sum.Violations)
	}
	return nil
}
