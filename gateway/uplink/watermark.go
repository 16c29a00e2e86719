package uplink

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lotusgate/gateway"
)

// Confirmation is a change in what stands behind published events, for Options.Confirmation.
type Confirmation uint8

const (
	// ConfirmationResumed ends the others: a watermark released events again.
	ConfirmationResumed Confirmation = iota
	// ConfirmationStalled: the broker acknowledges and the center does not say that it has stored anything.
	ConfirmationStalled
	// WatermarkRejected: a watermark names another epoch, or is none.
	WatermarkRejected
)

const (
	defaultStall = 10 * time.Minute
	rejectGap    = time.Minute
	longestStall = 24 * time.Hour // between two times that everything unconfirmed is sent once more
)

// confirmer decides when an acknowledged record may be released: at once, or when a watermark of the center covers it.
type confirmer struct {
	byCenter bool
	stall    time.Duration
	tell     func(Confirmation, gateway.ConfirmationData)
	renew    func(reason string)

	mark     gateway.EventID   // the highest watermark of this epoch
	awaiting []gateway.EventID // acknowledged, not covered
	since    time.Time         // when the last progress was, or when awaiting began; zero = nothing awaits
	waited   time.Duration     // without progress, on the connections before this one
	stalled  bool
	again    time.Time     // when everything unconfirmed is sent once more, while stalled
	pause    time.Duration // until then
	rejected string        // the watermark that was, so that it is told once
	told     time.Time     // when that was
}

func plainWatermark(payload []byte) (w gateway.Watermark, err error) {
	if json.Unmarshal(payload, &w) != nil || w.Epoch == "" {
		return w, errors.New("it is no watermark")
	}
	return w, nil
}

// acknowledged returns which of ids may be released now. It may reuse ids.
func (c *confirmer) acknowledged(ids []gateway.EventID, now time.Time) []gateway.EventID {
	if !c.byCenter {
		return ids
	}
	free := ids[:0]
	for _, id := range ids {
		if c.covers(id) {
			free = append(free, id)
			continue
		}
		if len(c.awaiting) == 0 {
			c.since = now.Add(-c.waited)
		}
		c.awaiting = append(c.awaiting, id)
	}
	return free
}

func (c *confirmer) covers(id gateway.EventID) bool {
	return id.Epoch == c.mark.Epoch && !c.mark.Before(id)
}

// watermark takes what the center says, with the ledger as it is, and returns what may be released: what it covers, and
// what was acknowledged of earlier epochs. A lower one than before is old news.
func (c *confirmer) watermark(w gateway.Watermark, l gateway.Ledger, now time.Time) (free []gateway.EventID) {
	mark := gateway.EventID(w)
	newest := gateway.EventID{Epoch: l.Epoch, Run: l.Run, Number: l.Number}
	switch {
	case w.Epoch != l.Epoch:
		c.reject(mark.String(), "the epoch here is "+l.Epoch, now)
		return nil
	case newest.Before(mark):
		c.renew(fmt.Sprintf("the center has confirmed %v, and the newest event is %d-%d", mark, l.Run, l.Number))
		return nil
	case c.mark.Epoch == mark.Epoch && !c.mark.Before(mark):
		return nil
	}
	c.mark = mark
	keep := c.awaiting[:0]
	for _, id := range c.awaiting {
		if c.covers(id) || id.Epoch != mark.Epoch {
			free = append(free, id)
		} else {
			keep = append(keep, id)
		}
	}
	c.awaiting, c.since, c.waited = keep, now, 0
	if c.stalled || c.rejected != "" {
		c.stalled, c.rejected = false, ""
		c.tell(ConfirmationResumed, gateway.ConfirmationData{Waiting: uint64(len(keep))})
	}
	return free
}

// reject tells of a watermark that cannot be believed: each once, and not more than one a minute, so that whoever may
// publish them cannot fill the ledger.
func (c *confirmer) reject(mark, reason string, now time.Time) {
	if c.rejected == mark || now.Sub(c.told) < rejectGap {
		return
	}
	c.rejected, c.told = mark, now
	c.tell(WatermarkRejected, gateway.ConfirmationData{Waiting: uint64(len(c.awaiting)), Watermark: mark, Reason: reason})
}

// check finds that the center has said nothing for long, and tells when to send everything unconfirmed once more: whoever
// dropped it in silence may have been put right. The pauses double.
func (c *confirmer) check(now time.Time) (again bool) {
	if due := c.due(); due.IsZero() || due.After(now) {
		return false
	}
	if c.pause = min(2*c.pause, longestStall); !c.stalled {
		c.stalled, c.pause = true, c.stall
		c.tell(ConfirmationStalled, gateway.ConfirmationData{Waiting: uint64(len(c.awaiting))})
	}
	c.again = now.Add(c.pause)
	return true
}

// due is when check may find something; zero = never as things are.
func (c *confirmer) due() time.Time {
	switch {
	case len(c.awaiting) == 0:
		return time.Time{}
	case c.stalled:
		return c.again
	}
	return c.since.Add(c.stall)
}

// rewind forgets what awaits: the connection is gone, and the outbox hands it out again. A link that flaps does not keep
// a stall from being found: the time waited so far counts.
func (c *confirmer) rewind(now time.Time) {
	if len(c.awaiting) > 0 {
		c.waited = now.Sub(c.since)
	}
	c.awaiting = nil
}
