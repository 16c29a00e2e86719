package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"lotusgate/gateway/config"
)

func checkCommand() *cobra.Command {
	var path string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a configuration: every mistake with its place and what to write instead",
		Long: "Check a configuration without touching hardware, broker or storage.\n\n" +
			"Exit code 0: in order (warnings may be printed); 1: mistakes; 2: the file cannot be read.",
		Example: "  lotusgate check\n  LANG=zh_CN.UTF-8 lotusgate check site.yaml\n  lotusgate check --json site.yaml | jq '.errors[].message.zh'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				path = args[0]
			}
			if asJSON {
				return checkJSON(cmd, path)
			}
			cfg, err := load(cmd, path, lookAtStorage)
			if err != nil {
				return err
			}
			if len(cfg.Warnings) > 0 {
				fmt.Fprintln(cmd.OutOrStdout(), paint(cmd.OutOrStdout(), cfg.Warnings.In(language())))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok, %s, %s, %s\n",
				path, count(len(cfg.Points), "point"), count(len(cfg.Devices()), "device"), count(len(cfg.Warnings), "warning"))
			return nil
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", defaultConfig, "configuration file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// count is a number of things in words: 1 point, 2 points.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprint(n, " ", thing)
}

// checkJSON prints {"ok":…,"errors":[…],"warnings":[…]}.
func checkJSON(cmd *cobra.Command, path string) error {
	cfg, err := config.Load(path, lookAtStorage)
	var bad config.Errors
	if err != nil && !errors.As(err, &bad) {
		return &failure{exitUsage, err}
	}
	out := struct {
		OK       bool            `json:"ok"`
		Errors   config.Errors   `json:"errors"`
		Warnings config.Warnings `json:"warnings"`
	}{OK: err == nil, Errors: bad}
	if out.Errors == nil {
		out.Errors = config.Errors{}
	}
	out.Warnings = config.Warnings{}
	if cfg != nil && cfg.Warnings != nil {
		out.Warnings = cfg.Warnings
	}
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	if !out.OK {
		return &failure{code: exitFailed}
	}
	return nil
}

// language of the terminal, as the locale variables say.
func language() config.Language {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "zh") {
				return config.Chinese
			}
			return config.English
		}
	}
	return config.English
}
