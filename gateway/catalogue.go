package gateway

// Event types. docs/wire.md says what each means to a center.
const (
	LoopOccupied     Type = "loop.occupied"
	LoopCleared      Type = "loop.cleared"
	LoopFault        Type = "loop.fault"
	LoopFaultCleared Type = "loop.fault_cleared"

	VehicleArrived   Type = "lane.vehicle_arrived"
	VehiclePassed    Type = "lane.vehicle_passed"
	VehicleBackedOut Type = "lane.vehicle_backed_out"
	PassRetracted    Type = "lane.pass_retracted"
	WrongWay         Type = "lane.wrong_way"
	VehicleWaiting   Type = "lane.vehicle_waiting"
	Tailgating       Type = "lane.tailgating"
	UTurn            Type = "lane.u_turn"

	BayOccupied Type = "bay.occupied"
	BayVacated  Type = "bay.vacated"

	LotOccupancyChanged Type = "lot.occupancy_changed"
	LotFull             Type = "lot.full"
	LotAvailable        Type = "lot.available"
	LotCountCorrected   Type = "lot.count_corrected"
	LotCountDrift       Type = "lot.count_drift"

	GateOpening      Type = "gate.opening"
	GateOpened       Type = "gate.opened"
	GateClosing      Type = "gate.closing"
	GateClosed       Type = "gate.closed"
	GateObstructed   Type = "gate.obstructed"
	GateStopped      Type = "gate.stopped"
	GateForced       Type = "gate.forced"
	GateHeldOpen     Type = "gate.held_open"
	GateArmOff       Type = "gate.arm_off"
	GateFault        Type = "gate.fault"
	GateFaultCleared Type = "gate.fault_cleared"

	FireOpened  Type = "fire.opened"
	FireCleared Type = "fire.cleared"
	FireReset   Type = "fire.reset"

	AutonomyEntered Type = "lane.autonomy_entered"
	AutonomyLeft    Type = "lane.autonomy_left"

	CommandAccepted Type = "command.accepted"
	CommandRejected Type = "command.rejected"
	CommandDone     Type = "command.done"
	CommandFailed   Type = "command.failed"

	MaintenanceOpened Type = "gateway.maintenance_opened"
	MaintenanceClosed Type = "gateway.maintenance_closed"
	LockoutOn         Type = "gateway.lockout_on"
	LockoutOff        Type = "gateway.lockout_off"
	PowerLost         Type = "gateway.power_lost"
	PowerRestored     Type = "gateway.power_restored"
	CabinetOpened     Type = "gateway.cabinet_opened"
	CabinetClosed     Type = "gateway.cabinet_closed"

	ElevatorFaultRaised        Type = "elevator.fault_raised"
	ElevatorFaultCleared       Type = "elevator.fault_cleared"
	ElevatorAlarmButton        Type = "elevator.alarm_button"
	ElevatorAlarmFiltered      Type = "elevator.alarm_filtered"
	EntrapmentSuspected        Type = "elevator.entrapment_suspected"
	EntrapmentConfirmed        Type = "elevator.entrapment_confirmed"
	EntrapmentEnded            Type = "elevator.entrapment_ended"
	ElevatorServiceModeChanged Type = "elevator.service_mode_changed"
	ElevatorTestOverdue        Type = "elevator.test_overdue"

	CameraOnline         Type = "camera.online"
	CameraLate           Type = "camera.late"
	CameraOffline        Type = "camera.offline"
	CameraHeartbeatStuck Type = "camera.heartbeat_stuck"

	CameraPowerLost   Type = "camera.power_lost"
	CameraHungOrDark  Type = "camera.hung_or_dark"
	CameraOvercurrent Type = "camera.overcurrent"
	CameraRebootLoop  Type = "camera.reboot_loop"
	CameraGroupOutage Type = "camera.group_outage"

	ContactRaised   Type = "contact.raised"
	ContactCleared  Type = "contact.cleared"
	CounterAdvanced Type = "counter.advanced"

	InputTamper        Type = "input.tamper"
	InputTamperCleared Type = "input.tamper_cleared"
	InputChattering    Type = "input.chattering"

	BusFault     Type = "bus.fault"
	BusRecovered Type = "bus.recovered"
	BusChipReset Type = "bus.chip_reset"

	AlarmAcknowledged Type = "alarm.acknowledged"
	AlarmShelved      Type = "alarm.shelved"
	AlarmUnshelved    Type = "alarm.unshelved"
	AlarmCleared      Type = "alarm.cleared"

	GatewayStarted        Type = "gateway.started"
	GatewayStopping       Type = "gateway.stopping"
	GatewayConfigReloaded Type = "gateway.config_reloaded"
	GatewayConfigRejected Type = "gateway.config_rejected"
	GatewayClockSynced    Type = "gateway.clock_synced"
	GatewayClockStepped   Type = "gateway.clock_stepped"
	GatewayEventsDropped  Type = "gateway.events_dropped"
	OutboxRestored        Type = "gateway.outbox_restored"
	ConfirmationStalled   Type = "gateway.confirmation_stalled"
	ConfirmationResumed   Type = "gateway.confirmation_resumed"
	WatermarkRejected     Type = "gateway.watermark_rejected"
	ConfigCorrected       Type = "gateway.config_corrected"
	StorageDegraded       Type = "gateway.storage_degraded"
	StorageRecovered      Type = "gateway.storage_recovered"
)

// Cause stands in Raises and Clears for "the alarm is named by the event's own cause".
const Cause = "*"

// Spec is what is fixed about an event type.
type Spec struct {
	Type     Type
	Severity Severity
	Raises   string   // alarm raised by this event: the last word of a type, or Cause; "" = none
	Clears   []string // alarms of the same id cleared by it; Cause = the one it names
	Urgent   bool     // kept in the alarm queue whatever its severity
	Data     any      // zero value of the data struct
}

// cameraAlarms end when a camera, or a group of them, is online.
var cameraAlarms = []string{
	"late", "offline", "heartbeat_stuck", "power_lost", "hung_or_dark", "overcurrent", "reboot_loop", "group_outage",
}

// catalogue is the one list of everything this gateway can say.
var catalogue = [...]Spec{
	{Type: LoopOccupied, Data: LoopData{}},
	{Type: LoopCleared, Data: LoopData{}},
	{Type: LoopFault, Severity: Warning, Raises: Cause, Data: LoopFaultData{}},
	{Type: LoopFaultCleared, Clears: []string{Cause}, Data: LoopFaultData{}},

	{Type: VehicleArrived, Data: ArrivalData{}},
	{Type: VehicleWaiting, Severity: Warning, Raises: "vehicle_waiting", Data: WaitingData{}},
	{Type: VehiclePassed, Clears: []string{"vehicle_waiting"}, Data: PassData{}},
	{Type: VehicleBackedOut, Clears: []string{"vehicle_waiting"}, Data: BackedOutData{}},
	{Type: PassRetracted, Data: RetractionData{}},
	{Type: WrongWay, Severity: Warning, Clears: []string{"vehicle_waiting"}, Data: PassData{}},
	{Type: Tailgating, Severity: Warning, Data: TailgatingData{}},
	{Type: UTurn, Data: UTurnData{}},

	{Type: BayOccupied, Data: BayData{}},
	{Type: BayVacated, Data: BayData{}},

	{Type: LotOccupancyChanged, Data: OccupancyData{}},
	{Type: LotFull, Data: OccupancyData{}},
	{Type: LotAvailable, Data: OccupancyData{}},
	{Type: LotCountCorrected, Data: CorrectionData{}},
	{Type: LotCountDrift, Severity: Warning, Data: DriftData{}},

	{Type: GateOpening, Data: MovementData{}},
	{Type: GateOpened, Data: MovementData{}},
	{Type: GateClosing, Clears: []string{"held_open"}, Data: MovementData{}},
	{Type: GateClosed, Clears: []string{"held_open", "forced"}, Urgent: true, Data: MovementData{}},
	{Type: GateStopped, Severity: Warning, Data: MovementData{}},
	{Type: GateObstructed, Severity: Warning, Data: MovementData{}},
	{Type: GateForced, Severity: Critical, Raises: "forced", Data: MovementData{}},
	{Type: GateHeldOpen, Severity: Warning, Raises: "held_open", Data: MovementData{}},
	{Type: GateArmOff, Severity: Major, Raises: "arm_off", Data: ArmOffData{}},
	{Type: GateFault, Severity: Major, Raises: Cause, Data: GateFaultData{}},
	{Type: GateFaultCleared, Clears: []string{Cause}, Urgent: true, Data: GateFaultData{}},

	{Type: FireOpened, Severity: Critical, Raises: "opened", Data: FireData{}},
	{Type: FireCleared, Urgent: true, Data: FireData{}},
	{Type: FireReset, Clears: []string{"opened"}, Urgent: true, Data: FireData{}},

	{Type: AutonomyEntered, Severity: Warning, Raises: "autonomy_entered", Data: AutonomyData{}},
	{Type: AutonomyLeft, Clears: []string{"autonomy_entered"}, Urgent: true, Data: AutonomyData{}},

	{Type: CommandAccepted, Urgent: true, Data: CommandData{}},
	{Type: CommandRejected, Data: CommandData{}},
	{Type: CommandDone, Urgent: true, Data: CommandData{}},
	{Type: CommandFailed, Severity: Warning, Urgent: true, Data: CommandData{}},

	{Type: MaintenanceOpened, Severity: Warning, Raises: "maintenance_opened", Data: WindowData{}},
	{Type: MaintenanceClosed, Clears: []string{"maintenance_opened"}, Urgent: true, Data: WindowData{}},
	{Type: LockoutOn, Severity: Warning, Raises: "lockout_on", Data: WindowData{}},
	{Type: LockoutOff, Clears: []string{"lockout_on"}, Urgent: true, Data: WindowData{}},
	{Type: PowerLost, Severity: Major, Raises: "power_lost", Data: WindowData{}},
	{Type: PowerRestored, Clears: []string{"power_lost"}, Urgent: true, Data: WindowData{}},
	{Type: CabinetOpened, Severity: Warning, Raises: "cabinet_opened", Data: WindowData{}},
	{Type: CabinetClosed, Clears: []string{"cabinet_opened"}, Urgent: true, Data: WindowData{}},

	{Type: ElevatorFaultRaised, Severity: Major, Raises: Cause, Data: ElevatorFaultData{}},
	{Type: ElevatorFaultCleared, Clears: []string{Cause}, Urgent: true, Data: ElevatorFaultData{}},
	{Type: ElevatorAlarmButton, Severity: Major, Raises: "alarm_button", Data: ElevatorAlarmData{}},
	{Type: ElevatorAlarmFiltered, Data: ElevatorAlarmData{}},
	{Type: EntrapmentSuspected, Severity: Major, Raises: "entrapment_suspected", Data: EntrapmentData{}},
	{Type: EntrapmentConfirmed, Severity: Critical, Raises: "entrapment_confirmed", Clears: []string{"entrapment_suspected"}, Data: EntrapmentData{}},
	{Type: EntrapmentEnded, Clears: []string{"entrapment_suspected", "entrapment_confirmed"}, Urgent: true, Data: EntrapmentData{}},
	{Type: ElevatorServiceModeChanged, Data: ServiceModeData{}},
	{Type: ElevatorTestOverdue, Severity: Warning, Raises: "test_overdue", Data: TestOverdueData{}},

	{Type: CameraOnline, Clears: cameraAlarms, Urgent: true, Data: CameraData{}},
	{Type: CameraLate, Severity: Warning, Raises: "late", Data: CameraData{}},
	{Type: CameraOffline, Severity: Major, Raises: "offline", Clears: []string{"late", "heartbeat_stuck"}, Data: CameraData{}},
	{Type: CameraHeartbeatStuck, Severity: Major, Raises: "heartbeat_stuck", Clears: []string{"late", "offline"}, Data: CameraData{}},
	{Type: CameraPowerLost, Severity: Major, Raises: "power_lost", Clears: []string{"hung_or_dark", "overcurrent", "reboot_loop"}, Data: CameraData{}},
	{Type: CameraHungOrDark, Severity: Major, Raises: "hung_or_dark", Clears: []string{"power_lost", "overcurrent", "reboot_loop"}, Data: CameraData{}},
	{Type: CameraOvercurrent, Severity: Major, Raises: "overcurrent", Clears: []string{"power_lost", "hung_or_dark", "reboot_loop"}, Data: CameraData{}},
	{Type: CameraRebootLoop, Severity: Major, Raises: "reboot_loop", Clears: []string{"power_lost", "hung_or_dark", "overcurrent"}, Data: CameraData{}},
	{Type: CameraGroupOutage, Severity: Major, Raises: "group_outage", Data: CameraData{}},

	{Type: ContactRaised, Severity: Warning, Raises: "raised", Data: ContactData{}}, // severity: as configured
	{Type: ContactCleared, Clears: []string{"raised"}, Urgent: true, Data: ContactData{}},
	{Type: CounterAdvanced, Data: CounterData{}},

	{Type: InputTamper, Severity: Major, Raises: Cause, Data: TamperData{}},
	{Type: InputTamperCleared, Clears: []string{Cause}, Urgent: true, Data: TamperData{}},
	{Type: InputChattering, Severity: Warning, Raises: "chattering", Data: ChatteringData{}},

	{Type: BusFault, Severity: Major, Raises: Cause, Data: BusFaultData{}},
	{Type: BusRecovered, Clears: []string{Cause}, Urgent: true, Data: BusFaultData{}},
	{Type: BusChipReset, Severity: Warning, Data: ChipResetData{}},

	{Type: AlarmAcknowledged, Urgent: true, Data: AlarmActData{}},
	{Type: AlarmShelved, Urgent: true, Data: AlarmActData{}},
	{Type: AlarmUnshelved, Urgent: true, Data: AlarmActData{}},
	{Type: AlarmCleared, Clears: []string{Cause}, Urgent: true, Data: AlarmClearedData{}},

	{Type: GatewayStarted, Urgent: true, Data: StartedData{}},
	{Type: GatewayStopping, Data: StoppingData{}},
	{Type: GatewayConfigReloaded, Data: ConfigReloadedData{}},
	{Type: GatewayConfigRejected, Severity: Warning, Data: ConfigRejectedData{}},
	{Type: GatewayClockSynced, Urgent: true, Data: ClockSyncedData{}},
	{Type: GatewayClockStepped, Severity: Warning, Data: ClockSteppedData{}},
	{Type: GatewayEventsDropped, Severity: Warning, Urgent: true, Data: DroppedData{}},
	{Type: OutboxRestored, Severity: Warning, Urgent: true, Data: RestoredData{}},
	{Type: ConfirmationStalled, Severity: Major, Raises: "confirmation_stalled", Data: ConfirmationData{}},
	{Type: ConfirmationResumed, Clears: []string{"confirmation_stalled", "watermark_rejected"}, Urgent: true, Data: ConfirmationData{}},
	{Type: WatermarkRejected, Severity: Major, Raises: "watermark_rejected", Data: ConfirmationData{}},
	{Type: ConfigCorrected, Severity: Warning, Urgent: true, Data: CorrectedData{}},
	{Type: StorageDegraded, Severity: Major, Raises: "storage_degraded", Data: StorageData{}},
	{Type: StorageRecovered, Clears: []string{"storage_degraded"}, Urgent: true, Data: StorageData{}},
}

var byType = func() map[Type]*Spec {
	m := make(map[Type]*Spec, len(catalogue))
	for i := range catalogue {
		m[catalogue[i].Type] = &catalogue[i]
	}
	return m
}()

// SpecOf finds what is fixed about t; ok is false for a type this version does not know, as may stand in an outbox
// written by a newer one.
func SpecOf(t Type) (spec Spec, ok bool) {
	s, ok := byType[t]
	if !ok {
		return Spec{Type: t}, false
	}
	return *s, true
}

// SeverityOf an event: what its type has, unless the site said otherwise.
func SeverityOf(e Event) Severity {
	if g, ok := e.Data.(Graded); ok {
		return g.EventSeverity()
	}
	spec, _ := SpecOf(e.Type)
	return spec.Severity
}

// QueueOf the outbox that keeps an event.
func QueueOf(e Event) Queue {
	spec, _ := SpecOf(e.Type)
	spec.Severity = SeverityOf(e)
	return spec.Queue()
}

// Catalogue returns every event type in the order of docs/wire.md.
func Catalogue() []Spec { return append([]Spec(nil), catalogue[:]...) }
