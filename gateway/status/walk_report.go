package status

import (
	"encoding/json"
	"net/http"
	"time"

	"lotusgate/gateway"
)

// serveWalk is the commissioning report for machines.
func (s *Server) serveWalk(w http.ResponseWriter, r *http.Request) {
	type resultJSON struct {
		ID        string   `json:"id"`
		Label     string   `json:"label"`
		Terminal  string   `json:"terminal"`
		Uses      []string `json:"uses"`
		Verdict   string   `json:"verdict"`
		Instead   string   `json:"instead,omitempty"`
		ActiveLow bool     `json:"active_low"`
		At        *float64 `json:"asked_at"`
		Time      *string  `json:"asked"`
		Edges     int      `json:"edges"`
		Bounces   int      `json:"bounces"`
		BounceMS  float64  `json:"bounce_ms"`
		Pulses    int      `json:"pulses"`
		PulseMS   float64  `json:"pulse_ms"`
	}
	v, now := s.hub.View(), s.o.Now()
	j := struct {
		Site    string       `json:"site"`
		Gateway string       `json:"gateway"`
		Version string       `json:"version"`
		Config  string       `json:"config"`
		Boot    string       `json:"kernelboot"`
		At      float64      `json:"at"`
		Time    *string      `json:"time"`
		Passed  bool         `json:"passed"`
		Results []resultJSON `json:"results"`
	}{
		Site: v.Gateway.Site, Gateway: v.Gateway.ID, Version: v.Gateway.Version, Config: v.Gateway.Config, Boot: v.Gateway.KernelBoot,
		At: now.Seconds(), Time: gateway.WireTime(v.Clock.Wall(now)), Passed: true, Results: []resultJSON{},
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for _, res := range s.results(walkOf(r.URL.Query(), v.Gateway.KernelBoot), now) {
		t := res.Terminal
		out := resultJSON{
			ID: t.ID, Label: t.Label, Terminal: t.Source + " " + t.Pin, Uses: []string{}, Verdict: res.Verdict, Instead: res.Instead.ID,
			ActiveLow: t.ActiveLow, At: moment(res.At), Time: gateway.WireTime(v.Clock.Wall(res.At)), Edges: res.Figures.Edges,
			Bounces: res.Figures.Bounces, BounceMS: ms(res.Figures.BounceFor), Pulses: res.Figures.Pulses, PulseMS: ms(res.Figures.Longest),
		}
		for _, u := range t.Uses {
			out.Uses = append(out.Uses, u.Device+"/"+u.Role)
		}
		j.Passed = j.Passed && res.Verdict == walkOK
		j.Results = append(j.Results, out)
	}
	j.Passed = j.Passed && len(j.Results) > 0
	body, _ := json.MarshalIndent(j, "", "  ") // figures and strings cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `inline; filename="walk-test.json"`)
	sendCompressed(w, r, append(body, '\n'))
}
