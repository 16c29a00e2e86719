package status

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// metric is one family: its description, its type, and how to read it from a view.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(sc *screen, emit func(value float64, labels ...string))
	hist func() hub.Histogram // instead of read
}

// viewMetrics turns the newest view into constant metrics at each scrape. Labels hold ids from the configuration and
// words from docs/wire.md, so their number is bounded.
type viewMetrics struct {
	s       *Server
	metrics []metric
}

func (s *Server) metricsHandler() (http.Handler, error) {
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		&viewMetrics{s: s, metrics: metricTable(s)},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: writeTime - time.Second}), nil
}

// Describe implements prometheus.Collector.
func (c *viewMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		ch <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *viewMetrics) Collect(ch chan<- prometheus.Metric) {
	sc := newScreen(text.EN, c.s.hub.View(), c.s.o.Now(), time.UTC)
	for _, m := range c.metrics {
		if m.hist != nil {
			ch <- m.histogram()
			continue
		}
		m.read(sc, func(value float64, labels ...string) {
			c, err := prometheus.NewConstMetric(m.desc, m.kind, value, labels...)
			if err != nil {
				c = prometheus.NewInvalidMetric(m.desc, err) // the scrape says so instead of the daemon dying of it
			}
			ch <- c
		})
	}
}

func gauge(name, help string, labels []string, read func(*screen, func(float64, ...string))) metric {
	return metric{desc: prometheus.NewDesc("lotusgate_"+name, help, labels, nil), kind: prometheus.GaugeValue, read: read}
}

func counter(name, help string, labels []string, read func(*screen, func(float64, ...string))) metric {
	return metric{desc: prometheus.NewDesc("lotusgate_"+name+"_total", help, labels, nil), kind: prometheus.CounterValue, read: read}
}

func histogram(name, help string, hist func() hub.Histogram) metric {
	return metric{desc: prometheus.NewDesc("lotusgate_"+name, help, nil, nil), hist: hist}
}

func (m metric) histogram() prometheus.Metric {
	h := m.hist()
	count, buckets := uint64(0), map[float64]uint64{}
	for n, c := range h.Counts {
		if count += c; n < len(h.Bounds) {
			buckets[h.Bounds[n].Seconds()] = count
		}
	}
	return prometheus.MustNewConstHistogram(m.desc, count, h.Sum.Seconds(), buckets)
}

// one reads a single value without labels.
func one(value func(*screen) float64) func(*screen, func(float64, ...string)) {
	return func(sc *screen, emit func(float64, ...string)) { emit(value(sc)) }
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func metricTable(s *Server) []metric {
	var all []metric
	all = append(all, gatewayMetrics(s)...)
	all = append(all, boardMetrics(s)...)
	all = append(all, linkMetrics()...)
	all = append(all, outboxMetrics()...)
	all = append(all, fieldMetrics()...)
	if s.o.Latency != nil {
		all = append(all, histogram("core_latency_seconds", "Time from the kernel's stamp of an edge to the core taking it.", s.o.Latency))
	}
	return all
}

func gatewayMetrics(s *Server) []metric {
	return []metric{
		gauge("info", "Always 1; labels say which gateway and version this is.", []string{"site", "gateway", "version", "config"},
			func(sc *screen, emit func(float64, ...string)) {
				g := sc.v.Gateway
				emit(1, g.Site, g.ID, g.Version, g.Config)
			}),
		gauge("ready", "1 when the gateway does its whole work (/readyz).", nil,
			one(func(sc *screen) float64 { return truth(len(sc.unready()) == 0) })),
		gauge("problems", "Problems that need somebody, by severity.", []string{"severity"},
			func(sc *screen, emit func(float64, ...string)) {
				n := map[gateway.Severity]float64{}
				for _, p := range sc.problems {
					n[p.Severity]++
				}
				for severity := gateway.Info; severity <= gateway.Critical; severity++ {
					emit(n[severity], severity.String())
				}
			}),
		gauge("alarms", "Standing alarms, by severity.", []string{"severity"},
			func(sc *screen, emit func(float64, ...string)) {
				n := map[gateway.Severity]float64{}
				for _, a := range sc.v.Alarms {
					n[a.Severity]++
				}
				for severity := gateway.Info; severity <= gateway.Critical; severity++ {
					emit(n[severity], severity.String())
				}
			}),
		gauge("clock_quality", "1 for what stands behind the date now.", []string{"quality"},
			func(sc *screen, emit func(float64, ...string)) {
				for q := gateway.ClockUnset; q <= gateway.ClockSynced; q++ {
					emit(truth(q == sc.v.Clock.Quality), q.String())
				}
			}),
		gauge("status_viewers", "Browsers that follow the status page live.", nil,
			one(func(*screen) float64 { return float64(len(s.viewers)) })),
		counter("commands", "Commands by what became of them: accepted, done, and rejected or failed with the reason.", []string{"stage", "reason"},
			func(_ *screen, emit func(float64, ...string)) {
				if s.o.CommandResults == nil {
					return
				}
				for r, n := range s.o.CommandResults() {
					emit(float64(n), string(r.Stage), string(r.Reason))
				}
			}),
		counter("status_viewers_refused", "Browsers refused because too many follow already.", nil,
			one(func(*screen) float64 { return float64(s.refused.Load()) })),
	}
}

func boardMetrics(s *Server) []metric {
	return []metric{
		gauge("watchdog_margin_seconds", "Time that core, storage and line reader may still rest before the watchdog is no longer fed; 5 at most.", nil,
			func(_ *screen, emit func(float64, ...string)) {
				if s.o.Margin != nil {
					emit(s.o.Margin().Seconds())
				}
			}),
		gauge("board_temperature_celsius", "Temperature of the processor, where the board has a sensor.", nil,
			func(sc *screen, emit func(float64, ...string)) {
				if t := sc.v.Board.Temperature; t != 0 {
					emit(t)
				}
			}),
		gauge("board_undervoltage", "1 while the supply is below what the board needs, where the board can tell.", nil,
			func(sc *screen, emit func(float64, ...string)) {
				if sc.v.Board.Supervised {
					emit(truth(sc.v.Board.Undervoltage))
				}
			}),
		gauge("disk_free_bytes", "Room left where the outbox is.", nil,
			func(sc *screen, emit func(float64, ...string)) {
				if sc.v.Board.DiskSize > 0 {
					emit(float64(sc.v.Board.DiskFree))
				}
			}),
		gauge("disk_size_bytes", "Size of the file system that the outbox is on.", nil,
			func(sc *screen, emit func(float64, ...string)) {
				if sc.v.Board.DiskSize > 0 {
					emit(float64(sc.v.Board.DiskSize))
				}
			}),
	}
}

func linkMetrics() []metric {
	link := func(value func(hub.Link) float64) func(*screen, func(float64, ...string)) {
		return one(func(sc *screen) float64 { return value(sc.v.Link) })
	}
	return []metric{
		gauge("link_connected", "1 while there is a session with the broker.", nil,
			link(func(k hub.Link) float64 { return truth(k.Connected) })),
		gauge("link_failed_attempts", "Attempts since the last connection.", nil,
			link(func(k hub.Link) float64 { return float64(k.Attempts) })),
		gauge("link_in_flight_events", "Events sent and not yet acknowledged.", nil,
			link(func(k hub.Link) float64 { return float64(k.InFlight) })),
		gauge("link_awaiting_events", "Events that the broker has acknowledged and the center has not confirmed (ack: watermark).", nil,
			link(func(k hub.Link) float64 { return float64(k.Awaiting) })),
		gauge("link_certificate_end_timestamp_seconds", "When the gateway's own certificate ends; missing without one.", nil,
			func(sc *screen, emit func(float64, ...string)) {
				if ends := sc.v.Link.CertificateEnds; !ends.IsZero() {
					emit(float64(ends.Unix()))
				}
			}),
		counter("link_connects", "Connections made.", nil,
			link(func(k hub.Link) float64 { return float64(k.Connects) })),
		counter("link_published_events", "Events confirmed by the broker.", nil,
			link(func(k hub.Link) float64 { return float64(k.Published) })),
		counter("link_resent_events", "Events sent more than once.", nil,
			link(func(k hub.Link) float64 { return float64(k.Resent) })),
	}
}

func outboxMetrics() []metric {
	perQueue := func(value func(hub.QueueStats) float64) func(*screen, func(float64, ...string)) {
		return func(sc *screen, emit func(float64, ...string)) {
			for q, stats := range sc.v.Storage.Queues {
				emit(value(stats), gateway.Queue(q).String())
			}
		}
	}
	storage := func(value func(hub.Storage) float64) func(*screen, func(float64, ...string)) {
		return one(func(sc *screen) float64 { return value(sc.v.Storage) })
	}
	queue := []string{"queue"}
	return []metric{
		gauge("outbox_unconfirmed_events", "Events not yet confirmed.", queue,
			perQueue(func(q hub.QueueStats) float64 { return float64(q.Depth) })),
		gauge("outbox_size_bytes", "Space used on disk.", queue,
			perQueue(func(q hub.QueueStats) float64 { return float64(q.Bytes) })),
		gauge("outbox_limit_bytes", "Space that may be used on disk.", queue,
			perQueue(func(q hub.QueueStats) float64 { return float64(q.Limit) })),
		gauge("outbox_oldest_age_seconds", "Age of the oldest unconfirmed event of this kernel boot.", queue,
			perQueue(func(q hub.QueueStats) float64 { return q.OldestAge.Seconds() })),
		gauge("outbox_unconfirmed_runs", "Runs of the daemon that are not fully confirmed.", nil,
			storage(func(st hub.Storage) float64 { return float64(len(st.Ledger.Unconfirmed)) })),
		gauge("outbox_degraded", "1 while storage is not durable.", nil,
			storage(func(st hub.Storage) float64 { return truth(st.Degraded != "") })),
		gauge("outbox_damaged", "1 while files of the storage directory are missing that the start could not read.", nil,
			storage(func(st hub.Storage) float64 { return truth(st.Damaged != "") })),
		gauge("outbox_commit_duration_seconds", "Time that the last commit took.", nil,
			storage(func(st hub.Storage) float64 { return st.CommitTime.Seconds() })),
		counter("outbox_issued_events", "Events issued in this run.", nil,
			storage(func(st hub.Storage) float64 { return float64(st.Ledger.Number) })),
		counter("outbox_commits", "Commits to disk.", nil,
			storage(func(st hub.Storage) float64 { return float64(st.Commits) })),
		counter("outbox_written_bytes", "Bytes written to disk.", nil,
			storage(func(st hub.Storage) float64 { return float64(st.BytesWritten) })),
		counter("outbox_dropped_events", "Events that will never be delivered.", nil,
			storage(func(st hub.Storage) float64 { return float64(st.Dropped) })),
		counter("recorder_written_bytes", "Bytes of the flight recorder written to disk.", nil,
			storage(func(st hub.Storage) float64 { return float64(st.Recorded) })),
		counter("recorder_gaps", "Times that the disk did not follow the flight recorder.", nil,
			storage(func(st hub.Storage) float64 { return float64(st.RecordGaps) })),
	}
}

func fieldMetrics() []metric {
	perPoint := func(value func(hub.Point) float64) func(*screen, func(float64, ...string)) {
		return func(sc *screen, emit func(float64, ...string)) {
			for _, p := range sc.v.Points {
				emit(value(p), p.ID)
			}
		}
	}
	perSource := func(value func(hub.Source) float64) func(*screen, func(float64, ...string)) {
		return func(sc *screen, emit func(float64, ...string)) {
			for _, s := range sc.v.Sources {
				emit(value(s), s.ID, s.Kind)
			}
		}
	}
	point, source := []string{"point"}, []string{"source", "kind"}
	return []metric{
		gauge("device_good", "1 while the state of a device can be trusted.", []string{"device", "kind"},
			func(sc *screen, emit func(float64, ...string)) {
				for _, d := range sc.v.Devices {
					emit(truth(d.State.Quality == gateway.Good), d.ID, d.Kind)
				}
			}),
		gauge("device_state", "1 for the state a device is in; devices of unknown state are left out.", []string{"device", "kind", "state"},
			func(sc *screen, emit func(float64, ...string)) {
				for _, d := range sc.v.Devices {
					if d.State.Value != "" && !d.State.Number && d.State.Quality != gateway.Bad {
						emit(1, d.ID, d.Kind, d.State.Value)
					}
				}
			}),
		gauge("point_active", "1 while a wire is active after settling.", point,
			perPoint(func(p hub.Point) float64 { return truth(p.Active) })),
		gauge("point_good", "1 while the level of a wire can be trusted.", point,
			perPoint(func(p hub.Point) float64 { return truth(p.Quality == gateway.Good) })),
		counter("point_edges", "Raw edges seen on a wire.", point,
			perPoint(func(p hub.Point) float64 { return float64(p.Edges) })),
		counter("point_bounces", "Raw edges that settled into nothing.", point,
			perPoint(func(p hub.Point) float64 { return float64(p.Bounces) })),
		counter("point_missed", "Changes that no edge had announced.", point,
			perPoint(func(p hub.Point) float64 { return float64(p.Missed) })),
		gauge("source_up", "1 while a bus, chip or line group answers.", source,
			perSource(func(s hub.Source) float64 { return truth(s.OK) })),
		counter("source_reads", "Reads that gave a sample.", source,
			perSource(func(s hub.Source) float64 { return float64(s.Reads) })),
		counter("source_errors", "Reads that failed.", source,
			perSource(func(s hub.Source) float64 { return float64(s.Errors) })),
		gauge("source_interrupt_ok", "0 while the INT wire of a chip cannot be relied on.", source,
			perSource(func(s hub.Source) float64 { return truth(s.Interrupt == "") })),
		counter("source_transfers", "Transfers on the bus, of one chip or of the whole bus.", source,
			perSource(func(s hub.Source) float64 { return float64(s.Transfers) })),
		counter("source_failed_transfers", "Transfers that ended with an error.", source,
			perSource(func(s hub.Source) float64 { return float64(s.Failed) })),
		counter("source_retries", "Reads that were repeated after a failure.", source,
			perSource(func(s hub.Source) float64 { return float64(s.Retries) })),
		counter("source_missed_pulses", "Pulses that were over before a chip without a latch could be read.", source,
			perSource(func(s hub.Source) float64 { return float64(s.Missed) })),
		gauge("source_load_percent", "Bits on the wire in per cent of the bus's configured speed.", source,
			perSource(func(s hub.Source) float64 { return s.Load })),
		gauge("point_value", "Measured value of an analogue point.", []string{"point", "unit"},
			func(sc *screen, emit func(float64, ...string)) {
				for _, p := range sc.v.Points {
					if p.Unit != "" && p.Quality == gateway.Good {
						emit(float64(p.Value), p.ID, p.Unit)
					}
				}
			}),
		counter("source_resets", "Times a chip had lost its registers.", source,
			perSource(func(s hub.Source) float64 { return float64(s.Resets) })),
	}
}
