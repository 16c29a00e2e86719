// Package config turns YAML into a checked, typed configuration. A *Config that Load returns is complete: defaults are
// filled in, every reference resolves, and nothing in it contradicts itself. What cannot be used is explained in full:
// every error of a run, with line, column, excerpt, what is allowed and what was probably meant, in English and Chinese
// (Errors, Warnings).
//
// It reads files and nothing else: whether a line, a bus or a chip exists is found out by the daemon, and so is that two
// names (GPIO17 and P1_11) are one line.
package config

import (
	"iter"
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

// Words of MQTT.Ack.
const (
	AckBroker = "puback"    // the broker has acknowledged it
	AckCenter = "watermark" // the center has stored it
)

// Words of MQTT.Format.
const (
	FormatCloudEvents = "cloudevents"
	FormatCompact     = "compact"
)

// MQTT is the way to the center.
type MQTT struct {
	Broker       string        `yaml:"broker"`        // mqtt://host:1883, mqtts://host:8883, ws://host:80/path, wss://host:443/path (default ports); empty = no uplink, events are kept
	Prefix       string        `yaml:"prefix"`        // of every topic; default lotusgate/v1
	ClientID     string        `yaml:"client_id"`     // default <site>_<id>
	UsernameFile string        `yaml:"username_file"` // files hold one line
	PasswordFile string        `yaml:"password_file"`
	CAFile       string        `yaml:"ca_file"` // PEM; default: the system's roots
	CertFile     string        `yaml:"cert_file"`
	KeyFile      string        `yaml:"key_file"`
	Ack          string        `yaml:"ack"`             // who has the last word about an event: puback is the broker, watermark the center; default puback
	Window       int           `yaml:"window"`          // unacknowledged publishes; default 64
	KeepAlive    time.Duration `yaml:"keep_alive"`      // default 20s
	AckTimeout   time.Duration `yaml:"ack_timeout"`     // a publish not acknowledged by then ends the connection; default 15s
	EventLabels  []string      `yaml:"event_labels"`    // labels that go out with each event, by their names, "*" = all; default none
	BacklogRate  int           `yaml:"backlog_per_sec"` // events a second of what waited; 0 = as fast as the window allows
	Stall        time.Duration `yaml:"stall"`           // with ack watermark: so long without progress is an alarm; default 10m
	Format       string        `yaml:"format"`          // of events: cloudevents, or compact, without what the topic says; default cloudevents
	Discovery    string        `yaml:"home_assistant"`  // prefix of Home Assistant's discovery: homeassistant; empty = the gateway is not announced
	Heartbeat    time.Duration `yaml:"heartbeat"`       // the center is away when none of its heartbeats came for so long; 0 = they are not looked for
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

// Bus is one I²C bus.
type Bus struct {
	Device string `yaml:"device"` // /dev/i2c-1, or periph's name for it: I2C1
	Speed  Hertz  `yaml:"speed"`  // what the boot configuration set; for arithmetic only. Default 100kHz
}

// Chip is one chip on a bus: an I/O expander, a converter, a supply monitor, a clock.
type Chip struct {
	Kind       string        `yaml:"kind"` // mcp23017
	Bus        string        `yaml:"bus"`
	Address    uint16        `yaml:"address"`
	Interrupt  string        `yaml:"interrupt"`   // line that the INT pin is wired to; empty = polled only
	InterruptB string        `yaml:"interrupt_b"` // mcp23017: line of INTB, interrupt being that of INTA; empty = one for both
	Poll       time.Duration `yaml:"poll"`        // of an expander: default 20ms without interrupt, 1s with; of others by kind

	Reference string  `yaml:"reference"` // ads1115: pin at the pull-ups' supply; the other pins are measured in ‰ of it
	Supply    *Supply `yaml:"supply"`    // ina219, ina226: what is measured
}

// Supply is what a supply monitor is wired into.
type Supply struct {
	Nominal Volts `yaml:"nominal"` // 12V, 24V; at most what the part stands: 26V (ina219), 36V (ina226)
	Shunt   Ohms  `yaml:"shunt"`
	Max     Amps  `yaml:"max"` // the largest current that must be told exactly
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

// Gate is one barrier.
type Gate struct {
	Label       string            `yaml:"label"`
	Labels      map[string]string `yaml:"labels"`
	Lane        string            `yaml:"lane"`         // lane it closes
	OpenLimit   string            `yaml:"open_limit"`   // point
	ClosedLimit string            `yaml:"closed_limit"` // point
	Travel      time.Duration     `yaml:"travel"`       // nominal travel time; default 5s, time-out is twice that
	Safety      []string          `yaml:"safety"`       // points, loops and supervised inputs that must be clear to close
	Outputs     GateOutputs       `yaml:"outputs"`
	Pulse       time.Duration     `yaml:"pulse"`         // of a relay; default 500ms
	Maintain    bool              `yaml:"maintain"`      // hold_open and fire hold the open relay; default false: it is pulsed whenever the gate is not open
	MaxHold     time.Duration     `yaml:"max_hold"`      // longest time that the open relay is held, but for fire; default 0s: no limit
	OnTrip      OnTrip            `yaml:"on_trip"`       // something comes under the closing arm: open, stop; default open
	Clear       time.Duration     `yaml:"clear"`         // safety must have been clear that long to close; default 1s
	Exclusive   bool              `yaml:"exclusive"`     // nothing but this gateway opens it; default false
	HeldOpen    time.Duration     `yaml:"held_open"`     // tell when it has been open that long; default 0s: never
	Manual      string            `yaml:"manual"`        // point: somebody opens it by hand: a fob receiver, a button, the guard's desk
	Force       string            `yaml:"force"`         // point: the controller's contact that the arm was forced
	Arm         string            `yaml:"arm"`           // point: active = the arm is off
	OnPowerFail OnPowerFail       `yaml:"on_power_fail"` // the mains are lost: none, open (one pulse); default none
	Closing     *Closing          `yaml:"closing"`
}

// OnTrip is what happens when a safety input trips while closing.
type OnTrip string

const (
	TripOpens OnTrip = "open"
	TripStops OnTrip = "stop"
)

// Closing are rules by which a gate closes what this gateway has opened; none without.
type Closing struct {
	AfterPass *time.Duration `yaml:"after_pass"` // when all who were let in have passed, so long after lane and safety are clear; 0s = at once (against tailgating)
	NoPass    time.Duration  `yaml:"no_pass"`    // when nobody came for so long; default 0s: never
	Idle      time.Duration  `yaml:"idle"`       // when the lane has been clear for so long, whoever has passed; default 0s: never
}

// OnPowerFail is what a gate does when the mains are lost.
type OnPowerFail string

const (
	PowerFailNothing OnPowerFail = "none"
	PowerFailOpens   OnPowerFail = "open" // one OPEN pulse
)

// GateOutputs are the relays of a barrier; all are held inactive from the first moment on.
type GateOutputs struct {
	Open  *Output `yaml:"open"`
	Close *Output `yaml:"close"`
	Stop  *Output `yaml:"stop"`
}

// All yields the outputs that are configured, by name.
func (o GateOutputs) All() iter.Seq2[string, Output] {
	return func(yield func(string, Output) bool) {
		for _, out := range []struct {
			name string
			out  *Output
		}{{"open", o.Open}, {"close", o.Close}, {"stop", o.Stop}} {
			if out.out != nil && !yield(out.name, *out.out) {
				return
			}
		}
	}
}

// Output is one relay, on a native line or a pin of an expander.
type Output struct {
	Line   string `yaml:"line"`
	Chip   string `yaml:"chip"`
	Pin    string `yaml:"pin"`
	Active Level  `yaml:"active"` // level that energises the coil; default high
	Guard  Guard  `yaml:"guard"`  // what makes the relay inactive when this program dies: kernel (probed at start), one_shot, watchdog; default kernel
}

// Guard is what makes a relay inactive when the program that drives it dies.
type Guard string

const (
	GuardKernel   Guard = "kernel"   // returns released lines to inputs; probed, not believed
	GuardOneShot  Guard = "one_shot" // the relay makes one pulse of its own length
	GuardWatchdog Guard = "watchdog" // the relay wants to be told again and again
)

// Fire is the contact of a fire alarm system.
type Fire struct {
	Label  string            `yaml:"label"`
	Labels map[string]string `yaml:"labels"`
	Input  string            `yaml:"input"` // point or supervised input
	Gates  []string          `yaml:"gates"` // its zone; none = all gates
}

// Service is what people at the machine have.
type Service struct {
	Lockout string        `yaml:"lockout"` // point: key switch, active = nothing moves
	Button  string        `yaml:"button"`  // point: push button that opens the maintenance window
	Window  time.Duration `yaml:"window"`  // how long it is open; default 10m
	Mains   string        `yaml:"mains"`   // point: active = the mains are there
	Cabinet string        `yaml:"cabinet"` // point: active = the door of the cabinet is open
	Beeper  *Sign         `yaml:"beeper"`  // sounds one minute before the maintenance window closes; none = there is none
}

// Commands is who may command, and how they prove it.
type Commands struct {
	Auth      Auth           `yaml:"auth"`       // jws, none (leaves authority to the broker's rules); default jws
	PerMinute int            `yaml:"per_minute"` // commands of one key, and to one device; default 60
	Keys      map[string]Key `yaml:"keys"`       // by key id; without keys and with auth jws no center may command
	Local     LocalCommands  `yaml:"local"`      // what the page and the local socket may; movement also needs the maintenance window
}

// LocalCommands is what an operator at the page, and a member of control.group at the local socket, may do.
type LocalCommands struct {
	Devices []string `yaml:"devices"` // ids, or "*"; none = all
	Actions []string `yaml:"actions"` // actions, or "*"; none = all
}

// Auth is how commands prove who gave them.
type Auth string

const (
	AuthJWS  Auth = "jws"
	AuthNone Auth = "none"
)

// Key is one key that commands are signed with.
type Key struct {
	File    string   `yaml:"file"`    // public key in PEM; of HS256 the secret, in base64
	Alg     string   `yaml:"alg"`     // EdDSA, ES256, HS256; default EdDSA
	Devices []string `yaml:"devices"` // ids, or "*"
	Actions []string `yaml:"actions"` // actions, or "*"
}

// Elevator is read only, by construction. Every contact is a point; which ones are wired decides what can be concluded.
type Elevator struct {
	Label       string            `yaml:"label"`
	Labels      map[string]string `yaml:"labels"`
	Fault       string            `yaml:"fault"`        // general fault contact
	Faults      map[string]string `yaml:"faults"`       // symbolic name: point; further fault contacts
	AlarmButton string            `yaml:"alarm_button"` // in the car
	DoorZone    string            `yaml:"door_zone"`    // active = the car is where doors may open
	DoorClosed  string            `yaml:"door_closed"`
	Moving      string            `yaml:"moving"`
	Inspection  string            `yaml:"inspection"`
	FireMode    string            `yaml:"fire_mode"`
	Supply      string            `yaml:"supply"`      // active = healthy
	Presence    string            `yaml:"presence"`    // somebody is in the car
	AlarmEnd    string            `yaml:"alarm_end"`   // the switch at the lift that ends an alarm
	Test        string            `yaml:"test"`        // closes when a test call has succeeded
	RaiseAfter  *time.Duration    `yaml:"raise_after"` // of a fault; default 1s
	ClearAfter  *time.Duration    `yaml:"clear_after"` // of a fault; default 1s
	Filter      *time.Duration    `yaml:"filter"`      // a door that opens so soon after the button makes the alarm needless, 0s = no filter; default 10s
	Override    *time.Duration    `yaml:"override"`    // holding the button so long overrides the filter, 0s = never; default 30s
	OutOfZone   time.Duration     `yaml:"out_of_zone"` // standing closed outside a door zone is suspicious after; default 15s
	InZone      time.Duration     `yaml:"in_zone"`     // standing closed in a door zone, with a sign of people; default 90s
	TestEvery   time.Duration     `yaml:"test_every"`  // a test call is due so often, if test is wired; default 72h
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

// Bay is one parking bay with a sensor.
type Bay struct {
	Label      string            `yaml:"label"`
	Labels     map[string]string `yaml:"labels"`
	Input      string            `yaml:"input"`       // point or loop
	RaiseAfter *time.Duration    `yaml:"raise_after"` // default 5s
	ClearAfter *time.Duration    `yaml:"clear_after"` // default 5s
}

// Lot is a place with a number of bays, counted by their sensors, at its lanes, or both.
type Lot struct {
	Label       string            `yaml:"label"`
	Labels      map[string]string `yaml:"labels"`
	Capacity    int               `yaml:"capacity"` // default: the bays that are listed
	Bays        []string          `yaml:"bays"`
	Lanes       []string          `yaml:"lanes"`
	FullAt      int               `yaml:"full_at"`      // full when so many are free; default none are
	AvailableAt *int              `yaml:"available_at"` // available again when so many are; default: 2 more than full_at
	Drift       int               `yaml:"drift"`        // bays and lanes may differ by so many; default 5
	DriftAfter  time.Duration     `yaml:"drift_after"`  // more than that for so long is reported; default 15m
	Sign        *Sign             `yaml:"sign"`         // lit while the lot is full; none = there is none
}

// Sign is the relay of a sign that says "full", or of a beeper.
type Sign struct {
	Line   string `yaml:"line"`
	Active Level  `yaml:"active"` // level that switches it on; default high
}

// Input is a supervised contact: two resistors at its end make a cut or shorted wire tell itself. Contacts and elevators
// name it in place of a point.
type Input struct {
	Label     string            `yaml:"label"`
	Labels    map[string]string `yaml:"labels"`
	Point     string            `yaml:"point"`     // that measures the part of the reference voltage
	Contact   string            `yaml:"contact"`   // closes or opens to be active; default closes
	Bands     *Bands            `yaml:"bands"`     // where not the standard ones
	Tolerance time.Duration     `yaml:"tolerance"` // between the bands for so long is a fault; default 10s
}

// Bands of a supervised input, in parts per thousand of the reference.
type Bands struct {
	Short  int   `yaml:"short"`  // below it: shorted; default 120
	Closed []int `yaml:"closed"` // from, to
	Parted []int `yaml:"parted"` // from, to
	Open   int   `yaml:"open"`   // above it: cut; default 900
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

// Bytes is a size: 64MiB, 512KiB, 1GiB.
type Bytes int64

// Hertz is a frequency: 100kHz, 400kHz.
type Hertz int64

// Volts is a voltage in µV: 12V, 3300mV.
type Volts int64

// Ohms is a resistance in µΩ: 100mohm, 2mohm, 1ohm.
type Ohms int64

// Amps is a current in µA: 2A, 800mA.
type Amps int64
