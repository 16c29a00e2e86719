package status

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"lotusgate/gateway"
	"lotusgate/gateway/text"
)

// serveHealth says whether the process is alive; it fails only when a restart might help.
func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if s.o.Alive != nil {
		if err := s.o.Alive(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	send(w, r, []byte("ok\n"))
}

// unready lists why the gateway does not do its whole work now: its own problems that are at least major, and sources
// that have not spoken yet. A broken elevator is no reason: reporting that is the work.
func (sc *screen) unready() []text.Problem {
	if sc.v.Gateway.ID == "" {
		return []text.Problem{{ID: "starting", Severity: gateway.Major, Own: true, What: text.Both("ready.starting")}}
	}
	return slices.DeleteFunc(text.Own(sc.problems, gateway.Info), func(p text.Problem) bool {
		return p.Severity < gateway.Major && !strings.HasPrefix(p.ID, text.SourceProblem)
	})
}

// serveReady answers 200 or 503 with the reasons, as text or, where the client asks for it, as JSON.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	l := s.language(r)
	reasons := newScreen(l, s.hub.View(), s.o.Now(), s.o.Location).unready()
	code := http.StatusOK
	if len(reasons) > 0 {
		code = http.StatusServiceUnavailable
	}
	h := w.Header()
	h.Set("Vary", "Accept, Accept-Language, Cookie")
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		h.Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write(readyJSON(reasons))
		return
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Language", l.Tag())
	w.WriteHeader(code)
	if len(reasons) == 0 {
		fmt.Fprintln(w, l.T("ready.yes"))
	}
	for _, p := range reasons {
		fmt.Fprintf(w, "%s: %s\n", p.ID, l.Of(p.What))
		if do := l.Of(p.Do); do != "" {
			fmt.Fprintf(w, "    %s\n", do)
		}
		if p.Detail != "" {
			fmt.Fprintf(w, "    %s\n", p.Detail)
		}
	}
}

func readyJSON(reasons []text.Problem) []byte {
	type reason struct {
		ID       string           `json:"id"`
		Severity gateway.Severity `json:"severity"`
		What     gateway.Text     `json:"what"`
		Do       gateway.Text     `json:"do"`
		Detail   string           `json:"detail,omitempty"`
	}
	j := struct {
		Ready   bool     `json:"ready"`
		Reasons []reason `json:"reasons"`
	}{Ready: len(reasons) == 0, Reasons: []reason{}}
	for _, p := range reasons {
		j.Reasons = append(j.Reasons, reason{p.ID, p.Severity, p.What, p.Do, p.Detail})
	}
	b, _ := json.Marshal(j) // plain strings cannot fail
	return append(b, '\n')
}
