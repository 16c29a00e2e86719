package field

import (
	"context"
	"sync"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
)

// question asks for fresh samples of every safety input of a device.
type question struct {
	device int
	number uint32
}

// proof reads safety inputs because a decision needs them: native lines through their owner, chips through the owner of
// their bus. Each question has a goroutine of its own, so that a bus that hangs keeps no other gate waiting; a gate asks
// one question at a time.
type proof struct {
	cfg       Config
	now       func() gateway.Mono
	core      inlet
	questions <-chan question
	lines     levelOf
	turn      *coroutine       // of one question; nil = goroutines
	limit     gateway.Mono     // of a coroutine
	chips     []chan<- chipAsk // by source; nil = not a chip
	safety    map[int][]safetyInput
}

func (p *proof) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-p.questions:
			wg.Go(func() { p.answer(ctx, q, p.safety[q.device]) })
		}
	}
}

// answerInTurn is answer for who takes turns with the owners of lines and buses: it reads one input after another.
func (p *proof) answerInTurn(ctx context.Context, q question, inputs []safetyInput) {
	e := device.Evidence{Number: q.number}
	p.limit = p.now().Add(device.EvidenceTime)
	for i, in := range inputs[:min(len(inputs), device.MaxSafety)] {
		e.Samples[i] = p.input(ctx, in)
	}
	p.core.push(ctx, Input{Kind: ProofInput, Device: q.device, Evidence: e})
}

// answer reads all inputs at once and tells the core what came in time.
func (p *proof) answer(ctx context.Context, q question, inputs []safetyInput) {
	limit, cancel := context.WithTimeout(ctx, device.EvidenceTime)
	defer cancel()
	e := device.Evidence{Number: q.number}
	var wg sync.WaitGroup
	for i, in := range inputs[:min(len(inputs), device.MaxSafety)] {
		wg.Go(func() { e.Samples[i] = p.input(limit, in) })
	}
	wg.Wait()
	p.core.push(ctx, Input{Kind: ProofInput, Device: q.device, Evidence: e})
}

// input reads every wire of a safety input: blocked if one is, as old as the oldest, bad if one is.
func (p *proof) input(ctx context.Context, in safetyInput) device.Sample {
	var all device.Sample
	for i, n := range in.points {
		s := p.point(ctx, p.cfg.Points[n], in.judge)
		if s.Quality != gateway.Good {
			return device.Sample{}
		}
		if i == 0 || s.At < all.At {
			all.At = s.At
		}
		all.On = all.On || s.On
		all.Quality = gateway.Good
	}
	return all
}

func (p *proof) point(ctx context.Context, pc PointConfig, judge func(int64) (bool, bool)) device.Sample {
	if pc.Unit != "" {
		return p.measured(ctx, pc, judge)
	}
	level, at, ok := p.line(ctx, pc)
	if chip := p.chips[pc.Source]; chip != nil {
		level, at, ok = p.chip(ctx, chip, pc)
	}
	if !ok {
		return device.Sample{}
	}
	return device.Sample{On: level != pc.ActiveLow, Quality: gateway.Good, At: at}
}

// line reads a native line. It was read after it was asked for, so that is its age.
func (p *proof) line(ctx context.Context, pc PointConfig) (level bool, at gateway.Mono, ok bool) {
	if p.chips[pc.Source] != nil {
		return false, 0, false
	}
	at = p.now()
	level, err := p.lines(ctx, pc.Channel)
	return level, at, err == nil
}

func (p *proof) chip(ctx context.Context, chip chan<- chipAsk, pc PointConfig) (level bool, at gateway.Mono, ok bool) {
	a := p.fromChip(ctx, chip, chipAsk{source: pc.Source, channel: -1})
	level, ok = a.levels.Get(pc.Channel)
	return level, a.levels.At, ok && a.err == nil
}

// measured waits for a value that was measured after it was asked for, and judges it by the bands of its input: a shorted
// or cut wire, or one between the bands, is no answer.
func (p *proof) measured(ctx context.Context, pc PointConfig, judge func(int64) (bool, bool)) device.Sample {
	chip := p.chips[pc.Source]
	if chip == nil || judge == nil {
		return device.Sample{}
	}
	a := p.fromChip(ctx, chip, chipAsk{source: pc.Source, channel: pc.Channel, at: p.now()})
	on, ok := judge(a.value.Value)
	if a.err != nil || !ok {
		return device.Sample{}
	}
	return device.Sample{On: on, Quality: gateway.Good, At: gateway.MonoOf(a.value.At)}
}

func (p *proof) fromChip(ctx context.Context, chip chan<- chipAsk, q chipAsk) chipAnswer {
	answer := make(chan chipAnswer, 1)
	q.answer = answer
	if p.turn != nil {
		chip <- q // has room
		p.turn.wait(p.limit, func() bool { return len(answer) > 0 })
		if len(answer) == 0 {
			return chipAnswer{err: context.DeadlineExceeded}
		}
		return <-answer
	}
	select {
	case chip <- q:
	case <-ctx.Done():
		return chipAnswer{err: ctx.Err()}
	}
	select {
	case a := <-answer:
		return a
	case <-ctx.Done():
		return chipAnswer{err: ctx.Err()}
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
