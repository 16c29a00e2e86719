package uplink

import (
	"context"
	"fmt"
	"time"

	"lotusgate/gateway"
)

const (
	statusEvery   = 60 * time.Second
	statusGap     = time.Second           // between two statuses, whatever happens
	syncGap       = 20 * time.Millisecond // between two looks at the hub
	linkGap       = time.Second           // between two reports of counters to the hub
	readBackQuiet = 2 * time.Second       // without a retained message: everything was read back
	goodbyeTime   = 2 * time.Second
)

// session is the life of one connection. Everything in it belongs to the goroutine of Run.
type session struct {
	*Uplink
	line   Line
	lost   <-chan error
	inbox  <-chan message
	id     string
	since  gateway.Mono
	flight window

	mirror  mirror
	states  []stated // of each device, in the order of the view
	meta    metaKey
	echoed  bool      // our own status has come back
	quiet   time.Time // when it is no longer waited for; zero = the subscription is not granted
	born    bool      // everything retained went out once: events may follow
	changed <-chan struct{}
	dirty   bool // the hub has changed since the last sync
	synced  time.Time

	condition  condition
	statusSent time.Time
	statusDue  time.Time

	readBack time.Time // when reading back ends; zero = has ended

	run     gateway.Ledger
	ready   <-chan struct{}
	drained bool // the outbox had nothing more at the last Take, or nothing that may go now
	slowed  bool // there may be backlog, but its rate is used up
	batch   []Record
	acked   []gateway.EventID

	alone  []outgoing      // suspects that wait for an empty line
	single gateway.EventID // the suspect that is in flight, alone; zero = none

	renewLook time.Time // when to look at the files of the client certificate
	renewing  error     // why nothing new is sent, and the connection ends when everything is acknowledged; nil = it does not
}

// stated is what was last put into the mirror of a device.
type stated struct {
	id    string
	state gateway.DeviceState
	event gateway.EventID
	topic *retained
}

// metaKey tells whether the meta document may have changed.
type metaKey struct {
	config  string
	devices int
}

func (u *Uplink) newSession(line Line, lost <-chan error, inbox <-chan message, id string) *session {
	u.outbox.Rewind() // what was issued without a connection is backlog
	return &session{
		Uplink: u, renewLook: u.now().Add(renewLook), line: line, lost: lost, inbox: inbox, id: id, since: u.clock.Now(),
		flight: newWindow(u.opt.Window), mirror: newMirror(u.topics),
		dirty: true, run: u.ledger.Ledger(),
	}
}

// serve works until ctx or the connection ends. Whatever it returns, the caller must settle and drop or end the pipe.
func (s *session) serve(ctx context.Context) error {
	if err := s.subscribe(s.now()); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := s.now()
		if err := s.step(now); err != nil {
			return err
		}
		s.link.Awaiting = len(s.confirmer.awaiting)
		s.reportLink(now, false)
		timer.Reset(s.wake(now).Sub(now))

		var oldest, ready <-chan struct{}
		var replies <-chan gateway.Reply
		free := s.flight.room() > 0 && !s.isolating() && s.renewing == nil
		if s.opt.Commands != nil && free {
			replies = s.opt.Commands.Replies()
		}
		var history <-chan History
		may := s.born && s.known(now)
		if may && s.drained && !s.slowed && len(s.again) == 0 {
			history = s.opt.History
		}
		if o := s.flight.oldest(); o != nil {
			oldest = o.token.Done()
		}
		if may && s.drained && free {
			ready = s.ready
		}
		select {
		case <-ctx.Done():
			return s.goodbye()
		case err := <-s.lost:
			return fmt.Errorf("connection lost: %w", explain(err))
		case <-oldest:
		case <-s.changed:
			s.changed, s.dirty = nil, true
		case <-ready:
			s.drained = false
		case m := <-s.inbox:
			s.receive(m, now)
		case r := <-replies:
			if err := s.reply(r, now); err != nil {
				return err
			}
		case h := <-history:
			s.again = append(s.again, h)
		case told := <-s.opt.Refresh:
			s.refresh(told, now)
		case <-timer.C:
		}
	}
}

// sendReplies publishes what has become of commands, before events take the room that acknowledgements have made: while a
// backlog drains there is no other.
func (s *session) sendReplies(now time.Time) error {
	if s.opt.Commands == nil || s.isolating() {
		return nil
	}
	for s.flight.room() > 0 {
		select {
		case r := <-s.opt.Commands.Replies():
			if err := s.reply(r, now); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// reply publishes what became of a command.
func (s *session) reply(r gateway.Reply, now time.Time) error {
	topic := s.topics.reply(r.To)
	return s.push(slot{token: s.line.Publish(topic, false, gateway.MarshalReply(r)), what: topic}, now)
}

// step does everything that can be done without waiting.
func (s *session) step(now time.Time) error {
	if err := s.reap(now); err != nil {
		return err
	}
	if s.confirmer.check(now) {
		s.renewing = errStalled
	}
	if err := s.renew(now); err != nil || s.renewing != nil {
		return err
	}
	if err := s.sendReplies(now); err != nil {
		return err
	}
	if s.dirty && now.Sub(s.synced) >= syncGap {
		s.sync(now)
	}
	if !s.statusDue.After(now) {
		s.putStatus(now)
	}
	if !s.isolating() {
		if err := s.sendRetained(now); err != nil {
			return err
		}
	}
	if !s.readBack.IsZero() && !s.readBack.After(now) && !s.isolating() {
		s.readBack = time.Time{}
		filters := s.topics.readBack()
		if err := s.push(slot{token: s.line.Unsubscribe(filters...), what: "unsubscribe"}, now); err != nil {
			return err
		}
	}
	if s.born && s.known(now) {
		return s.sendEvents(now)
	}
	return nil
}

// renew ends the session once the files of the client certificate hold a new one and everything in flight is acknowledged.
func (s *session) renew(now time.Time) error {
	if !s.renewLook.After(now) {
		s.renewLook = now.Add(renewLook)
		fresh, _ := s.credentials.renew() // it says itself what is wrong
		if fresh {
			s.renewing = errRenewed
		}
	}
	if s.renewing != nil && s.flight.oldest() == nil {
		return s.renewing
	}
	return nil
}

// wake is when step has something to do though nothing happens.
func (s *session) wake(now time.Time) time.Time {
	at := s.statusDue
	if s.renewing != nil {
		return s.flight.oldest().deadline // there is one, or the session had ended
	}
	sooner := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	if o := s.flight.oldest(); o != nil {
		sooner(o.deadline)
	}
	if s.dirty {
		sooner(s.synced.Add(syncGap))
	}
	if !s.readBack.IsZero() && !s.isolating() {
		sooner(s.readBack)
	}
	if !s.quiet.IsZero() && !s.known(now) {
		sooner(s.quiet)
	}
	if due := s.confirmer.due(); !due.IsZero() {
		sooner(due)
	}
	if s.opt.CertFile != "" {
		sooner(s.renewLook)
	}
	if s.backlog != nil && (s.slowed || len(s.again) > 0) && s.flight.room() > 0 {
		missing := max(0, 1-s.backlog.TokensAt(now)) / float64(s.backlog.Limit())
		sooner(now.Add(time.Duration(missing*float64(time.Second)) + time.Millisecond))
	}
	if s.link != s.linkShown {
		sooner(s.linkShownAt.Add(linkGap))
	}
	return at
}

// push puts a packet that was handed to paho into the window.
func (s *session) push(p slot, now time.Time) error {
	switch {
	case p.token == nil:
		return s.failed(p, errDropped)
	case done(p.token) && p.token.Error() != nil:
		return s.failed(p, p.token.Error())
	}
	p.deadline = now.Add(s.opt.AckTimeout)
	s.flight.push(p)
	return nil
}

// reap takes what was acknowledged out of the window, in order.
func (s *session) reap(now time.Time) error {
	var err error
	for o := s.flight.oldest(); o != nil; o = s.flight.oldest() {
		if !done(o.token) {
			if !now.Before(o.deadline) {
				err = fmt.Errorf("no acknowledgement of %s within %v: the broker or the link is stuck", o.what, s.opt.AckTimeout)
			}
			break
		}
		if e := o.token.Error(); e != nil {
			err = s.failed(*o, e)
			break
		}
		s.accept(s.flight.pop())
	}
	s.confirm()
	return err
}

// accept takes note of one acknowledged packet.
func (s *session) accept(p slot) {
	switch {
	case !p.event.IsZero():
		s.acked = append(s.acked, p.event)
		s.suspects.cleared(p.event)
		if p.event == s.single {
			s.single, s.drained = gateway.EventID{}, false // look for what is new before the next one
		}
	case p.history != nil:
		p.history.Sent()
	case p.topic != nil:
		s.mirror.acknowledged(p.topic)
	case p.granted != nil:
		p.granted(p.token)
	}
}

func (s *session) confirm() {
	if len(s.acked) == 0 {
		return
	}
	s.link.Published += uint64(len(s.acked))
	s.link.InFlight -= len(s.acked)
	s.release(s.confirmer.acknowledged(s.acked, s.now()))
	s.acked = s.acked[:0]
}

// release gives events free that whoever has the last word has confirmed.
func (s *session) release(ids []gateway.EventID) {
	if len(ids) > 0 {
		s.outbox.Confirm(ids...)
	}
}

// failed finds the better of two reasons: paho ends the tokens a moment before it tells why.
func (s *session) failed(p slot, err error) error {
	select {
	case lost := <-s.lost:
		return fmt.Errorf("connection lost: %w", explain(lost))
	case <-time.After(100 * time.Millisecond):
		return fmt.Errorf("%s: %w", p.what, explain(err))
	}
}

// settle confirms what was acknowledged before the end, in whatever order, and hands the rest back. died tells that the
// connection did not end because we wanted it to, and err why.
func (s *session) settle(died bool, err error) {
	var again []History
	for s.flight.oldest() != nil {
		p := s.flight.pop()
		acknowledged := done(p.token) && p.token.Error() == nil
		switch {
		case p.history != nil && acknowledged:
			p.history.Sent()
		case p.history != nil:
			again = append(again, *p.history)
		case p.event.IsZero():
		case acknowledged:
			s.acked = append(s.acked, p.event)
			s.suspects.cleared(p.event)
		case died:
			s.blame(p.event, err)
		}
	}
	s.again = append(again, s.again...)
	s.confirm()
	s.link.InFlight = 0
	s.confirmer.rewind(s.now())
	s.link.Awaiting = 0
	s.outbox.Rewind()
}

// blame notes that the connection died with an event in flight.
func (s *session) blame(id gateway.EventID, err error) {
	switch {
	case id != s.single:
		s.suspects.died(id, s.link.Published)
	case s.suspects.diedAlone(id, s.link.Published):
		s.suspects.cleared(id)
		s.giveUp(id, fmt.Errorf("connections die of it, and of no other event: %w", err))
	}
}

// goodbye sends what is ready, says "offline" and waits for the acknowledgements, all within goodbyeTime.
func (s *session) goodbye() error {
	now := s.now()
	limit := time.NewTimer(goodbyeTime)
	defer limit.Stop()
	if s.born && s.known(now) {
		if err := s.sendEvents(now); err != nil {
			return err
		}
	}
	last := s.writer.status(s.id, s.since, s.condition)
	last.State = gateway.Offline
	if err := s.push(slot{token: s.line.Publish(s.topics.status, true, encode(last)), what: "goodbye"}, now); err != nil {
		return err
	}
	for o := s.flight.oldest(); o != nil; o = s.flight.oldest() {
		select {
		case <-o.token.Done():
		case <-s.inbox:
		case err := <-s.lost:
			return fmt.Errorf("connection lost: %w", explain(err))
		case <-limit.C:
			return fmt.Errorf("no acknowledgement of the goodbye within %v", goodbyeTime)
		}
		if err := s.reap(s.now()); err != nil {
			return err
		}
	}
	return nil
}
