package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"lotusgate/gateway"
	"lotusgate/gateway/outbox"
	"lotusgate/gateway/uplink"
)

// services carry out what is asked of the gateway itself. That moves nothing and needs no evidence, so the core has no
// part in it but the record: who asked was proven and allowed as for every command, and each stage is a reply and an
// audit event.
type services struct {
	d       *daemon
	refresh chan func()
	history chan uplink.History
	orders  map[gateway.Action]chan gateway.Command
}

// errNotKept is the end of a resend for which there is nothing.
var errNotKept = errors.New("none of these events is kept here any more")

// serviceQueue is how many orders of one kind wait; more are refused.
const serviceQueue = 4

func newServices(d *daemon) *services {
	s := &services{
		d: d, refresh: make(chan func()), history: make(chan uplink.History),
		orders: map[gateway.Action]chan gateway.Command{},
	}
	for _, a := range gateway.GatewayActions() {
		s.orders[a] = make(chan gateway.Command, serviceQueue)
	}
	return s
}

// take is given an order of the gateway, and never waits; false = too many wait.
func (s *services) take(c gateway.Command) bool {
	select {
	case s.orders[c.Action] <- c:
		return true
	default:
		return false
	}
}

// run carries orders out, one of each kind at a time, until ctx ends.
func (s *services) run(ctx context.Context) {
	var kinds sync.WaitGroup
	defer kinds.Wait()
	for action, orders := range s.orders {
		work := map[gateway.Action]func(context.Context, gateway.Command) (string, error){
			gateway.Resend: s.resend, gateway.Refresh: s.publishAnew, gateway.Identify: s.identify,
		}[action]
		kinds.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case c := <-orders:
					s.carryOut(ctx, c, work)
				}
			}
		})
	}
}

func (s *services) carryOut(ctx context.Context, c gateway.Command, work func(context.Context, gateway.Command) (string, error)) {
	if !s.begin(ctx, c) {
		return
	}
	detail, err := work(ctx, c)
	if ctx.Err() == nil { // what is open at an end is told by the next start
		s.end(ctx, c, detail, err)
	}
}

// begin tells whether an order is still worth something.
func (s *services) begin(ctx context.Context, c gateway.Command) bool {
	if c.Expires != 0 && s.d.clock.Now() > c.Expires {
		s.answer(ctx, c, gateway.CommandRejected, gateway.Reply{Stage: gateway.Rejected, Reason: gateway.Expired})
		return false
	}
	s.answer(ctx, c, gateway.CommandAccepted, gateway.Reply{Stage: gateway.Accepted})
	return true
}

// end tells what became of an order.
func (s *services) end(ctx context.Context, c gateway.Command, detail string, err error) {
	switch {
	case err != nil:
		why := gateway.NotKept
		if c.Action == gateway.Identify {
			why = gateway.NoLight
		}
		s.answer(ctx, c, gateway.CommandFailed, gateway.Reply{Stage: gateway.Failed, Reason: why, Detail: err.Error()})
	default:
		proven := c.Action != gateway.Identify // the broker has acknowledged all of it; nobody looks at the LED for us
		s.answer(ctx, c, gateway.CommandDone, gateway.Reply{Stage: gateway.Done, Verified: &proven, Detail: detail})
	}
}

// answer tells the audit and who asked.
func (s *services) answer(ctx context.Context, c gateway.Command, t gateway.Type, r gateway.Reply) {
	s.d.post(ctx, t, gateway.CommandData{
		JTI: c.JTI, Issuer: c.Issuer, Peer: c.Peer, Action: c.Action, Ref: c.Args.Ref, Reason: r.Reason, Verified: r.Verified,
	})
	r.JTI, r.Device, r.Action, r.Issuer = c.JTI, c.Device, c.Action, c.Issuer
	s.d.intake.Answer(r)
}

// identify blinks the board's LED: which of the boxes is it?
func (s *services) identify(ctx context.Context, _ gateway.Command) (string, error) {
	return "", findLight(s.d.o.Hardware.LEDs).blink(ctx)
}

// publishAnew has everything retained published once more.
func (s *services) publishAnew(ctx context.Context, _ gateway.Command) (string, error) {
	published := make(chan struct{})
	select {
	case s.refresh <- func() { close(published) }:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	select {
	case <-published:
	case <-ctx.Done():
	}
	return "", ctx.Err()
}

// resend sends events once more that are kept here. What is not confirmed comes anyway, and comes twice then.
func (s *services) resend(ctx context.Context, c gateway.Command) (string, error) {
	from, to, err := c.Args.Range()
	if err != nil {
		return "", err
	}
	history := s.d.box.History(outbox.ID(from), outbox.ID(to))
	var sent sync.WaitGroup
	var batch []outbox.Record
	count := 0
	for {
		if batch, err = history.Next(batch[:0], 64); err != nil {
			return "", fmt.Errorf("read the local history: %w", err)
		}
		if len(batch) == 0 {
			break
		}
		for _, r := range batch {
			sent.Add(1)
			h := uplink.History{Record: uplink.Record{ID: eventID(r.ID), Payload: r.Payload}, Sent: sent.Done}
			select {
			case s.history <- h:
				count++
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
	}
	if count == 0 {
		return "", errNotKept
	}
	all := make(chan struct{})
	go func() { sent.Wait(); close(all) }()
	select {
	case <-all:
	case <-ctx.Done():
	}
	return fmt.Sprintf("%d events", count), ctx.Err()
}
