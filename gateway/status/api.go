package status

import (
	"encoding/json"
	"math"
	"net/http"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// The JSON of a view. Keys are stable: additions only. Points in time are seconds on the gateway's monotonic clock
// ("…_at") and, where the date is known, RFC 3339 beside them; null = never or not known.
type (
	viewJSON struct {
		Version  uint64        `json:"version"`
		At       float64       `json:"at"`
		Time     *string       `json:"time"`
		Gateway  gatewayJSON   `json:"gateway"`
		Ready    bool          `json:"ready"`
		Problems []problemJSON `json:"problems"`
		Alarms   []alarmJSON   `json:"alarms"`
		Devices  []deviceJSON  `json:"devices"`
		Points   []pointJSON   `json:"points"`
		Sources  []sourceJSON  `json:"sources"`
		Link     linkJSON      `json:"link"`
		Storage  storageJSON   `json:"storage"`
		Clock    clockJSON     `json:"clock"`
		Events   []eventJSON   `json:"events"`
	}
	gatewayJSON struct {
		Site       string            `json:"site"`
		ID         string            `json:"id"`
		Label      string            `json:"label"`
		Labels     map[string]string `json:"labels"`
		Version    string            `json:"version"`
		KernelBoot string            `json:"kernelboot"`
		Config     string            `json:"config"`
		StartedAt  *float64          `json:"started_at"`
	}
	problemJSON struct {
		ID       string           `json:"id"`
		Severity gateway.Severity `json:"severity"`
		Own      bool             `json:"own"`
		What     gateway.Text     `json:"what"`
		Do       gateway.Text     `json:"do"`
		Detail   string           `json:"detail"`
		SinceAt  *float64         `json:"since_at"`
		Since    *string          `json:"since"`
	}
	alarmJSON struct {
		Device   string           `json:"device"`
		Alarm    string           `json:"alarm"`
		Severity gateway.Severity `json:"severity"`
		Text     gateway.Text     `json:"text"`
		SinceAt  *float64         `json:"since_at"`
		Since    *string          `json:"since"`
		Event    string           `json:"event"`

		Acknowledged *string `json:"acknowledged"`
		ShelvedUntil *string `json:"shelved_until"`
	}
	deviceJSON struct {
		gateway.MetaDevice
		Value   json.RawMessage `json:"value"`
		Quality gateway.Quality `json:"quality"`
		SinceAt *float64        `json:"since_at"`
		Since   *string         `json:"since"`
		Event   string          `json:"event"`
		Detail  any             `json:"detail"`
	}
	pointJSON struct {
		ID         string          `json:"id"`
		Label      string          `json:"label"`
		Terminal   string          `json:"terminal"`
		Active     *bool           `json:"active"`
		Level      *bool           `json:"level"`
		Quality    gateway.Quality `json:"quality"`
		SinceAt    *float64        `json:"since_at"`
		Edges      uint64          `json:"edges"`
		Bounces    uint64          `json:"bounces"`
		Missed     uint64          `json:"missed"`
		LastEdgeAt *float64        `json:"last_edge_at"`
		Unit       string          `json:"unit,omitempty"`  // of a measured value: µA, µV, ‰
		Value      *int64          `json:"value,omitempty"` // measured; left out for a level and while it cannot be read
		Clipped    bool            `json:"clipped,omitempty"`
	}
	sourceJSON struct {
		ID      string   `json:"id"`
		Kind    string   `json:"kind"`
		Where   string   `json:"where"`
		OK      bool     `json:"ok"`
		Fault   string   `json:"fault"`
		Error   string   `json:"error"`
		SinceAt *float64 `json:"since_at"`
		Reads   uint64   `json:"reads"`
		Errors  uint64   `json:"errors"`
		Resets  uint64   `json:"resets"`

		Bus       string  `json:"bus"`
		Interrupt string  `json:"interrupt"` // fault word while the INT wire cannot be relied on
		Transfers uint64  `json:"transfers"`
		Failed    uint64  `json:"failed"`
		Retries   uint64  `json:"retries"`
		Missed    uint64  `json:"missed"`
		Load      float64 `json:"load_percent"`
	}
	linkJSON struct {
		Broker    string   `json:"broker"`
		Connected bool     `json:"connected"`
		SinceAt   *float64 `json:"since_at"`
		Error     string   `json:"error"`
		Attempts  uint64   `json:"attempts"`
		Connects  uint64   `json:"connects"`
		Published uint64   `json:"published"`
		Resent    uint64   `json:"resent"`
		InFlight  int      `json:"in_flight"`
		Awaiting  int      `json:"awaiting"`
	}
	storageJSON struct {
		Ledger        gateway.Ledger       `json:"ledger"`
		Degraded      string               `json:"degraded"`
		Queues        map[string]queueJSON `json:"queues"`
		Commits       uint64               `json:"commits"`
		CommitSeconds float64              `json:"commit_seconds"`
		WrittenBytes  uint64               `json:"written_bytes"`
		Dropped       uint64               `json:"dropped"`
	}
	queueJSON struct {
		Depth         uint64  `json:"depth"`
		Bytes         uint64  `json:"bytes"`
		LimitBytes    uint64  `json:"limit_bytes"`
		OldestSeconds float64 `json:"oldest_seconds"`
	}
	clockJSON struct {
		Quality gateway.ClockQuality `json:"quality"`
	}
	eventJSON struct {
		ID   string       `json:"id"`
		Type string       `json:"type"`
		From string       `json:"device"`
		At   *float64     `json:"at"`
		Time *string      `json:"time"`
		Text gateway.Text `json:"text"`
		Data any          `json:"data"`
	}
)

func (s *Server) serveView(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(s.viewJSON())
	if err != nil {
		s.o.Log.Error("view could not be encoded", "event", "page_failed", "error", err)
		s.refuse(w, r, http.StatusInternalServerError, "error.failed")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	sendCompressed(w, r, append(body, '\n'))
}

// viewJSON is the newest view with its problems.
func (s *Server) viewJSON() viewJSON {
	sc := newScreen(text.EN, s.hub.View(), s.o.Now(), s.o.Location)
	v := sc.v
	st := v.Storage
	j := viewJSON{
		Version: v.Version, At: sc.now.Seconds(), Time: gateway.WireTime(sc.wall(sc.now)),
		Gateway: gatewayJSON{
			Site: v.Gateway.Site, ID: v.Gateway.ID, Label: v.Gateway.Label, Labels: v.Gateway.Labels,
			Version: v.Gateway.Version, KernelBoot: v.Gateway.KernelBoot, Config: v.Gateway.Config,
			StartedAt: moment(v.Gateway.Started),
		},
		Ready:    len(sc.unready()) == 0,
		Problems: make([]problemJSON, 0, len(sc.problems)), Alarms: make([]alarmJSON, 0, len(v.Alarms)),
		Devices: make([]deviceJSON, 0, len(v.Devices)), Points: make([]pointJSON, 0, len(v.Points)),
		Sources: make([]sourceJSON, 0, len(v.Sources)), Events: make([]eventJSON, 0, len(v.Events)),
		Link: linkJSON{
			Broker: v.Link.Broker, Connected: v.Link.Connected, SinceAt: moment(v.Link.Since), Error: v.Link.Error,
			Attempts: v.Link.Attempts, Connects: v.Link.Connects, Published: v.Link.Published, Resent: v.Link.Resent,
			InFlight: v.Link.InFlight, Awaiting: v.Link.Awaiting,
		},
		Storage: storageJSON{
			Ledger: st.Ledger, Degraded: st.Degraded, Queues: map[string]queueJSON{}, Commits: st.Commits,
			CommitSeconds: st.CommitTime.Seconds(), WrittenBytes: st.BytesWritten, Dropped: st.Dropped,
		},
		Clock: clockJSON{Quality: v.Clock.Quality},
	}
	if j.Storage.Ledger.Unconfirmed == nil {
		j.Storage.Ledger.Unconfirmed = []gateway.LedgerRun{}
	}
	for q, stats := range st.Queues {
		j.Storage.Queues[gateway.Queue(q).String()] = queueJSON{
			Depth: stats.Depth, Bytes: stats.Bytes, LimitBytes: stats.Limit, OldestSeconds: stats.OldestAge.Seconds(),
		}
	}
	for _, p := range sc.problems {
		j.Problems = append(j.Problems, problemJSON{
			ID: p.ID, Severity: p.Severity, Own: p.Own, What: p.What, Do: p.Do, Detail: p.Detail,
			SinceAt: moment(p.Since), Since: gateway.WireTime(sc.wall(p.Since)),
		})
	}
	for _, a := range v.Alarms {
		j.Alarms = append(j.Alarms, alarmJSON{
			Device: a.ID, Alarm: a.Name, Severity: a.Severity, Text: text.Alarm(a),
			SinceAt: moment(a.Since), Since: gateway.WireTime(sc.wall(a.Since)), Event: a.Event.String(),
			Acknowledged: gateway.WireTime(sc.wall(a.Acknowledged)), ShelvedUntil: gateway.WireTime(sc.wall(a.ShelvedUntil)),
		})
	}
	for _, d := range v.Devices {
		j.Devices = append(j.Devices, sc.deviceJSON(d))
	}
	for _, p := range v.Points {
		j.Points = append(j.Points, pointOf(p))
	}
	for _, s := range v.Sources {
		j.Sources = append(j.Sources, sourceJSON{
			ID: s.ID, Kind: s.Kind, Where: s.Where, OK: s.OK, Fault: s.Fault, Error: s.Error,
			SinceAt: moment(s.Since), Reads: s.Reads, Errors: s.Errors, Resets: s.Resets,
			Bus: s.Bus, Interrupt: s.Interrupt, Transfers: s.Transfers, Failed: s.Failed, Retries: s.Retries, Missed: s.Missed,
			Load: math.Round(s.Load*100) / 100,
		})
	}
	for _, e := range v.Events {
		j.Events = append(j.Events, eventJSON{
			ID: e.ID.String(), Type: gateway.TypePrefix + string(e.Type), From: e.Event.ID,
			At: moment(e.At), Time: gateway.WireTime(e.Time), Text: text.Event(e.Event), Data: e.Data,
		})
	}
	return j
}

func (sc *screen) deviceJSON(d hub.Device) deviceJSON {
	if d.Commands == nil {
		d.Commands = []string{}
	}
	return deviceJSON{
		MetaDevice: d.MetaDevice, Value: gateway.WireValue(d.State), Quality: d.State.Quality,
		SinceAt: moment(d.State.Since), Since: gateway.WireTime(sc.wall(d.State.Since)),
		Event: d.Event.String(), Detail: d.State.Detail,
	}
}

func pointOf(p hub.Point) pointJSON {
	j := pointJSON{
		ID: p.ID, Label: p.Label, Terminal: p.Terminal, Quality: p.Quality, SinceAt: moment(p.Since),
		Edges: p.Edges, Bounces: p.Bounces, Missed: p.Missed, LastEdgeAt: moment(p.LastEdge),
	}
	j.Unit, j.Clipped = p.Unit, p.Clipped
	switch {
	case p.Quality == gateway.Bad:
	case p.Unit != "":
		j.Value = &p.Value
	default:
		j.Active, j.Level = &p.Active, &p.Raw
	}
	return j
}

// moment is m in seconds to the microsecond; null when it is not set.
func moment(m gateway.Mono) *float64 {
	if m.IsZero() {
		return nil
	}
	s := time.Duration(m).Round(time.Microsecond).Seconds()
	return &s
}
