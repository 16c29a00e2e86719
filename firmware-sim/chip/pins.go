package chip

// pins is what the outside world does to the pins of a part: bit n is pin n. A pin that nobody drives has no
// level of its own.
type pins struct {
	driven uint16
	level  uint16
}

func (p *pins) drive(n int, high bool) {
	p.driven |= 1 << n
	p.level &^= 1 << n
	if high {
		p.level |= 1 << n
	}
}

func (p *pins) release(n int) { p.driven &^= 1 << n }

// Output is what a pin of a part does to the wire.
type Output uint8

const (
	HiZ  Output = iota // input, or an open drain that is off
	Low                // driven low
	High               // driven high
)

func (o Output) String() string { return [...]string{"hi-z", "low", "high"}[o] }
