package status

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// stepped is what a step changes on the screen of who asked for it: a site of 200 inputs is not loaded again for each.
type stepped struct {
	message
	ID     string `json:"id"` // of the frame
	Href   string `json:"href"`
	Stream string `json:"stream"`
}

// serveStep asks for an input from now on: it adds the step to the address and sends the browser there; a script gets the
// parts that are not as the frame that it has.
func (s *Server) serveStep(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	before := walkOf(q, s.hub.View().Gateway.KernelBoot)
	point := q.Get("point")
	if len(before.Steps) >= walkMost || !slices.ContainsFunc(s.inputs(), func(t Terminal) bool { return t.ID == point }) {
		s.serveMissing(w, r)
		return
	}
	after := before
	after.Steps = append(slices.Clone(before.Steps), step{point, s.o.Now()})
	after.boot = before.boot
	href := "/walk?" + after.query().Encode()
	if !strings.Contains(r.Header.Get("Accept"), "application/json") {
		http.Redirect(w, r, href, http.StatusSeeOther)
		return
	}
	l := s.language(r)
	had, err := s.renderer(walking, l, before.query()).newest(0)
	if err != nil {
		s.refuse(w, r, http.StatusInternalServerError, "error.failed")
		return
	}
	f, err := s.renderer(walking, l, after.query()).newest(0)
	if err != nil {
		s.refuse(w, r, http.StatusInternalServerError, "error.failed")
		return
	}
	sent := map[string]uint64{}
	if had.id == q.Get("have") {
		changedParts(sent, had, true)
	}
	body, _ := json.Marshal(stepped{f.message(changedParts(sent, f, false)), f.id, href, streamOf(walking, l, f) + "&" + after.query().Encode()}) // strings cannot fail
	w.Header().Set("Content-Type", "application/json")
	sendCompressed(w, r, append(body, '\n'))
}
