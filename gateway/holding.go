package gateway

// Holding is something that grows with what happens or with what others send: how much of it there is, and the most that there may be.
type Holding struct {
	What       string
	Held, Most int
}
