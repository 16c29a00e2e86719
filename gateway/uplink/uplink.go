package uplink

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"time"

	"golang.org/x/time/rate"

	"lotusgate/gateway/hub"
)

// Uplink is the sender. Make it with New and give it one goroutine with Run.
type Uplink struct {
	opt    Options
	outbox Outbox
	ledger Ledger
	clock  Clock
	hub    *hub.Hub
	topics topics
	writer writer

	// open makes the connection that paho talks over; tcp is what lies under TLS, for cutting it.
	open func(context.Context) (tcp, stream net.Conn, err error)

	now func() time.Time // the clock of deadlines; that of stamps is clock

	process   string        // how every session of this process begins
	longest   time.Duration // between two attempts
	confirmer confirmer     // outlives connections

	credentials credentials

	// These outlive connections, too.
	backlog    *rate.Limiter // nil = no limit; a flapping link is no way around it
	suspects   suspects
	again      []History // sent, or to be sent, and not acknowledged
	refreshing []func()  // told when everything retained has been published

	link        hub.Link // as it is
	linkShown   hub.Link // as the hub has it
	linkShownAt time.Time
	lastError   string // already logged
}

// New checks the options; it does not connect. h must already hold every configured device when Run is called: what is
// retained for others is cleared.
func New(o Options, outbox Outbox, clock Clock, h *hub.Hub, ledger Ledger) (*Uplink, error) {
	o.complete()
	if err := o.check(); err != nil {
		return nil, err
	}
	u := &Uplink{opt: o, outbox: outbox, ledger: ledger, clock: clock, hub: h, topics: topicsOf(o.Root), now: time.Now, process: rand.Text()[:12]}
	u.confirmer = confirmer{byCenter: o.AckByCenter, stall: o.Stall, tell: o.Confirmation, renew: o.Renew}
	u.writer = writer{opt: &u.opt, clock: clock, ledger: ledger}
	if o.BacklogRate > 0 {
		u.backlog = rate.NewLimiter(rate.Limit(o.BacklogRate), max(1, o.BacklogRate/10))
	}
	u.credentials = credentials{certFile: o.CertFile, keyFile: o.KeyFile, log: o.Log}
	u.open, u.longest = u.openStream, longestWait
	u.link.Broker = o.Broker
	return u, nil
}

// Run connects and sends until ctx ends, then says goodbye within two seconds. It returns nil.
func (u *Uplink) Run(ctx context.Context) error {
	u.reportLink(u.now(), true)
	retry(ctx, u.longest, u.attempt, u.failed)
	u.link.Connected, u.link.Session, u.link.Error = false, "", ""
	u.reportLink(u.now(), true)
	return nil
}

// Reasons for which a session ends in order, and the next one begins at once.
var (
	errRenewed = errors.New("the client certificate was renewed")
	errStalled = errors.New("the center confirms nothing: what it has not confirmed is sent once more")
)

// attempt makes one connection and serves it to its end, and more of them where a session ends by itself.
func (u *Uplink) attempt(ctx context.Context) (up time.Duration, err error) {
	for {
		if up, err = u.once(ctx); !errors.Is(err, errRenewed) && !errors.Is(err, errStalled) {
			return up, err
		}
	}
}

func (u *Uplink) once(ctx context.Context) (up time.Duration, err error) {
	u.link.Attempts++
	session := u.process + rand.Text() // 130 random bits behind it
	p, err := u.dial(ctx, u.writer.will(session))
	u.link.CertificateEnds = u.credentials.ends()
	if err != nil {
		return 0, err
	}
	start := u.now()
	s := u.newSession(p, p.lost, p.inbox, session)
	u.link.Connected, u.link.Session, u.link.Since = true, session, s.since
	u.link.Error, u.link.Attempts = "", 0
	u.link.Connects++
	u.reportLink(start, true)
	u.lastError = ""
	u.opt.Log.Info("connected to the broker", "broker", u.opt.Broker, "session", session)

	died := false
	switch err = s.serve(ctx); {
	case err == nil:
		p.bye()
		u.opt.Log.Info("disconnected from the broker", "broker", u.opt.Broker)
	case errors.Is(err, errRenewed), errors.Is(err, errStalled):
		p.bye()
		u.opt.Log.Info("connecting anew", "broker", u.opt.Broker, "reason", err)
	default:
		p.drop()
		if died = ctx.Err() == nil; !died {
			u.opt.Log.Warn("goodbye to the broker failed; it will report the gateway as lost", "error", err)
		}
	}
	s.settle(died, err)
	return u.now().Sub(start), err
}

// failed shows why there is no connection, and logs it when it is news.
func (u *Uplink) failed(err error, wait time.Duration) {
	u.link.Connected, u.link.Session, u.link.Since = false, "", 0
	u.link.Error = err.Error()
	u.reportLink(u.now(), true)
	if u.link.Error == u.lastError {
		return
	}
	u.lastError = u.link.Error
	u.opt.Log.Warn("no connection to the broker; events are kept", "error", err, "next", wait.Round(time.Millisecond))
}

// reportLink shows the state of the connection in the hub: at once when now is forced, else counters once a second.
func (u *Uplink) reportLink(now time.Time, force bool) {
	if u.link == u.linkShown || (!force && now.Sub(u.linkShownAt) < linkGap) {
		return
	}
	u.linkShown, u.linkShownAt = u.link, now
	u.hub.SetLink(u.link)
}
