package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"lotusgate/gateway"
	"lotusgate/gateway/control"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/outbox"
	"lotusgate/gateway/status"
)

// Observe reads the inputs where no daemon runs, and answers at a local socket as a daemon does, for the command line:
// ready is called once it answers. It holds the daemon's lock, keeps no event, tells nobody, and never touches an output:
// there is no device that could want one, and a chip that drives relays is left alone as a whole.
func Observe(ctx context.Context, o Options, socket string, ready func()) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	lock, err := outbox.Disk{}.Lock(o.Config.Storage.Path)
	switch {
	case err == nil:
		defer lock.Close()
	case !errors.Is(err, fs.ErrNotExist): // where no daemon ever was, none runs
		return fmt.Errorf("read the inputs without the daemon: %w", err)
	}
	boot, err := kernelBootID()
	if err != nil {
		return err
	}
	a := attachConfig(o.Config, o.Hardware, nil, &relays{})
	wires := terminals(o.Config, a.out)
	a.onlyInputs()
	a.out.Trace = traceOf(a.out)

	clock := newClock(boot, theKernel(), o.Built, calendar{})
	h := hub.New(clock.Now)
	h.SetClock(clock.look().Clock)
	g := o.Config.Gateway
	h.SetGateway(hub.Gateway{
		Site: g.Site, ID: g.ID, Label: g.Label, Version: o.Version, KernelBoot: boot, Config: o.Config.Hash, Started: clock.Now(),
	})
	page, err := status.New(status.Options{Now: clock.Now, Log: o.Log, Trace: a.out.Trace, Terminals: wires, Facts: o.facts}, h)
	if err != nil {
		return err
	}
	l, err := control.Listen(socket, "")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() {
		served <- page.Run(ctx, l)
		cancel()
	}()
	ready()
	field.New(a.out, h, forgetful{}, clock.Now, func() {}).Run(ctx)
	return <-served
}

// onlyInputs takes away whatever could switch: devices, and chips with relays.
func (a *attach) onlyInputs() {
	a.out.Devices = nil
	for i, b := range a.buses {
		var chips []chip
		var configs []field.ChipConfig
		for n, c := range b.chips {
			if c.outputs == 0 && c.inputs != 0 {
				chips, configs = append(chips, c), append(configs, a.out.Buses[i].Chips[n])
			}
		}
		b.chips = chips
		a.out.Buses[i].Chips = configs
		a.out.Buses[i].Open = func() (field.Bus, error) { return a.hw.openBus(b) }
	}
}

// forgetful keeps no event.
type forgetful struct{}

// Record implements field.Recorder.
func (forgetful) Record(gateway.Event) gateway.EventID { return gateway.EventID{} }
