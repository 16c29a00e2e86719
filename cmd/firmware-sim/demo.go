package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"text/template"

	"github.com/spf13/cobra"
	"periph.io/x/conn/v3/i2c/i2creg"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
)

//go:embed demo.yaml
var demoConfig string

// demoOptions are the flags of firmware-sim demo.
type demoOptions struct {
	seed   uint64
	speed  float64
	broker string
	page   string
	state  string
	lang   string
	quiet  bool
}

func demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A lane with a barrier, an elevator and a camera: watch the page, the broker and the events",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return demo(cmd.Context(), cmd, o) },
	}
	f := cmd.Flags()
	f.Uint64Var(&o.seed, "seed", 1, "what happens; the same seed gives the same traffic")
	f.Float64Var(&o.speed, "speed", 1, "simulated seconds in a second, up to 5")
	f.StringVar(&o.broker, "broker", "", "use this broker (mqtt://host:1883) instead of the embedded one")
	f.StringVar(&o.page, "listen", "", "address of the status page (default 127.0.0.1:8080, or a free port)")
	f.StringVar(&o.state, "state", "", "directory of the outbox, kept at the end (default: a temporary one)")
	f.StringVar(&o.lang, "lang", "", "language of what is printed: en or zh (default: as the locale says)")
	f.BoolVar(&o.quiet, "quiet", false, "do not print what happens in the field, only events")
	return cmd
}

func demo(ctx context.Context, cmd *cobra.Command, o demoOptions) (err error) {
	if o.speed <= 0 || o.speed > 5 {
		return fmt.Errorf("--speed %v: use more than 0 and at most 5; faster than that, contacts are shorter than any settle time", o.speed)
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	if o.state == "" {
		if o.state, err = os.MkdirTemp("", "lotusgate-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.state)
	}
	if o.broker == "" {
		addr, closeBroker, startErr := startBroker()
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, closeBroker()) }()
		o.broker = "mqtt://" + addr
	}
	if o.page == "" {
		l, err := listen("8080")
		if err != nil {
			return err
		}
		o.page = l.Addr().String()
		l.Close()
	}
	cfg, err := o.config()
	if err != nil {
		return err
	}

	say := newConsole(cmd.OutOrStdout(), o.lang, o.quiet)
	board, err := rig.New(o.seed, rig.DemoSite(), rig.Options{Scenario: rig.Demo(o.seed), Speed: o.speed, Tell: say.field})
	if err != nil {
		return err
	}
	defer board.Close()
	field := make(chan error, 1)
	go func() {
		err := board.Run(ctx)
		end() // a demo without a field is over
		field <- err
	}()
	err = daemon.Run(ctx, daemon.Options{
		Config: cfg, Version: version, Log: say.log(),
		Hardware: daemon.Hardware{Lines: line.Registry(nil), OpenBus: i2creg.Open},
		Page:     func(a net.Addr) { say.welcome(a, cfg) },
		Event:    say.event,
	})
	end()
	return errors.Join(err, <-field)
}

// config fills in the demo's configuration and checks it as any other.
func (o demoOptions) config() (*config.Config, error) {
	state, err := filepath.Abs(o.state)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = template.Must(template.New("demo").Parse(demoConfig)).Execute(&b, struct{ Broker, State, Page, Socket string }{o.broker, state, o.page, state + ".sock"})
	if err != nil {
		return nil, err
	}
	return config.Parse("demo.yaml", b.Bytes())
}

// log prints warnings and errors of the daemon; what it does is told by its events.
func (c *console) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(c, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
