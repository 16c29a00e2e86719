package intake

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"lotusgate/gateway"
)

// Options of New. All functions are called from several goroutines and must not wait.
type Options struct {
	Audience  string // event source of this gateway
	Unsigned  bool   // auth: none
	Keys      []KeyFile
	Local     Permission                  // of the page and the local socket
	PerMinute int                         // commands of one key or local caller, and to one device
	Devices   map[string][]gateway.Action // what each device takes

	Now     func() gateway.Mono
	Wall    func() (time.Time, gateway.ClockQuality)
	Command func(gateway.Command) bool // hands a command to the core; false = too many wait
	Audit   func(context.Context, gateway.Event) bool
	Text    func() string // a word that nobody guesses; nil = of the system's chance
	Log     *slog.Logger
}

// Bounds.
const (
	maxMessage  = 8 << 10
	idsKept     = 4096 // of a session
	maxLifetime = 60 * time.Second
	leeway      = 5 * time.Second
	keyLook     = 2 * time.Second // how often key files are looked at
	waiting     = 64              // replies, and audit events
	burst       = 10              // refusals told at once
	refusalGap  = 6 * time.Second // between refusals told after that
)

// Intake takes what arrives on command topics. It is safe for concurrent use.
type Intake struct {
	opt     Options
	keys    atomic.Pointer[map[string]key]
	replies chan gateway.Reply
	audits  chan gateway.Event
	nonces  nonces

	mu         sync.Mutex
	session    string
	seen       map[string]*seen // by issuer and jti
	limits     map[string]*rate.Limiter
	refusals   map[string]*rate.Limiter // by account
	suppressed int
	callers    map[string]chan gateway.Reply // who gave a command here and waits, by issuer and jti
	results    map[gateway.CommandResult]uint64
}

// seen is a command of this session.
type seen struct {
	sum  [sha256.Size]byte
	last gateway.Reply
}

// New reads the keys. A key that cannot be read is reported and does not exist until it can.
func New(o Options) (*Intake, error) {
	if o.Audience == "" || o.Now == nil || o.Wall == nil || o.Command == nil || o.Audit == nil {
		return nil, errors.New("intake: audience, clock, core and audit are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.PerMinute == 0 {
		o.PerMinute = 60
	}
	if o.Text == nil {
		o.Text = rand.Text
	}
	in := &Intake{
		opt: o, replies: make(chan gateway.Reply, waiting), audits: make(chan gateway.Event, waiting),
		limits: map[string]*rate.Limiter{}, refusals: map[string]*rate.Limiter{}, callers: map[string]chan gateway.Reply{},
		results: map[gateway.CommandResult]uint64{}, nonces: nonces{text: o.Text},
	}
	in.readKeys()
	return in, nil
}

// Run looks after key files and hands audit events on until ctx ends.
func (in *Intake) Run(ctx context.Context) {
	tick := time.NewTicker(keyLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			in.readKeys()
		case e := <-in.audits:
			in.opt.Audit(ctx, e)
		}
	}
}

// Step hands on what waits, in place of Run.
func (in *Intake) Step(ctx context.Context) {
	for len(in.audits) > 0 {
		in.opt.Audit(ctx, <-in.audits)
	}
}

// Begin starts a session: commands must quote it from now on, and ids may be used anew.
func (in *Intake) Begin(session string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.session, in.seen = session, map[string]*seen{}
}

// SetDevices replaces what each device takes.
func (in *Intake) SetDevices(takes map[string][]gateway.Action) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.opt.Devices = takes
}

// Replies is what becomes of commands; they are best effort.
func (in *Intake) Replies() <-chan gateway.Reply { return in.replies }

// Nonce is what commands must quote while the date is not known for sure, and how long it is the newest; "" = none.
func (in *Intake) Nonce() (string, time.Duration) {
	if _, q := in.opt.Wall(); q == gateway.ClockSynced {
		return "", 0
	}
	return in.nonces.newest(in.opt.Now())
}

// Take is given a message for a device. It never waits. What it has handed over goes before what its caller does next.
func (in *Intake) Take(device string, payload []byte, retained bool) {
	in.take(device, payload, retained)
	runtime.Gosched()
}

func (in *Intake) take(device string, payload []byte, retained bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	m := message{device: device, payload: payload, retained: retained}
	why := in.check(&m)
	if why == nil {
		why = in.hand(&m)
	}
	if why != nil {
		in.refuse(&m, why)
	}
}

// hand gives a command to the core.
func (in *Intake) hand(m *message) *refusal {
	if !in.opt.Command(m.command()) {
		return because(gateway.RateLimited, "too many commands wait")
	}
	return nil
}

// message is one message on its way through the checks.
type message struct {
	device   string
	payload  []byte
	retained bool

	token   token
	issuer  string // proven
	claims  claims
	expires gateway.Mono
	entry   *seen // of this command; nil until it has one
	repeat  bool  // the same bytes again

	local bool // given here: nothing to prove
	peer  *gateway.Peer
}

// account is who rates are counted for: a key, everybody at the gateway, or (empty) everybody who has proven nothing.
func (m *message) account() string {
	if m.local {
		return "local/"
	}
	return m.issuer
}

func (m *message) command() gateway.Command {
	return gateway.Command{
		JTI: m.claims.JTI, Issuer: m.issuer, Local: m.local, Peer: m.peer, Device: m.device, Action: m.claims.Action,
		Args: m.claims.args, Expires: m.expires,
	}
}

// refusal is why a message goes no further.
type refusal struct {
	reason gateway.Reason
	detail string // for people
}

func because(r gateway.Reason, detail string) *refusal { return &refusal{r, detail} }

// check runs every check in the order of docs/wire.md.
func (in *Intake) check(m *message) *refusal {
	for _, step := range []func(*message) *refusal{
		in.form, in.retention, in.signature, in.audience, in.theSession, in.once, in.inTime, in.permission, in.rates,
		in.target, in.arguments,
	} {
		if why := step(m); why != nil {
			return why
		}
	}
	return nil
}

func (in *Intake) retention(m *message) *refusal {
	if m.retained {
		return because(gateway.WasRetained, "publish commands without the retain flag")
	}
	return nil
}

func (in *Intake) audience(m *message) *refusal {
	if m.claims.Audience != in.opt.Audience {
		return because(gateway.WrongAudience, "aud must be "+in.opt.Audience)
	}
	return nil
}

func (in *Intake) theSession(m *message) *refusal {
	if in.session == "" || m.claims.Session != in.session {
		return because(gateway.WrongSession, "")
	}
	return nil
}

// once looks whether the id was used in this session.
func (in *Intake) once(m *message) *refusal {
	id, sum := m.issuer+" "+m.claims.JTI, sha256.Sum256(m.payload)
	if old := in.seen[id]; old != nil {
		if old.sum == sum {
			m.repeat, m.entry = true, old
			return because("", "")
		}
		return because(gateway.Duplicate, "use a new jti for every command")
	}
	if len(in.seen) >= idsKept {
		if m.claims.Action == gateway.Stop { // to stop twice harms nobody
			return nil
		}
		return because(gateway.RateLimited, "too many commands in this session")
	}
	m.entry = &seen{sum: sum}
	in.seen[id] = m.entry
	return nil
}

// inTime checks expiry with a synchronised clock and the nonce without one.
func (in *Intake) inTime(m *message) *refusal {
	life := m.claims.life()
	if life <= 0 || life > maxLifetime {
		return because(gateway.Expired, "exp must be after iat, by 60 s at most")
	}
	now, quality := in.opt.Wall()
	if quality != gateway.ClockSynced {
		if !in.nonces.valid(m.claims.Nonce, in.opt.Now()) {
			return because(gateway.WrongNonce, "the gateway's clock is not set: quote the nonce of its status")
		}
		m.expires = in.opt.Now().Add(life)
		return nil
	}
	left := m.claims.expiry().Sub(now) + leeway
	if left < 0 || m.claims.issued().Sub(now) > leeway {
		return because(gateway.Expired, "")
	}
	m.expires = in.opt.Now().Add(left)
	return nil
}

func (in *Intake) permission(m *message) *refusal {
	switch {
	case m.local && !in.opt.Local.allows(m.device, m.claims.Action):
		return because(gateway.NotAllowed, "commands.local does not allow it")
	case m.local, in.opt.Unsigned:
		return nil
	}
	if k, ok := (*in.keys.Load())[m.issuer]; !ok || !k.allows(m.device, m.claims.Action) {
		return because(gateway.NotAllowed, "")
	}
	return nil
}

func (in *Intake) rates(m *message) *refusal {
	if m.claims.Action == gateway.Stop {
		return nil
	}
	names := []string{"key " + m.account()}
	if _, ok := in.opt.Devices[m.device]; ok {
		names = append(names, "device "+m.device)
	}
	for _, name := range names {
		l := in.limits[name]
		if l == nil {
			l = rate.NewLimiter(rate.Every(time.Minute/time.Duration(in.opt.PerMinute)), max(1, in.opt.PerMinute/6))
			in.limits[name] = l
		}
		if !l.AllowN(in.moment(), 1) {
			return because(gateway.RateLimited, "")
		}
	}
	return nil
}

// moment is the monotonic clock as a limiter wants it.
func (in *Intake) moment() time.Time { return time.Unix(0, int64(in.opt.Now())) }

func (in *Intake) target(m *message) *refusal {
	takes, ok := in.opt.Devices[m.device]
	switch {
	case !ok:
		return because(gateway.UnknownDevice, "")
	case !slices.Contains(takes, m.claims.Action):
		return because(gateway.UnknownAction, "")
	}
	return nil
}

// refuse tells the sender and the audit, unless that has been said too often.
func (in *Intake) refuse(m *message, why *refusal) {
	if m.repeat {
		if m.entry.last.Stage == "" {
			return // its first reply is on its way
		}
		if in.mayTell(m.account()) || m.claims.Action == gateway.Stop {
			r := m.entry.last
			r.Repeated = true
			in.send(r)
		}
		return
	}
	r := gateway.Reply{
		JTI: m.claims.JTI, Device: m.device, Action: m.claims.Action, Stage: gateway.Rejected, Reason: why.reason,
		Detail: why.detail, Issuer: m.issuer,
	}
	if why.reason == gateway.WrongSession {
		r.Session = in.session
	}
	if m.entry != nil {
		m.entry.last = r
	}
	in.results[gateway.CommandResult{Stage: r.Stage, Reason: r.Reason}]++
	told := in.mayTell(m.account())
	if told || m.local { // who asks at the gateway waits for it
		in.send(r)
	}
	if !told {
		in.suppressed++
		return
	}
	id := m.device
	if _, ok := in.opt.Devices[id]; !ok {
		id = gateway.GatewayID
	}
	e := gateway.Event{Type: gateway.CommandRejected, ID: id, At: in.opt.Now(), Data: gateway.CommandData{
		JTI: r.JTI, Issuer: r.Issuer, Peer: m.peer, Action: r.Action, Reason: r.Reason, Suppressed: in.suppressed,
	}}
	select {
	case in.audits <- e:
		in.suppressed = 0
	default:
		in.suppressed++
	}
}

// mayTell bounds the refusals that are told and audited. Each account has its own measure, so that no stranger's flood hides
// what is done with a key.
func (in *Intake) mayTell(account string) bool {
	l := in.refusals[account]
	if l == nil {
		l = rate.NewLimiter(rate.Every(refusalGap), burst)
		in.refusals[account] = l
	}
	return l.AllowN(in.moment(), 1)
}

// Results counts how commands went, those that nobody was told of among them.
func (in *Intake) Results() map[gateway.CommandResult]uint64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return maps.Clone(in.results)
}

// Answer passes on what the core says about a command. It never waits.
func (in *Intake) Answer(r gateway.Reply) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if r.Stage != gateway.Executing {
		in.results[gateway.CommandResult{Stage: r.Stage, Reason: r.Reason}]++
	}
	if s := in.seen[r.Issuer+" "+r.JTI]; s != nil {
		s.last = r
	}
	in.send(r)
}

// send dates a reply and puts it on its way; when nobody takes them, it is lost.
func (in *Intake) send(r gateway.Reply) {
	now, _ := in.opt.Wall()
	r.At = gateway.WireTime(now)
	if in.sendHere(r) {
		return
	}
	r.To = r.Device
	if _, ok := in.opt.Devices[r.Device]; !ok {
		r.To = gateway.GatewayID
	}
	select {
	case in.replies <- r:
	default:
	}
}
