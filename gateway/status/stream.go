package status

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"lotusgate/gateway/text"
)

// message is the data of one server-sent event: the parts that changed since the last one to this viewer.
type message struct {
	Now    float64           `json:"now"`
	Wall   int64             `json:"wall,omitempty"`
	Layout string            `json:"layout"`
	Parts  map[string]string `json:"parts,omitempty"`
}

// message that brings parts of the frame.
func (f *frame) message(parts map[string]string) message {
	return message{Now: f.screen.now.Seconds(), Wall: f.screen.wallMillis(), Layout: f.layout, Parts: parts}
}

// streamOf is the address of the stream that goes on from a frame.
func streamOf(screen string, l text.Lang, f *frame) string {
	return "/api/v1/stream?screen=" + screen + "&lang=" + l.Tag() + "&have=" + f.id
}

// serveStream sends the newest frame whenever it changed, at most once per pace, and a sign of life every tick.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	name := q.Get("screen")
	if s.screens[name] == nil {
		name = overview
	}
	send, done := s.openStream(w, r)
	if send == nil {
		return
	}
	defer done()

	have := r.Header.Get("Last-Event-ID")
	if have == "" {
		have = q.Get("have")
	}
	_ = s.follow(r.Context(), s.renderer(name, s.language(r), q), have, send) // a viewer went away: nothing to tell anybody
}

// openStream takes a viewer's slot and begins a stream of server-sent events; send is nil after a refusal.
func (s *Server) openStream(w http.ResponseWriter, r *http.Request) (send func([]byte) error, done func()) {
	if r.Method == http.MethodHead {
		s.refuse(w, r, http.StatusMethodNotAllowed, "error.method")
		return nil, nil
	}
	select {
	case s.viewers <- struct{}{}:
	default:
		s.refused.Add(1)
		w.Header().Set("Retry-After", "5")
		s.refuse(w, r, http.StatusServiceUnavailable, "error.busy")
		return nil, nil
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no")
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // a stream outlives the time for reading a request; not every writer has one
	return func(b []byte) error {
		_ = rc.SetWriteDeadline(time.Now().Add(writeTime))
		if _, err := w.Write(b); err != nil {
			return err
		}
		return rc.Flush()
	}, func() { <-s.viewers }
}

// follow sends frames until ctx ends, the server closes or send fails. While send blocks, nothing piles up: the next
// message is made from the newest frame. have is the frame that the viewer shows already.
func (s *Server) follow(ctx context.Context, page *renderer, have string, send func([]byte) error) error {
	sent := map[string]uint64{}
	first := true
	for {
		f, err := page.newest(page.pace)
		if err != nil {
			s.o.Log.Error("live update could not be rendered", "event", "page_failed", "error", err)
			return err
		}
		m := f.message(changedParts(sent, f, first && have == f.id))
		first = false
		if err := send(m.encode(f.id)); err != nil {
			return fmt.Errorf("status: send to viewer: %w", err)
		}
		if !s.wait(ctx, f.outdated, tick) {
			return ctx.Err()
		}
		// Rest until the frame is pace old: all viewers wake together and share the next one.
		if !s.wait(ctx, nil, page.pace-time.Since(f.made)) {
			return ctx.Err()
		}
	}
}

// changedParts picks what differs from sent and notes it there; known means that the viewer has all of f.
func changedParts(sent map[string]uint64, f *frame, known bool) map[string]string {
	changed := map[string]string{}
	for _, p := range f.parts() {
		if sent[p.ID] != p.hash && !known {
			changed[p.ID] = string(p.HTML)
		}
		sent[p.ID] = p.hash
	}
	return changed
}

// wait returns true at the signal or after d, false when the viewer or the server is gone.
func (s *Server) wait(ctx context.Context, signal <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.closing:
		return false
	case <-signal:
	case <-t.C:
	}
	return true
}

// encode is the event on the wire. JSON keeps it on one line, as the format wants it.
func (m message) encode(id string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %s\nevent: view\nretry: 2000\ndata: ", id)
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(m) // strings and numbers cannot fail; ends with one newline
	b.WriteByte('\n')
	return b.Bytes()
}
