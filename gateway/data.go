package gateway

// The data of each event type. Field names are wire words; durations are milliseconds because people and
// spreadsheets read them. Data is immutable once the event was issued.

// Confidence in what was concluded from the edges.
type Confidence string

const (
	HighConfidence Confidence = "high"
	LowConfidence  Confidence = "low" // simultaneous or incomplete edges: plausible, not proven
)

// Direction of a vehicle with respect to the site.
type Direction string

const (
	In  Direction = "in"
	Out Direction = "out"
)

// Opposite direction.
func (d Direction) Opposite() Direction {
	if d == In {
		return Out
	}
	return In
}

// LoopData of loop.occupied and loop.cleared.
type LoopData struct {
	OccupiedMS int64 `json:"occupied_ms,omitempty"` // cleared: how long a vehicle stood on the loop
}

// LoopFaultData of loop.fault and loop.fault_cleared.
type LoopFaultData struct {
	Cause string `json:"cause"`            // max_presence, no_activity, erratic, detector, open, short, excessive_change, detector_power
	Count uint64 `json:"count,omitempty"`  // erratic: detections within the minute, up to the first too many
	ForMS int64  `json:"for_ms,omitempty"` // cleared: how long the fault stood
}

// AlarmCause names the alarm.
func (d LoopFaultData) AlarmCause() string { return d.Cause }

// ArrivalData of lane.vehicle_arrived.
type ArrivalData struct {
	Direction Direction `json:"direction"` // as the first covered loop suggests
}

// PassData of lane.vehicle_passed and lane.wrong_way.
type PassData struct {
	Direction  Direction  `json:"direction"`
	Confidence Confidence `json:"confidence"`
	DurationMS int64      `json:"duration_ms"`         // first loop covered until the vehicle was past it
	Count      uint64     `json:"count"`               // passages of this lane in this direction, this one included
	SpeedKMH   int64      `json:"speed_kmh,omitempty"` // estimated from one loop to the next, within a third; none = not known
	Ref        string     `json:"ref,omitempty"`       // of the command that let this vehicle in: its payment, its ticket
}

// WaitingData of lane.vehicle_waiting: nobody has opened.
type WaitingData struct {
	Direction Direction `json:"direction"`
	WaitedMS  int64     `json:"waited_ms"`
}

// TailgatingData of lane.tailgating: a passage that nobody had authorised.
type TailgatingData struct {
	Direction Direction `json:"direction"`
	Count     uint64    `json:"count"` // of the passage
}

// UTurnData of lane.u_turn: in and out again, or the other way round.
type UTurnData struct {
	Direction Direction `json:"direction"` // of the second passage
	AfterMS   int64     `json:"after_ms"`
}

// BackedOutData of lane.vehicle_backed_out.
type BackedOutData struct {
	Direction  Direction `json:"direction"` // in which it had arrived
	Reached    string    `json:"reached"`   // "first" or "both": which loops it covered
	DurationMS int64     `json:"duration_ms"`
}

// RetractionData of lane.pass_retracted: the vehicle counted last came back and left the way it had come.
type RetractionData struct {
	Direction Direction `json:"direction"`
	Count     uint64    `json:"count"` // after the correction
}

// BayData of bay.occupied and bay.vacated.
type BayData struct {
	OccupiedMS int64 `json:"occupied_ms,omitempty"` // vacated: how long it was taken
}

// OccupancyData of lot.occupancy_changed, full and available.
type OccupancyData struct {
	Free     int64 `json:"free"`
	Occupied int64 `json:"occupied"`
	Capacity int64 `json:"capacity"`
}

// CorrectionData of lot.count_corrected: somebody has counted the vehicles.
type CorrectionData struct {
	From int64 `json:"from"` // as the lanes had counted
	To   int64 `json:"to"`
}

// DriftData of lot.count_drift: lanes and bays do not agree, or the lanes count what cannot be.
type DriftData struct {
	Drift int64 `json:"drift"` // vehicles that the lanes count too many
	Lanes int64 `json:"lanes"`
	Bays  int64 `json:"bays"`
}

// MovementCause says why a barrier moved.
type MovementCause string

const (
	CauseUnknown MovementCause = "unknown" // nothing the gateway did: remote key, barrier's own controller, hand crank
)

// MovementData of gate.opening, opened, closing, closed, obstructed.
type MovementData struct {
	Cause    MovementCause `json:"cause"`
	TravelMS int64         `json:"travel_ms,omitempty"` // from leaving one limit to reaching the other
}

// ArmOffData of gate.arm_off: the arm is no longer where it belongs.
type ArmOffData struct {
	Position string `json:"position,omitempty"` // of the barrier when it came off: closed says that somebody drove through
}

// GateFaultData of gate.fault and gate.fault_cleared.
type GateFaultData struct {
	Cause string `json:"cause"` // travel_timeout, limit_conflict
}

// AlarmCause names the alarm.
func (d GateFaultData) AlarmCause() string { return d.Cause }

// ElevatorFaultData of elevator.fault_raised and fault_cleared.
type ElevatorFaultData struct {
	Fault string `json:"fault"`          // symbolic name from the configuration: "general", "door_close", …
	Code  string `json:"code,omitempty"` // in the table of the city's platform, GB/T 24476 unless the site has another
}

// AlarmCause names the alarm: one per fault, so that two contacts of one lift do not clear each other.
func (d ElevatorFaultData) AlarmCause() string {
	if d.Fault == "general" || d.Fault == "" {
		return "fault_raised"
	}
	return d.Fault
}

// ElevatorAlarmData of elevator.alarm_button and alarm_filtered.
type ElevatorAlarmData struct {
	Reason string `json:"reason,omitempty"` // filtered: door_open
	Again  bool   `json:"again,omitempty"`  // a further call while the alarm stands and was acknowledged
	Code   string `json:"code,omitempty"`
}

// EntrapmentData of elevator.entrapment_suspected, entrapment_confirmed and entrapment_ended.
type EntrapmentData struct {
	Where    string `json:"where,omitempty"`    // the car stands outside_door_zone or in_door_zone
	Evidence string `json:"evidence,omitempty"` // confirmed: alarm_button, presence, operator
	By       string `json:"by,omitempty"`       // ended: lift (the switch there), remote, car (it moves or has opened)
	ForMS    int64  `json:"for_ms,omitempty"`   // ended
}

// ServiceModeData of elevator.service_mode_changed.
type ServiceModeData struct {
	Mode string `json:"mode"` // normal, inspection, fire
	Code string `json:"code,omitempty"`
}

// TestOverdueData of elevator.test_overdue.
type TestOverdueData struct {
	SinceMS int64 `json:"since_ms"` // the last test call, or the start
}

// CameraData of all that is said of cameras and groups of them.
type CameraData struct {
	Method    string `json:"method"`               // what the conclusion rests on: pulse, supply, group
	SilentMS  int64  `json:"silent_ms,omitempty"`  // pulse: since the last good one (or since the start, if there was none)
	CurrentMA int64  `json:"current_ma,omitempty"` // supply: what it draws
	UsualMA   int64  `json:"usual_ma,omitempty"`   // supply: what it usually draws, as learned
	Lost      uint64 `json:"lost,omitempty"`       // group: cameras that went down together
	Of        uint64 `json:"of,omitempty"`         // group: cameras in it
}

// ContactData of contact.raised and contact.cleared.
type ContactData struct {
	Text     string   `json:"text,omitempty"`      // the site's own words for "raised"
	RaisedMS int64    `json:"raised_ms,omitempty"` // cleared: how long it was
	Severity Severity `json:"-"`                   // as the site grades it; in the event's envelope
}

// EventSeverity is what the site says.
func (d ContactData) EventSeverity() Severity { return d.Severity }

// AlarmText is what the site calls it.
func (d ContactData) AlarmText() string { return d.Text }

// CounterData of counter.advanced.
type CounterData struct {
	Count uint64 `json:"count"`
	By    uint64 `json:"by"` // since the event before
}

// TamperData of input.tamper and tamper_cleared: the wire of a supervised input is not in order.
type TamperData struct {
	Cause string `json:"cause"`            // short, open, out_of_tolerance
	ForMS int64  `json:"for_ms,omitempty"` // cleared: how long it lasted
}

// AlarmCause names the alarm.
func (d TamperData) AlarmCause() string { return d.Cause }

// ChatteringData of input.chattering: an input has changed more often than its budget allows.
type ChatteringData struct {
	Count uint64 `json:"count"` // changes within the minute, up to the first too many
}

// AlarmActData of alarm.acknowledged, shelved and unshelved.
type AlarmActData struct {
	Alarm string `json:"alarm"`
	By    string `json:"by,omitempty"`     // who; unshelved without: the time was over
	ForMS int64  `json:"for_ms,omitempty"` // shelved
}

// AlarmClearedData of alarm.cleared: an alarm is over that no other type clears.
type AlarmClearedData struct {
	Alarm string `json:"alarm"`
	Count uint64 `json:"count,omitempty"` // chattering: all changes of it
	// Reason is "restarted" where an alarm of an earlier run stood that nobody has raised again: it may be over since long.
	Reason string `json:"reason,omitempty"`
}

// ClearedByRestart is a Reason of AlarmClearedData.
const ClearedByRestart = "restarted"

// AlarmCause names the alarm.
func (d AlarmClearedData) AlarmCause() string { return d.Alarm }

// BusFaultData of bus.fault and bus.recovered.
type BusFaultData struct {
	Part  string `json:"part,omitempty"` // chip, or point on a native line; "" = all of it
	Cause string `json:"cause"`          // drivers.Fault word
	Error string `json:"error,omitempty"`
	ForMS int64  `json:"for_ms,omitempty"` // recovered: how long it lasted
}

// AlarmCause names the alarm: one per part, so that two parts of one bus do not clear each other.
func (d BusFaultData) AlarmCause() string {
	if d.Part == "" {
		return "fault"
	}
	return "fault-" + d.Part
}

// ChipResetData of bus.chip_reset: a chip had lost its registers and was set up again.
type ChipResetData struct {
	Chip string `json:"chip"`
}

// StartedData of gateway.started. Unconfirmed lists every run that is not fully confirmed; an older run that is not
// listed is complete or empty.
type StartedData struct {
	Version     string       `json:"version"`
	KernelBoot  string       `json:"kernelboot"`
	Epoch       string       `json:"epoch"`
	Run         uint32       `json:"run"`
	Unconfirmed []LedgerRun  `json:"unconfirmed"`
	Config      string       `json:"config"` // "sha256:…"
	Clock       ClockQuality `json:"clock"`
}

// LedgerRun tells how far a run of the daemon is known to be durable.
type LedgerRun struct {
	Epoch     string `json:"epoch"`
	Run       uint32 `json:"run"`
	DurableTo uint64 `json:"durable_to"`
}

// StoppingData of gateway.stopping.
type StoppingData struct {
	Reason string `json:"reason"` // "signal", "reload"
}

// ConfigReloadedData of gateway.config_reloaded: the configuration was read again while the daemon ran.
type ConfigReloadedData struct {
	Config  string   `json:"config"`  // "sha256:…" of what was read
	Devices int      `json:"devices"` // there are now
	Begun   int      `json:"begun"`   // of them, new or changed: they begin anew, the others go on
	Restart []string `json:"restart"` // sections whose change takes effect at the next start only
}

// ConfigRejectedData of gateway.config_rejected: what was read has mistakes, and the old configuration stays in force.
type ConfigRejectedData struct {
	Errors int    `json:"errors"`
	First  string `json:"first"` // place and sentence of the first one, in English
}

// ClockSyncedData of gateway.clock_synced maps the monotonic clock of a kernel boot to UTC.
type ClockSyncedData struct {
	KernelBoot string  `json:"kernelboot"`
	Uptime     float64 `json:"uptime"`
	UTC        string  `json:"utc"` // RFC 3339
}

// ClockSteppedData of gateway.clock_stepped: the system clock jumped.
type ClockSteppedData struct {
	ByMS     int64 `json:"by_ms"`    // forward is positive
	Followed bool  `json:"followed"` // false: what stands behind the new date is weaker, so ours stays
}

// CorrectedData of gateway.config_corrected: an operator has corrected how inputs are wired, in a drop-in.
type CorrectedData struct {
	File  string `json:"file"`           // name of the drop-in, beside the configuration
	Point string `json:"point"`          // input whose polarity was inverted
	With  string `json:"with,omitempty"` // the two have swapped terminals instead
	By    string `json:"by"`
}

// NumberRange is inclusive.
type NumberRange struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// DroppedData of gateway.events_dropped: numbers that will never be delivered.
type DroppedData struct {
	Epoch  string        `json:"epoch"`
	Run    uint32        `json:"run"`
	Ranges []NumberRange `json:"ranges"`
	Queue  string        `json:"queue"` // alarm, normal, or "" where damage hid it
	Cause  string        `json:"cause"` // evicted, damaged, power_cut, poison, oversize, storage, renumbered
}

// ConfirmationData of gateway.confirmation_stalled, confirmation_resumed and watermark_rejected.
type ConfirmationData struct {
	Waiting   uint64 `json:"waiting"`             // events that the broker has acknowledged and the center has not confirmed
	Watermark string `json:"watermark,omitempty"` // rejected: as it came
	Reason    string `json:"reason,omitempty"`    // rejected: what it contradicts
}

// RestoredData of gateway.outbox_restored: a new epoch began because numbers might have been used twice.
type RestoredData struct {
	OldEpoch string `json:"old_epoch"`
	Reason   string `json:"reason"`
}

// StorageData of gateway.storage_degraded and storage_recovered.
type StorageData struct {
	Error string `json:"error,omitempty"`
}

// AlarmCauser is implemented by data whose alarm is named by a cause (Spec.Raises or Clears = Cause).
type AlarmCauser interface{ AlarmCause() string }

// Graded is implemented by data whose severity the site has set.
type Graded interface{ EventSeverity() Severity }

// Worded is implemented by data whose alarm may be called in the site's own words.
type Worded interface{ AlarmText() string }
