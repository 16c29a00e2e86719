package device

import (
	"time"

	"lotusgate/gateway"
)

// delay is a contact that counts when it has lasted: on after raise, off after clear. It is dated with its first edge.
// What cannot be read, or only in doubt, changes nothing; a contact that was lost and comes back unchanged goes on where
// it was, one that toggled meanwhile starts its time anew.
type delay struct {
	raise, clear time.Duration

	in    Signal
	known bool
	on    bool
	since gateway.Mono
}

// set follows the contact.
func (d delay) set(s Signal) delay {
	d.in = s
	return d
}

// restore goes on from what was known to be on; what was off is not known.
func (d delay) restore(on bool, since gateway.Mono) delay {
	if on {
		d.known, d.on, d.since = true, true, since
	}
	return d
}

// tick lets time pass up to now. first tells that it is the first thing known.
func (d delay) tick(now gateway.Mono) (next delay, changed, first bool) {
	if due := d.due(); due.IsZero() || now < due {
		return d, false, false
	}
	first = !d.known
	d.known, d.on, d.since = true, d.in.On, d.in.Since
	return d, true, first
}

// due is when tick has something to say; zero = nothing is under way.
func (d delay) due() gateway.Mono {
	if !d.in.Known() || d.known && d.in.On == d.on {
		return 0
	}
	if d.in.On {
		return d.in.Since.Add(d.raise)
	}
	return d.in.Since.Add(d.clear)
}
