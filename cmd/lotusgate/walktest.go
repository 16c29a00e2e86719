package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/gateway/control"
	"lotusgate/gateway/text"
)

// walkJSON is what /api/v1/walk tells of a walk.
type walkJSON struct {
	Boot    string `json:"kernelboot"`
	At      float64
	Passed  bool
	Results []walkResult
}

type walkResult struct {
	ID, Label, Terminal, Verdict, Instead string
	Edges, Bounces                        int
	BounceMS                              float64 `json:"bounce_ms"`
	PulseMS                               float64 `json:"pulse_ms"`
}

func (r walkResult) name() string {
	if r.Label != "" {
		return r.Label
	}
	return r.ID
}

func walktestCommand() *cobra.Command {
	var at local
	var devices []string
	var report string
	cmd := &cobra.Command{
		Use:   "walktest",
		Short: "Trigger every input in the field, one after the other, and see that the right one answers",
		Long: "Trigger every input in the field, one after the other: the terminal beeps and ticks each off with its pulse width and\n" +
			"bounce, and tells dead, inverted, swapped and chattering wires. Enter goes on without an input, 1 asks for it again, 0 ends.\n\n" +
			"The running daemon is asked over its local socket. Where none runs the inputs are read without it: its lock is taken,\n" +
			"and no output is touched.\n\nExit code 0: every input passed; 1: not every one.",
		Example: "  lotusgate walktest\n  lotusgate walktest --device entry --report walk.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, end, err := at.reader(cmd)
			if err != nil {
				return err
			}
			defer end()
			w := &walktest{client: client, l: words(), in: typed(cmd.InOrStdin()), out: cmd.OutOrStdout(), query: url.Values{"d": devices}}
			result, body, err := w.run(cmd.Context())
			if err != nil {
				return explain(err)
			}
			if report != "" {
				if err := os.WriteFile(report, body, 0o644); err != nil {
					return &failure{exitFailed, err}
				}
			}
			if !result.Passed {
				return &failure{code: exitFailed}
			}
			return nil
		},
	}
	at.flags(cmd)
	cmd.Flags().StringSliceVarP(&devices, "device", "d", nil, "only the inputs of these devices")
	cmd.Flags().StringVar(&report, "report", "", "write the commissioning report to this file, as JSON")
	return cmd
}

// typed are the lines of a stream, for as long as it has any.
func typed(in io.Reader) <-chan string {
	out := make(chan string)
	go func() { // ends with the stream, at the latest with the process
		defer close(out)
		for s := bufio.NewScanner(in); s.Scan(); {
			out <- strings.TrimSpace(s.Text())
		}
	}()
	return out
}

// walktest is one walk: its steps stand in the address that the daemon is asked at, as on the page.
type walktest struct {
	client *control.Client
	l      text.Lang
	in     <-chan string
	out    io.Writer
	query  url.Values
}

func (w *walktest) ask(ctx context.Context) (j walkJSON, body []byte, err error) {
	address := "/api/v1/walk?" + w.query.Encode()
	if body, err = w.client.Get(ctx, address); err != nil {
		return j, nil, err
	}
	return j, body, w.client.Read(ctx, address, &j)
}

// What a person types; nothing = skip. Digits, for every keyboard there is on a phone.
const (
	again  = "1"
	enough = "0"
)

// linger is how long an input that passed is watched on, so that its pulse has an end.
const linger = time.Second

func (w *walktest) run(ctx context.Context) (walkJSON, []byte, error) {
	j, _, err := w.ask(ctx)
	if err != nil {
		return j, nil, err
	}
	if devices := w.query["d"]; len(j.Results) == 0 && len(devices) > 0 {
		return j, nil, errors.New(w.l.T("walktest.none", strings.Join(devices, ", ")))
	}
	w.query.Set("boot", j.Boot[:min(len(j.Boot), 8)])
	fmt.Fprintln(w.out, w.l.T("walktest.keys"))
	for i := 0; i < len(j.Results); i++ {
		r := j.Results[i]
		fmt.Fprintln(w.out, w.l.T("walktest.trigger", i+1, len(j.Results), clean(r.name()), clean(r.Terminal)))
		key, err := w.step(ctx, r)
		switch {
		case err != nil:
			return j, nil, err
		case key == again:
			i--
		case key == enough:
			i = len(j.Results)
		}
	}
	j, body, err := w.ask(context.WithoutCancel(ctx)) // Ctrl-C shows what was found
	if err == nil {
		w.summary(j)
	}
	return j, body, err
}

// step asks for one input and waits until it passed, or for a key.
func (w *walktest) step(ctx context.Context, r walkResult) (key string, err error) {
	begun, _, err := w.ask(ctx)
	if err != nil {
		return "", err
	}
	w.query.Add("step", r.ID+"@"+strconv.FormatInt(int64(begun.At*1e6), 36))
	tick := time.NewTicker(look)
	defer tick.Stop()
	said := ""
	var passed time.Time
	for {
		j, _, err := w.ask(ctx)
		if ctx.Err() != nil {
			return enough, nil
		}
		if err != nil {
			return "", err
		}
		now := find(j, r.ID)
		done := now.Verdict == "ok"
		if now.Verdict != said && now.Verdict != "waiting" && !done {
			w.tell(now, find(j, now.Instead).name())
		}
		said = now.Verdict
		switch {
		case !done:
			passed = time.Time{}
		case passed.IsZero():
			passed = time.Now()
		case time.Since(passed) >= linger:
			w.tell(now, "")
			return "", nil
		}
		select {
		case <-ctx.Done():
			return enough, nil
		case key, ok := <-w.in:
			if !ok {
				w.in = nil // nobody presses keys: wait for the field alone
				continue
			}
			return key, nil
		case <-tick.C:
		}
	}
}

func find(j walkJSON, id string) walkResult {
	if i := slices.IndexFunc(j.Results, func(r walkResult) bool { return r.ID == id }); i >= 0 {
		return j.Results[i]
	}
	return walkResult{ID: id}
}

// tell what was found of an input, with a beep: one for passed, two for not.
func (w *walktest) tell(r walkResult, instead string) {
	beep := ""
	if isTerminal(w.out) {
		beep = map[bool]string{true: "\a", false: "\a\a"}[r.Verdict == "ok"]
	}
	fmt.Fprintf(w.out, "  %s%s  %s\n", beep, w.l.Of(text.Word("walk", r.Verdict)), w.figures(r))
	if r.Verdict != "ok" {
		fmt.Fprintf(w.out, "  %s %s\n", w.l.T(text.Key("walkfound."+r.Verdict), clean(instead)), w.l.T(text.Key("walkdo."+r.Verdict), clean(instead)))
	}
}

func (w *walktest) figures(r walkResult) string {
	var s []string
	if r.PulseMS > 0 {
		s = append(s, w.l.T("signals.width")+" "+w.l.T("span.ms", tenths(r.PulseMS)))
	}
	if r.Edges > 0 {
		s = append(s, fmt.Sprintf("%s %d", w.l.T("wire.edges"), r.Edges), fmt.Sprintf("%s %d", w.l.T("wire.bounces"), r.Bounces))
	}
	if r.BounceMS > 0 {
		s = append(s, w.l.T("signals.bounce")+" "+w.l.T("span.ms", tenths(r.BounceMS)))
	}
	return strings.Join(s, "  ")
}

// tenths of a millisecond are what there is to see.
func tenths(ms float64) string { return strings.TrimSuffix(strconv.FormatFloat(ms, 'f', 1, 64), ".0") }

func (w *walktest) summary(j walkJSON) {
	rows := [][]string{{w.l.T("wire.terminal"), w.l.T("wire.name"), w.l.T("wire.settled"), ""}}
	failed := 0
	for _, r := range j.Results {
		if r.Verdict != "ok" {
			failed++
		}
		rows = append(rows, []string{clean(r.Terminal), clean(r.name()), w.l.Of(text.Word("walk", r.Verdict)), w.figures(r)})
	}
	fmt.Fprintln(w.out)
	for _, line := range table(rows) {
		fmt.Fprintln(w.out, strings.TrimRight(line, " "))
	}
	if failed == 0 && len(j.Results) > 0 {
		fmt.Fprintln(w.out, w.l.T("walktest.passed", len(j.Results)))
		return
	}
	fmt.Fprintln(w.out, w.l.T("walktest.failed", len(j.Results), failed))
}
