package daemon

import (
	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
)

// elevator makes a lift of the contacts that are wired.
func (a *attach) elevator(id string) (field.Stepper, []field.Part) {
	e := a.cfg.Elevators[id]
	cfg := device.ElevatorConfig{
		RaiseAfter: *e.RaiseAfter, ClearAfter: *e.ClearAfter, Filter: *e.Filter, Override: *e.Override,
		OutOfZone: e.OutOfZone, InZone: e.InZone,
		Codes: device.ElevatorCodes{Supply: a.cfg.ElevatorCode("main_power"), Alarm: a.cfg.ElevatorCode("alarm_button")},
	}
	for m := range cfg.Codes.Modes {
		cfg.Codes.Modes[m] = a.cfg.ElevatorCode("mode_" + device.ServiceMode(m).String())
	}
	cfg.Faults[0] = device.ElevatorFault{Name: "general", Code: a.cfg.ElevatorCode("general")}
	parts := []field.Part{a.part(device.RoleInput, 0, e.Fault)}
	for i, name := range config.IDs(e.Faults) {
		cfg.Faults[i+1] = device.ElevatorFault{Name: name, Code: a.cfg.ElevatorCode(name)}
		parts = append(parts, a.part(device.RoleInput, uint8(i+1), e.Faults[name]))
	}
	for _, w := range []struct {
		contact device.ElevatorContact
		point   string
	}{
		{device.AlarmButton, e.AlarmButton},
		{device.DoorZone, e.DoorZone},
		{device.DoorClosed, e.DoorClosed},
		{device.CarMoving, e.Moving},
		{device.Inspection, e.Inspection},
		{device.FireMode, e.FireMode},
		{device.MainSupply, e.Supply},
		{device.Presence, e.Presence},
		{device.AlarmEnd, e.AlarmEnd},
		{device.TestCall, e.Test},
	} {
		if w.point != "" {
			cfg.Wired = cfg.Wired.With(w.contact)
			parts = append(parts, a.part(device.RoleLift, uint8(w.contact), w.point))
		}
	}
	if e.Test != "" {
		cfg.TestEvery = e.TestEvery
	}
	return field.BoxKept(device.NewElevator(cfg)), parts
}
