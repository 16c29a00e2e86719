package status

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/trace"
)

// A walk test asks for one input after the other to be triggered in the field, and reads from the trace what happened.
// All there is to know about it stands in the address, so that it needs no log-in, survives a lost connection, and two
// people can walk at once: which devices, and which input was asked for when.
type walk struct {
	Devices []string
	Steps   []step
	boot    string
}

// step asks for an input from a point in time on, until the next step.
type step struct {
	Point string
	At    gateway.Mono
}

// walkMost bounds the steps of one walk.
const walkMost = 400

// walkOf reads a walk from an address. Steps of another kernel boot mean nothing any more.
func walkOf(q url.Values, boot string) walk {
	w := walk{Devices: q["d"], boot: shortBoot(boot)}
	if q.Get("boot") != w.boot {
		return w
	}
	for _, s := range q["step"] {
		point, at, _ := strings.Cut(s, "@")
		us, err := strconv.ParseInt(at, 36, 64)
		if err != nil || us <= 0 || us > 1<<50 || len(w.Steps) == walkMost {
			continue
		}
		w.Steps = append(w.Steps, step{point, gateway.Mono(us * int64(time.Microsecond))})
	}
	slices.SortStableFunc(w.Steps, func(a, b step) int { return int(max(-1, min(1, a.At-b.At))) })
	return w
}

func shortBoot(id string) string { return id[:min(len(id), 8)] }

// query is what walkOf reads.
func (w walk) query() url.Values {
	q := url.Values{"d": w.Devices}
	for _, s := range w.Steps {
		q.Add("step", s.Point+"@"+strconv.FormatInt(micros(s.At), 36))
	}
	if len(w.Steps) > 0 {
		q.Set("boot", w.boot)
	}
	return q
}

// verdicts of an input that was walked to; the worst comes last.
const (
	walkOpen     = "open"     // not asked for yet
	walkWaiting  = "waiting"  // asked for, nothing yet
	walkOK       = "ok"       //
	walkChatters = "chatters" // bounces for longer than the settle time, or without end
	walkInverted = "inverted" // rests active and leaves when triggered
	walkSwapped  = "swapped"  // another one answered, and vice versa
	walkInstead  = "instead"  // another one answered
	walkDead     = "dead"     // nothing answered
)

// result of one input.
type result struct {
	Terminal Terminal
	Verdict  string
	Instead  Terminal // of walkInstead and walkSwapped
	Figures  trace.Figures
	At       gateway.Mono // when it was asked for
	Current  bool
}

// restsEither are roles of wires that may rest active: an arm is down, a door is closed, a bay is taken.
var restsEither = map[string]bool{
	"open_limit": true, "closed_limit": true, "bay": true, "heartbeat": true, "pulses": true, "lift_door_zone": true,
	"lift_door_closed": true, "lift_moving": true, "lift_supply": true, "lift_presence": true,
}

// bouncesMost for each change that counts: a relay contact has fewer than ten, a loose wire hundreds.
const bouncesMost = 20

// results of a walk, in the order of the terminals.
func (s *Server) results(w walk, now gateway.Mono) []result {
	var out []result
	answered := map[string]string{} // asked for → answered instead
	passed := s.walks.passed(w)
	for _, t := range s.walked(w) {
		r := result{Terminal: t, Verdict: walkOpen}
		for i, st := range w.Steps {
			if st.Point != t.ID {
				continue
			}
			end := now
			r.Current = i == len(w.Steps)-1
			if !r.Current {
				end = w.Steps[i+1].At
			}
			if was, ok := s.walks.of(st); ok {
				was.Current = r.Current
				r = was
			} else if r = s.look(t, st.At, end, r.Current, passed); !r.Current && r.Verdict != walkOpen {
				s.walks.keep(st, r)
			}
			answered[t.ID] = r.Instead.ID
		}
		out = append(out, r)
	}
	for i, r := range out {
		if r.Verdict == walkInstead && answered[r.Instead.ID] == r.Terminal.ID {
			out[i].Verdict = walkSwapped
		}
	}
	return out
}

// look judges what came of asking for an input from one point in time to another. A step that is older than what the trace
// knows, as when the input was wired anew since, begins with it: whatever was before counts as not tested.
func (s *Server) look(t Terminal, asked, to gateway.Mono, current bool, passed map[string]bool) result {
	r := result{Terminal: t, Verdict: walkOpen, Current: current}
	since, ok := s.wired.Load().trace.Since(t.ID)
	from := max(asked, since)
	if !ok || from > to {
		return r
	}
	r.At, r.Figures = asked, s.measure(t, from, to)
	r.Verdict = s.judge(t, r.Figures)
	if r.Verdict != walkDead {
		return r
	}
	if other, ok := s.instead(t, from, to, passed); ok {
		r.Verdict, r.Instead = walkInstead, other
	} else if current {
		r.Verdict = walkWaiting
	} else if from > asked {
		r.Verdict = walkOpen
	}
	return r
}

// walked are the inputs of the chosen devices and of their parts, as a lane's loops; or all.
func (s *Server) walked(w walk) []Terminal {
	if len(w.Devices) == 0 {
		return s.inputs()
	}
	chosen, v := map[string]bool{}, s.hub.View()
	for _, id := range w.Devices {
		chosen[id] = true
		if d, ok := v.Device(id); ok {
			for _, part := range d.Parts {
				chosen[part] = true
			}
		}
	}
	return slices.DeleteFunc(s.inputs(), func(t Terminal) bool {
		return !slices.ContainsFunc(t.Uses, func(u Use) bool { return chosen[u.Device] })
	})
}

func (s *Server) measure(t Terminal, from, to gateway.Mono) trace.Figures {
	sig, _, _ := s.wired.Load().trace.Read(t.ID, trace.Cursor{}, from)
	return sig.Measure(from, to, trace.LevelOf(!t.ActiveLow), t.Settle)
}

func (s *Server) judge(t Terminal, f trace.Figures) string {
	changes := f.Pulses + f.Away
	rests := !slices.ContainsFunc(t.Uses, func(u Use) bool { return restsEither[u.Role] })
	switch {
	case f.Edges == 0:
		return walkDead
	case f.Bounces > bouncesMost*max(1, changes) || changes > 0 && f.BounceFor > max(t.Settle, 50*time.Millisecond):
		return walkChatters
	case changes == 0:
		return walkDead // a spark that led to nothing
	case rests && f.Before == trace.LevelOf(!t.ActiveLow) && f.Away > 0:
		return walkInverted
	}
	return walkOK
}

// livelyRoles are those of wires that change without anybody in the field.
var livelyRoles = map[string]bool{
	"heartbeat": true, "pulses": true, "lift_door_zone": true, "lift_door_closed": true, "lift_moving": true, "lift_presence": true,
}

// instead finds who answered when nothing came from t: the input that changed first, but for those that were found to be
// their own and those that change by themselves.
func (s *Server) instead(t Terminal, from, to gateway.Mono, passed map[string]bool) (Terminal, bool) {
	var found Terminal
	var first gateway.Mono
	for _, other := range s.inputs() {
		if other.ID == t.ID || passed[other.ID] || slices.ContainsFunc(other.Uses, func(u Use) bool { return livelyRoles[u.Role] }) {
			continue
		}
		sig, _, _ := s.wired.Load().trace.Read(other.ID, trace.Cursor{}, from)
		was := trace.Unknown // what is read for the first time has not changed
		for _, m := range sig.Settled {
			if was != trace.Unknown && m.At > from && m.At <= to && m.Level != trace.Unknown && (first.IsZero() || m.At < first) {
				found, first = other, m.At
			}
			was = m.Level
		}
	}
	return found, !first.IsZero()
}
