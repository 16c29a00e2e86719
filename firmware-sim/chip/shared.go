package chip

// Shared is two parts that were set to one address. Both hear everything; an acknowledge of either is one, and where
// they send different bits the low one wins, because the wire is pulled up and either can pull it down.
type Shared struct{ A, B Device }

var _ Device = Shared{}

// Start implements Device.
func (s Shared) Start(read bool) bool {
	a, b := s.A.Start(read), s.B.Start(read)
	return a || b
}

// Write implements Device.
func (s Shared) Write(v byte) bool {
	a, b := s.A.Write(v), s.B.Write(v)
	return a || b
}

// Read implements Device.
func (s Shared) Read() byte {
	a, b := s.A.Read(), s.B.Read()
	return a & b
}

// Sent implements Device.
func (s Shared) Sent() { s.A.Sent(); s.B.Sent() }

// Stop implements Device.
func (s Shared) Stop() { s.A.Stop(); s.B.Stop() }
