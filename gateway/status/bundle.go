package status

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"lotusgate/gateway/support"
)

// serveBundle makes the support bundle: what is known here, and what the daemon adds. One at a time.
func (s *Server) serveBundle(w http.ResponseWriter, r *http.Request) {
	select {
	case s.bundles <- struct{}{}:
		defer func() { <-s.bundles }()
	default:
		w.Header().Set("Retry-After", "5")
		s.refuse(w, r, http.StatusServiceUnavailable, "error.busy")
		return
	}
	var b bytes.Buffer
	if err := support.Write(&b, s.hub.View().Gateway.Version, s.bundle(r)); err != nil {
		s.o.Log.Error("support bundle could not be made", "event", "page_failed", "error", err)
		s.refuse(w, r, http.StatusInternalServerError, "error.failed")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="lotusgate-support.zip"`)
	send(w, r, b.Bytes())
}

// recordingTime is how long a recording may take to a slow viewer.
const recordingTime = 10 * time.Minute

// serveRecording hands out what the flight recorder holds. One at a time, with the bundle.
func (s *Server) serveRecording(w http.ResponseWriter, r *http.Request) {
	if s.o.Recording == nil {
		s.refuse(w, r, http.StatusNotFound, "error.missing")
		return
	}
	select {
	case s.bundles <- struct{}{}:
		defer func() { <-s.bundles }()
	default:
		w.Header().Set("Retry-After", "5")
		s.refuse(w, r, http.StatusServiceUnavailable, "error.busy")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="lotusgate.rec"`)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(recordingTime)) // a test's writer has none
	if err := s.o.Recording(r.Context(), w); err != nil {                             // a viewer who has gone, or a disk: what was sent is cut
		s.o.Log.Error("recording could not be sent", "event", "page_failed", "error", err)
	}
}

func (s *Server) bundle(r *http.Request) []support.File {
	view, _ := json.MarshalIndent(s.viewJSON(), "", "  ") // figures and strings cannot fail
	rec := s.recording(s.inputs())
	recording, _ := json.Marshal(rec)
	var metrics capture
	s.metrics.ServeHTTP(&metrics, &http.Request{Method: http.MethodGet, URL: r.URL, Header: http.Header{}})
	files := []support.File{
		{Name: "view.json", About: "what the gateway knows: devices, inputs, alarms, the last 200 events, problems", Data: view},
		{Name: "metrics.txt", About: "metrics, as Prometheus reads them", Data: metrics.Bytes()},
		{Name: "signals.json", About: "edges of every input in the last minute", Data: recording},
		{Name: "signals.vcd", About: "the same for a waveform viewer", Data: rec.vcd()},
	}
	if s.o.Facts != nil {
		files = append(files, s.o.Facts()...)
	}
	return files
}

// capture keeps an answer instead of sending it.
type capture struct {
	bytes.Buffer
	header http.Header
}

func (c *capture) Header() http.Header {
	if c.header == nil {
		c.header = http.Header{}
	}
	return c.header
}

func (c *capture) WriteHeader(int) {}
