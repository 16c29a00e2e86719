package status

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/control"
	"lotusgate/gateway/day"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/support"
	"lotusgate/gateway/text"
	"lotusgate/gateway/trace"
)

// Options of a Server. Now is required, the rest has defaults.
type Options struct {
	Listen   string               // host:port that Run listens on when it is given no listener
	Now      func() gateway.Mono  // the clock of the hub; ages are measured with it
	Alive    func() error         // nil error while the daemon's core makes progress; nil = answering is proof enough
	Margin   func() time.Duration // left until the watchdog is no longer fed; nil = there is no metric of it
	Latency  func() hub.Histogram // of edges until the core has them; nil = there is no metric of it
	Log      *slog.Logger         // default: nothing is logged
	Location *time.Location       // time zone of pages without JavaScript; default time.Local
	Viewers  int                  // event streams at one time; default 64
	Conns    int                  // connections at one time; default 256

	Keeper     Keeper // of the operator's password; nil = nobody operates
	HTTPS      string // host:port of the page over HTTPS, for the link there; empty = none
	ActOnAlarm func(context.Context, gateway.Alarm, AlarmAct, time.Duration)
	Correct    func(context.Context, Correction) (Corrected, error) // nil = the configuration is not ours to correct

	// Command gives a command for whom this package has identified, with Issuer, Peer, Device, Action and Args set; its
	// replies come over the channel, which is closed after the last. It never waits. nil = nobody commands here.
	Command        func(gateway.Command) <-chan gateway.Reply
	CommandResults func() map[gateway.CommandResult]uint64 // how commands went so far; nil = there is no metric of it

	Facts func() []support.File // of the support bundle, beside what is known here; may be nil
	// Recording writes what the flight recorder holds; nil = there is none.
	Recording func(context.Context, io.Writer) error
	Day       *day.Diary   // how the last 24 hours went; nil = not known
	Trace     *trace.Trace // edges of the inputs; nil = the signals are empty
	Terminals []Terminal   // every wire, in the order in which they are shown
}

// Server renders the views of one hub. Its handler is safe for concurrent use.
type Server struct {
	o       Options
	hub     *hub.Hub
	pages   map[text.Lang]*renderer
	screens map[string]map[text.Lang]*renderer // by name of the screen; pages is its overview
	assets  map[string]asset
	handler http.Handler
	metrics http.Handler
	run     string // names this process to a browser that comes back

	wired atomic.Pointer[cabinet]

	viewers chan struct{} // one slot per event stream
	refused atomic.Uint64 // streams that found no slot
	bundles chan struct{} // one slot: making a bundle takes a moment and memory
	held    holds
	walks   findings

	closing   chan struct{} // closed when Run ends: streams say goodbye
	closeOnce sync.Once
}

// New prepares the templates, the assets and the metrics registry; it does not listen yet.
func New(o Options, h *hub.Hub) (*Server, error) {
	if o.Now == nil {
		return nil, errors.New("status: Options.Now is missing")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Viewers <= 0 {
		o.Viewers = 64
	}
	if o.Conns <= 0 {
		o.Conns = 256
	}
	s := &Server{
		o: o, hub: h, run: rand.Text()[:8],
		viewers: make(chan struct{}, o.Viewers), bundles: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	s.Rewire(o.Trace, o.Terminals)
	var err error
	if s.assets, err = loadAssets(); err != nil {
		return nil, fmt.Errorf("status: load assets: %w", err)
	}
	if s.screens, err = newRenderers(s); err != nil {
		return nil, fmt.Errorf("status: parse templates: %w", err)
	}
	s.pages = s.screens[overview]
	if s.metrics, err = s.metricsHandler(); err != nil {
		return nil, fmt.Errorf("status: register metrics: %w", err)
	}
	s.handler = s.routes()
	return s, nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.servePage(overview))
	mux.HandleFunc("GET /signals", s.servePage(signals))
	mux.HandleFunc("GET /wiring", s.servePage(wiring))
	s.operatorRoutes(mux)
	mux.HandleFunc("POST "+commandPath, s.serveCommand)
	mux.HandleFunc("GET /walk", s.servePage(walking))
	mux.HandleFunc("GET /walk/step", s.serveStep)
	mux.HandleFunc("GET /api/v1/walk", s.serveWalk)
	mux.HandleFunc("GET /support.zip", s.serveBundle)
	mux.HandleFunc("GET /recording.rec", s.serveRecording)
	mux.HandleFunc("GET /history", s.servePage(history))
	mux.HandleFunc("GET /api/v1/signals", s.serveSignals)
	mux.HandleFunc("GET /api/v1/signals.vcd", s.serveVCD)
	mux.HandleFunc("GET /api/v1/signals/stream", s.serveSignalStream)
	mux.HandleFunc("GET /assets/{name}", s.serveAsset)
	mux.HandleFunc("GET /api/v1/view", s.serveView)
	mux.HandleFunc("GET /api/v1/stream", s.serveStream)
	mux.Handle("GET /metrics", s.metrics)
	mux.HandleFunc("GET /healthz", s.serveHealth)
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.HandleFunc("GET /", s.serveMissing)
	return s.guard(http.NewCrossOriginProtection().Handler(mux))
}

// Handler serves everything; Run puts it behind limits on connections and time.
func (s *Server) Handler() http.Handler { return s.handler }

// Time limits of one connection. The stream sets its own for every message.
const (
	headerTime = 5 * time.Second
	readTime   = 10 * time.Second
	writeTime  = 15 * time.Second
	idleTime   = 60 * time.Second
	closeTime  = 3 * time.Second
	headerSize = 16 << 10
)

// Run serves until ctx ends, then closes the streams, lets the other requests finish and returns nil. It takes l over;
// nil means Options.Listen.
func (s *Server) Run(ctx context.Context, l net.Listener) error { return s.listen(ctx, l, nil) }

// RunTLS is Run over HTTPS, where operators may log in.
func (s *Server) RunTLS(ctx context.Context, l net.Listener, certificate tls.Certificate) error {
	return s.listen(ctx, l, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
}

func (s *Server) listen(ctx context.Context, l net.Listener, secure *tls.Config) error {
	if l == nil {
		var err error
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", s.o.Listen); err != nil {
			return fmt.Errorf("status: listen on %s (choose another address under status.listen): %w", s.o.Listen, err)
		}
	}
	server := &http.Server{
		ConnContext:       control.WithPeer,
		Handler:           s.handler,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    headerSize,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug), // a browser's own mistakes
	}
	failed := make(chan error, 1)
	l = limitConns(l, s.o.Conns)
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	go func() { failed <- server.Serve(l) }()

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		failed <- http.ErrServerClosed
	}
	s.closeOnce.Do(func() { close(s.closing) })
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if server.Shutdown(bye) != nil {
		_ = server.Close() // who has not finished by now is cut off
	}
	<-failed
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("status: serve: %w", err)
	}
	return nil
}
