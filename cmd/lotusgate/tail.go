package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/gateway"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/outbox"
)

// tailEvery is how often the newest segments are read again.
const tailEvery = 300 * time.Millisecond

func tailCommand() *cobra.Command {
	var s store
	var f filter
	var asJSON, once bool
	var last int
	cmd := &cobra.Command{
		Use:     "tail",
		Example: "  lotusgate events tail --type bus.fault",
		Short:   "Print the newest events and follow",
		Long: "Print the newest stored events and follow until Ctrl-C. It reads the files of the outbox beside the running gateway\n" +
			"and needs neither broker nor network; an event appears once it is on disk.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(f.parse(), s.open(cmd)); err != nil {
				return err
			}
			t := tail{store: &s, filter: &f, json: asJSON, out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()}
			return t.follow(cmd.Context(), last, once)
		},
	}
	s.flags(cmd)
	f.flags(cmd, false)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print CloudEvents, one a line")
	cmd.Flags().BoolVar(&once, "once", false, "print what is there, do not follow")
	cmd.Flags().IntVarP(&last, "lines", "n", 10, "how many stored events to begin with")
	return cmd
}

// tail follows an outbox by its files.
type tail struct {
	*store
	*filter
	json     bool
	out, err io.Writer

	file  [2]string // the newest segment of each queue
	after [2]uint64 // positions that were seen
}

type tailed struct {
	found outbox.Found
	event gateway.Stored
}

func (t *tail) follow(ctx context.Context, last int, once bool) error {
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	for first := true; ; first = false {
		events, err := t.look()
		if err != nil {
			return &failure{exitUsage, err}
		}
		if first && len(events) > last {
			events = events[len(events)-last:]
		}
		for _, e := range events {
			if err := t.print(e); err != nil {
				return err
			}
		}
		if once {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look returns what is new, in the order in which it was issued.
func (t *tail) look() ([]tailed, error) {
	var events []tailed
	epochs := map[string]int{}
	_, err := outbox.ScanFrom(t.dir, nil, t.file, func(f outbox.Found) error {
		if f.Position <= t.after[f.Queue] {
			return nil
		}
		t.file[f.Queue], t.after[f.Queue] = f.File, f.Position+max(f.Positions, 1)-1
		e, err := gateway.ParseStored(f.Payload)
		if f.Err != nil {
			err = f.Err
		}
		if err != nil {
			fmt.Fprintln(t.err, "lotusgate:", err)
			return nil
		}
		if _, ok := epochs[f.ID.Epoch]; !ok {
			epochs[f.ID.Epoch] = len(epochs)
		}
		if t.accepts(f.ID, e) {
			events = append(events, tailed{f, e})
		}
		return nil
	})
	slices.SortStableFunc(events, func(a, b tailed) int {
		x, y := a.found.ID, b.found.ID
		return cmp.Or(cmp.Compare(epochs[x.Epoch], epochs[y.Epoch]), cmp.Compare(x.Run, y.Run), cmp.Compare(x.Number, y.Number))
	})
	return events, err
}

func (t *tail) print(e tailed) error {
	stamp := t.stamp(e.event.Boot, e.event.At)
	if stamp.Time.IsZero() { // the daemon may have learned the date since
		if fresh, err := daemon.Dates(t.dir); err == nil {
			t.stamp = fresh
			stamp = fresh(e.event.Boot, e.event.At)
		}
	}
	if t.json {
		_, err := fmt.Fprintf(t.out, "%s\n", t.cloudEvent(nil, e.found, e.event))
		return err
	}
	_, err := fmt.Fprintln(t.out, human(e.found.ID, e.event, stamp))
	return err
}
