// Package config turns YAML into a checked, typed configuration. A *Config that Load returns is complete: defaults are
// filled in, every reference resolves, and nothing in it contradicts itself. What cannot be used is explained in full:
// every error of a run, with line, column, excerpt, what is allowed and what was probably meant, in English and Chinese
// (Errors, Warnings).
//
// It reads files and nothing else: whether a line, a bus or a chip exists is found out by the daemon, and so is that two
// names (GPIO17 and P1_11) are one line.
package config

import (
	"time"

	"lotusgate/gateway"
)

// Config is the whole configuration, one field per section of the file. Keys of the maps are ids; points, buses, chips
// and devices share one id space.
type Config struct {
	Gateway       Gateway                `yaml:"gateway"`
	MQTT          MQTT                   `yaml:"mqtt"`
	Storage       Storage                `yaml:"storage"`
	Status        Status                 `yaml:"status"`
	Control       Control                `yaml:"control"`
	Buses         map[string]Bus         `yaml:"buses"`
	Chips         map[string]Chip        `yaml:"chips"`
	Points        map[string]Point       `yaml:"points"`
	Loops         map[string]Loop        `yaml:"loops"`
	Lanes         map[string]Lane        `yaml:"lanes"`
	Gates         map[string]Gate        `yaml:"gates"`
	Elevators     map[string]Elevator    `yaml:"elevators"`
	Cameras       map[string]Camera      `yaml:"cameras"`
	ElevatorCodes map[string]string      `yaml:"elevator_codes"` // symbolic name: code of the city's platform; what is not named has that of GB/T 24476
	CameraGroups  map[string]CameraGroup `yaml:"camera_groups"`
	Bays          map[string]Bay         `yaml:"bays"`
	Lots          map[string]Lot         `yaml:"lots"`
	Inputs        map[string]Input       `yaml:"inputs"`
	Contacts      map[string]Contact     `yaml:"contacts"`
	Counters      map[string]Counter     `yaml:"counters"`
	Fires         map[string]Fire        `yaml:"fires"`
	Service       Service                `yaml:"service"`
	Commands      Commands               `yaml:"commands"`

	// Hash of the bytes that were read, "sha256:…".
	Hash string `yaml:"-"`

	// Warnings are what is allowed but probably not meant.
	Warnings Warnings `yaml:"-"`
}

// Gateway is who we are.
type Gateway struct {
	Site   string            `yaml:"site"`
	ID     string            `yaml:"id"`
	Label  string            `yaml:"label"`
	Labels map[string]string `yaml:"labels"`
	Night  string            `yaml:"night"` // hours without traffic in the system's time zone, as 22:00-06:00: no_activity rests; default: none
}

// Storage is where events wait until they are confirmed.
type Storage struct {
	Path   string `yaml:"path"`   // directory of its own on a real disk
	Alarm  Bytes  `yaml:"alarm"`  // size of the alarm queue; default 16MiB, at least 4MiB
	Normal Bytes  `yaml:"normal"` // size of the normal queue; default 64MiB, at least 4MiB
	Record Bytes  `yaml:"record"` // size of the flight recorder; default 32MiB, at least 4MiB
}

// Status is the local page.
type Status struct {
	Listen string `yaml:"listen"` // host:port; empty = nothing listens
	HTTPS  HTTPS  `yaml:"https"`
}

// HTTPS is the page where operators may log in.
type HTTPS struct {
	Listen   string `yaml:"listen"`    // host:port; empty = nothing listens, nobody operates
	CertFile string `yaml:"cert_file"` // PEM; default: a self-made certificate, kept in storage.path/access
	KeyFile  string `yaml:"key_file"`
}

// Control is the local socket of the command line.
type Control struct {
	Socket string `yaml:"socket"` // default /run/lotusgate/control.sock
	Group  string `yaml:"group"`  // may use it beside the daemon's user and root; default lotusgate-operators
}

// Level is the electrical level that means "active".
type Level string

const (
	ActiveLow  Level = "low"
	ActiveHigh Level = "high"
)

// Bias of a native input line or an expander pin.
type Bias string

const (
	BiasAsIs Bias = ""
	BiasUp   Bias = "up"
	BiasDown Bias = "down"
	BiasNone Bias = "none"
)

// Point is one wire: a native GPIO line, or a pin of a chip.
type Point struct {
	Label    string         `yaml:"label"`
	Line     string         `yaml:"line"` // GPIO17, P1_11, or the kernel's name of the line
	Chip     string         `yaml:"chip"`
	Pin      string         `yaml:"pin"`      // by kind of chip: GPA0 … GPB7, IO0_0 … IO1_7, P0 … P7, AIN0 … AIN3, current, voltage
	Active   Level          `yaml:"active"`   // default low: a contact to ground
	Bias     Bias           `yaml:"bias"`     // default up when active low, down when active high (none on a chip: no pull-downs)
	Settle   *time.Duration `yaml:"settle"`   // default 20ms native, 30ms on a chip
	Debounce time.Duration  `yaml:"debounce"` // kernel debounce of a native line; default none
	Budget   *int           `yaml:"budget"`   // changes a minute, more are one fault, 0 = any; default 60, or what the device needs
}

// Loop is an inductive loop detector.
type Loop struct {
	Label       string            `yaml:"label"`
	Labels      map[string]string `yaml:"labels"`
	Input       string            `yaml:"input"`        // point: the detector's output
	Output      LoopOutput        `yaml:"output"`       // presence, or a pulse for each vehicle; default presence
	Fail        FailMode          `yaml:"fail"`         // what a detector without power says: safe = present, secure = nothing; default safe, with pulses secure
	Fault       string            `yaml:"fault"`        // point: the detector's fault contact
	FaultMeans  string            `yaml:"fault_means"`  // what it tells; default detector, which is any fault
	FaultCodes  []LoopCode        `yaml:"fault_codes"`  // of a detector that tells its fault by the width of pulses
	Blank       time.Duration     `yaml:"blank"`        // the detector tunes itself so long after power came; default 10s
	MaxPresence time.Duration     `yaml:"max_presence"` // occupied longer is a fault, 0s = never; default 10m
	NoActivity  time.Duration     `yaml:"no_activity"`  // clear longer is a fault, 0s = never; default 12h
	Erratic     int               `yaml:"erratic"`      // more detections than this in a minute are a fault, 0 = never; default 30
	Healthy     time.Duration     `yaml:"healthy"`      // a fault is over after so long without its condition; default 1m
}

// LoopOutput is what a detector's output says.
type LoopOutput string

const (
	OutputPresence LoopOutput = "presence"
	OutputPulse    LoopOutput = "pulse"
)

// FailMode is what a detector says that has no power.
type FailMode string

const (
	FailSafe   FailMode = "safe"
	FailSecure FailMode = "secure"
)

// LoopCode says what pulses of a width on the fault contact mean.
type LoopCode struct {
	Means string        `yaml:"means"`
	Min   time.Duration `yaml:"min"`
	Max   time.Duration `yaml:"max"`
}

// Lane is two loops, A before B in the direction of the lane, or one loop, which cannot tell a direction.
type Lane struct {
	Label     string            `yaml:"label"`
	Labels    map[string]string `yaml:"labels"`
	Direction gateway.Direction `yaml:"direction"`  // in or out: of a vehicle that covers A first
	OneWay    *bool             `yaml:"one_way"`    // default true: the other direction is wrong way
	A         string            `yaml:"a"`          // loop
	B         string            `yaml:"b"`          // loop; none = a lane with one loop
	Gap       time.Duration     `yaml:"gap"`        // a vehicle between the loops may be unseen this long; default 3s
	Jitter    time.Duration     `yaml:"jitter"`     // detector reaction spread: edges closer than this have no order; default 50ms
	Waiting   time.Duration     `yaml:"waiting"`    // a vehicle before the barrier for so long is told, 0s = not; default 60s
	UTurn     time.Duration     `yaml:"u_turn"`     // in and out again within this is told, 0s = not; default 60s
	Authorise string            `yaml:"authorise"`  // point: closes for each passage that is authorised, as a ticket machine does
	CreditFor time.Duration     `yaml:"credit_for"` // an authorisation that nobody used lapses; default 2m
	SpacingMM int               `yaml:"spacing_mm"` // from the first edge of loop a to that of loop b, in mm: estimates speed; default 0: no estimate
	FreeExit  bool              `yaml:"free_exit"`  // whoever stands before the barrier is let out, with or without a center; default false
	WhenAway  Away              `yaml:"when_away"`  // while the center is out of reach: none, open_on_presence, hold_open; default open_on_presence for direction out, else none
}

// Away is what a lane does by itself while the center is out of reach.
type Away string

const (
	AwayNone Away = "none"
	AwayOpen Away = "open_on_presence"
	AwayHold Away = "hold_open"
)

// Service is what people at the machine have.
type Service struct {
	Lockout string        `yaml:"lockout"` // point: key switch, active = nothing moves
	Button  string        `yaml:"button"`  // point: push button that opens the maintenance window
	Window  time.Duration `yaml:"window"`  // how long it is open; default 10m
	Mains   string        `yaml:"mains"`   // point: active = the mains are there
	Cabinet string        `yaml:"cabinet"` // point: active = the door of the cabinet is open
	Beeper  *Sign         `yaml:"beeper"`  // sounds one minute before the maintenance window closes; none = there is none
}

// Camera with a heartbeat pulse, or with a supply current that is measured.
type Camera struct {
	Label     string            `yaml:"label"`
	Labels    map[string]string `yaml:"labels"`
	Heartbeat string            `yaml:"heartbeat"` // point
	Period    time.Duration     `yaml:"period"`    // of the heartbeat; default 60s
	Supply    string            `yaml:"supply"`    // point that measures the current
}

// CameraGroup is cameras with one supply or one switch.
type CameraGroup struct {
	Label   string            `yaml:"label"`
	Labels  map[string]string `yaml:"labels"`
	Cameras []string          `yaml:"cameras"`
	Window  time.Duration     `yaml:"window"` // half of them gone within this is one outage, and bad news of one waits for it; default: 30s, or the longest period of their heartbeats
}

// Contact is any sensor of a building with a contact.
type Contact struct {
	Label      string            `yaml:"label"`
	Labels     map[string]string `yaml:"labels"`
	Input      string            `yaml:"input"`       // point
	Severity   string            `yaml:"severity"`    // of its alarm: info, warning, major or critical; default warning
	Text       string            `yaml:"text"`        // what it means, in the site's own words
	RaiseAfter *time.Duration    `yaml:"raise_after"` // default 1s
	ClearAfter *time.Duration    `yaml:"clear_after"` // default 1s
}

// Counter is a meter with a pulse output.
type Counter struct {
	Label  string            `yaml:"label"`
	Labels map[string]string `yaml:"labels"`
	Input  string            `yaml:"input"` // point
	Every  time.Duration     `yaml:"every"` // at most one event so often; default 1m
}
