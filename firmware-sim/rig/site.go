package rig

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"lotusgate/firmware-sim/plant"
)

// Site says what stands in the field and how it is wired to the board. Names of contacts are those of their device and
// of the contact: entry.a, entry.a.fault, entry.b, entry.photocell, entry.gate.open, entry.gate.closed, entry.gate.off, car-1.fault, cam-01.heartbeat, pump.contact,
// water.pulse.
type Site struct {
	Lanes     []Lane
	Elevators []Elevator
	Lifts     []Lift
	Cameras   []Camera
	Switches  []Switch
	Meters    []Meter
	Chips     []Chip
	Wires     []Wire
	Gauges    []Gauge
	Relays    []Relay
}

// Lane is a driveway with loops, photocell and barrier.
type Lane struct {
	Name string
	plant.LaneOptions
}

// Elevator is an elevator with a fault contact.
type Elevator struct {
	Name   string
	Bounce plant.Bounce
}

// Lift is an elevator with all contacts of a remote monitor: car-2.fault, button, zone, closed, moving, inspection, supply,
// key.
type Lift struct {
	Name   string
	Bounce plant.Bounce
}

// Camera is a camera with a heartbeat contact.
type Camera struct {
	Name string
	plant.CameraOptions
}

// Switch is a contact that something in the building moves.
type Switch struct {
	Name   string
	Bounce plant.Bounce
}

// Meter gives a pulse for each unit.
type Meter struct {
	Name string
	Flow plant.Span // time for one unit
}

// Chip is a chip on a bus: an I/O expander, a converter, a supply monitor, a clock.
type Chip struct {
	Name      string
	Kind      string // mcp23017
	Bus       string // /dev/i2c-1
	Address   uint16
	Interrupt string // pin that INT (INTA) is wired to; empty = not wired
	Twin      string // chip at the same address, which comes before it; empty = none, as it should be

	Shunt  physic.ElectricResistance // of a supply monitor
	Supply physic.ElectricPotential
}

// Wire leads from a contact to a pin. A closed contact pulls the pin to ground.
type Wire struct {
	From           string // contact: entry.a
	To             string // GPIO17, or chip and pin: x1.GPA0
	NormallyClosed bool   // the contact's other side: open when the contact is called closed
	ActiveHigh     bool   // it pulls to the supply instead
}

// Relay is a coil at a pin, its contact at an input of a barrier's controller. The stop relay's contact is its normally
// closed one: coil on means stop.
type Relay struct {
	Line      string
	Lane      string
	Input     plant.Input
	ActiveLow bool   // low switches the coil on
	Lamp      string // what it lights, where it is no input of a barrier
}

// Gauge leads from something that is measured to an input of a converter: the supply of a camera (cam-21.supply), or a
// contact with two resistors at its far end, 2.2 kΩ in series and 8.2 kΩ across it.
type Gauge struct {
	From  string
	To    string // a1.AIN0
	Opens bool   // a contact that opens to speak
}

// DemoSite is the site of the demo: what deploy/examples/minimal.yaml has, one lane, one elevator, one camera, one expander,
// and two more cameras, a pump room, a roof door, a water meter and four
// bays beside, and a second elevator with all its contacts on an expander of its own.
func DemoSite() Site {
	return Site{
		Lanes: []Lane{{"entry", plant.LaneOptions{
			Loops: plant.LoopDetector(),
			Beam:  plant.Photocell(),
			Barrier: plant.BarrierOptions{
				Travel: 5 * time.Second, Bounce: plant.LimitSwitch(), AutoClose: 2 * time.Second, NoPassage: 45 * time.Second,
			},
		}}},
		Elevators: []Elevator{{"car-1", plant.RelayContact()}},
		Cameras: []Camera{
			{"cam-01", plant.CameraOptions{Period: time.Minute, Jitter: 200 * time.Millisecond}},
			{"cam-02", plant.CameraOptions{Period: time.Minute, Jitter: 200 * time.Millisecond}},
			{"cam-03", plant.CameraOptions{Period: time.Minute, Jitter: 200 * time.Millisecond}},
		},
		Lifts:    []Lift{{"car-2", plant.RelayContact()}},
		Switches: []Switch{{"pump", plant.RelayContact()}, {"roof", plant.RelayContact()}, {Name: "bay-1"}, {Name: "bay-2"}, {Name: "bay-3"}, {Name: "bay-4"}},
		Meters:   []Meter{{"water", plant.Span{Min: 3 * time.Second, Max: 12 * time.Second}}},
		Chips: []Chip{
			{Name: "x1", Kind: "mcp23017", Bus: "/dev/i2c-1", Address: 0x20, Interrupt: "GPIO25"},
			{Name: "x2", Kind: "mcp23017", Bus: "/dev/i2c-1", Address: 0x21, Interrupt: "GPIO12"},
		},
		Wires: []Wire{
			{From: "entry.a", To: "GPIO17", NormallyClosed: true},
			{From: "entry.b", To: "GPIO27", NormallyClosed: true},
			{From: "entry.gate.open", To: "GPIO22"},
			{From: "entry.gate.closed", To: "GPIO23"},
			{From: "entry.photocell", To: "GPIO24", NormallyClosed: true},
			{From: "car-1.fault", To: "x1.GPA0"},
			{From: "cam-01.heartbeat", To: "x1.GPA1"},
			{From: "cam-02.heartbeat", To: "x1.GPA5"},
			{From: "cam-03.heartbeat", To: "x1.GPA6"},
			{From: "bay-1.contact", To: "x1.GPB0"},
			{From: "bay-2.contact", To: "x1.GPB1"},
			{From: "bay-3.contact", To: "x1.GPB2"},
			{From: "bay-4.contact", To: "x1.GPB3"},
			{From: "car-2.fault", To: "x2.GPA0"},
			{From: "car-2.button", To: "x2.GPA1"},
			{From: "car-2.zone", To: "x2.GPA2"},
			{From: "car-2.closed", To: "x2.GPA3"},
			{From: "car-2.moving", To: "x2.GPA4"},
			{From: "car-2.inspection", To: "x2.GPA5"},
			{From: "car-2.supply", To: "x2.GPA6"},
			{From: "car-2.key", To: "x2.GPB0"},
			{From: "pump.contact", To: "x1.GPA2"},
			{From: "roof.contact", To: "x1.GPA3"},
			{From: "water.pulse", To: "x1.GPA4"},
		},
		Relays: []Relay{
			{Line: "GPIO16", Lane: "entry", Input: plant.OpenInput},
			{Line: "GPIO20", Lane: "entry", Input: plant.CloseInput},
			{Line: "GPIO21", Lane: "entry", Input: plant.StopInput},
		},
	}
}
