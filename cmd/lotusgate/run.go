package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
)

const defaultConfig = "/etc/lotusgate/lotusgate.yaml"

// load reads the configuration; what is wrong with it is printed whole, in the language of the terminal.
func load(cmd *cobra.Command, path string, looks ...func(*config.Config) []config.Remark) (*config.Config, error) {
	cfg, err := config.Load(path, looks...)
	var bad config.Errors
	switch {
	case err == nil:
		return cfg, nil
	case errors.As(err, &bad):
		fmt.Fprintln(cmd.ErrOrStderr(), paint(cmd.ErrOrStderr(), bad.In(language())))
		return nil, &failure{code: exitFailed}
	case errors.Is(err, fs.ErrNotExist):
		return nil, &failure{exitUsage, fmt.Errorf("%w: name the file with --config", err)}
	}
	return nil, &failure{exitUsage, err}
}

func runCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the gateway until it is told to stop (SIGTERM, Ctrl-C)",
		Long: "Run the gateway until it is told to stop (SIGTERM, Ctrl-C). The log goes to standard output, one JSON object a line.\n\n" +
			"SIGHUP reads the configuration again as soon as no barrier moves: points and devices that changed begin anew, the others\n" +
			"go on; what needs a restart is named in the log and in gateway.config_reloaded. A file with mistakes changes nothing.\n\n" +
			"Exit code 0: stopped in order; 1: mistakes in the configuration, or the gateway cannot start; 2: the file cannot be read.",
		Example: "  lotusgate run --config /etc/lotusgate/lotusgate.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, path)
			if err != nil {
				return err
			}
			log := logger(cmd.OutOrStdout())
			for _, w := range cfg.Warnings {
				log.Warn("configuration", "place", w.Place.String(), "warning", w.Message().EN)
			}
			hw, err := hardware(log)
			if err != nil {
				return &failure{exitFailed, err}
			}
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(50) // the heap is small: to collect it twice as often costs little and saves 1.5 MB
			}
			hup := make(chan os.Signal, 1)
			signal.Notify(hup, syscall.SIGHUP)
			defer signal.Stop(hup)
			err = daemon.Run(cmd.Context(), daemon.Options{
				Config: cfg, ConfigPath: path, Hardware: hw, Version: version, Built: built(), Log: log, Supervisor: newSupervisor(log),
				Load: func() (*config.Config, error) { return config.Load(path) }, Reload: hup,
			})
			if err != nil {
				return &failure{exitFailed, err}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", defaultConfig, "configuration file")
	return cmd
}
