package status

import (
	"net"
	"net/http"
	"sync"

	"lotusgate/gateway/text"
)

// policy lets a page load its own script, style and icon, and nothing else from anywhere; no inline code.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// guard puts the same limits before every route: what a browser may do with the answer, which methods there are, and
// no bodies.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if r.Method == http.MethodPost && (r.TLS != nil && writes[r.URL.Path] || fromSocket(r) && r.URL.Path == commandPath) {
			r.Body = http.MaxBytesReader(w, r.Body, formMost)
			next.ServeHTTP(w, r)
			return
		}
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			h.Set("Connection", "close")
			s.refuse(w, r, http.StatusMethodNotAllowed, "error.method")
			return
		case r.ContentLength != 0:
			h.Set("Connection", "close")
			s.refuse(w, r, http.StatusRequestEntityTooLarge, "error.body")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers with one plain sentence in the reader's language.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, code int, why text.Key) {
	http.Error(w, s.language(r).T(why), code)
}

func (s *Server) serveMissing(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, r, http.StatusNotFound, "error.missing")
}

// sendBuffer of a connection: what a phone that stopped reading can hold of old views, at most.
const sendBuffer = 64 << 10

// connLimit accepts only so many connections at one time; the others wait in the kernel's queue.
type connLimit struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func limitConns(l net.Listener, n int) *connLimit {
	return &connLimit{Listener: l, slots: make(chan struct{}, n), closed: make(chan struct{})}
}

func (l *connLimit) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // best effort: without it a slow phone only lags more
	}
	return &limitedConn{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

func (l *connLimit) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	free func()
}

// NetConn is the connection underneath.
func (c *limitedConn) NetConn() net.Conn { return c.Conn }

func (c *limitedConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}
