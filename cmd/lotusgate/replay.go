package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/control"
	"lotusgate/gateway/daemon"
	flight "lotusgate/gateway/record"
)

func recordingCommand() *cobra.Command {
	var at local
	var file string
	cmd := &cobra.Command{
		Use:   "recording",
		Short: "Write what the flight recorder holds into one file, for replay",
		Long: "Write what the flight recorder holds into one file: everything this gateway was told by its wires and by the\n" +
			"center, and everything it decided, days back. Of the configuration it holds what makes devices, and no secrets.\n\n" +
			"Without a running daemon the file holds what was written to disk.",
		Example: "  lotusgate recording --output gate.rec\n  lotusgate replay gate.rec",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := at.client()
			defer client.Close()
			body, err := client.Get(cmd.Context(), "/recording.rec")
			if errors.Is(err, control.ErrNotRunning) {
				var cfg *config.Config
				if cfg, err = load(cmd, at.config); err != nil {
					return err
				}
				var b strings.Builder
				err = daemon.CopyRecording(&b, cfg.Storage.Path)
				body = []byte(b.String())
			}
			if err == nil {
				err = os.WriteFile(file, body, 0o600)
			}
			if err != nil {
				return &failure{exitFailed, fmt.Errorf("write the recording: %w", err)}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s, %d bytes\n", file, len(body))
			return err
		},
	}
	at.flags(cmd)
	cmd.Flags().StringVarP(&file, "output", "o", "lotusgate.rec", "file to write")
	return cmd
}

// replay is one playback.
type replay struct {
	out      io.Writer
	speed    float64
	until    string
	device   string
	scenario string
	config   string // another one

	start     gateway.Mono // of the recording, on the clock of this boot of the board
	now       gateway.Mono
	date      time.Time
	limit     time.Duration // after start
	limited   bool
	stretches []stretch // for scenario and config
}

// stretch of a recording: its configuration, and what the machines were given.
type stretch struct {
	flight.Header
	start gateway.Mono // of the recording, on its clock
	steps []flight.Step
}

func replayCommand() *cobra.Command {
	var o replay
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Play a recording of the flight recorder again: what was decided, and whether it still would be",
		Long: "Play a recording again: the same machines are given what they were given then, and every decision is printed:\n" +
			"events, what relays were told, questions for fresh samples. Decided otherwise, by another version, it names the\n" +
			"first difference.\n\n" +
			"With --config what was recorded is given to two gateways that have just been started, one as it was configured and one\n" +
			"as that file says, and the first decision in which they differ is named. Wires are known by the ids of their points.\n\n" +
			"Exit code 0: bit by bit the same; 1: different; 2: the file is no recording, or cannot be played by this version.",
		Example: "  lotusgate replay gate.rec --device entry-gate\n" +
			"  lotusgate replay gate.rec --until 90s --speed 1\n" +
			"  lotusgate replay gate.rec --until 10m --scenario queue-at-noon.txtar\n" +
			"  lotusgate replay gate.rec --config changed.yaml",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return &failure{exitUsage, err}
			}
			defer f.Close()
			o.out = cmd.OutOrStdout()
			return o.run(cmd, f)
		},
	}
	f := cmd.Flags()
	f.Float64Var(&o.speed, "speed", 0, "recorded seconds in a second; 0 = as fast as it goes")
	f.StringVar(&o.until, "until", "", "stop there: 90s after the beginning, or a date, 2026-11-23T12:00:00Z")
	f.StringVar(&o.device, "device", "", "print what concerns this device only")
	f.StringVarP(&o.config, "config", "c", "", "another configuration: would it have decided the same?")
	f.StringVar(&o.scenario, "scenario", "", "write what was played as a scenario for the tests into this file")
	return cmd
}

func (o *replay) run(cmd *cobra.Command, f io.Reader) error {
	if o.until != "" {
		if d, err := time.ParseDuration(o.until); err == nil {
			o.limit, o.limited = d, true
		} else if o.date, err = time.Parse(time.RFC3339, o.until); err != nil {
			return &failure{exitUsage, fmt.Errorf("--until %s: write 90s, or a date: 2026-11-23T12:00:00Z", o.until)}
		}
	}
	var other *config.Config
	if o.config != "" {
		var err error
		if other, err = load(cmd, o.config); err != nil {
			return err
		}
	}
	p := flight.PlayOptions{Parts: daemon.Recorded, Speed: o.speed, Began: o.began, Decided: o.decided, Enough: o.enough}
	if o.scenario != "" || o.config != "" {
		p.Step = func(s flight.Step) {
			last := &o.stretches[len(o.stretches)-1]
			last.steps = append(last.steps, s)
		}
	}
	got, err := flight.Play(cmd.Context(), f, p)
	if err != nil {
		return &failure{exitUsage, err}
	}
	fmt.Fprintf(o.out, "%d decisions from %d inputs of %v, played in %v\n", got.Decisions, got.Inputs,
		got.Span.Round(time.Second), got.Took.Round(time.Millisecond))
	if got.Cut {
		fmt.Fprintln(o.out, "the recording is cut or damaged after that")
	}
	if o.scenario != "" {
		if err := o.write(); err != nil {
			return &failure{exitFailed, err}
		}
	}
	if got.Different != nil {
		return &failure{exitFailed, fmt.Errorf("decided otherwise %w", got.Different)}
	}
	fmt.Fprintln(o.out, "bit by bit as it was decided then")
	if other != nil {
		return o.compare(other)
	}
	return nil
}

// compare gives each stretch to another configuration as well.
func (o *replay) compare(other *config.Config) error {
	for _, s := range o.stretches {
		parts, err := daemon.Recorded(s.Config)
		if err != nil {
			return &failure{exitUsage, err}
		}
		c, err := flight.Compare(s.steps, parts, daemon.Machines(other))
		if err != nil {
			return &failure{exitFailed, err}
		}
		fmt.Fprintf(o.out, "%v with %s: %d inputs, %d of them from what is not in it, %d decisions the same\n",
			s.Now.Sub(s.start), o.config, c.Inputs, c.Foreign, c.Decisions)
		if d := c.Different; d != nil {
			return &failure{exitFailed, fmt.Errorf("decided otherwise with another configuration: as recorded %s; with %s %s",
				s.told(d.Recorded), o.config, s.told(d.Other))}
		}
	}
	return nil
}

// told is a decision with its time since the beginning.
func (s stretch) told(d *flight.Decision) string {
	if d == nil {
		return "nothing then" // it may decide later
	}
	return fmt.Sprint(d.Now.Sub(s.start), " ", d)
}

func (o *replay) began(h flight.Header) {
	if n := len(o.stretches); n == 0 {
		o.start = h.Now
	} else if h.Boot != o.stretches[n-1].Boot {
		o.start = h.Now.Add(o.start.Sub(o.now)) // the board started again: its clock begins anew
	}
	o.stretches, o.now = append(o.stretches, stretch{Header: h, start: o.start}), h.Now
	if !o.date.IsZero() && !h.Date.IsZero() {
		o.limit, o.limited = h.Now.Add(o.date.Sub(h.Date)).Sub(o.start), true
	}
	fmt.Fprintf(o.out, "%v recorded by %s from %s\n", h.Now.Sub(o.start), h.Version, when(h))
}

func when(h flight.Header) string {
	if h.Date.IsZero() {
		return fmt.Sprintf("%v after the board started", time.Duration(h.Now).Round(time.Second))
	}
	return h.Date.Format(time.RFC3339)
}

func (o *replay) enough(now gateway.Mono) bool {
	if o.limited && now.Sub(o.start) > o.limit {
		return true
	}
	o.now = now
	return false
}

func (o *replay) decided(d flight.Decision) {
	if o.device == "" || d.ID == o.device {
		fmt.Fprintln(o.out, d.Now.Sub(o.start), d)
	}
}

// write makes a scenario of what was played. A scenario has one configuration: it ends with the stretch, at a reload, a
// restart, or where the recorder began a new file.
func (o *replay) write() error {
	first := o.stretches[0]
	parts, err := daemon.Recorded(first.Config)
	if err != nil {
		return err
	}
	var script strings.Builder
	for _, s := range first.steps {
		line, err := json.Marshal(s)
		if err != nil {
			return err
		}
		script.Write(append(line, '\n'))
	}
	decided, err := flight.PlayScript(strings.NewReader(script.String()), parts)
	if err != nil {
		return err
	}
	var follows strings.Builder
	for _, d := range decided {
		fmt.Fprintln(&follows, d.Now.Sub(o.start), d)
	}
	text := fmt.Sprintf("From a recording. Say here what it shows.\n\n-- config --\n%s\n-- script --\n%s-- follows --\n%s", first.Config, &script, &follows)
	if err := os.WriteFile(o.scenario, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the scenario: %w", err)
	}
	_, err = fmt.Fprintf(o.out, "%s: %d inputs, %d decisions\n", o.scenario, len(first.steps), len(decided))
	return err
}
