package gateway

// Holding is something in memory that grows with what others send: how much of it there is, and the most that there may be.
type Holding struct {
	What       string
	Held, Most int
}
