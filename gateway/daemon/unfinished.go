package daemon

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"lotusgate/gateway"
	"lotusgate/gateway/outbox"
)

const unfinishedSection = "unfinished"

// unfinished is what a restart must not forget of commands: those of which the ledger does not have the end. The ledger is the
// truth. What is kept here is for what it no longer holds, and is never ahead of it: a command leaves it when its end is on
// the disk. Between the two lie milliseconds, which the next start reads again.
type unfinished struct {
	Commands map[string]openOrder `json:"commands"`      // by issuer and jti
	UpTo     gateway.EventID      `json:"upto,omitzero"` // what the ledger says up to here is in Commands

	last gateway.EventID // of the events followed
	over bool            // there were more than fit
}

// openOrder is a command that was accepted.
type openOrder struct {
	Device string              `json:"device"`
	Data   gateway.CommandData `json:"data"`
	ended  gateway.EventID     // where; zero = it has not ended
}

// most bounds the commands that are kept: a gate carries out one at a time.
const mostUnfinished = 64

// audited tells whether an event begins or ends a command.
func audited(e gateway.Event) bool {
	return slices.Contains([]gateway.Type{gateway.CommandAccepted, gateway.CommandDone, gateway.CommandFailed}, e.Type)
}

func orderKey(d gateway.CommandData) string { return d.Issuer + " " + d.JTI }

// follow notes what an event begins or ends, and tells whether anything changed.
func (u *unfinished) follow(id gateway.EventID, e gateway.Event) bool {
	u.last = id
	data, isCommand := e.Data.(gateway.CommandData)
	if !isCommand || !audited(e) {
		return false
	}
	key := orderKey(data)
	if e.Type == gateway.CommandAccepted {
		if len(u.Commands) >= mostUnfinished {
			u.over = true
			return false
		}
		if u.Commands == nil {
			u.Commands = map[string]openOrder{}
		}
		data.Evidence = nil
		u.Commands[key] = openOrder{Device: e.ID, Data: data}
		return true
	}
	o, ok := u.Commands[key]
	if o.ended = id; ok {
		u.Commands[key] = o
	}
	return ok
}

// settle forgets the commands whose ends are on the disk, and tells whether all are that have one. The ledger is durable to
// upTo, and may be further than what was followed.
func (u *unfinished) settle(firm func(gateway.EventID) bool, upTo gateway.EventID) (all bool) {
	if upTo.Epoch == u.last.Epoch && u.last.Before(upTo) {
		upTo = u.last
	}
	if upTo.Epoch == u.last.Epoch && !u.over { // else a new one has just begun
		u.UpTo = upTo
	}
	all = true
	for key, o := range u.Commands {
		switch {
		case o.ended.IsZero():
		case firm(o.ended):
			delete(u.Commands, key)
		default:
			all = false
		}
	}
	return all
}

// replay brings what was kept up to what the ledger says, oldest first. A record that was appended again under a new epoch
// begins nothing anew.
func (u *unfinished) replay(newest []outbox.Record) error {
	begun := map[string]gateway.Mono{}
	for _, r := range newest {
		if !bytes.Contains(r.Payload, []byte(`"command.`)) { // most are something else
			continue
		}
		e, err := gateway.Unstore(r.Payload)
		if err != nil {
			return err
		}
		data, isCommand := e.Data.(gateway.CommandData)
		if !isCommand || !audited(e) {
			continue
		}
		key, id := orderKey(data), eventID(r.ID)
		at, again := begun[key]
		if again = again && at == e.At; e.Type == gateway.CommandAccepted {
			begun[key] = e.At
		}
		known := id.Epoch == u.UpTo.Epoch && !u.UpTo.Before(id)
		switch {
		case known, again && e.Type == gateway.CommandAccepted:
		case e.Type == gateway.CommandAccepted:
			u.follow(gateway.EventID{}, e)
		default:
			delete(u.Commands, key)
		}
	}
	return nil
}

// abandoned are the events that end the commands of the run before: nobody knows what became of them.
func (u *unfinished) abandoned(now gateway.Mono) []gateway.Event {
	var events []gateway.Event
	for _, key := range slices.Sorted(maps.Keys(u.Commands)) {
		o := u.Commands[key]
		o.Data.Reason = gateway.Restarted
		events = append(events, gateway.Event{Type: gateway.CommandFailed, ID: o.Device, At: now, Data: o.Data})
	}
	return events
}

// newestBytes of the ledger are read again at a start: some 250 events that are urgent, as those of commands are. The checkpoint,
// which is written at once, is not behind it by more.
const newestBytes = 128 << 10

// recall finds what the run before left unfinished.
func (d *daemon) recall() {
	u := &d.unfinished
	if _, err := d.truths.Get(unfinishedSection, u); err != nil {
		d.log.Warn("the list of unfinished commands cannot be read; the ledger's newest events are", "error", err)
		*u = unfinished{}
	}
	newest, err := d.box.Newest(outbox.Alarm, newestBytes)
	if e := u.replay(newest); err == nil {
		err = e
	}
	if err != nil {
		d.log.Warn("not all of the ledger's newest events can be read; a command may be told to have failed that had ended", "error", err)
	}
}

// remember follows the events of this run. It is called by the core and does not wait. What was accepted is written at once,
// beside the ledger: a process that is killed in the middle of a pulse has no second chance. What has ended is written
// when the ledger has it.
func (d *daemon) remember(id gateway.EventID, e gateway.Event) {
	d.ending.Lock()
	changed := d.unfinished.follow(id, e)
	d.ending.Unlock()
	switch {
	case !changed:
	case e.Type == gateway.CommandAccepted:
		d.settleCommands()
		d.memory.soon()
	default:
		select {
		case d.ended <- struct{}{}:
		default:
		}
	}
}

// settleCommands keeps which commands are open, and tells whether the ledger has all the ends that there are.
func (d *daemon) settleCommands() bool {
	d.ending.Lock()
	defer d.ending.Unlock()
	all := d.unfinished.settle(func(id gateway.EventID) bool { return d.box.Firm(outbox.ID(id)) }, eventID(d.box.DurableTo()))
	if err := d.truths.Put(unfinishedSection, &d.unfinished); err != nil {
		d.log.Error("an open command would not survive a restart", "error", err)
	}
	return all
}

// keepEnds forgets commands that have ended, once the ledger has their ends.
func (d *daemon) keepEnds(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.ended:
		}
		for all := false; !all && ctx.Err() == nil; {
			wait, cancel := context.WithTimeout(ctx, lastSync)
			_ = d.box.Sync(wait) // a disk that refuses tells of it itself; its ends are not waited for
			cancel()
			all = d.settleCommands()
			d.memory.soon()
		}
	}
}
