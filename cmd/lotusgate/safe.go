package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"lotusgate/gateway/daemon"
)

func safeCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "safe",
		Short: "Make every movement relay inactive, after the daemon has ended (ExecStopPost)",
		Long: "Make every movement relay inactive. This is the only tool that writes outputs; it takes the daemon's lock and\n" +
			"does nothing while a daemon runs.\n\nExit code 0: all are inactive; 1: a daemon runs, or a relay could not be reached.",
		Example: "  lotusgate safe --config /etc/lotusgate/lotusgate.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, path)
			if err != nil {
				return err
			}
			log := logger(cmd.ErrOrStderr())
			hw, err := hardware(log)
			if err != nil {
				return &failure{exitFailed, err}
			}
			n, err := daemon.MakeSafe(cfg, hw)
			if err != nil {
				return &failure{exitFailed, err}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d relays are inactive\n", n)
			return err
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", defaultConfig, "configuration file")
	return cmd
}
