package faults

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	mqttclient "github.com/eclipse/paho.mqtt.golang"
	"periph.io/x/conn/v3/gpio"

	"lotusgate/firmware-sim/chip"
	"lotusgate/firmware-sim/district"
	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/firmware-sim/vm"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/intake"
)

// What the field prints beside what its broker hears.
const (
	saidReady   = "field: ready"
	saidCommand = "field: command " // device, action, the message
	saidAgain   = "field: again "   // device: a command of an earlier boot
	saidRelay   = "field: relay "   // line that has become active
)

// openField is everything around the program in the guest: the car park of the simulation with its wires on the kernel's
// GPIO lines and its chips on the kernel's I²C bus, a center that prints what it hears before it acknowledges it and gives
// commands, and somebody who watches the relays. SIGUSR1 lets the field rest.
//
// file is the configuration of the site as it is shipped. Beside it lie center.key and, in last, the command that was on its
// way when the power went: brokers deliver such a command again.
func openField(file string) error {
	cfg, err := config.Load(file)
	if err != nil {
		return err
	}
	ctx, rest := signal.NotifyContext(context.Background(), syscall.SIGUSR1)
	defer rest()
	board, err := rig.New(mathrand.Uint64(), district.Site(cfg), rig.Options{Private: true, Scenario: busy(cfg)})
	if err != nil {
		return err
	}
	defer board.Close()
	soc, err := wireUp(board, cfg)
	if err != nil {
		return err
	}
	for _, b := range cfg.Buses {
		var number int
		if _, err := fmt.Sscanf(b.Device, "/dev/i2c-%d", &number); err != nil {
			return fmt.Errorf("bus %q: %w", b.Device, err)
		}
		if _, err := vm.NewBus(number, adapter{board.Bus(b.Device).Bus}); err != nil {
			return err
		}
	}
	center, err := newCommander(filepath.Dir(file), cfg)
	if err != nil {
		return err
	}
	go center.watchRelays(board, soc)
	go center.run(ctx)
	center.say(saidReady)
	if err := os.WriteFile("/run/ready", nil, 0o644); err != nil {
		return err
	}
	if err := board.Run(ctx); err != nil {
		return err
	}
	select {} // it rests until the power goes
}

// busy is more than a car park ever sees: a score of bays and contacts change each second, and vehicles come to all lanes.
func busy(cfg *config.Config) rig.Scenario {
	switches, lanes := append(config.IDs(cfg.Bays), config.IDs(cfg.Contacts)...), config.IDs(cfg.Lanes)
	mathrand.Shuffle(len(switches), func(i, j int) { switches[i], switches[j] = switches[j], switches[i] })
	const vehicleEvery = 80 // cues
	n := 0
	return func() (rig.Cue, bool) {
		at, i := time.Duration(n)*50*time.Millisecond, n
		n++
		if lane := i%vehicleEvery - 30; lane >= 0 && lane < len(lanes) {
			return rig.Cue{At: at, Do: rig.Enter{Lane: lanes[lane], Vehicle: plant.Vehicle{
				Length: plant.Metres(4.2), Speed: 4 * plant.MetrePerSecond, Gap: plant.Metres(2.5),
				Plan: []plant.Leg{{To: plant.StandardLane().Hold, Pause: 500 * time.Millisecond, Ticket: true}},
			}}}, true
		}
		return rig.Cue{At: at, Do: rig.Move{Switch: switches[i%len(switches)], Rest: i/len(switches)%2 == 1}}, true
	}
}

// wireUp leads every pin of the board that is an input of the gateway to the same line of a GPIO chip of the kernel.
func wireUp(board *rig.Board, cfg *config.Config) (*vm.Chip, error) {
	pins := board.Pins()
	names := make([]string, len(pins))
	for i, p := range pins {
		names[i] = p.Name()
	}
	soc, err := vm.NewChip("soc", "pinctrl-bcm2835", names)
	if err != nil {
		return nil, err
	}
	for _, p := range cfg.Points {
		if p.Line == "" {
			continue
		}
		pin, pull := board.Pin(p.Line), gpio.PullUp // the default of a contact to ground
		if p.Bias == config.BiasDown {
			pull = gpio.PullDown
		}
		if err := pin.In(pull, gpio.BothEdges); err != nil {
			return nil, err
		}
		if err := soc.Pull(pin.Number(), bool(pin.Read())); err != nil {
			return nil, err
		}
		go func() {
			for pin.WaitForEdge(-1) {
				if err := soc.Pull(pin.Number(), bool(pin.Read())); err != nil {
					fmt.Println("field:", err)
				}
			}
		}()
	}
	return soc, nil
}

// watchRelays leads the gates' relays back to the barriers, and tells of each that becomes active.
func (c *commander) watchRelays(board *rig.Board, soc *vm.Chip) {
	active := map[string]bool{}
	for range time.Tick(2 * time.Millisecond) {
		for line := range c.relays {
			pin := board.Pin(line)
			on, err := soc.Value(pin.Number())
			if err == nil && on != active[line] {
				if active[line] = on; on {
					c.say(saidRelay + line)
				}
				err = pin.Out(gpio.Level(on))
			}
			if err != nil {
				c.say("field: " + err.Error())
			}
		}
	}
}

// relaysOf are the relays of all gates, by their lines: of which gate, and for what.
func relaysOf(cfg *config.Config) map[string]relay {
	all := map[string]relay{}
	for id, g := range cfg.Gates {
		for action, o := range g.Outputs.All() {
			all[o.Line] = relay{id, gateway.Action(action)}
		}
	}
	return all
}

type relay struct {
	gate   string
	action gateway.Action
}

// adapter gives the kernel the bare errno of a fault, as the driver of a real one does.
type adapter struct{ *chip.Bus }

func (a adapter) Tx(addr uint16, w, r []byte) error {
	var messages []chip.Message
	if len(w) > 0 || len(r) == 0 { // with neither the address alone is asked
		messages = append(messages, chip.Message{Addr: addr, Data: w})
	}
	if len(r) > 0 {
		messages = append(messages, chip.Message{Addr: addr, Read: true, Data: r})
	}
	return a.Transfer(messages)
}

// commander is a center that gives commands.
type commander struct {
	dir    string
	root   string
	gates  []string
	relays map[string]relay
	signer *intake.Signer
	client mqttclient.Client
	print  sync.Mutex

	mu     sync.Mutex
	status gateway.Status
}

func newCommander(dir string, cfg *config.Config) (*commander, error) {
	c := &commander{dir: dir, root: "lotusgate/v1/" + cfg.Gateway.Site + "/" + cfg.Gateway.ID, gates: config.IDs(cfg.Gates), relays: relaysOf(cfg)}
	var err error
	if c.signer, err = intake.NewSigner(filepath.Join(dir, "center.key"), "center"); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:1883")
	if err != nil {
		return nil, err
	}
	if _, err := startCenterOn(l, func(line string) {
		if !strings.HasPrefix(line, c.root+"/command/") { // that is ours
			c.say(line)
		}
	}); err != nil {
		return nil, err
	}
	c.client = mqttclient.NewClient(mqttclient.NewClientOptions().AddBroker("mqtt://127.0.0.1:1883").SetClientID("center"))
	if token := c.client.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		return nil, errors.Join(errors.New("the center cannot connect"), token.Error())
	}
	token := c.client.Subscribe(c.root+"/status", 1, c.hear)
	if !token.WaitTimeout(patience) {
		return nil, errors.New("the center cannot subscribe")
	}
	return c, token.Error()
}

func (c *commander) say(line string) {
	c.print.Lock()
	defer c.print.Unlock()
	fmt.Println(line)
}

func (c *commander) hear(_ mqttclient.Client, m mqttclient.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = json.Unmarshal(m.Payload(), &c.status) // a will has no nonce, which is right
}

// run gives the last command of the boot before again, as a broker that kept it does, and then new ones; in one boot of
// three none at all.
func (c *commander) run(ctx context.Context) {
	last, _ := os.ReadFile(filepath.Join(c.dir, "last")) // none was given yet
	lastDevice, lastPayload, _ := strings.Cut(string(last), " ")
	silent := mathrand.IntN(3) == 0
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(100*time.Millisecond + mathrand.N(time.Second)):
		}
		c.mu.Lock()
		status := c.status
		c.mu.Unlock()
		if status.State != gateway.Online && status.State != gateway.Degraded {
			continue
		}
		if lastPayload != "" {
			c.say(saidAgain + lastDevice)
			c.client.Publish(c.root+"/command/"+lastDevice, 1, false, lastPayload)
		}
		if silent || lastPayload != "" {
			lastPayload = ""
			continue
		}
		device := c.gates[mathrand.IntN(len(c.gates))]
		action := []gateway.Action{gateway.Open, gateway.Open, gateway.Close}[mathrand.IntN(3)]
		now := time.Now()
		r := intake.Request{
			JTI: rand.Text(), IssuedAt: now.Unix(), Expires: now.Add(30 * time.Second).Unix(), Audience: "//lianhua/park-01",
			Session: status.Session, Device: device, Action: action,
		}
		if status.Nonce != nil {
			r.Nonce = *status.Nonce
		}
		payload, err := c.signer.Sign(r)
		if err != nil {
			c.say("field: " + err.Error())
			return
		}
		c.say(saidCommand + device + " " + string(action) + " " + payload)
		c.client.Publish(c.root+"/command/"+device, 1, false, payload)
	}
}
