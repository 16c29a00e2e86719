package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
)

// runIdentity is what the run slots hold.
type runIdentity struct {
	runKey
	board string
	stale runKey // see Outbox.stale
}

func parseRunIdentity(b []byte) (runIdentity, bool) {
	if len(b) < 8 {
		return runIdentity{}, false
	}
	id := runIdentity{runKey: parseRunKey(b)}
	board, stale, _ := bytes.Cut(b[8:], []byte{0})
	if id.board = string(board); len(stale) == 8 {
		id.stale = parseRunKey(stale)
	}
	return id, true
}

func (id *runIdentity) encode() []byte {
	b := append(id.runKey.appendTo(nil), id.board...)
	if id.stale != (runKey{}) {
		b = id.stale.appendTo(append(b, 0))
	}
	return b
}

func (r runKey) appendTo(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, r.epoch)
	return binary.LittleEndian.AppendUint32(b, r.run)
}

func parseRunKey(b []byte) runKey {
	return runKey{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])}
}

// identity of this run. mu is held.
func (o *Outbox) identity() []byte {
	id := runIdentity{o.runKey, o.opt.Board, o.stale}
	return id.encode()
}

// beginRun chooses epoch and run and makes them durable. A damaged slot may have held the run after the one that can
// be read, so that one is left out.
func (o *Outbox) beginRun(r *recovery) error {
	reason := ""
	switch {
	case r.fresh:
	case !r.known:
		reason = "the file runs can't be read"
	case r.last.board != o.opt.Board:
		reason = "the outbox was made on another board"
	}
	o.stale = r.last.stale
	if r.fresh || reason != "" {
		o.epoch, o.run = o.opt.Chance(epochs), 1
	} else {
		o.epoch, o.run = r.last.epoch, r.last.run+1
		if r.damaged > 0 {
			o.run++
		}
		o.run = max(o.run, o.highestRun()+1)
	}
	if err := o.runs.store(o.identity(), true); err != nil {
		return err
	}
	if r.fresh || !r.known { // both slots, so that one damaged byte does not cost the epoch
		if err := o.runs.store(o.identity(), true); err != nil {
			return err
		}
	}
	if reason != "" {
		n := Notice{Kind: OutboxRestored, Reason: reason}
		if r.last.runKey != (runKey{}) { // what the slots say, or else the newest records
			n.OldEpoch = epochText(r.last.epoch)
		}
		o.notices = append(o.notices, n)
	}
	return nil
}

// highestRun of this epoch that the segments know.
func (o *Outbox) highestRun() uint32 {
	var high uint32
	for i := range o.queues {
		for _, seg := range o.queues[i].segments {
			for _, t := range seg.stretches {
				if t.epoch == o.epoch {
					high = max(high, t.run)
				}
			}
		}
	}
	return high
}

// newestRun guesses from the tails what the run slots no longer say.
func newestRun(tails [2]tail) (newest runIdentity) {
	for _, t := range tails {
		if n := len(t.records); n > 0 {
			if r := t.records[n-1]; newest.run == 0 || r.epoch == newest.epoch && r.run > newest.run {
				newest.runKey = runKey{r.epoch, r.run}
			}
		}
	}
	return newest
}

// harden writes the last commit once more. A process that was killed, or whose sync failed, leaves records that the
// kernel shows to this one and that are not on disk.
func (o *Outbox) harden(tails [2]tail, last runIdentity, base uint64) error {
	for i, t := range tails {
		seg := o.queues[i].active()
		if seg == nil || seg.failed || seg.file == nil {
			continue
		}
		k := slices.IndexFunc(t.records, func(r record) bool {
			return r.epoch == last.epoch && r.run == last.run && r.number > base
		})
		if k < 0 {
			continue
		}
		at := int64(t.offsets[k])
		if _, err := seg.file.WriteAt(t.image[at:seg.off], at); err != nil {
			return fmt.Errorf("write the last commit again: %w", err)
		}
		if err := seg.file.Sync(); err != nil {
			return fmt.Errorf("write the last commit again: %w", err)
		}
	}
	return nil
}

// beginInMemory starts a run that no other process can ever continue by mistake.
func (o *Outbox) beginInMemory(err error) {
	o.epoch, o.run, o.runError = o.opt.Chance(epochs), 1, err
}

// retryRun tries again to make the run durable, where it was not at Open.
func (o *Outbox) retryRun() {
	o.mu.Lock()
	failed, identity := o.runError, o.identity()
	o.mu.Unlock()
	if failed == nil || !o.due(o.runAt) {
		return
	}
	err := o.saveGaps() // what earlier runs lost: later starts look at this run only
	if err == nil {
		err = o.runs.store(identity, true)
	}
	o.runAt = o.in(retryMost)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.runError = err
	o.judgeStorage()
}

// An epoch is six digits to the base 36; the largest fits into 32 bits.
const epochs = 36 * 36 * 36 * 36 * 36 * 36

func epochText(e uint32) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	var b [6]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[e%36]
		e /= 36
	}
	return string(b[:])
}

// epochName is epochText without its allocation. mu is held.
func (o *Outbox) epochName(e uint32) string {
	s, ok := o.names[e]
	if !ok {
		s = epochText(e)
		o.names[e] = s
	}
	return s
}

func parseEpoch(s string) (uint32, bool) {
	if len(s) != 6 {
		return 0, false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return 0, false
		}
	}
	e, err := strconv.ParseUint(s, 36, 32)
	return uint32(e), err == nil
}
