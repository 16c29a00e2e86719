package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/firmware-sim/district"
	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/firmware-sim/scenario"
	"lotusgate/gateway/text"
)

// scenarioCommand plays scenario files on virtual time.
func scenarioCommand() *cobra.Command {
	var shipped, lang string
	var update bool
	cmd := &cobra.Command{
		Use:   "scenario FILE…",
		Short: "Play scenario files: what really happened beside what the gateway reported, and the difference",
		Long: "Play scenario files on virtual time: what really happened beside what the gateway reported, and the difference.\n\n" +
			"Exit code 1: something did not come out as its file says, or the gateway reported what did not happen.",
		Example: "  firmware-sim scenario firmware-sim/scenario/testdata/passengers-trapped.txtar",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			say := newConsole(cmd.OutOrStdout(), lang, false)
			for _, path := range args {
				if err := playFile(say, path, shipped, update); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&shipped, "configs", "deploy/examples", "directory of the configurations that scenarios name")
	f.StringVar(&lang, "lang", "", "language of what is printed: en or zh (default: as the locale says)")
	f.BoolVar(&update, "update", false, "write into the file what came out")
	return cmd
}

func playFile(say *console, path, shipped string, update bool) error {
	f, err := scenario.Read(path)
	if err != nil {
		return err
	}
	if f.Part(scenario.Site) == "" {
		return fmt.Errorf("%s is about one machine: the tests of gateway/device play it", path)
	}
	fmt.Fprintf(say, "%s: %s\n\n%s\n", f.Name(), f.Comment(), columns("what really happens", "what the gateway reports"))
	out, err := district.Play(f, shipped, say.both)
	if err != nil {
		return err
	}
	fmt.Fprintln(say)
	apart := 0
	if out.Rows == nil {
		fmt.Fprintln(say, "wires were moved by hand: there is no other truth than they")
	} else {
		rows := scenario.Leave(f, out.Rows, district.Row.String)
		if err := district.Print(say, rows); err != nil {
			return err
		}
		apart = len(district.Difference(rows))
	}
	var wrong []string
	for _, part := range []string{scenario.Events, scenario.Relays, scenario.State} {
		if update {
			f.Set(part, out.Lines[part])
		} else if diff := f.Differs(part, out.Lines[part]); diff != "" {
			wrong = append(wrong, diff)
		}
	}
	switch {
	case update:
		return f.Write()
	case len(wrong) > 0:
		return fmt.Errorf("%s did not come out as the file says: %s", f.Name(), strings.Join(wrong, "\n"))
	case apart > 0:
		return fmt.Errorf("%s: truth and report differ in %d rows", f.Name(), apart)
	}
	fmt.Fprint(say, "as the file says\n\n")
	return nil
}

const column = 62

func columns(left, right string) string {
	return fmt.Sprintf("%11s  %-*s %s", "", column, left, right)
}

// both prints what the field does on the left and what the gateway says on the right, on the clock of the simulation.
func (c *console) both(at time.Duration, what fmt.Stringer) {
	left, right := what.String(), ""
	switch w := what.(type) {
	case district.Issued:
		left, right = "", fmt.Sprintf("%-12s %-26s %s", w.Event.ID, w.Event.Type, c.lang.Of(text.Event(w.Event)))
	case plant.Truth:
		if w.Kind.Limit() {
			return
		}
	case rig.Change:
		left, right = "", what.String()
	}
	fmt.Fprintf(c, "%10.3fs  %-*s %s\n", at.Seconds(), column, left, strings.TrimRight(right, " "))
}
