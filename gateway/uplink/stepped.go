package uplink

import (
	"fmt"
	"time"

	"lotusgate/gateway/hub"
)

// Stepped is an Uplink without goroutines: its owner is the network and the clock, for simulations that repeat themselves
// exactly. What it sends, when, and what it makes of the answers is that of Uplink; dialling and paho are left out.
type Stepped struct {
	up    *Uplink
	s     *session // nil = no connection
	lost  chan error
	inbox chan message
}

// NewStepped is New on the clock of its owner. process begins the names of all its sessions and is that of no other one.
func NewStepped(o Options, outbox Outbox, clock Clock, h *hub.Hub, ledger Ledger, process string, now func() time.Time) (*Stepped, error) {
	u, err := New(o, outbox, clock, h, ledger)
	if err != nil {
		return nil, err
	}
	u.now, u.process = now, process
	return &Stepped{up: u, lost: make(chan error, 1), inbox: make(chan message, 1)}, nil
}

// Will is what the broker publishes if the connection of the session with that number dies.
func (p *Stepped) Will(number int) (topic string, payload []byte) {
	return p.up.topics.status, p.up.writer.will(p.session(number))
}

func (p *Stepped) session(number int) string { return fmt.Sprintf("%s%026d", p.up.process, number) }

// Connect begins the session with that number on a line that has just been made.
func (p *Stepped) Connect(line Line, number int) error {
	u, session := p.up, p.session(number)
	p.s = u.newSession(line, p.lost, p.inbox, session)
	u.link.Connected, u.link.Session, u.link.Since = true, session, p.s.since
	u.link.Error, u.link.Attempts = "", 0
	u.link.Connects++
	u.reportLink(u.now(), true)
	return p.s.subscribe(u.now())
}

// Connected tells whether there is a session.
func (p *Stepped) Connected() bool { return p.s != nil }

// Receive takes a message that has arrived on the line.
func (p *Stepped) Receive(topic string, payload []byte, retained bool) {
	m := message{topic: topic, payload: payload, retained: retained}
	if p.s == nil || p.up.opt.Commands != nil && p.up.takeCommand(m) {
		return
	}
	p.s.receive(m, p.up.now())
}

// Refresh has everything retained published once more, in this session or at the beginning of the next one.
func (p *Stepped) Refresh(told func()) {
	if p.s == nil {
		p.up.refreshing = append(p.up.refreshing, told)
		return
	}
	p.s.refresh(told, p.up.now())
}

// WantsHistory tells whether those events that were wanted once more are on their way.
func (p *Stepped) WantsHistory() bool { return p.s != nil && len(p.up.again) == 0 }

// History sends an event once more.
func (p *Stepped) History(h History) { p.up.again = append(p.up.again, h) }

// Lost ends the session because its line has died: what was not acknowledged waits again.
func (p *Stepped) Lost(why error) {
	if p.s == nil {
		return
	}
	p.s.settle(true, why)
	p.s = nil
	p.up.failed(why, 0)
}

// Step does everything that can be done now and returns when it wants to be called again if nothing happens before. After
// an error the session is over, and the line is to be dropped.
func (p *Stepped) Step() (next time.Time, err error) {
	if p.s == nil {
		return time.Time{}, nil
	}
	now := p.up.now()
	p.s.look()
	if err := p.s.step(now); err != nil {
		p.Lost(err)
		return time.Time{}, err
	}
	p.up.reportLink(now, false)
	return p.s.wake(now), nil
}

// look takes note of what serve waits for, without waiting.
func (s *session) look() {
	select {
	case <-s.changed:
		s.changed, s.dirty = nil, true
	default:
	}
	if s.born && s.drained && s.flight.room() > 0 && !s.isolating() && s.renewing == nil {
		select {
		case <-s.ready:
			s.drained = false
		default:
		}
	}
}
