package uplink

import "lotusgate/gateway"

const (
	suspectAfter = 5 // connections died with a record in flight: from now on it is sent alone
	guiltyAfter  = 3 // connections died with it alone in flight, though other events got through: it is poison

	maxSuspects = 4096
)

// suspects remembers which records were in flight when connections died. A record that some broker or some middlebox
// cannot bear would otherwise keep everything behind it back for ever.
//
// A link that breaks again and again, or an access rule that forbids every event, must not make poison of good records.
// So the death of a lone record counts only if other events were acknowledged since it became a suspect, and it takes
// three.
type suspects struct {
	known map[gateway.EventID]deaths
}

// deaths of connections with a record in flight.
type deaths struct {
	company int
	alone   int    // that prove something
	tried   int    // alone, whether they prove something or not
	passed  uint64 // events that had been acknowledged when it became a suspect
}

// isolate tells whether a record must be sent alone.
func (s *suspects) isolate(id gateway.EventID) bool { return s.known[id].company >= suspectAfter }

// cleared forgets a record.
func (s *suspects) cleared(id gateway.EventID) {
	if len(s.known) > 0 {
		delete(s.known, id)
	}
}

// died notes that a connection died with a record in flight; passed is how many events were ever acknowledged.
func (s *suspects) died(id gateway.EventID, passed uint64) {
	if s.known == nil {
		s.known = make(map[gateway.EventID]deaths)
	}
	d, ok := s.known[id]
	if !ok && len(s.known) >= maxSuspects {
		return // no connection has carried anything for long
	}
	d.company++
	if d.company == suspectAfter {
		d.passed = passed
	}
	s.known[id] = d
}

// diedAlone notes that a connection died with a suspect alone in flight, and tells whether that proves it to be poison.
func (s *suspects) diedAlone(id gateway.EventID, passed uint64) bool {
	d := s.known[id]
	d.tried++
	if passed > d.passed {
		d.alone++
	}
	s.known[id] = d
	return d.alone >= guiltyAfter
}

// next is the index of the suspect to try: one of those that were tried least, so that the guilty one comes last.
func (s *suspects) next(of []outgoing) (least int) {
	for i, o := range of {
		if s.known[o.ID].tried < s.known[of[least].ID].tried {
			least = i
		}
	}
	return least
}
