package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/firmware-sim/soak"
)

// soakCommand runs the demo's gateway for hours and looks at what it needs.
func soakCommand() *cobra.Command {
	o := soak.Options{}
	var hours float64
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "The demo's gateway for hours, with a real mosquitto that dies: memory, files, disk and delay, drawn and judged",
		Long: "The demo's gateway for hours of real time: mosquitto is killed every minute and stopped every three, the link is cut\n" +
			"every 20 s, the gateway's system clock jumps, browsers come and go. Report, picture and samples are written into\n" +
			"--output. Exit code 1: something grows, or an event is missing.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if hours <= 0 {
				return fmt.Errorf("--hours %v: more than 0; 0.1 are six minutes", hours)
			}
			if o.Program, err = os.Executable(); err != nil {
				return err
			}
			o.For, o.Log = time.Duration(hours*float64(time.Hour)), cmd.OutOrStdout()
			return soak.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().Float64Var(&hours, "hours", 1, "so long; 0.1 are six minutes")
	cmd.Flags().DurationVar(&o.Every, "every", 5*time.Second, "between two samples")
	cmd.Flags().StringVar(&o.Dir, "output", ".build/soak", "directory of the report")
	return cmd
}
