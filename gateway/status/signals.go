package status

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/trace"
)

// Bounds of one answer with signals.
const (
	signalsMost  = 32 // inputs side by side
	signalsFirst = 8  // shown to who names none
)

// marks of one input as JSON: pairs of a time in microseconds on the gateway's clock and a level 0, 1 or 2 (unknown).
type marks []trace.Mark

func (m marks) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 2+20*len(m))
	b = append(b, '[')
	for i, mark := range m {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "[%d,%d]", micros(mark.At), mark.Level)
	}
	return append(b, ']'), nil
}

func micros(m gateway.Mono) int64 { return int64(m) / int64(time.Microsecond) }

// signalJSON is one input: who it is only in a recording.
type signalJSON struct {
	ID        string  `json:"id"`
	Label     string  `json:"label,omitempty"`
	Terminal  string  `json:"terminal,omitempty"`
	ActiveLow *bool   `json:"active_low,omitempty"`
	SettleMS  float64 `json:"settle_ms,omitempty"`
	Whole     bool    `json:"whole,omitempty"` // replaces what the reader has
	Raw       marks   `json:"raw"`
	Settled   marks   `json:"settled"`
}

// recordingJSON is a self-contained recording of signals.
type recordingJSON struct {
	Gateway  string       `json:"gateway"`
	Boot     string       `json:"kernelboot"`
	Version  string       `json:"version"`
	NowUS    int64        `json:"now_us"`
	Time     *string      `json:"time"`
	WindowUS int64        `json:"window_us"`
	Signals  []signalJSON `json:"signals"`
}

// chosen inputs: those that the address names, in the order of the terminals, or the first few.
func (s *Server) chosen(q url.Values) []Terminal {
	all := s.inputs()
	if names := q["p"]; len(names) > 0 {
		all = slices.DeleteFunc(all, func(t Terminal) bool { return !slices.Contains(names, t.ID) })
		return all[:min(len(all), signalsMost)]
	}
	return all[:min(len(all), signalsFirst)]
}

func (s *Server) recording(list []Terminal) recordingJSON {
	v, now := s.hub.View(), s.o.Now()
	rec := recordingJSON{
		Gateway: v.Gateway.Site + "/" + v.Gateway.ID, Boot: v.Gateway.KernelBoot, Version: v.Gateway.Version,
		NowUS: micros(now), Time: gateway.WireTime(v.Clock.Wall(now)), WindowUS: trace.Window.Microseconds(),
		Signals: make([]signalJSON, 0, len(list)),
	}
	for _, t := range list {
		sig, _, _ := s.wired.Load().trace.Read(t.ID, trace.Cursor{}, now.Add(-trace.Window))
		rec.Signals = append(rec.Signals, signalJSON{
			ID: t.ID, Label: t.Label, Terminal: t.Source + " " + t.Pin, ActiveLow: &t.ActiveLow,
			SettleMS: float64(t.Settle.Microseconds()) / 1000, Whole: true, Raw: sig.Raw, Settled: sig.Settled,
		})
	}
	return rec
}

func (s *Server) serveSignals(w http.ResponseWriter, r *http.Request) {
	body, _ := json.Marshal(s.recording(s.chosen(r.URL.Query()))) // plain figures and strings cannot fail
	w.Header().Set("Content-Type", "application/json")
	sendCompressed(w, r, append(body, '\n'))
}

// serveVCD gives the recording in the format of logic analysers' viewers (IEEE 1364): GTKWave, PulseView.
func (s *Server) serveVCD(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/x-vcd; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="lotusgate.vcd"`)
	sendCompressed(w, r, s.recording(s.chosen(r.URL.Query())).vcd())
}

// vcd writes two variables an input: what the wire did, and what counted.
func (rec recordingJSON) vcd() []byte {
	type change struct {
		at     int64
		name   string
		symbol byte
	}
	var b bytes.Buffer
	date := "unknown"
	if rec.Time != nil {
		date = *rec.Time
	}
	fmt.Fprintf(&b, "$date %s $end\n$version lotusgate %s $end\n$comment %s $end\n$timescale 1us $end\n", date, rec.Version, rec.Gateway)
	first := rec.NowUS - rec.WindowUS
	var changes []change
	for n, s := range rec.Signals {
		fmt.Fprintf(&b, "$scope module %s $end\n", s.ID)
		for k, list := range []marks{s.Raw, s.Settled} {
			code := 2*n + k // two printable characters name a variable
			name := string([]byte{byte('!' + code/94), byte('!' + code%94)})
			fmt.Fprintf(&b, "$var wire 1 %s %s $end\n", name, []string{"raw", "settled"}[k])
			changes = append(changes, change{first, name, 'x'})
			for _, m := range list {
				changes = append(changes, change{max(first, micros(m.At)), name, "01x"[m.Level]})
			}
		}
		b.WriteString("$upscope $end\n")
	}
	b.WriteString("$enddefinitions $end\n")
	slices.SortStableFunc(changes, func(a, c change) int { return int(a.at - c.at) })
	at := int64(-1)
	for _, c := range changes {
		if t := c.at - first; t != at {
			at = t
			fmt.Fprintf(&b, "#%d\n", t)
		}
		fmt.Fprintf(&b, "%c%s\n", c.symbol, c.name)
	}
	fmt.Fprintf(&b, "#%d\n", rec.WindowUS)
	return b.Bytes()
}

// signalPace is the shortest time between two messages to one viewer of signals, signalTick the longest.
const (
	signalPace = 100 * time.Millisecond
	signalTick = time.Second
)

// serveSignalStream sends what happened on the chosen inputs since the last message.
func (s *Server) serveSignalStream(w http.ResponseWriter, r *http.Request) {
	list := s.chosen(r.URL.Query())
	send, done := s.openStream(w, r)
	if send == nil {
		return
	}
	defer done()
	_ = s.followSignals(r.Context(), list, send) // a viewer went away: nothing to tell anybody
}

// followSignals ends with ctx, the server or send. While send blocks nothing piles up here: the marks wait in the trace.
func (s *Server) followSignals(ctx context.Context, list []Terminal, send func([]byte) error) error {
	cursors, wired := make([]trace.Cursor, len(list)), s.wired.Load()
	var last gateway.Mono
	for {
		changed := s.hub.Changed() // before reading, so that nothing is missed
		now := s.o.Now()
		m := struct {
			NowUS   int64        `json:"now_us"`
			Wall    int64        `json:"wall,omitempty"`
			Signals []signalJSON `json:"signals,omitempty"`
		}{NowUS: micros(now)}
		if w := s.hub.View().Clock.Wall(now); !w.IsZero() {
			m.Wall = w.UnixMilli()
		}
		for i, t := range list {
			sig, next, ok := wired.trace.Read(t.ID, cursors[i], now.Add(-trace.Window))
			if ok && (next != cursors[i] || last.IsZero()) {
				cursors[i] = next
				m.Signals = append(m.Signals, signalJSON{ID: t.ID, Whole: sig.Whole, Raw: sig.Raw, Settled: sig.Settled})
			}
		}
		if len(m.Signals) > 0 || now.Sub(last) >= signalTick {
			last = now
			b, _ := json.Marshal(m) // plain figures and strings cannot fail
			if err := send(fmt.Appendf(nil, "event: signals\nretry: 2000\ndata: %s\n\n", b)); err != nil {
				return fmt.Errorf("status: send to viewer: %w", err)
			}
		}
		if s.wired.Load() != wired {
			return nil // the browser asks again, and gets what is wired now
		}
		if !s.wait(ctx, changed, signalTick) || !s.wait(ctx, nil, signalPace) {
			return ctx.Err()
		}
	}
}

// strips is the screen with the signals: what the script needs to draw them.
type strips struct {
	Inputs      []stripInput
	Stream, Get string // addresses
}

type stripInput struct {
	ID, Name, Where string
	ActiveLow       bool
	SettleMS        int64
	On              bool
}

func (s *Server) strips(r *http.Request) strips {
	list := s.chosen(r.URL.Query())
	q := url.Values{}
	var out strips
	for _, t := range s.inputs() {
		on := slices.ContainsFunc(list, func(c Terminal) bool { return c.ID == t.ID })
		if on {
			q.Add("p", t.ID)
		}
		out.Inputs = append(out.Inputs, stripInput{
			ID: t.ID, Name: t.name(), Where: t.Source + " " + t.Pin, ActiveLow: t.ActiveLow,
			SettleMS: t.Settle.Milliseconds(), On: on,
		})
	}
	out.Stream, out.Get = "/api/v1/signals/stream?"+q.Encode(), "?"+q.Encode()
	return out
}
