package drivers

import "time"

// Traffic counts what went over a bus, or to one chip of it.
type Traffic struct {
	Transfers uint64 // from start to stop
	Failed    uint64 // of these, ended with an error
	Bits      uint64 // clock periods, see Bits; a failed transfer counts its start, address and stop
}

// Bits is how many clock periods a transfer takes that writes w bytes and reads r: start and stop one each, a repeated
// start one, every byte nine with its acknowledge, the address of each direction included. Clock stretching and the
// pauses of a controller come on top.
func Bits(w, r int) uint64 {
	bits := uint64(1)
	if w > 0 || r == 0 {
		bits += 1 + 9*uint64(1+w)
	}
	if r > 0 {
		bits += 1 + 9*uint64(1+r)
	}
	return bits
}

// Add sums up.
func (t Traffic) Add(o Traffic) Traffic {
	return Traffic{t.Transfers + o.Transfers, t.Failed + o.Failed, t.Bits + o.Bits}
}

// Load is the share of a time, in per cent, that bits take at hertz clock periods a second.
func Load(bits uint64, hertz int64, during time.Duration) float64 {
	if hertz <= 0 || during <= 0 {
		return 0
	}
	return 100 * float64(bits) / (float64(hertz) * during.Seconds())
}
