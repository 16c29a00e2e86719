package uplink

import (
	"bytes"
	"slices"
)

// retained is one retained topic of this gateway on this connection.
type retained struct {
	topic  string
	holder string // id of the device, point or bus; "" for status and meta
	want   []byte // payload that should stand there; empty = nothing
	sent   []byte // what the last publish carried
	pass   uint64 // mirror.pass in which it was last true
	queued bool
	busy   bool // a publish is in flight
	found  bool // left behind by an earlier session, and not yet judged
}

// mirror compares what should be retained with what was published on this connection. Of each topic at most one
// publish is in flight; what changes meanwhile goes out as the newest value only.
type mirror struct {
	topics topics
	all    map[string]*retained
	met    []*retained // all of them, in the order in which they came
	queue  []*retained // to be published, in this order
	pass   uint64
}

// foundLimit bounds how much of what others left below our root is dealt with on one connection.
const foundLimit = 4096

func newMirror(t topics) mirror { return mirror{topics: t, all: make(map[string]*retained)} }

// begin starts a pass over the truth: put or keep everything that is true now, then sweep.
func (m *mirror) begin() { m.pass++ }

func (m *mirror) entry(topic string) (r *retained, fresh bool) {
	if r = m.all[topic]; r != nil {
		return r, r.found
	}
	r = &retained{topic: topic}
	r.holder, _ = m.topics.holder(topic)
	m.all[topic] = r
	m.met = append(m.met, r)
	return r, true
}

// put says what stands at topic now.
func (m *mirror) put(topic string, payload []byte) *retained {
	r, fresh := m.entry(topic)
	r.pass, r.found = m.pass, false
	if fresh || !bytes.Equal(r.want, payload) {
		r.want = payload
		m.enqueue(r)
	}
	return r
}

// keep says that what was put before is still true. It is false where nothing stands any more.
func (m *mirror) keep(r *retained) bool {
	if r == nil || r.found || len(r.want) == 0 {
		return false
	}
	r.pass = m.pass
	return true
}

// find notes a topic that the broker still holds.
func (m *mirror) find(topic string) {
	holder, ours := m.topics.holder(topic)
	if !ours || m.all[topic] != nil || len(m.all) >= foundLimit {
		return
	}
	r := &retained{topic: topic, holder: holder, found: true}
	m.all[topic] = r
	m.met = append(m.met, r)
}

// sweep clears every state and alarm that is no longer true. One that was found and about whose holder nothing is
// known yet waits: an entrapment does not end because the gateway was restarted.
func (m *mirror) sweep(known func(holder string) bool) {
	for _, r := range m.met {
		switch {
		case r.holder == "" || r.pass == m.pass:
		case r.found && known(r.holder):
			r.found = false
			m.enqueue(r)
		case !r.found && len(r.want) > 0:
			r.want = nil
			m.enqueue(r)
		}
	}
}

func (m *mirror) enqueue(r *retained) {
	if !r.queued && !r.busy {
		r.queued = true
		m.queue = append(m.queue, r)
	}
}

// repeat publishes everything that should be retained once more.
func (m *mirror) repeat() {
	for _, r := range m.met {
		m.repeatOne(r.topic)
	}
}

func (m *mirror) repeatOne(topic string) {
	r := m.all[topic]
	switch {
	case r == nil || r.found || len(r.want) == 0:
	case r.busy:
		r.sent = nil // differs from what is wanted
	default:
		m.enqueue(r)
	}
}

// idle tells whether the broker has everything.
func (m *mirror) idle() bool {
	for _, r := range m.met {
		if r.busy || r.queued {
			return false
		}
	}
	return true
}

// next is the topic to publish now; nil = everything went out.
func (m *mirror) next() *retained {
	if len(m.queue) == 0 {
		return nil
	}
	r := m.queue[0]
	m.queue = m.queue[1:]
	r.queued, r.busy, r.sent = false, true, r.want
	return r
}

// acknowledged ends the publish of r that was in flight.
func (m *mirror) acknowledged(r *retained) {
	r.busy = false
	switch {
	case !bytes.Equal(r.sent, r.want):
		m.enqueue(r)
	case len(r.want) == 0:
		delete(m.all, r.topic)
		m.met = slices.DeleteFunc(m.met, func(o *retained) bool { return o == r })
	}
}
