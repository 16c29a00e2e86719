package field

import (
	"context"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
)

// tallyEvery is how often the counts of a bus are shown, and the time that its load is an average of.
const tallyEvery = 5 * time.Second

// traffic is what was counted when it was shown last.
type traffic struct {
	due  gateway.Mono
	at   gateway.Mono
	bits []uint64 // of each chip, then of the bus
}

// tally shows what went over the bus. On a bus that is left it comes once more, and the load is none.
func (b *acquireBus) tally(ctx context.Context, bus Bus, leaving bool) {
	now := b.now()
	if bus.Traffic == nil || now < b.count.due && !leaving {
		if bus.Traffic == nil {
			b.count.due = now.Add(time.Minute)
		}
		return
	}
	during := now.Sub(b.count.at)
	if b.count.bits == nil {
		b.count.bits = make([]uint64, len(b.cfg.Chips)+1)
		during = 0
	}
	b.count.at, b.count.due = now, now.Add(tallyEvery)
	var retries uint64
	show := func(n, src int, t drivers.Traffic, retries, missed uint64) {
		in := Traffic{Traffic: t, Retries: retries, Missed: missed}
		if !leaving {
			in.Load = drivers.Load(t.Bits-b.count.bits[n], b.cfg.Speed, during)
		}
		b.count.bits[n] = t.Bits
		b.core.push(ctx, Input{Kind: TrafficInput, Source: src, Traffic: in})
	}
	for i, c := range b.cfg.Chips {
		retries += b.chips[i].retries
		if m, ok := bus.Chips[i].(Counts); ok {
			b.chips[i].missed = b.chips[i].before + m.Missed()
		}
		show(i, c.Source, bus.Traffic(i), b.chips[i].retries, b.chips[i].missed)
	}
	show(len(b.cfg.Chips), b.cfg.Source, bus.Traffic(All), retries, 0)
}
