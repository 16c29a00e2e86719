// Package daemon is the one place where concrete types meet: it builds the gateway from a checked configuration and the
// hardware that cmd chose, runs it, and ends it in order.
//
// Promises: relays are driven inactive before anything else happens. Run returns only after every goroutine has ended,
// everything issued is durable (or the disk has said that it can't be), and the lines are released.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/checkpoint"
	"lotusgate/gateway/config"
	"lotusgate/gateway/day"
	"lotusgate/gateway/field"
	"lotusgate/gateway/homeassistant"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/intake"
	"lotusgate/gateway/outbox"
	"lotusgate/gateway/record"
	"lotusgate/gateway/status"
	"lotusgate/gateway/text"
	"lotusgate/gateway/uplink"
)

// Options of Run.
type Options struct {
	Config     *config.Config
	ConfigPath string // for the support bundle; "" = it holds no configuration
	Hardware   Hardware
	Version    string
	Built      time.Time // of this program; no date before it is believed. Zero = not known
	Log        *slog.Logger

	// Page, if not nil, is told the address of the status page once it answers.
	Page func(net.Addr)
	// Load reads the configuration again whenever Reload yields. Both may be nil.
	Load   func() (*config.Config, error)
	Reload <-chan os.Signal

	// Supervisor, if not nil, is told that the daemon is ready, alive, and about to end.
	Supervisor Supervisor

	// Wall, if not nil, is the system clock instead of the kernel's, as one that something keeps right and sets at will.
	Wall func() time.Time

	// Event, if not nil, is told of every event as it is issued, in order. It must not block.
	Event func(gateway.EventID, gateway.Event)
}

// Times of an orderly end.
const (
	farewell  = 2 * time.Second // for the uplink to send what is there and to say goodbye
	lastSync  = 10 * time.Second
	lookEvery = time.Second      // at storage, and for the diary
	clockLook = 10 * time.Second // at the clock
	partDead  = 5 * time.Second  // a part that has not moved for so long is not alive
)

// daemon is a gateway that runs.
type daemon struct {
	o      Options
	cfg    *config.Config // of the start; inForce has the one of now
	log    *slog.Logger
	clock  *clock
	hub    *hub.Hub
	box    *outbox.Outbox
	truths *checkpoint.Checkpoint
	memory *memory
	attach *attach
	field  *field.Field
	core   core // the field
	page   *status.Server
	day    day.Diary
	intake *intake.Intake
	flight *record.Recorder // nil: there is none

	inForce  inForce
	reloads  sync.WaitGroup
	services *services
	center   center

	ending     sync.Mutex // guards unfinished
	unfinished unfinished
	ended      chan struct{} // buffered 1: a command has ended

	notices notices
	beat    atomic.Int64  // gateway.Mono of the last step of the core
	looked  atomic.Int64  // gateway.Mono of the last answer of the outbox
	moved   chan struct{} // closed at the first step of the core
}

// Run is the daemon: it returns nil after ctx ended and everything was put in order, or the error that kept it from
// starting. Missing hardware and an unreachable broker are no such errors.
func Run(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	relays := claimRelays(o.Config, o.Hardware.Lines, o.Log)
	defer relays.release()
	if err := restExpanders(o.Config, o.Hardware); err != nil {
		o.Log.Error("relays on expanders cannot be made inactive; trying again", "error", err)
	}

	d, err := start(o, relays)
	if err != nil {
		return err
	}
	return d.run(ctx, relays)
}

// start opens what can refuse to open.
func start(o Options, r *relays) (*daemon, error) {
	on, err := thisMachine(o.Wall)
	if err != nil {
		return nil, err
	}
	d, rec, err := open(o, on, r)
	if err != nil {
		return nil, err
	}
	d.inForce.parts.Tape = d.openFlight()
	d.field = field.New(d.inForce.parts, d.hub, rec, d.clock.Now, d.step)
	d.core = d.field
	d.attach.connect(d.field)
	return d, nil
}

// open makes all but the field.
func open(o Options, on ground, r *relays) (*daemon, *recorder, error) {
	d := &daemon{
		o: o, cfg: o.Config, log: o.Log, notices: notices{wake: make(chan struct{}, 1)}, moved: make(chan struct{}),
		ended: make(chan struct{}, 1),
	}
	d.hub = hub.New(on.clock.mono)
	var err error
	d.box, err = outbox.Open(outbox.Options{
		Dir: o.Config.Storage.Path, AlarmBytes: int64(o.Config.Storage.Alarm), NormalBytes: int64(o.Config.Storage.Normal),
		Board: on.board, FS: on.outbox, Stepped: on.stepped, Chance: on.chance, Segment: on.segment,
		Now:    func() time.Duration { return time.Duration(on.clock.mono()) },
		Notify: d.notices.add,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("storage.path: %w", err)
	}
	if files := d.box.Damaged(); len(files) > 0 {
		d.log.Error("the storage directory is damaged, and used without what can't be read; lotusgate events verify tells what is left; replace the card if this comes again",
			"storage.path", o.Config.Storage.Path, "files", files)
	}
	if (outbox.Disk{}).Volatile(o.Config.Storage.Path) {
		d.log.Warn("events are kept in memory and are gone after a power cut: name a directory on a real disk", "storage.path", o.Config.Storage.Path)
	}
	if err := d.openTruths(on); err != nil {
		return nil, nil, errors.Join(err, d.box.Close())
	}
	d.hub.SetGateway(hub.Gateway{
		Site: d.cfg.Gateway.Site, ID: d.cfg.Gateway.ID, Label: d.cfg.Gateway.Label, Labels: d.cfg.Gateway.Labels,
		Version: o.Version, KernelBoot: d.clock.boot, Config: d.cfg.Hash, Started: d.clock.Now(),
	})
	rec := &recorder{box: d.box, boot: d.clock.boot, log: d.log, config: d.inForce.config, seen: func(id gateway.EventID, e gateway.Event) {
		d.remember(id, e)
		if o.Event != nil {
			o.Event(id, e)
		}
	}}
	d.recall()
	d.attach = attachConfig(d.cfg, o.Hardware, d.clock, r)
	parts := d.attach.out
	parts.Trace = traceOf(parts)
	d.services = newServices(d)
	if d.intake, err = newIntake(d, parts, on.text); err != nil {
		return nil, nil, errors.Join(err, d.box.Close())
	}
	parts.Reply = d.intake.Answer
	d.memory = newMemory(d.truths, d.clock, d.log)
	parts.Memory = d.memory
	d.inForce.set(d.cfg, parts)
	return d, rec, nil
}

// run starts the parts and ends them in order: page, field, uplink, outbox.
func (d *daemon) run(ctx context.Context, relays *relays) error {
	var page, core, sender, others sync.WaitGroup
	fieldCtx, endField := context.WithCancel(context.WithoutCancel(ctx))
	sendCtx, endSender := context.WithCancel(context.WithoutCancel(ctx))
	defer endField()
	defer endSender()

	if err := d.startPage(ctx, &page); err != nil {
		return errors.Join(err, d.closeTruths(), d.box.Close())
	}
	seen := d.clock.look()
	d.hub.SetClock(seen.Clock)
	d.memory.begin()
	if err := d.startUplink(sendCtx, &sender); err != nil {
		return errors.Join(err, d.closeTruths(), d.box.Close())
	}
	first := append([]gateway.Event{d.announce(seen)}, d.unfinished.abandoned(d.clock.Now())...)
	d.tellClock(fieldCtx, seen)
	landed := d.runFlight()
	core.Go(func() { d.field.Run(fieldCtx, first...) })
	others.Go(func() { d.watchStorage(fieldCtx) })
	others.Go(func() { d.watchClock(fieldCtx, seen) })
	others.Go(func() { d.watchBoard(fieldCtx) })
	others.Go(func() { d.truths.Run(fieldCtx) })
	others.Go(func() { d.memory.run(fieldCtx) })
	others.Go(func() { d.keepEnds(fieldCtx) })
	others.Go(func() { d.keepDiary(fieldCtx) })
	others.Go(func() { d.watchCenter(fieldCtx) })
	others.Go(func() { d.watchNight(fieldCtx) })
	others.Go(func() { d.intake.Run(fieldCtx) })
	others.Go(func() { d.services.run(fieldCtx) })
	report := func(e gateway.Event) { d.field.Post(fieldCtx, e) }
	others.Go(func() { relays.keep(fieldCtx, d.clock.Now, report) })
	others.Go(func() { d.forwardNotices(fieldCtx) })
	others.Go(func() {
		d.followReloads(fieldCtx)
		d.reloads.Wait()
	})
	if d.o.Supervisor != nil {
		others.Go(func() { d.supervise(fieldCtx) })
	}

	<-ctx.Done()
	d.log.Info("stopping")
	if d.o.Supervisor != nil {
		d.o.Supervisor.Stopping()
	}
	page.Wait()
	endField()
	others.Wait()
	core.Wait()
	d.field.Last(gateway.Event{
		Type: gateway.GatewayStopping, ID: gateway.GatewayID, At: d.clock.Now(), Data: gateway.StoppingData{Reason: "signal"},
	})
	landed()
	d.sendLast()
	endSender()
	sender.Wait()

	syncCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSync)
	defer cancel()
	return errors.Join(d.box.Sync(syncCtx), d.closeTruths(), d.box.Close())
}

// sendLast gives the uplink a moment to send what is there, if it is connected.
func (d *daemon) sendLast() {
	deadline := time.NewTimer(farewell)
	defer deadline.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for d.hub.View().Link.Connected {
		stats := d.box.Stats()
		if stats.Queues[outbox.Normal].Depth+stats.Queues[outbox.Alarm].Depth == 0 {
			return
		}
		select {
		case <-deadline.C:
			return
		case <-look.C:
		}
	}
}

func (d *daemon) startUplink(ctx context.Context, wg *sync.WaitGroup) error {
	m := d.cfg.MQTT
	if m.Broker == "" {
		d.log.Warn("no mqtt.broker is configured: events are kept, nobody is told")
		return nil
	}
	q := &sendQueue{box: d.box}
	up, err := uplink.New(d.uplinkOptions(ctx), q, d.clock, d.hub, q)
	if err != nil {
		return err
	}
	wg.Go(func() {
		if err := up.Run(ctx); err != nil {
			d.log.Error("uplink ended", "error", err)
		}
	})
	return nil
}

// uplinkOptions are those of the configuration; ctx ends what it tells the core.
func (d *daemon) uplinkOptions(ctx context.Context) uplink.Options {
	m := d.cfg.MQTT
	return uplink.Options{
		Broker: m.Broker, ClientID: m.ClientID, Root: d.cfg.Root(), Source: d.cfg.Source(),
		UsernameFile: m.UsernameFile, PasswordFile: m.PasswordFile,
		CAFile: m.CAFile, CertFile: m.CertFile, KeyFile: m.KeyFile,
		Compact: m.Format == config.FormatCompact, Announce: d.announcement(),
		Window: m.Window, KeepAlive: m.KeepAlive, AckTimeout: m.AckTimeout, BacklogRate: m.BacklogRate,
		Version: d.o.Version, KernelBoot: d.clock.boot, Date: d.clock.Date,
		AckByCenter: m.Ack == config.AckCenter, Stall: m.Stall, Confirmation: func(c uplink.Confirmation, data gateway.ConfirmationData) {
			d.post(ctx, confirmations[c], data)
		},
		Renew:     d.box.Renew,
		AlarmText: text.Alarm, Problems: d.ownProblems, Poison: d.quarantine, Log: d.log,
		Commands: d.intake, Watermark: d.intake.Watermark, Heartbeat: d.heartbeat(),
		Refresh: d.services.refresh, History: d.services.history,
	}
}

// announcement describes the gateway to Home Assistant; nil where nobody wants that.
func (d *daemon) announcement() *uplink.Announcement {
	if d.cfg.MQTT.Discovery == "" {
		return nil
	}
	g := homeassistant.Gateway{
		Prefix: d.cfg.MQTT.Discovery, Root: d.cfg.Root(), Source: d.cfg.Source(), Buttons: d.cfg.Commands.Auth == config.AuthNone,
	}
	return &uplink.Announcement{Topic: g.Topic(d.hub.View()), Payload: g.Payload, Birth: g.Birth(), Born: homeassistant.Born}
}

var confirmations = [...]gateway.Type{
	uplink.ConfirmationResumed: gateway.ConfirmationResumed,
	uplink.ConfirmationStalled: gateway.ConfirmationStalled,
	uplink.WatermarkRejected:   gateway.WatermarkRejected,
}

// quarantine gives up a record that can never be sent. The outbox names it in an event.
func (d *daemon) quarantine(id gateway.EventID, err error) {
	d.log.Error("event cannot be sent and is given up", "id", id, "error", err)
	d.box.Drop(outbox.Poison, outbox.ID{Epoch: id.Epoch, Run: id.Run, Number: id.Number})
}

// ownProblems are what makes the gateway's status degraded: its own, not those of what it watches.
func (d *daemon) ownProblems(v *hub.View) []gateway.Text {
	var out []gateway.Text
	now := *v
	now.At = d.clock.Now() // some become problems by lasting
	for _, p := range text.OwnProblems(&now, gateway.Warning) {
		out = append(out, gateway.Text{ZH: p.What.ZH + " " + p.Do.ZH, EN: p.What.EN + " " + p.Do.EN})
	}
	return out
}

// announce is the first event of every run.
func (d *daemon) announce(seen glance) gateway.Event {
	l := d.box.Ledger()
	d.keepCalendar()
	d.log.Info("started", "version", d.o.Version, "epoch", l.Epoch, "run", l.Run, "config", d.cfg.Hash)
	return gateway.Event{Type: gateway.GatewayStarted, ID: gateway.GatewayID, At: d.clock.Now(), Data: gateway.StartedData{
		Version: d.o.Version, KernelBoot: d.clock.boot, Epoch: l.Epoch, Run: l.Run, Unconfirmed: endedRuns(l),
		Config: d.cfg.Hash, Clock: seen.Quality,
	}}
}

func (d *daemon) post(ctx context.Context, t gateway.Type, data any) {
	d.core.Post(ctx, gateway.Event{Type: t, ID: gateway.GatewayID, At: d.clock.Now(), Data: data})
}

// step is called after every step of the core, by its goroutine.
func (d *daemon) step() {
	if d.beat.Swap(int64(d.clock.Now())) == 0 {
		close(d.moved)
	}
}
