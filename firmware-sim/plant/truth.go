package plant

import (
	"fmt"
	"time"
)

// Kind says what happened.
type Kind string

// What can happen. A vehicle that entered ends with left, whatever it did in between.
const (
	VehicleEntered        Kind = "vehicle entered"         // its nose came to the near end, or its tail to the far one
	VehicleLeft           Kind = "vehicle left"            // it is gone
	VehiclePassed         Kind = "vehicle passed"          // from before both loops to behind both
	VehiclePassedBackward Kind = "vehicle passed backward" // the other way round
	VehicleBackedOut      Kind = "vehicle backed out"      // it covered a loop and went back to where it came from
	VehicleUnderArm       Kind = "vehicle under arm"
	VehicleClearOfArm     Kind = "vehicle clear of arm"
	TicketTaken           Kind = "ticket taken"
	ZoneCovered           Kind = "covered" // a loop or a beam; the detector has not noticed yet
	ZoneCleared           Kind = "cleared"

	DetectorFailed Kind = "detector failed" // from now on it says "present"
	DetectorTuned  Kind = "detector tuned"  // from now on it tells the truth again
	DetectorDrifts Kind = "detector drifts" // it says "present", whatever is there, until it is tuned
	Crosstalk      Kind = "crosstalk"       // it says "present" again and again for a while

	ArmOpening Kind = "arm opening"
	ArmOpen    Kind = "arm open"
	ArmClosing Kind = "arm closing"
	ArmClosed  Kind = "arm closed"
	ArmStopped Kind = "arm stopped"
	ArmTouched Kind = "arm touched something"      // a vehicle, if one is named
	ArmReopens Kind = "arm reopens inside a close" // beside "arm opening"
	ArmUp      Kind = "upper limit reached"        // beside "arm open", which is the very end
	ArmDown    Kind = "lower limit reached"
	ArmOff     Kind = "arm knocked off"
	ArmMounted Kind = "arm mounted"
	MotorOff   Kind = "motor timed out"

	ControllerOff Kind = "controller switched off"
	ControllerOn  Kind = "controller switched on"

	FaultRaised  Kind = "fault raised"
	FaultCleared Kind = "fault cleared"

	TripBegins    Kind = "trip begins"
	PeopleTrapped Kind = "people trapped"
	PeopleFreed   Kind = "people freed"

	AlarmPressed     Kind = "alarm button pressed"
	InspectionBegins Kind = "inspection begins"
	InspectionEnds   Kind = "inspection ends"
	SupplyLost       Kind = "supply lost"
	SupplyBack       Kind = "supply back"

	SwitchRaised  Kind = "switch raised"
	SwitchCleared Kind = "switch cleared"
	WireLoose     Kind = "wire loose"

	CameraBooting Kind = "camera booting"
	CameraRunning Kind = "camera running" // its first pulse begins
	CameraHung    Kind = "camera hung"
	CameraDead    Kind = "camera dead"
	CameraSick    Kind = "camera draws too much"
	CameraLoops   Kind = "camera starts again and again"
)

// Limit tells whether it is what a limit switch sees, which says again what the arm does.
func (k Kind) Limit() bool { return k == ArmUp || k == ArmDown || k == ArmReopens }

// Cause says why an arm moved.
type Cause string

const (
	CauseNone     Cause = ""
	CauseTicket   Cause = "ticket"   // the ticket machine beside the lane
	CauseFob      Cause = "fob"      // a resident's
	CauseRelay    Cause = "relay"    // an input that somebody else drives: the gateway
	CauseAuto     Cause = "auto"     // the controller's own timer
	CauseSafety   Cause = "safety"   // the controller's own photocell or loop
	CauseObstacle Cause = "obstacle" // the controller felt something
	CauseHand     Cause = "hand"
)

// Truth is one thing that really happened.
type Truth struct {
	At      time.Duration
	Device  string // "entry", "entry.a", "elevator-1"
	Kind    Kind
	Vehicle int // its number, from 1 in order of entering a lane; 0 = none
	Cause   Cause
}

// String says it in plain words, without the time.
func (t Truth) String() string {
	s := fmt.Sprintf("%s: %s", t.Device, t.Kind)
	if t.Vehicle != 0 {
		s += fmt.Sprintf(" (vehicle %d)", t.Vehicle)
	}
	if t.Cause != CauseNone {
		s += fmt.Sprintf(" by %s", t.Cause)
	}
	return s
}

// Journal collects what happened, oldest first. Models of one site share one.
type Journal struct{ truths []Truth }

func (j *Journal) add(t Truth) { j.truths = append(j.truths, t) }

// Take returns what happened since the last call.
func (j *Journal) Take() []Truth {
	t := j.truths
	j.truths = nil
	return t
}
