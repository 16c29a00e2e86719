package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/spf13/cobra"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"lotusgate/deploy/examples"
	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/district"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/access"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/intake"
)

// Sites of the demo.
var (
	//go:embed park.yaml
	parkSite string
	//go:embed small.yaml
	smallSite string
)

// demoOptions are the flags of firmware-sim demo.
type demoOptions struct {
	site     string
	district bool
	seed     uint64
	speed    float64
	broker   string
	page     string
	state    string
	lang     string
	quiet    bool
	center   string
	steps    time.Duration

	typed    io.Reader // what somebody types while the demo runs
	password string    // of the HTTPS page
}

func demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A car park with an elevator and cameras, or the whole district: watch the page, the broker and the events",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return demo(cmd.Context(), cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.site, "site", "park", "park: two lanes, 113 bays, an elevator, 32 cameras; small: one lane, two elevators, three cameras")
	f.BoolVar(&o.district, "district", false, "all eight gateways of the district in this process, at one broker")
	f.Uint64Var(&o.seed, "seed", 1, "what happens; the same seed gives the same traffic")
	f.Float64Var(&o.speed, "speed", 1, "simulated seconds in a second, up to 5")
	f.StringVar(&o.broker, "broker", "", "use this broker (mqtt://host:1883) instead of the embedded one")
	f.StringVar(&o.page, "listen", "", "address of the status page (default 127.0.0.1:8080, or a free port)")
	f.StringVar(&o.state, "state", "", "directory of the outbox, kept at the end (default: a temporary one)")
	f.StringVar(&o.lang, "lang", "", "language of what is printed: en or zh (default: as the locale says)")
	f.BoolVar(&o.quiet, "quiet", false, "do not print what happens in the field, only events")
	f.StringVar(&o.center, "center", "", "public key of a center, by whose signed watermark events are confirmed (ack: watermark)")
	f.DurationVar(&o.steps, "clock-steps", 0, "the gateway's system clock jumps so often: an hour back, a day ahead, to 1970, and right again")
	return cmd
}

func demo(ctx context.Context, cmd *cobra.Command, o demoOptions) (err error) {
	switch {
	case o.speed <= 0 || o.speed > 5:
		return fmt.Errorf("--speed %v: use more than 0 and at most 5; faster than that, contacts are shorter than any settle time", o.speed)
	case o.site != "park" && o.site != "small":
		return fmt.Errorf("--site %q: park or small", o.site)
	}
	if o.state == "" {
		if o.state, err = os.MkdirTemp("", "lotusgate-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.state)
	}
	if o.state, err = filepath.Abs(o.state); err != nil {
		return err
	}
	if o.broker == "" {
		addr, closeBroker, startErr := startBroker()
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, closeBroker()) }()
		o.broker = "mqtt://" + addr
	}
	keys, err := os.MkdirTemp("", "lotusgate-key-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(keys)
	public, err := intake.NewKey(keys, "demo", "EdDSA")
	if err != nil {
		return err
	}
	cfgs, err := o.configs(public)
	if err != nil {
		return err
	}
	say := newConsole(cmd.OutOrStdout(), o.lang, o.quiet || o.district)
	say.several = o.district
	o.typed, o.password = cmd.InOrStdin(), access.NewPassword()
	return o.run(ctx, say, cfgs, filepath.Join(keys, "demo.key"))
}

// run runs the gateways, each on a board of its own, until ctx ends or one of them does.
func (o demoOptions) run(ctx context.Context, say *console, cfgs []*config.Config, key string) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	errs := make([]error, len(cfgs))
	var wg sync.WaitGroup
	for n, cfg := range cfgs {
		wg.Go(func() {
			defer end() // a demo that has lost a part of it is over
			errs[n] = o.gateway(ctx, say, cfg, key)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// gateway runs one gateway on its simulated site.
func (o demoOptions) gateway(ctx context.Context, say *console, cfg *config.Config, key string) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	site, scenario := district.Site(cfg), district.Live(cfg, o.seed)
	if o.site == "small" && !o.district {
		site, scenario = rig.DemoSite(), rig.Demo(o.seed)
	}
	board, err := rig.New(o.seed, site, rig.Options{Private: true, Scenario: scenario, Speed: o.speed, Tell: say.field})
	if err != nil {
		return err
	}
	defer board.Close()
	operate, err := newOperating(cfg, o.password)
	if err != nil {
		return err
	}
	if button := cfg.Service.Button; button != "" && !o.district {
		go pushButton(ctx, o.typed, board, button) // ends with the program: nothing ends the reading of a terminal
	}
	field := make(chan error, 1)
	go func() {
		err := board.Run(ctx)
		end() // a gateway without a field is over
		field <- err
	}()
	err = daemon.Run(ctx, daemon.Options{
		Config: cfg, Version: version, Log: say.log(), Hardware: hardware(board), Wall: o.wall(),
		Page:  func(a net.Addr) { say.welcome(a, cfg, key, operate, o.district) },
		Event: func(id gateway.EventID, e gateway.Event) { say.event(cfg.Gateway.ID, id, e) },
	})
	end()
	return errors.Join(err, <-field)
}

// hardware is a board that only its gateway knows.
func hardware(board *rig.Board) daemon.Hardware {
	return daemon.Hardware{
		Lines: line.Pins(func(name string) gpio.PinIO {
			if p := board.Pin(name); p != nil {
				return p
			}
			return nil
		}, nil),
		OpenBus: func(name string) (i2c.BusCloser, error) {
			if b := board.Bus(name); b != nil {
				return b, nil
			}
			return nil, fmt.Errorf("the board has no bus %s", name)
		},
	}
}

// siteValues are filled into a site of the demo.
type siteValues struct{ Broker, State, Page, Secure, Socket, Group, Key string }

// configs are the configurations, filled in and checked as any other.
func (o demoOptions) configs(key string) (all []*config.Config, err error) {
	if !o.district {
		text := parkSite
		if o.site == "small" {
			text = smallSite
		}
		page, err := o.pageAddress("8080")
		if err != nil {
			return nil, err
		}
		secure, err := o.secureAddress(8443)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		err = template.Must(template.New("demo").Parse(text)).Execute(&b, siteValues{
			o.broker, o.state, page, secure, o.state + ".sock", ownGroup(), key,
		})
		if err != nil {
			return nil, err
		}
		cfg, err := config.Parse(o.site+".yaml", []byte(o.confirmed(b.String())))
		return []*config.Config{cfg}, err
	}
	for n, id := range examples.District() {
		text, err := examples.Read(id)
		if err != nil {
			return nil, err
		}
		page, err := o.pageAddress(fmt.Sprint(8080 + n))
		if err != nil {
			return nil, err
		}
		secure, err := o.secureAddress(8443 + n)
		if err != nil {
			return nil, err
		}
		state := filepath.Join(o.state, id)
		if err := os.MkdirAll(state, 0o750); err != nil {
			return nil, err
		}
		changed := strings.NewReplacer(
			"mqtts://broker.lan:8883", o.broker, "/var/lib/lotusgate\n", fmt.Sprintf("%q\n", state),
			"  listen: 127.0.0.1:8080", fmt.Sprintf("  https: {listen: %q}\n  listen: %q", secure, page),
		).Replace(string(text))
		changed += fmt.Sprintf("\ncontrol: {socket: %q, group: %q}\ncommands: {keys: {demo: {file: %q, devices: [\"*\"], actions: [\"*\"]}}}\n", state+".sock", ownGroup(), key)
		cfg, err := config.Parse(id+".yaml", []byte(changed))
		if err != nil {
			return nil, err
		}
		all = append(all, cfg)
	}
	return all, nil
}

// confirmed lets the center have the last word about events, if there is one.
func (o demoOptions) confirmed(config string) string {
	if o.center == "" {
		return config
	}
	return strings.NewReplacer(
		"mqtt: {", "mqtt: {ack: watermark, stall: 10s, ",
		"  keys:\n", fmt.Sprintf("  keys:\n    center: {file: %q, devices: [gateway], actions: [watermark]}\n", o.center),
	).Replace(config)
}

// wall is the system clock of the gateway; nil is that of this machine.
func (o demoOptions) wall() func() time.Time {
	if o.steps <= 0 {
		return nil
	}
	began := time.Now()
	return func() time.Time {
		now := time.Now()
		switch now.Sub(began) / o.steps % 6 {
		case 1:
			return now.Add(-time.Hour)
		case 3:
			return now.Add(24 * time.Hour)
		case 5:
			return time.Unix(0, 0).Add(now.Sub(began))
		}
		return now
	}
}

// ownGroup may use the local socket: that of who runs the demo.
func ownGroup() string {
	g, err := user.LookupGroupId(fmt.Sprint(os.Getgid()))
	if err != nil {
		return ""
	}
	return g.Name
}

// pageAddress is where a status page listens: where it was told, or at the preferred port, or at a free one.
func (o demoOptions) pageAddress(preferred string) (string, error) {
	if o.page != "" {
		return o.page, nil
	}
	l, err := listen(preferred)
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// log prints warnings and errors of the daemon; what it does is told by its events.
func (c *console) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(c, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
