package status

import (
	"slices"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// facts is a card that says how a part of the gateway stands, with the figures behind it.
type facts struct {
	ID, Title, Sub string
	State          mark
	Detail         string // what a driver or the network said
	Rows           []fact
}

type fact struct {
	Name, Value string
	Since       string // instead of Value: how long since then
	Clock       string // instead of Value: the gateway's time, as text until the script takes over
	Tone        string
}

func (f facts) part() (id, template string) { return f.ID, "facts" }

func (sc *screen) link() facts {
	k := sc.v.Link
	f := facts{ID: "p-link", Title: sc.l.T("link.title"), State: mark{
		Tone: bad, Icon: "bad", Word: sc.l.T("link.disconnected"), Since: at(k.Since),
	}}
	switch {
	case k.Broker == "":
		f.State = mark{Tone: idle, Icon: "idle", Word: sc.l.T("link.none")}
		return f
	case k.Connected:
		f.State.Tone, f.State.Icon, f.State.Word = good, "ok", sc.l.T("link.connected")
	}
	f.Rows = append(f.Rows, fact{Name: sc.l.T("link.broker"), Value: k.Broker})
	if !k.Connected {
		f.Detail = k.Error
		f.Rows = append(f.Rows, fact{Name: sc.l.T("link.attempts"), Value: count(k.Attempts)})
	}
	f.Rows = append(
		f.Rows,
		fact{Name: sc.l.T("link.connects"), Value: count(k.Connects)},
		fact{Name: sc.l.T("link.published"), Value: count(k.Published)},
		fact{Name: sc.l.T("link.inflight"), Value: count(max(0, k.InFlight))},
		fact{Name: sc.l.T("link.resent"), Value: count(k.Resent)},
	)
	return f
}

func (sc *screen) outbox() facts {
	st := sc.v.Storage
	var depth uint64
	var oldest time.Duration
	for _, q := range st.Queues {
		depth += q.Depth
		oldest = max(oldest, q.OldestAge)
	}
	f := facts{ID: "p-outbox", Title: sc.l.T("outbox.title")}
	f.State = mark{Tone: good, Icon: "ok", Word: sc.l.T("outbox.empty")}
	if depth > 0 {
		f.State = mark{Tone: active, Icon: "up", Word: sc.l.T("outbox.waiting", count(depth))}
		if !sc.v.Link.Connected {
			f.State.Tone, f.State.Icon = warn, "warn"
		}
	}
	if oldest > 0 {
		f.Rows = append(f.Rows, fact{Name: sc.l.T("outbox.oldest"), Value: sc.l.Duration(oldest)})
	}
	for _, q := range []gateway.Queue{gateway.AlarmQueue, gateway.NormalQueue} {
		f.Rows = append(f.Rows, fact{
			Name:  sc.l.Of(text.Word("queue", q.String())),
			Value: sc.l.T("outbox.used", size(st.Queues[q].Bytes), size(st.Queues[q].Limit)),
		})
	}
	f.Rows = append(
		f.Rows,
		fact{Name: sc.l.T("outbox.number"), Value: count(st.Ledger.Number)},
		fact{Name: sc.l.T("outbox.runs"), Value: count(len(st.Ledger.Unconfirmed))},
	)
	lost := fact{Name: sc.l.T("outbox.dropped"), Value: count(st.Dropped)}
	if st.Dropped > 0 {
		lost.Tone = warn
	}
	f.Rows = append(f.Rows, lost)
	return f
}

func (sc *screen) storage() facts {
	st := sc.v.Storage
	f := facts{ID: "p-storage", Title: sc.l.T("storage.title"), State: mark{
		Tone: good, Icon: "ok", Word: sc.l.T("storage.good"),
	}}
	if st.Degraded != "" {
		f.State = mark{Tone: bad, Icon: "bad", Word: sc.l.T("storage.degraded")}
		f.Detail = st.Degraded
	}
	f.Rows = []fact{
		{Name: sc.l.T("storage.commit"), Value: sc.l.T("span.ms", millis(st.CommitTime))},
		{Name: sc.l.T("storage.commits"), Value: count(st.Commits)},
		{Name: sc.l.T("storage.written"), Value: size(st.BytesWritten)},
	}
	return f
}

func (sc *screen) clock() facts {
	q := sc.v.Clock.Quality
	f := facts{ID: "p-clock", Title: sc.l.T("clock.title"), State: mark{
		Tone: good, Icon: "ok", Word: sc.l.Of(text.Word("clock", q.String())),
	}}
	switch q {
	case gateway.ClockHoldover:
		f.State.Tone, f.State.Icon = idle, "idle"
	case gateway.ClockUnset:
		f.State.Tone, f.State.Icon = warn, "warn"
	}
	if sc.wallMillis() != 0 {
		f.Rows = append(f.Rows, fact{Name: sc.l.T("clock.now"), Clock: "now"})
	}
	if !sc.v.Gateway.Started.IsZero() {
		f.Rows = append(f.Rows, fact{Name: sc.l.T("clock.uptime"), Since: at(sc.v.Gateway.Started)})
	}
	return f
}

// board is what feeds and cools the gateway.
func (sc *screen) board() facts {
	b := sc.v.Board
	f := facts{ID: "p-board", Title: sc.l.T("board.title"), State: mark{Tone: idle, Icon: "idle", Word: sc.l.T("board.blind")}}
	switch {
	case b.Undervoltage:
		f.State = mark{Tone: bad, Icon: "bad", Word: sc.l.T("board.undervoltage")}
	case b.Supervised:
		f.State = mark{Tone: good, Icon: "ok", Word: sc.l.T("board.powered")}
	}
	troubled := func(problem string) string {
		if slices.ContainsFunc(sc.problems, func(p text.Problem) bool { return p.ID == problem }) {
			return warn
		}
		return ""
	}
	if b.Temperature != 0 {
		f.Rows = append(f.Rows, fact{Name: sc.l.T("board.temperature"), Value: decimal(b.Temperature) + " °C", Tone: troubled("heat")})
	}
	if b.DiskSize > 0 {
		f.Rows = append(f.Rows, fact{Name: sc.l.T("board.free"), Value: sc.l.T("outbox.used", size(b.DiskFree), size(b.DiskSize)), Tone: troubled("disk")})
	}
	return f
}

// sourceState marks a source.
func (sc *screen) sourceState(s hub.Source) mark {
	switch {
	case s.OK:
		return mark{Tone: good, Icon: "ok", Word: sc.l.T("source.ok"), Since: at(s.Since)}
	case s.Fault == "":
		return mark{Tone: unknown, Icon: "unknown", Word: sc.l.T("source.silent"), Since: at(s.Since)}
	}
	return mark{Tone: bad, Icon: "bad", Word: sc.l.T("source.failed"), Since: at(s.Since)}
}

// modules are the sources in short: the overview of a site with many of them must fit a phone.
func (sc *screen) modules() []block {
	var cards []block
	for _, s := range sc.v.Sources {
		cards = append(cards, device{
			ID: "s-" + s.ID, Name: s.ID, Label: s.ID, Icon: "device", State: sc.sourceState(s), Figures: sc.sourceWhere(s),
		})
	}
	return cards
}

// sources are cards with every figure of a bus and of a chip.
func (sc *screen) sources() []block {
	var cards []block
	for _, s := range sc.v.Sources {
		f := facts{ID: "s-" + s.ID, Title: s.ID, Sub: sc.sourceWhere(s), State: sc.sourceState(s)}
		if !s.OK && s.Fault != "" {
			what, _ := text.Fault(s.Fault, s.ID)
			f.Detail = firstOf(s.Error, s.Fault)
			f.Rows = append(f.Rows, fact{Value: sc.l.Of(what), Tone: bad})
		}
		f.Rows = append(
			f.Rows,
			fact{Name: sc.l.T("source.reads"), Value: count(s.Reads)},
			fact{Name: sc.l.T("source.errors"), Value: count(s.Errors)},
			fact{Name: sc.l.T("source.resets"), Value: count(s.Resets)},
		)
		f.Rows = append(f.Rows, sc.traffic(s)...)
		cards = append(cards, f)
	}
	return cards
}

// traffic is what goes over a bus or to a chip; native lines have none.
func (sc *screen) traffic(s hub.Source) []fact {
	var rows []fact
	if s.Interrupt != "" {
		what, _ := text.Fault(s.Interrupt, s.ID)
		rows = append(rows, fact{Value: sc.l.Of(what), Tone: warn})
	}
	if s.Transfers == 0 {
		return rows
	}
	return append(
		rows,
		fact{Name: sc.l.T("source.transfers"), Value: count(s.Transfers)},
		fact{Name: sc.l.T("source.failed_transfers"), Value: count(s.Failed)},
		fact{Name: sc.l.T("source.retries"), Value: count(s.Retries)},
		fact{Name: sc.l.T("source.missed"), Value: count(s.Missed)},
		fact{Name: sc.l.T("source.load"), Value: decimal(s.Load) + " %"},
	)
}

func (sc *screen) sourceWhere(s hub.Source) string {
	if s.Where == "" || s.Where == s.ID {
		return s.Kind
	}
	return s.Kind + " · " + s.Where
}
