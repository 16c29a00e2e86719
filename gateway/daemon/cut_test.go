package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpiotest"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/disk"
	"lotusgate/gateway"
	"lotusgate/gateway/checkpoint"
	"lotusgate/gateway/config"
	"lotusgate/gateway/outbox"
	"lotusgate/gateway/uplink"
)

// boxDisk and truthsDisk are the ports of a simulated disk.
type (
	boxDisk    struct{ *disk.Disk }
	truthsDisk struct{ *disk.Disk }
)

func (d boxDisk) Lock(dir string) (io.Closer, error) {
	c, err := d.Disk.Lock(dir)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, outbox.ErrLocked
	}
	return c, err
}

func (d boxDisk) Open(path string) (outbox.File, error) {
	f, err := d.Disk.Open(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d boxDisk) Create(path string) (outbox.File, error) {
	f, err := d.Disk.Create(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d truthsDisk) Open(path string) (checkpoint.File, error) { return boxDisk(d).Open(path) }

func (d truthsDisk) Create(path string) (checkpoint.File, error) { return boxDisk(d).Create(path) }

// listener is a broker that passes everything on at once, and a center that stores it.
type listener struct {
	t      *testing.T
	heard  map[string]bool     // ids of events
	stages map[string][]string // of each command
	power  *disk.Disk          // without it nothing is sent
}

type instant struct{ granted map[string]byte }

func (i instant) Done() <-chan struct{}   { c := make(chan struct{}); close(c); return c }
func (i instant) Error() error            { return nil }
func (i instant) Result() map[string]byte { return i.granted }

func (l *listener) Subscribe(qos map[string]byte) uplink.Token { return instant{qos} }
func (l *listener) Unsubscribe(...string) uplink.Token         { return instant{} }
func (l *listener) Together(send func() error) error           { return send() }

func (l *listener) Publish(topic string, _ bool, payload []byte) uplink.Token {
	if !strings.Contains(topic, "/event/") || l.power.Dead() {
		return instant{}
	}
	var e struct {
		ID, Type string
		Data     gateway.CommandData
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		l.t.Fatal(err)
	}
	if stage, ok := strings.CutPrefix(e.Type, "lotusgate.command."); ok && !l.heard[e.ID] {
		l.stages[e.Data.JTI] = append(l.stages[e.Data.JTI], stage)
	}
	l.heard[e.ID] = true
	return instant{}
}

// site is a gateway with two barriers whose power goes whenever it wants, and a center that hears it at once.
type site struct {
	t      *testing.T
	cfg    *config.Config
	disk   *disk.Disk
	center *listener
	now    gateway.Mono
	lives  int
	cuts   int
}

const cutConfig = `
gateway: {site: lianhua, id: park-01}
storage: {path: /var/lib/lotusgate, alarm: 4MiB, normal: 4MiB}
mqtt: {broker: "mqtt://center:1883"}
points:
  entry-up: {line: GPIO5, active: high}
  entry-down: {line: GPIO6, active: high}
  exit-up: {line: GPIO12, active: high}
  exit-down: {line: GPIO13, active: high}
gates:
  entry-gate: {open_limit: entry-up, closed_limit: entry-down, travel: 2s, outputs: {open: {line: GPIO16}, stop: {line: GPIO21}}}
  exit-gate: {open_limit: exit-up, closed_limit: exit-down, travel: 3s, outputs: {open: {line: GPIO17}, stop: {line: GPIO22}}}
`

// orders of a life: when, of what, what.
var cutOrders = []struct {
	at     time.Duration
	device string
	action gateway.Action
}{
	{100 * time.Millisecond, "entry-gate", gateway.Open},
	{101 * time.Millisecond, "exit-gate", gateway.Open},
	{time.Second, "entry-gate", gateway.Stop},
	{1500 * time.Millisecond, gateway.GatewayID, gateway.Refresh},
	{2 * time.Second, "entry-gate", gateway.Open},
	{3 * time.Second, "exit-gate", gateway.Open},
	{3100 * time.Millisecond, "exit-gate", gateway.Open}, // of a movement that is on its way
}

// cutArms is what the limit switches of a life say: when, which, how. What has no end by then ends as travel_timeout.
var cutArms = []struct {
	at       time.Duration
	terminal string
	on       bool
}{
	{0, "GPIO5", false},
	{0, "GPIO6", true},
	{0, "GPIO12", false},
	{0, "GPIO13", true},
	{300 * time.Millisecond, "GPIO6", false},
	{300 * time.Millisecond, "GPIO13", false},
	{1800 * time.Millisecond, "GPIO12", true},
}

// live lets the gateway live for a while; with orders, somebody gives them. It ends with the life, or with the power.
func (s *site) live(orders, online bool, power int) (survived bool) {
	const length = 10 * time.Second
	s.lives++
	s.disk.CutBefore(power)
	defer func() {
		if s.disk.Dead() {
			s.cuts++
			s.disk = s.disk.Cut(rand.New(rand.NewPCG(uint64(power), uint64(s.lives))))
			s.now = s.now.Add(time.Minute)
		}
	}()
	var words int
	life, begun := s.lives, s.now
	g, err := NewStepped(SteppedOptions{
		Config: s.cfg,
		Lines:  line.Pins(func(name string) gpio.PinIO { return &gpiotest.Pin{N: name} }, nil),
		Ground: Ground{
			Boot: fmt.Sprintf("00000000-0000-4000-8000-%012d", life), Mono: func() gateway.Mono { return s.now },
			Wall:        func() time.Time { return time.Unix(1_800_000_000, int64(s.now)) },
			Disciplined: func() bool { return true },
			Outbox:      boxDisk{s.disk}, Truths: truthsDisk{s.disk},
			Chance: rand.New(rand.NewPCG(uint64(life), 1)).Uint32N, Process: fmt.Sprintf("LIFE%07d", life),
			Text: func() string { words++; return fmt.Sprintf("WORD%d-%020d", life, words) },
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	arms := cutArms
	move := func() {
		for ; len(arms) > 0 && s.now >= begun.Add(arms[0].at); arms = arms[1:] {
			g.Level(arms[0].terminal, arms[0].on)
		}
	}
	move()
	if s.disk.Dead() {
		return false
	}
	s.center.power = s.disk
	g.Begin()
	if online {
		if err := g.Uplink.Connect(s.center, life); err != nil {
			s.t.Fatal(err)
		}
	}
	for next := 0; s.now < begun.Add(length); {
		at := min(g.Next(), begun.Add(length))
		if orders && next < len(cutOrders) {
			at = min(at, begun.Add(cutOrders[next].at))
		}
		if len(arms) > 0 {
			at = min(at, begun.Add(arms[0].at))
		}
		s.now = max(at, s.now)
		g.Advance(s.now)
		move()
		for ; orders && next < len(cutOrders) && s.now >= begun.Add(cutOrders[next].at); next++ {
			o := cutOrders[next]
			c := gateway.Command{JTI: fmt.Sprintf("%d-%d", life, next), Issuer: "center", Device: o.device, Action: o.action}
			if o.device == gateway.GatewayID {
				g.d.services.take(c)
			} else {
				g.d.core.Command(c)
			}
		}
		err := g.Step()
		if s.disk.Dead() {
			g.Die()
			return false
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	err = g.Stop()
	if s.disk.Dead() {
		return false
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return true
}

// judge holds that each command of which the center knows that it was accepted has exactly one end, and none two.
func (s *site) judge(when string) {
	s.t.Helper()
	for jti, stages := range s.center.stages {
		accepted, ends := 0, 0
		for _, stage := range stages {
			switch stage {
			case "accepted":
				accepted++
			case "done", "failed":
				ends++
			}
		}
		if accepted > 1 || ends > 1 || accepted > ends {
			s.t.Errorf("%s: command %s: %v", when, jti, stages)
		}
	}
}

// The power goes at every single write and sync of a life with several commands in it, and again at some write of the life
// after it, with the center in reach and without. Of all lives together each accepted command has exactly one end.
func TestPowerCutLeavesEachCommandOneEnd(t *testing.T) {
	cfg, err := config.Parse("cut.yaml", []byte(cutConfig))
	if err != nil {
		t.Fatal(err)
	}
	cuts, restarted := 0, 0
	for _, online := range []bool{true, false} {
		for at, whole := 1, false; !whole && !t.Failed(); at++ {
			s := site{
				t: t, cfg: cfg, disk: disk.New(), now: gateway.Mono(time.Minute),
				center: &listener{t: t, heard: map[string]bool{}, stages: map[string][]string{}},
			}
			const forever = 0
			whole = s.live(true, online, at)
			s.live(false, online, 1+at%29)
			s.live(true, online, forever)
			s.live(false, true, forever)
			s.judge(fmt.Sprintf("online %t, cut before change %d", online, at))
			for _, stages := range s.center.stages {
				if len(stages) > 1 && stages[len(stages)-1] == "failed" {
					restarted++
				}
			}
			if got := len(s.center.stages); got < len(cutOrders) {
				t.Errorf("the center heard of %d commands", got)
			}
			cuts += s.cuts
		}
	}
	t.Logf("%d power cuts, %d commands ended as failed", cuts, restarted)
	if cuts < 100 || restarted < 20 {
		t.Error("the test never saw what it is about")
	}
}
