package daemon

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/outbox"
)

// notices carries what the outbox observes about itself to the core, in order and without ever blocking the outbox.
// The outbox repeats nothing, so the list is not bounded here; the outbox bounds it by merging ranges.
type notices struct {
	mu   sync.Mutex
	list []outbox.Notice
	wake chan struct{}
}

func (n *notices) add(notice outbox.Notice) {
	n.mu.Lock()
	n.list = append(n.list, notice)
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *notices) take() []outbox.Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list
	n.list = nil
	return list
}

// watchStorage keeps the hub's view of the outbox true.
func (d *daemon) watchStorage(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var last hub.Storage
	damaged := d.damagedFiles()
	for {
		now := storageView(d.box)
		now.Damaged = damaged
		if now.RecordGaps = 1; d.flight != nil { // without a recorder all is one gap
			s := d.flight.Stats()
			now.Recorded, now.RecordGaps = s.Written, s.Gaps
		}
		if !reflect.DeepEqual(now, last) {
			last = now
			d.hub.SetStorage(now)
		}
		d.looked.Store(int64(d.clock.Now()))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// damagedFiles of the storage directory, as the start met them. They may be more: this is what nothing could be used of.
func (d *daemon) damagedFiles() string {
	files := d.box.Damaged()
	if d.truths.Damaged() {
		files = append(slices.Clone(files), truthsFile)
	}
	return strings.Join(files, ", ")
}

// keepDiary looks at everything once a second.
func (d *daemon) keepDiary(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		d.day.Look(d.hub.View(), d.clock.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// forwardNotices turns what the outbox observes about itself into events.
func (d *daemon) forwardNotices(ctx context.Context) {
	for {
		for _, n := range d.notices.take() {
			d.forward(ctx, n)
		}
		select {
		case <-ctx.Done():
			return
		case <-d.notices.wake:
		}
	}
}

func (d *daemon) forward(ctx context.Context, n outbox.Notice) {
	switch n.Kind {
	case outbox.RecordsDropped:
		d.log.Warn("events dropped", "epoch", n.Dropped.Epoch, "run", n.Dropped.Run, "cause", n.Dropped.Cause, "ranges", n.Dropped.Ranges)
		d.post(ctx, gateway.GatewayEventsDropped, droppedData(n.Dropped))
	case outbox.StorageDegraded:
		d.log.Error("storage degraded: events wait in memory", "error", n.Err)
		d.post(ctx, gateway.StorageDegraded, gateway.StorageData{Error: n.Err.Error()})
	case outbox.StorageRecovered:
		d.log.Info("storage recovered")
		d.post(ctx, gateway.StorageRecovered, gateway.StorageData{})
	case outbox.OutboxRestored:
		d.log.Warn("a new epoch begins", "old", n.OldEpoch, "reason", n.Reason)
		d.post(ctx, gateway.OutboxRestored, gateway.RestoredData{OldEpoch: n.OldEpoch, Reason: n.Reason})
	}
}

func storageView(box *outbox.Outbox) hub.Storage {
	s := box.Stats()
	v := hub.Storage{
		Ledger: ledger(box.Ledger()), Degraded: s.Degraded,
		Commits: s.Commits, CommitTime: s.CommitTime, BytesWritten: s.BytesWritten, Dropped: s.Dropped,
	}
	for from, to := range map[outbox.Queue]gateway.Queue{outbox.Normal: gateway.NormalQueue, outbox.Alarm: gateway.AlarmQueue} {
		q := s.Queues[from]
		v.Queues[to] = hub.QueueStats{Depth: q.Depth, Bytes: q.Bytes, Limit: q.Limit, OldestAge: q.OldestAge}
	}
	return v
}
