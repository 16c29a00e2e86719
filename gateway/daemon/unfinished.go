package daemon

import (
	"maps"
	"slices"

	"lotusgate/gateway"
)

const unfinishedSection = "unfinished"

// unfinished is what a restart must not forget of commands: those that have not ended. It follows the events, so it is
// written by the core and read before the core begins.
type unfinished struct {
	Commands map[string]openOrder `json:"commands"` // by issuer and jti
}

// openOrder is a command that was accepted.
type openOrder struct {
	Device string              `json:"device"`
	Data   gateway.CommandData `json:"data"`
}

// most bounds the commands that are kept: a gate carries out one at a time.
const mostUnfinished = 64

// follow notes what an event begins or ends, and tells whether anything changed.
func (u *unfinished) follow(e gateway.Event) bool {
	data, isCommand := e.Data.(gateway.CommandData)
	key := data.Issuer + " " + data.JTI
	switch e.Type {
	case gateway.CommandAccepted:
		if len(u.Commands) >= mostUnfinished {
			return false
		}
		if u.Commands == nil {
			u.Commands = map[string]openOrder{}
		}
		data.Evidence = nil
		u.Commands[key] = openOrder{e.ID, data}
	case gateway.CommandDone, gateway.CommandFailed:
		if _, ok := u.Commands[key]; !ok || !isCommand {
			return false
		}
		delete(u.Commands, key)
	default:
		return false
	}
	return true
}

// recall reads what the run before left unfinished.
func (d *daemon) recall() {
	if _, err := d.truths.Get(unfinishedSection, &d.unfinished); err != nil {
		d.log.Warn("unfinished commands cannot be read and are forgotten", "error", err)
		d.unfinished = unfinished{}
	}
}

// remember follows the events of this run. It is called by the core and does not wait. The checkpoint is written at once,
// beside it: a process that is killed in the middle of a pulse has no second chance, and one that is killed after it must
// not tell of an end twice.
func (d *daemon) remember(e gateway.Event) {
	if !d.unfinished.follow(e) {
		return
	}
	if err := d.truths.Put(unfinishedSection, d.unfinished); err != nil {
		d.log.Error("an open command would not survive a restart", "error", err)
	}
	d.memory.soon()
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
