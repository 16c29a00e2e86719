package daemon

import (
	"log/slog"
	"slices"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/outbox"
	"lotusgate/gateway/uplink"
)

// recorder puts the core's events into the outbox.
type recorder struct {
	box  *outbox.Outbox
	boot string
	log  *slog.Logger
	seen func(gateway.EventID, gateway.Event) // told of every event, in order; may be nil

	config func() *config.Config // in force
	labels labels
}

// Record issues an event. It returns the event's name at once; the outbox makes it durable behind.
func (r *recorder) Record(e gateway.Event) gateway.EventID {
	e.Labels = r.labels.of(r.config(), e.ID)
	payload, err := gateway.Store(e, r.boot)
	if err != nil {
		// Only a type that is not in the catalogue, or data that is no JSON: a fault of this program.
		r.log.Error("event cannot be stored", "type", e.Type, "id", e.ID, "error", err)
		return gateway.EventID{}
	}
	queue := outbox.Normal
	if gateway.QueueOf(e) == gateway.AlarmQueue {
		queue = outbox.Alarm
	}
	issue := r.box.Append
	if audited(e) { // what a center knows of a command, the next start must know, too
		issue = r.box.AppendFirm
	}
	stored := issue(queue, payload)
	if d, ok := e.Data.(gateway.DroppedData); ok {
		r.box.Named(namedIn(d), stored)
	}
	id := eventID(stored)
	if r.seen != nil {
		r.seen(id, e)
	}
	return id
}

// labels of devices, encoded, as a configuration wants them in events.
type labels struct {
	cfg     *config.Config
	devices map[string]string
	gateway string // of what is no device: a point, a bus, the gateway itself
}

// of returns the labels of an id. A new configuration has its own.
func (l *labels) of(cfg *config.Config, id string) string {
	if len(cfg.MQTT.EventLabels) == 0 {
		return ""
	}
	if l.cfg != cfg {
		*l = labels{cfg: cfg, devices: map[string]string{}, gateway: cfg.EventLabels(nil)}
		for _, d := range cfg.Devices() {
			l.devices[d.ID] = cfg.EventLabels(d.Labels)
		}
	}
	if own, ok := l.devices[id]; ok {
		return own
	}
	return l.gateway
}

func eventID(id outbox.ID) gateway.EventID {
	return gateway.EventID{Epoch: id.Epoch, Run: id.Run, Number: id.Number}
}

// sendQueue is the outbox as the uplink sees it. Called from the uplink's one goroutine.
type sendQueue struct {
	box   *outbox.Outbox
	taken []outbox.Record
	ids   []outbox.ID
}

func (q *sendQueue) Take(dst []uplink.Record, max int) []uplink.Record {
	return q.handOver(dst, q.box.Take(q.taken[:0], max))
}

func (q *sendQueue) TakeLive(dst []uplink.Record, max int) []uplink.Record {
	return q.handOver(dst, q.box.TakeLive(q.taken[:0], max))
}

func (q *sendQueue) handOver(dst []uplink.Record, taken []outbox.Record) []uplink.Record {
	q.taken = taken
	for _, r := range q.taken {
		dst = append(dst, uplink.Record{ID: eventID(r.ID), Payload: r.Payload, Resent: r.Resent})
	}
	clear(q.taken)
	return dst
}

func (q *sendQueue) Ready() <-chan struct{} { return q.box.Ready() }

func (q *sendQueue) Confirm(ids ...gateway.EventID) {
	q.ids = q.ids[:0]
	for _, id := range ids {
		q.ids = append(q.ids, outbox.ID{Epoch: id.Epoch, Run: id.Run, Number: id.Number})
	}
	q.box.Confirm(q.ids...)
}

func (q *sendQueue) ConfirmTo(mark gateway.EventID) { q.box.ConfirmTo(outbox.ID(mark)) }

func (q *sendQueue) Rewind() { q.box.Rewind() }

// Ledger sums up the outbox for status and started.
func (q *sendQueue) Ledger() gateway.Ledger { return ledger(q.box.Ledger()) }

// endedRuns is what a start says about earlier runs: those that are not fully confirmed, and in any case how far the
// last one was saved. What it issued beyond that went with the power, unless it was sent.
func endedRuns(l outbox.Ledger) []gateway.LedgerRun {
	runs := ledger(l).Unconfirmed
	before := gateway.LedgerRun(l.Before)
	if before.Run == 0 || slices.ContainsFunc(runs, func(r gateway.LedgerRun) bool { return r.Epoch == before.Epoch && r.Run == before.Run }) {
		return runs
	}
	return append([]gateway.LedgerRun{before}, runs...)
}

func ledger(l outbox.Ledger) gateway.Ledger {
	out := gateway.Ledger{Epoch: l.Epoch, Run: l.Run, Number: l.Number, Unconfirmed: []gateway.LedgerRun{}}
	for _, r := range l.Unconfirmed {
		out.Unconfirmed = append(out.Unconfirmed, gateway.LedgerRun{Epoch: r.Epoch, Run: r.Run, DurableTo: r.DurableTo})
	}
	return out
}

// droppedData is what gateway.events_dropped says.
func droppedData(d outbox.Dropped) gateway.DroppedData {
	out := gateway.DroppedData{Epoch: d.Epoch, Run: d.Run, Queue: d.Queue.String(), Cause: d.Cause.String()}
	for _, r := range d.Ranges {
		out.Ranges = append(out.Ranges, gateway.NumberRange{From: r.From, To: r.To})
	}
	return out
}

// namedIn is the inverse, as far as the outbox needs it to know that the telling is on its way.
func namedIn(d gateway.DroppedData) outbox.Dropped {
	out := outbox.Dropped{Epoch: d.Epoch, Run: d.Run}
	for _, r := range d.Ranges {
		out.Ranges = append(out.Ranges, outbox.Range{From: r.From, To: r.To})
	}
	return out
}
