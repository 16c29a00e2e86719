package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/gateway"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/outbox"
)

func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "events",
		Example: "  lotusgate events tail\n  lotusgate events verify --dir /var/lib/lotusgate",
		Short:   "Look at the stored events: follow, export, verify; also beside a running gateway",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(tailCommand(), exportCommand(), verifyCommand())
	return cmd
}

// store is an outbox directory that is only read.
type store struct {
	config, dir string
	source      string // CloudEvents source
	stamp       func(boot string, at gateway.Mono) gateway.Stamp
}

func (s *store) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.config, "config", "c", defaultConfig, "configuration file that names the directory")
	cmd.Flags().StringVarP(&s.dir, "dir", "d", "", "directory of the outbox, instead of a configuration")
}

// open finds the directory and what is known about dates.
func (s *store) open(cmd *cobra.Command) error {
	if s.dir == "" {
		cfg, err := load(cmd, s.config)
		if err != nil {
			return err
		}
		s.dir, s.source = cfg.Storage.Path, cfg.Source()
	} else {
		dir, err := filepath.Abs(s.dir)
		if err != nil {
			return &failure{exitUsage, err}
		}
		s.source = "file://" + dir // who wrote it is not known
	}
	if _, err := os.ReadDir(s.dir); err != nil {
		return &failure{exitUsage, fmt.Errorf("%w: name the directory of the outbox with --dir, and read it as the user that runs the gateway, or as root", err)}
	}
	var err error
	if s.stamp, err = daemon.Dates(s.dir); err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "lotusgate: dates of events are not known:", err)
	}
	return nil
}

// cloudEvent is the record as it is published, with what the outbox knows about it.
func (s *store) cloudEvent(dst []byte, f outbox.Found, e gateway.Stored) []byte {
	dst = gateway.AppendCloudEvent(dst, s.source, eventID(f.ID), e, s.stamp(e.Boot, e.At))
	return fmt.Appendf(dst[:len(dst)-1], `,"queue":%q,"confirmed":%v}`, f.Queue, f.Confirmed)
}

func eventID(id outbox.ID) gateway.EventID {
	return gateway.EventID{Epoch: id.Epoch, Run: id.Run, Number: id.Number}
}

// filter chooses events.
type filter struct {
	types, ids []string
	from, to   string
	lower      sequence
	upper      sequence
}

// sequence orders the events of an epoch.
type sequence struct {
	run    uint32
	number uint64
}

func (a sequence) after(b sequence) bool {
	return a.run > b.run || a.run == b.run && a.number > b.number
}

// parseSequence reads "12-4711", and an event's sequence or id as they are printed.
func parseSequence(s string) (sequence, error) {
	parts := strings.Split(s, "-")
	if len(parts) == 3 {
		parts = parts[1:]
	}
	if len(parts) == 2 {
		run, err1 := strconv.ParseUint(parts[0], 10, 32)
		number, err2 := strconv.ParseUint(parts[1], 10, 64)
		if err1 == nil && err2 == nil {
			return sequence{uint32(run), number}, nil
		}
	}
	return sequence{}, &failure{exitUsage, fmt.Errorf("%q is no event: write run-number (12-4711), or an event's id", s)}
}

func (f *filter) flags(cmd *cobra.Command, bounds bool) {
	cmd.Flags().StringSliceVarP(&f.types, "type", "t", nil, "only these types, or kinds: gate.fault,lane")
	cmd.Flags().StringSliceVarP(&f.ids, "id", "i", nil, "only these devices, points or buses")
	if bounds {
		cmd.Flags().StringVar(&f.from, "from", "", "first event: run-number, or an event's id")
		cmd.Flags().StringVar(&f.to, "to", "", "last event")
	}
}

func (f *filter) parse() (err error) {
	f.upper = sequence{^uint32(0), ^uint64(0)}
	if f.from != "" {
		f.lower, err = parseSequence(f.from)
	}
	if f.to != "" && err == nil {
		f.upper, err = parseSequence(f.to)
	}
	return err
}

func (f *filter) accepts(id outbox.ID, e gateway.Stored) bool {
	at := sequence{id.Run, id.Number}
	if f.lower.after(at) || at.after(f.upper) {
		return false
	}
	match := func(words []string, ok func(string) bool) bool {
		for _, w := range words {
			if ok(w) {
				return true
			}
		}
		return len(words) == 0
	}
	return match(f.ids, func(w string) bool { return w == e.ID }) && match(f.types, func(w string) bool {
		w = strings.TrimPrefix(w, gateway.TypePrefix)
		return w == string(e.Type) || w == e.Type.Kind()
	})
}

func exportCommand() *cobra.Command {
	var s store
	var f filter
	cmd := &cobra.Command{
		Use:     "export",
		Example: "  lotusgate events export > events.jsonl",
		Short:   "Print stored events as JSON lines",
		Long: "Print stored events as JSON lines: the CloudEvents that are published, with queue and confirmed beside.\n\n" +
			"Confirmed events are there until their space is needed. The order is that of the files: alarms first, each queue\n" +
			"in its order; sort by sequence. Damaged places are told on standard error.\n\n" +
			"Exit code 0: all was read; 1: something was damaged; 2: nothing can be read.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(f.parse(), s.open(cmd)); err != nil {
				return err
			}
			return export(cmd.OutOrStdout(), cmd.ErrOrStderr(), &s, &f)
		},
	}
	s.flags(cmd)
	f.flags(cmd, true)
	return cmd
}

func export(stdout, stderr io.Writer, s *store, f *filter) error {
	out := bufio.NewWriterSize(stdout, 64<<10)
	damaged := false
	tell, read := progress(stderr, "export"), 0
	var line []byte
	_, err := outbox.Scan(s.dir, nil, func(found outbox.Found) error {
		read++
		tell("%d records read", read)
		e, err := gateway.ParseStored(found.Payload)
		if found.Err != nil {
			err = found.Err
		}
		if err != nil {
			damaged = true
			fmt.Fprintln(stderr, "lotusgate:", err)
			return nil
		}
		if !f.accepts(found.ID, e) {
			return nil
		}
		line = append(s.cloudEvent(line[:0], found, e), '\n')
		_, err = out.Write(line)
		return err
	})
	if err = errors.Join(err, out.Flush()); err != nil {
		return &failure{exitUsage, err}
	}
	if damaged {
		return &failure{code: exitFailed}
	}
	return nil
}

// human is one event for people: when, its name, how bad, what.
func human(id outbox.ID, e gateway.Stored, s gateway.Stamp) string {
	when := fmt.Sprintf("boot %s +%.3fs", e.Boot[:min(8, len(e.Boot))], e.At.Seconds())
	if !s.Time.IsZero() {
		when = s.Time.Local().Format(time.DateTime + ".000")
	}
	return fmt.Sprintf("%s  %s-%d-%d  %-8s %-24s %-16s %s", when, id.Epoch, id.Run, id.Number, e.Severity, e.Type, e.ID, e.Data)
}
