package device

import (
	"math/bits"
	"strconv"
	"time"

	"lotusgate/gateway"
)

// Lot is a place with a number of bays. It counts the bays that are occupied, or the vehicles that pass its lanes, or
// both: then the bays are believed, and a difference that lasts is reported and not hidden. Vehicles on their way between
// lane and bay make a small one all day.
type Lot struct {
	cfg LotConfig

	taken, known, seen bitset // bays
	lanes              [MaxLotLanes]int64
	doubt              [MaxLotLanes]bool
	passed             int64        // vehicles inside, as the lanes count
	counted            bool         // passed rests on a count, not on the assumption of an empty lot
	started            gateway.Mono // when watching began
	begun              bool         // changes are events
	occupied           int64
	full               bool
	apart              gateway.Mono // since when the two differ by too much
	told               int64        // drift of the last event; 0 = none stands
	since              gateway.Mono
	drive              Drive
}

// LotConfig is what a site says about a lot.
type LotConfig struct {
	Capacity    int64
	Bays, Lanes uint8
	FullAt      int64 // full when so many are free, or fewer
	AvailableAt int64 // available again when so many are
	Drift       int64 // more than this between bays and lanes is a drift
	DriftAfter  time.Duration
}

// Bounds of one lot.
const (
	MaxBays     = 256
	MaxLotLanes = 16
	lotPatience = 30 * time.Second // a bay that has not spoken by then keeps nobody waiting
)

// bitset of bays.
type bitset [MaxBays / 64]uint64

func (b *bitset) set(n uint8, on bool) {
	b[n/64] &^= 1 << (n % 64)
	if on {
		b[n/64] |= 1 << (n % 64)
	}
}

func (b bitset) count() (n int64) {
	for _, w := range b {
		n += int64(bits.OnesCount64(w))
	}
	return n
}

// NewLot returns a lot of which nothing is known.
func NewLot(cfg LotConfig) Lot {
	cfg.Lanes = min(cfg.Lanes, MaxLotLanes)
	return Lot{cfg: cfg}
}

// Step takes RoleBay; RoleLane, the balance of vehicles that went in; the order set_count; and reports of its sign.
func (l Lot) Step(now gateway.Mono, in Input) (Lot, Effects, gateway.Mono) {
	var fx Effects
	t := in.at(now)
	if l.started.IsZero() {
		l.started, l.since = now, now
	}
	switch {
	case in.Kind == SignalChanged && in.Role == RoleBay && in.Index < l.cfg.Bays:
		l.known.set(in.Index, in.Signal.Known())
		if in.Signal.Readable() {
			l.seen.set(in.Index, true)
			l.taken.set(in.Index, in.Signal.On)
		}
	case (in.Kind == Measured || in.Kind == Standing) && in.Role == RoleLane && in.Index < l.cfg.Lanes:
		l.doubt[in.Index] = !in.Signal.Known()
		if in.Kind == Measured {
			l.passed += in.Value - l.lanes[in.Index]
		}
		l.lanes[in.Index] = in.Value
	case in.Kind == OrderGiven:
		l = l.order(now, in.Order, &fx)
	case in.Kind == OutputTold && in.Report.Failed != "":
		l.drive[SignOutput] = Pulse{now.Add(signAgain), Forever}
	}
	l = l.recount(now, t, &fx)
	l = l.compare(now, t, &fx)
	l.sign(now)
	return l, fx, after(now, l.deadline())
}

// order corrects the count of the lanes. Who has counted says what the gateway counted then, if it may have changed since:
// a vehicle that passed in between is not lost.
func (l Lot) order(now gateway.Mono, o Order, fx *Effects) Lot {
	refused := Outcome{Number: o.Number, Stage: gateway.Rejected}
	switch {
	case o.Action != gateway.SetCount || l.cfg.Lanes == 0:
		refused.Reason = gateway.UnknownAction
	case o.Expires != 0 && now > o.Expires:
		refused.Reason = gateway.Expired
	case o.Checked && o.Expected != l.passed:
		refused.Reason, refused.Obstacle, refused.Found = gateway.Interlock, "count", l.passed
	default:
		fx.tell(Outcome{Number: o.Number, Stage: gateway.Accepted})
		fx.emit(gateway.LotCountCorrected, now, gateway.CorrectionData{From: l.passed, To: o.Count})
		l.passed, l.counted = o.Count, true
		fx.tell(Outcome{Number: o.Number, Stage: gateway.Done, Verified: true})
		return l
	}
	fx.tell(refused)
	return l
}

// SignOutput is the one output of a lot: the sign that says "full".
const SignOutput = OpenOutput

// signAgain is how long after a failure the sign is tried again.
const signAgain = 10 * time.Second

// sign lights the sign while the lot is full. While nobody can tell, it is dark.
func (l *Lot) sign(now gateway.Mono) {
	p, full := l.drive[SignOutput], l.begun && l.full
	switch {
	case full && !p.Ahead(now):
		l.drive[SignOutput] = Pulse{now, Forever}
	case !full:
		l.drive[SignOutput] = p.cut(now)
	}
}

// Drive is when the sign is lit.
func (l Lot) Drive() Drive { return l.drive }

// recount says what became of the number of vehicles.
func (l Lot) recount(now, t gateway.Mono, fx *Effects) Lot {
	occupied := l.passed
	if l.cfg.Bays > 0 {
		occupied = l.taken.count()
	}
	ready := l.cfg.Bays == 0 || l.seen.count() == int64(l.cfg.Bays) || now.Sub(l.started) >= lotPatience
	if changed := occupied != l.occupied; changed {
		l.occupied, l.since = occupied, t
		if l.begun {
			fx.emit(gateway.LotOccupancyChanged, t, gateway.OccupancyData{Free: l.free(), Occupied: occupied, Capacity: l.cfg.Capacity})
		}
	}
	if !ready {
		return l
	}
	l.begun = true
	data := gateway.OccupancyData{Free: l.free(), Occupied: occupied, Capacity: l.cfg.Capacity}
	switch {
	case !l.full && data.Free <= l.cfg.FullAt:
		l.full = true
		fx.emit(gateway.LotFull, t, data)
	case l.full && data.Free >= l.cfg.AvailableAt:
		l.full = false
		fx.emit(gateway.LotAvailable, t, data)
	}
	return l
}

// free bays, as many as there can be.
func (l Lot) free() int64 { return min(max(l.cfg.Capacity-l.occupied, 0), l.cfg.Capacity) }

// drift is by how much the lanes count more vehicles than there are bays with one, or than there can be.
func (l Lot) drift() int64 {
	switch {
	case l.cfg.Lanes == 0 || !l.counted && l.cfg.Bays > 0:
		return 0
	case l.cfg.Bays > 0:
		return l.passed - l.taken.count()
	case l.passed < 0:
		return l.passed
	}
	return max(l.passed-l.cfg.Capacity, 0)
}

// tooFar tells whether bays and lanes differ by too much.
func (l Lot) tooFar() bool {
	most := l.cfg.Drift
	if l.cfg.Bays == 0 {
		most = 0
	}
	d := l.drift()
	return d > most || d < -most
}

// compare reports a drift that lasts, and again when it has grown by as much.
func (l Lot) compare(now, t gateway.Mono, fx *Effects) Lot {
	if !l.tooFar() {
		l.apart, l.told = 0, 0
		return l
	}
	if l.apart.IsZero() {
		l.apart = max(t, l.started) // bays that are introduced have stood so for long; nothing was compared before
	}
	grown := l.drift() - l.told
	if now < l.apart.Add(l.cfg.DriftAfter) || l.told != 0 && max(grown, -grown) <= max(l.cfg.Drift, 1) {
		return l
	}
	l.told = l.drift()
	fx.emit(gateway.LotCountDrift, max(t, l.apart.Add(l.cfg.DriftAfter)), gateway.DriftData{Drift: l.told, Lanes: l.passed, Bays: l.taken.count()})
	return l
}

func (l Lot) deadline() (d gateway.Mono) {
	if !l.begun {
		d = l.started.Add(lotPatience)
	}
	if !l.apart.IsZero() && l.told == 0 {
		d = gateway.Earliest(d, l.apart.Add(l.cfg.DriftAfter))
	}
	return d
}

func (l Lot) quality() gateway.Quality {
	switch {
	case !l.begun:
		return gateway.Bad
	case l.cfg.Bays > 0 && l.known.count() < int64(l.cfg.Bays), l.cfg.Bays == 0 && !l.counted:
		return gateway.Stale
	case l.cfg.Bays == 0:
		for _, d := range l.doubt[:l.cfg.Lanes] {
			if d {
				return gateway.Stale
			}
		}
	}
	return gateway.Good
}

// LotDetail goes out with the state of a lot.
type LotDetail struct {
	Occupied int64 `json:"occupied"`
	Capacity int64 `json:"capacity"`
	Full     bool  `json:"full"`
	Unknown  int64 `json:"unknown"` // bays whose sensor cannot be believed; they count as last known
	Drift    int64 `json:"drift"`   // vehicles that the lanes count more than the bays
}

// State is the number of free bays; stale while a sensor cannot be believed, or nobody has counted yet.
func (l Lot) State() gateway.DeviceState {
	if !l.begun {
		return gateway.DeviceState{Since: l.since}
	}
	return gateway.DeviceState{
		Value: strconv.FormatInt(l.free(), 10), Number: true, Quality: l.quality(), Since: l.since,
		Detail: LotDetail{l.occupied, l.cfg.Capacity, l.full, int64(l.cfg.Bays) - l.known.count(), l.drift()},
	}
}
