package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"time"

	"lotusgate/firmware-sim/disk"
	"lotusgate/firmware-sim/district"
	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
)

// Options of Run.
type Options struct {
	Config *config.Config // not changed
	Seed   uint64
	Day    int           // of that seed: another day is another world
	Length time.Duration // how long the field lives; 0 = 24 h
	Tell   func(at time.Duration, what fmt.Stringer)

	Only    []int         // troubles that happen, by their numbers; nil = all of them
	Without []string      // people who do nothing: honest, hostile, technician, editor
	From    time.Duration // nothing happens in the field by itself before that,
	To      time.Duration // nor from then on; 0 = the whole day
	Record  string        // directory for the flight recording; "" = none is made

	Hardware Hardware // whether chips, buses and drivers are in it
}

// deadly tells whether the daemon may be killed and the power cut: on odd seeds. On even ones every single thing that
// happens in the field can be known, and must be told.
func (o Options) deadly() bool { return o.Seed%2 == 1 }

// byCenter tells who has the last word about an event: the center with its watermark, or the broker.
func (o Options) byCenter() bool { return o.Seed/2%2 == 0 }

// segment is how many bytes a segment of the outbox has. In every second world it is a small one: there a day goes many times
// round in the queues.
func (o Options) segment() int64 {
	if o.world().For("room").IntN(2) == 0 {
		return 64 << 10
	}
	return 0
}

// world is what every chance of one day comes from.
func (o Options) world() plant.Seed { return plant.Seed(o.Seed + uint64(o.Day)<<32) }

// settling is how long everything has, after the last fault, to come to rest.
const settling = 45 * time.Minute

// world is everything there is.
type world struct {
	o      Options
	cfg    *config.Config
	agenda agenda
	chance *rand.Rand // of the network; each part has its own
	now    time.Duration
	end    time.Duration

	field  *district.Gateway
	disk   *disk.Disk
	broker *broker
	center *center
	ground *ground // what is so in the field
	alarms *watch
	ailing span          // the disk
	ailed  time.Duration // when that last began

	people    *people         // nil = nobody wants anything
	proc      *daemon.Stepped // nil = none runs
	dialled   int
	line      *conn // of the session
	dialing   bool
	calm      time.Duration // since when nothing disturbs the way to the center
	disturbed time.Duration // when a trouble last began or ended
	quiet     int           // events issued at the last glance
	words     int           // that were drawn
	boots     int
	starts    int
	synced    bool // NTP has reached the system clock of this boot
	stepped   time.Duration

	issued   []issue
	settled  int // of them everything before was heard
	spells   []spell
	admitted map[admission]bool
	damages  []*damage
	sore     time.Duration            // until when a damage may be felt
	doubts   map[string][]doubt       // of devices and points
	apart    map[string]time.Duration // since when points are not what their wires carry
	lookAt   time.Duration            // when they are looked at next
	tape     *tape                    // of the run; nil = nothing is recorded
	byID     map[gateway.EventID]int
	runs     []run
	sum      hash.Hash64
	result   *Result
}

// issue is an event of the gateway as it was issued.
type issue struct {
	id      gateway.EventID
	at      time.Duration
	event   gateway.Event
	data    string
	heard   bool
	heardAt time.Duration
}

// run is one life of the daemon.
type run struct {
	begin, end time.Duration
	sick       bool          // the disk was not in order at some time of it
	cut        bool          // the power ended it
	unkept     time.Duration // since when it could keep nothing until it ended; never = it could
}

// Run simulates one day of one gateway and judges it.
func Run(o Options) (*Result, error) {
	if o.Length == 0 {
		o.Length = 24 * time.Hour
	}
	cfg := *o.Config
	cfg.MQTT.Ack = config.AckBroker
	if o.byCenter() {
		cfg.MQTT.Ack = config.AckCenter
	}
	if o.hardware() {
		unhurried(&cfg)
	}
	if o.segment() != 0 {
		cfg.Storage.Alarm, cfg.Storage.Normal = 8*config.Bytes(o.segment()), 16*config.Bytes(o.segment())
	}
	w := &world{
		o: o, cfg: &cfg, end: o.Length + settling, byID: map[gateway.EventID]int{}, admitted: map[admission]bool{},
		doubts: map[string][]doubt{}, apart: map[string]time.Duration{}, sum: fnv.New64a(), disk: disk.New(),
		chance: o.world().For("network"),
		result: &Result{Seed: o.Seed, Day: o.Day, Length: o.Length + settling, Gateway: cfg.Gateway.ID, Faults: map[string]int{}, Unknown: map[string]int{}},
	}
	w.center = newCenter(w.cfg.Root(), w.heard)
	w.broker = &broker{
		agenda: &w.agenda, now: func() time.Duration { return w.now }, chance: w.chance, center: w.center,
		retained: map[string][]byte{}, durable: !o.byCenter(),
	}
	if o.peopled() {
		dir, err := os.MkdirTemp("", "keys")
		if err != nil {
			return nil, err
		}
		defer func() { _ = os.RemoveAll(dir) }() // it holds nothing that is secret
		if err := w.invite(dir); err != nil {
			return nil, err
		}
	}
	var err error
	day := district.NewDay(w.cfg, uint64(o.world()))
	if o.From > 0 || o.To > 0 {
		day.Cut(o.From, cmp.Or(o.To, o.Length))
	}
	if w.field, err = day.Build(uint64(o.world()), o.hardware()); err != nil {
		return nil, err
	}
	w.ground, w.alarms = newGround(w), newWatch(w.cfg)
	defer func() { _ = w.field.Close() }() // simulated pins have nothing to say
	defer w.eject()
	w.field.Tell = w.see
	if o.Tell != nil {
		w.field.Wires = func(at time.Duration, c rig.Change) { o.Tell(at, c) }
	}
	w.boot()
	if w.people != nil {
		if err := w.people.arrive(); err != nil {
			return nil, err
		}
	}
	if err := w.start(); err != nil {
		return nil, err
	}
	w.troubles()
	w.agenda.at(0, w.mark)
	w.agenda.at(time.Minute, w.glance)
	w.agenda.at(looksEvery, w.faces)
	if o.hardware() {
		w.agenda.at(foundWithin, w.look)
		w.agenda.at(believed, w.believe)
	}
	if err := w.live(); err != nil {
		return nil, err
	}
	w.judge()
	return w.result, nil
}

// see is told of what happens in the field.
func (w *world) see(at time.Duration, what fmt.Stringer) {
	w.ground.tell(at, what)
	if t, ok := what.(plant.Truth); ok {
		w.truth(t)
	}
	if w.o.Tell != nil {
		w.o.Tell(at, what)
	}
}

// words are what is said beside the field.
type words string

func (s words) String() string { return string(s) }

func (w *world) say(format string, args ...any) {
	if w.o.Tell != nil {
		w.o.Tell(w.now, words(fmt.Sprintf(format, args...)))
	}
}

// live lets time pass.
func (w *world) live() error {
	still := 0
	for w.now < w.end {
		at := min(w.field.Next(), w.agenda.next(), w.end)
		if at <= w.now {
			if still++; still > 10_000 {
				return fmt.Errorf("seed %d: time stands still at %v", w.o.Seed, w.now)
			}
		} else {
			still = 0
		}
		w.now = max(at, w.now)
		if err := w.field.To(w.now); err != nil {
			return err
		}
		if w.o.hardware() {
			w.now = w.field.Board.Now() // it may have stopped on the way
		}
		w.agenda.run(w.now)
		w.step()
	}
	return nil
}

// step lets the daemon do what it does beside the field.
func (w *world) step() {
	if w.proc == nil {
		return
	}
	if err := w.proc.Step(); err != nil && w.broker.conn != nil {
		w.broker.conn.Drop()
	}
	if !w.proc.Uplink.Connected() && !w.dialing {
		w.dialing = true
		proc := w.proc
		w.agenda.at(w.now+plant.Span{Min: 50 * time.Millisecond, Max: 5 * time.Second}.Draw(w.chance), func() {
			w.dialing = false
			if w.proc == proc {
				w.dial()
			}
		})
	}
}

// dial tries to connect once.
func (w *world) dial() {
	proc := w.proc
	w.dialled++
	var line *conn
	receive := func(topic string, payload []byte, retained bool) {
		if w.proc == proc {
			proc.Uplink.Receive(topic, payload, retained)
		}
	}
	lost := func(why error) {
		if w.proc == proc && w.line == line { // not one that was given up before
			w.say("connection lost: %v", why)
			proc.Uplink.Lost(why)
		}
	}
	topic, will := proc.Uplink.Will(w.dialled)
	line, err := w.broker.connect(receive, lost, topic, will)
	if err != nil {
		return
	}
	w.calm, w.line = w.now, line
	w.say("connected, session %d", w.dialled)
	if err := proc.Uplink.Connect(line, w.dialled); err != nil {
		line.Drop()
	}
	for after := crowding; after <= crowded; after += crowding {
		w.agenda.at(w.now+after, w.sample)
	}
	if w.people != nil {
		w.people.attacker.connected(w.chance)
	}
}

// mark is the center's watermark, again and again.
func (w *world) mark() {
	if topic := w.cfg.Root() + "/watermark"; w.broker.heard(topic) {
		if b := w.center.watermark(); b != nil {
			w.broker.say(topic, w.sign(b))
		}
	}
	w.agenda.at(w.now+7*time.Second, w.mark)
}

// boot begins a life of the kernel, which does not know the date until somebody tells it.
func (w *world) boot() {
	w.field.Boot()
	w.boots++
	w.synced, w.stepped = false, 0
	boots := w.boots
	w.agenda.at(w.now+plant.Span{Min: 10 * time.Second, Max: 20 * time.Minute}.Draw(w.chance), func() {
		if w.boots == boots {
			w.synced, w.stepped = true, 0
		}
	})
}

// began is the date at which virtual time begins.
var began = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)

// start starts the daemon.
func (w *world) start() error {
	w.starts++
	var proc *daemon.Stepped
	mono := func() gateway.Mono {
		if proc != nil {
			return proc.Now()
		}
		return w.field.Clock()
	}
	tape, err := w.insert()
	if err != nil {
		return err
	}
	proc, err = daemon.NewStepped(daemon.SteppedOptions{
		Config: w.onDisk(), Load: w.load, Path: w.path(), Lines: w.field.Lines(), Reads: w.field.Hardware(), Event: w.note, Tape: tape,
		Ground: daemon.Ground{
			Boot: fmt.Sprintf("00000000-0000-4000-8000-%012d", w.boots), Mono: mono,
			Wall: func() time.Time {
				if w.synced {
					return began.Add(w.now + w.stepped)
				}
				return time.Unix(0, int64(mono())).Add(w.stepped)
			},
			Disciplined: func() bool { return w.synced && w.stepped == 0 },
			Outbox:      onDisk{w.disk}, Segment: w.o.segment(), Truths: beside{w.disk},
			Process: fmt.Sprintf("START%07d", w.starts),
			Text:    w.word,
			Chance:  w.o.world().For(fmt.Sprint("epochs of start ", w.starts)).Uint32N,
		},
	})
	if err != nil {
		return fmt.Errorf("seed %d: the daemon does not start at %v: %w", w.o.Seed, w.now, err)
	}
	w.say("the daemon starts")
	w.proc = proc
	clear(w.ground.behind)
	w.runs = append(w.runs, run{begin: w.now, end: never, sick: w.disk.Faulty()})
	if w.people != nil {
		w.people.rules.born()
	}
	w.field.Start(proc)
	return nil
}

// fall ends the daemon without a word.
func (w *world) fall(power bool) {
	w.eject()
	w.say("the daemon is dead; power cut: %t", power)
	last := &w.runs[len(w.runs)-1]
	last.end, last.cut, last.unkept = w.now, power, never
	if w.ailing.on || w.ailing.since != 0 && w.now-w.ailing.since <= memoryEvery { // it is written again after that
		last.unkept = w.ailed
	}
	w.proc = nil
	w.calm = never
	if w.people != nil {
		w.people.bereaved(power)
	}
	if w.broker.conn != nil {
		w.broker.conn.die(errReset)
	}
	if power {
		w.field.Cut()
		w.disk = w.disk.Cut(w.o.world().For(fmt.Sprint("cut ", w.starts)))
	} else {
		w.field.Stop()
		w.disk = w.disk.Crash()
	}
}

// note keeps what the gateway has issued.
func (w *world) note(id gateway.EventID, e gateway.Event) {
	if w.o.hardware() {
		w.now = min(w.now, w.field.Now())
	}
	w.field.Issued(id, e)
	w.alarms.issued(w.now, e)
	if e.Type == gateway.FireReset {
		w.ground.reset[e.ID] = w.now
	}
	if w.people != nil {
		w.people.issued(e)
	}
	data, err := json.Marshal(e.Data)
	if err != nil {
		panic(err) // every type of the catalogue has data
	}
	if e.Type == gateway.GatewayConfigReloaded {
		w.result.Reloads++
	}
	w.byID[id] = len(w.issued)
	w.issued = append(w.issued, issue{id: id, at: w.now, event: e, data: string(data)})
	fmt.Fprintf(w.sum, "%v %v %s %s %s\n", w.now, id, e.Type, e.ID, data)
}

// heard is what the center has stored.
func (w *world) heard(e event) {
	fmt.Fprintf(w.sum, "%v heard %v\n", w.now, e.ID)
	n, ok := w.byID[e.ID]
	if !ok {
		w.violate("the center heard %v (%s %s), which was never issued", e.ID, e.Type, e.Subject)
		return
	}
	i := &w.issued[n]
	i.heard, i.heardAt = true, w.now
	if w.people != nil {
		w.people.visitor.heard(i.event)
	}
	w.say("delivered: %v %s %s %s", e.ID, i.event.ID, i.event.Type, i.data)
	if e.name() != i.event.Type || e.device() != i.event.ID || !sameJSON(e.Data, i.data) {
		w.violate("%v is %s of %s %s, and arrived as %s of %s %s", e.ID, i.event.Type, i.event.ID, i.data, e.name(), e.device(), e.Data)
	}
}

func sameJSON(a json.RawMessage, b string) bool {
	return string(a) == b || string(a) == "{}" && b == "null"
}
