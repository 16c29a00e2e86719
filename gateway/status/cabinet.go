package status

import "lotusgate/gateway/trace"

// cabinet is what is wired now. A new configuration replaces it as a whole.
type cabinet struct {
	trace     *trace.Trace
	terminals []Terminal
}

// Rewire replaces what the pages show of the wires. Streams of signals end, and browsers ask again.
func (s *Server) Rewire(t *trace.Trace, terminals []Terminal) { s.wired.Store(&cabinet{t, terminals}) }
