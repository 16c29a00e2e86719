package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lotusgate/gateway"
	"lotusgate/gateway/audit"
)

func verifyCommand() *cobra.Command {
	var s store
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "verify [FILE...]",
		Example: "  lotusgate events verify",
		Short:   "Prove what became of each event: delivered, dropped by name, waiting, or missing",
		Long: "Prove what became of each event number.\n\n" +
			"FILE is what a subscriber has heard (- is standard input): the output of mosquitto_sub -v -t '<root>/#', or JSON\n" +
			"lines. Without --dir or --config only that is judged; without FILE only the outbox; with both, what the outbox\n" +
			"has as confirmed must have been heard, and what waits there is not missing.\n\n" +
			"Exit code 0: nothing is missing; 1: something is; 2: a source cannot be read, or says nothing.",
		RunE: func(cmd *cobra.Command, files []string) error {
			book := audit.New()
			tell := progress(cmd.ErrOrStderr(), "verify")
			if len(files) == 0 || cmd.Flags().Changed("dir") || cmd.Flags().Changed("config") {
				if err := s.open(cmd); err != nil {
					return err
				}
				if err := book.Outbox(s.dir, func(n uint64) { tell("%d records read", n) }); err != nil {
					return &failure{exitUsage, err}
				}
			}
			for _, name := range files {
				if err := hear(book, cmd.InOrStdin(), name, func(n int64) { tell("%s: %d MB read", name, n>>20) }); err != nil {
					return &failure{exitUsage, err}
				}
			}
			if book.Empty() {
				return &failure{exitUsage, errors.New("there is no event in what was read: name the right file or directory")}
			}
			report := book.Report(len(files) > 0)
			if err := show(cmd.OutOrStdout(), report, asJSON); err != nil {
				return err
			}
			if !report.Complete {
				return &failure{code: exitFailed}
			}
			return nil
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// hear reads one file of a subscriber.
func hear(book *audit.Book, stdin io.Reader, name string, progress func(int64)) error {
	if name == "-" {
		return book.Subscriber(stdin, progress)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return book.Subscriber(f, progress)
}

func show(w io.Writer, r audit.Report, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	for _, run := range r.Runs {
		if len(run.Missing) > 0 {
			fmt.Fprintf(w, "epoch %s run %d: of %d events %s are missing\n", run.Epoch, run.Run, run.Highest, list(run.Missing))
		}
		if len(run.Confirmed) > 0 {
			fmt.Fprintf(w, "  the broker had acknowledged %s, and the outbox still holds them\n", list(run.Confirmed))
		}
		for _, cause := range slices.Sorted(maps.Keys(run.Dropped)) {
			fmt.Fprintf(w, "epoch %s run %d: %d events dropped by name (%s)\n", run.Epoch, run.Run, run.Dropped[cause], cause)
		}
	}
	for _, d := range r.Damage {
		fmt.Fprintln(w, "damage:", d)
	}
	fmt.Fprintf(w, "%d events in %d runs:", r.Issued, len(r.Runs))
	for _, part := range []struct {
		n    uint64
		what string
	}{
		{r.Delivered, "delivered"},
		{r.Dropped, "dropped by name"},
		{r.Waiting, "waiting"},
		{r.Kept, "confirmed and kept"},
		{r.Past, "confirmed or named, no longer kept"},
		{r.Unsaved, "gone with the power before they were saved or sent"},
		{r.Missing, "missing"},
	} {
		if part.n > 0 || part.what == "missing" {
			fmt.Fprintf(w, " %d %s,", part.n, part.what)
		}
	}
	_, err := fmt.Fprintf(w, " %d arrived more than once\n", r.Duplicates)
	return err
}

// list writes ranges the short way; a long list is cut.
func list(ranges []gateway.NumberRange) string {
	var parts []string
	for i, r := range ranges {
		if i == 20 {
			parts = append(parts, fmt.Sprintf("and %d more ranges", len(ranges)-i))
			break
		}
		if r.From == r.To {
			parts = append(parts, fmt.Sprint(r.From))
		} else {
			parts = append(parts, fmt.Sprintf("%d to %d", r.From, r.To))
		}
	}
	return strings.Join(parts, ", ")
}
