package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/gateway/config"
	"lotusgate/gateway/control"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/text"
)

// local is how a command reaches the running daemon.
type local struct{ config, socket string }

func (l *local) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&l.config, "config", "c", defaultConfig, "configuration file")
	cmd.Flags().StringVar(&l.socket, "socket", "", "local socket of the daemon (default: as the configuration says)")
}

// client finds the socket. The configuration need not be in order for that, or even be readable.
func (l *local) client() *control.Client {
	path := l.socket
	if path == "" {
		path = "/run/lotusgate/control.sock"
		if cfg, err := config.Load(l.config); err == nil {
			path = cfg.Control.Socket
		}
	}
	return control.Dial(path)
}

// reader is client, or, where no daemon runs, one that reads the inputs itself for as long as the command runs: it takes
// the daemon's lock and never touches an output. end gives everything back.
func (l *local) reader(cmd *cobra.Command) (client *control.Client, end func(), err error) {
	client = l.client()
	if _, err := client.Get(cmd.Context(), "/healthz"); !errors.Is(err, control.ErrNotRunning) || l.socket != "" {
		return client, client.Close, nil // what is wrong with it shows at the first question
	}
	cfg, err := load(cmd, l.config)
	if err != nil {
		return nil, nil, err
	}
	log := logger(cmd.ErrOrStderr())
	hw, err := hardware(log)
	if err != nil {
		return nil, nil, &failure{exitFailed, err}
	}
	dir, err := os.MkdirTemp("", "lotusgate-")
	if err != nil {
		return nil, nil, &failure{exitFailed, err}
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	socket := filepath.Join(dir, "socket")
	go func() {
		ended <- daemon.Observe(ctx, daemon.Options{Config: cfg, Hardware: hw, Version: version, Built: built(), Log: log}, socket, func() { close(ready) })
	}()
	end = func() {
		cancel()
		<-ended
		_ = os.RemoveAll(dir)
	}
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		end()
		return nil, nil, &failure{exitFailed, err}
	}
	fmt.Fprintln(cmd.ErrOrStderr(), words().T("local.alone"))
	client = control.Dial(socket)
	awaitInputs(ctx, client)
	stop := end
	return client, func() { client.Close(); stop() }, nil
}

// awaitInputs gives the inputs a moment to be read for the first time.
func awaitInputs(ctx context.Context, client *control.Client) {
	for range 40 {
		var v viewJSON
		if err := client.Read(ctx, "/api/v1/view", &v); err != nil {
			return
		}
		for _, s := range v.Sources {
			if s.OK {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(look / 5):
		}
	}
}

// explain adds the next step to the errors of a client.
func explain(err error) error {
	if errors.Is(err, control.ErrNotRunning) {
		err = fmt.Errorf("%w: start it (systemctl start lotusgate), or name its socket with --socket", err)
	}
	return &failure{exitFailed, err}
}

// words of the terminal's language.
func words() text.Lang {
	if language() == config.Chinese {
		return text.ZH
	}
	return text.EN
}

// viewJSON is what commands read of /api/v1/view.
type viewJSON struct {
	At       float64
	Time     *time.Time
	Gateway  struct{ Site, ID, Label, Version string }
	Problems []struct {
		ID       string
		What, Do struct{ ZH, EN string }
		Detail   string
	}
	Points []pointJSON
	Link   struct {
		Broker, Error string
		Connected     bool
		Attempts      int
	}
	Storage struct {
		Degraded      string
		CommitSeconds float64 `json:"commit_seconds"`
	}
	Clock   struct{ Quality string }
	Sources []struct {
		ID, Kind, Where, Error string
		OK                     bool
	}
}

type pointJSON struct {
	ID, Label, Terminal, Quality string
	Active, Level                *bool
	Edges, Bounces, Missed       uint64
	LastEdgeAt                   *float64 `json:"last_edge_at"`
	Unit                         string   // of a measured value
	Value                        *int64
}

// table aligns cells in columns as a terminal shows them: a Chinese character is two wide.
func table(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(cell))
		}
	}
	var lines []string
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-width(cell)+2))
			}
		}
		lines = append(lines, b.String())
	}
	return lines
}

// width of s in columns, near enough for labels: what is East Asian is wide.
func width(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff ||
			r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0xffe0 && r <= 0xffe6 || r >= 0x20000 && r <= 0x3fffd) {
			n++
		}
	}
	return n
}

// clean keeps a label from steering the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
