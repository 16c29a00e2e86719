package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	i2cprobe "lotusgate/drivers/probe"
)

func probeI2CCommand() *cobra.Command {
	var o i2cprobe.Options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "i2c [/dev/i2c-1 ...]",
		Short: "List what answers on I²C buses and what it seems to be",
		Long: "List what answers on I²C buses, all of them unless some are named, and what it seems to be.\n\n" +
			"No relay moves and no pulse is lost by it, whether the gateway runs or not: an address is asked without a\n" +
			"data byte, and registers that are cleared by reading are not read. I/O expanders at 0x20 to 0x27 and 0x38\n" +
			"to 0x3f are not asked what they are, because a PCF8574 takes the question for output data; use\n" +
			"--ask-expanders when no PCF8574 with relays is on the bus.\n\n" +
			"Exit code 0: every bus could be asked; 1: one could not; 2: there is none.",
		Example: "  lotusgate probe i2c\n" +
			"  lotusgate probe i2c /dev/i2c-1 --json\n" +
			"  lotusgate probe i2c /dev/i2c-1 --ask-expanders",
		RunE: func(cmd *cobra.Command, paths []string) error {
			if len(paths) == 0 {
				paths = buses()
			}
			if len(paths) == 0 {
				return &failure{exitUsage, errors.New("there is no /dev/i2c-*: enable I²C in the boot configuration (dtparam=i2c_arm=on)")}
			}
			all := make([]probedBus, 0, len(paths))
			for _, path := range paths {
				done := waiting(cmd.ErrOrStderr(), "probe i2c "+path)
				all = append(all, probeBus(path, o))
				done()
			}
			if err := printBuses(cmd.OutOrStdout(), all, asJSON); err != nil {
				return err
			}
			if slices.ContainsFunc(all, func(b probedBus) bool { return b.Error != "" }) {
				return &failure{code: exitFailed}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&o.Ask, "ask-expanders", false, "identify I/O expanders too; only when no PCF8574 with relays is on the bus")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// buses that the kernel has, by number.
func buses() []string {
	found, _ := filepath.Glob("/dev/i2c-*") // the pattern is right
	slices.SortFunc(found, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return found
}

// probedBus is what a probe found on one bus.
type probedBus struct {
	Bus   string       `json:"bus"`
	Error string       `json:"error,omitempty"`
	Chips []probedChip `json:"chips"`
}

type probedChip struct {
	Address string `json:"address"`
	Kind    string `json:"kind,omitempty"` // as in the configuration
	May     string `json:"may,omitempty"`  // what there is at such an address
	Note    string `json:"note,omitempty"`
}

func probeBus(path string, o i2cprobe.Options) probedBus {
	out := probedBus{Bus: path, Chips: []probedChip{}}
	found, err := scanBus(path, o)
	if err != nil {
		out.Error = err.Error()
	}
	for _, f := range found {
		out.Chips = append(out.Chips, probedChip{fmt.Sprintf("0x%02x", f.Addr), f.Kind, f.May, f.Note})
	}
	return out
}

func scanBus(path string, o i2cprobe.Options) ([]i2cprobe.Finding, error) {
	bus, err := openBus(path)
	if err != nil {
		return nil, err
	}
	defer bus.Close() // nothing was written
	k, err := i2cprobe.Open(bus, path)
	if err != nil {
		return nil, err
	}
	found, err := i2cprobe.Scan(k, o)
	return found, errors.Join(err, k.Close())
}

func printBuses(w io.Writer, all []probedBus, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, b := range all {
		fmt.Fprintf(table, "%s\n", b.Bus)
		for _, c := range b.Chips {
			kind := c.Kind
			switch {
			case kind == "" && c.May != "":
				kind = "? (" + c.May + ")"
			case kind == "":
				kind = "?"
			}
			fmt.Fprintf(table, "  %s\t%s\t%s\n", c.Address, kind, c.Note)
		}
		switch {
		case b.Error != "":
			fmt.Fprintf(table, "  failed: %s\n", b.Error)
		case len(b.Chips) == 0:
			fmt.Fprintln(table, "  nothing answers: check supply, SDA and SCL")
		}
	}
	return table.Flush()
}
