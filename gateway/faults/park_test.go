package faults

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lotusgate/deploy/examples"
	"lotusgate/firmware-sim/vm"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/intake"
)

// park is a guest in which the program runs as it is shipped, on the shipped car park behind the kernel's own GPIO lines and
// I²C bus. What the field (field_test.go) prints is the record of a subscriber, and what the relays did.
type park struct {
	*guest
	relays map[string]relay
	record *os.File

	// Of this boot.
	told    map[string]bool // gates that were given a command
	closing map[string]bool // and told to close: then the gate may stop and open by itself
	ready   chan struct{}

	// Of all boots.
	passed                          map[string]bool // vehicles: ids of the events
	commands, again, refused, moved int
}

func newPark(t *testing.T) *park {
	p := &park{guest: newGuest(t, 64), passed: map[string]bool{}}
	b, err := examples.Read("park-01")
	if err != nil {
		t.Fatal(err)
	}
	shipped := strings.ReplaceAll(string(b), "travel: 5s", "travel: 2s") // a vehicle passes before the power goes
	writeFile(t, filepath.Join(p.dir, "site.yaml"), shipped)
	public, err := intake.NewKey(p.dir, "center", "EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	// gpio-sim knows one resistor for each line, and the field is it.
	text := regexp.MustCompile(`(\{line: GPIO\d+)((?:, active: high)?)(?:, bias: up)?(, label)`).ReplaceAllString(shipped, "$1$2, bias: none$3")
	text = strings.NewReplacer(
		"mqtts://broker.lan:8883", "mqtt://127.0.0.1:1883", "/var/lib/lotusgate\n", guestDisk+"/outbox\n", "127.0.0.1:8080", "127.0.0.1:0",
		// The machine has just been switched on, but its loop detectors need no tuning.
		"-a-in, label", "-a-in, blank: 0s, label", "-b-in, label", "-b-in, blank: 0s, label",
	).Replace(text)
	text += fmt.Sprintf("\ncontrol: {socket: /run/lotusgate.sock}\ncommands: {keys: {center: {file: %q, devices: [\"*\"], actions: [\"*\"]}}}\n", public)
	file := filepath.Join(p.dir, "lotusgate.yaml")
	writeFile(t, file, text)
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	p.relays = relaysOf(cfg)
	build := exec.Command("go", "build", "-o", p.dir+"/", "../../cmd/lotusgate")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if p.record, err = os.Create(filepath.Join(p.dir, "record")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.record.Close() })
	p.also = p.hear
	return p
}

// hear is called with each whole line of the console, one at a time.
func (p *park) hear(line string) {
	switch what, rest, _ := strings.Cut(line, " "); {
	case strings.HasPrefix(line, "lotusgate/v1/"):
		if _, err := p.record.WriteString(line + "\n"); err != nil {
			p.t.Error(err)
		}
		switch {
		case strings.Contains(line, `"type":"`+gateway.TypePrefix+string(gateway.VehiclePassed)+`"`):
			_, id, _ := strings.Cut(rest, `"id":"`)
			id, _, _ = strings.Cut(id, `"`)
			p.passed[id] = true
		case strings.Contains(what, "/reply/") && strings.Contains(rest, `"reason":"`+string(gateway.WrongSession)+`"`):
			p.refused++
		}
	case line == saidReady:
		close(p.ready)
	case strings.HasPrefix(line, saidAgain):
		p.again++
	case strings.HasPrefix(line, saidCommand):
		words := strings.Fields(strings.TrimPrefix(line, saidCommand))
		if len(words) != 3 {
			p.t.Errorf("what command is that: %q", line)
			return
		}
		p.commands++
		p.told[words[0]] = true
		p.closing[words[0]] = p.closing[words[0]] || gateway.Action(words[1]) == gateway.Close
		writeFile(p.t, filepath.Join(p.dir, "last"), words[0]+" "+words[2])
	case strings.HasPrefix(line, saidRelay):
		r := p.relays[strings.TrimPrefix(line, saidRelay)]
		p.moved++
		if !p.told[r.gate] || r.action != gateway.Open && !p.closing[r.gate] {
			p.t.Errorf("the relay %q of %q became active, and no command of this boot is the cause: told %v, told to close %v", r.action, r.gate, p.told, p.closing)
		}
	case strings.HasPrefix(line, "field: "):
		p.t.Error(line)
	}
}

// power boots the guest with its field; the daemon begins when every wire of it has its level.
func (p *park) power(script string) *vm.VM {
	p.t.Helper()
	p.told, p.closing, p.ready = map[string]bool{}, map[string]bool{}, make(chan struct{})
	v := p.boot(fmt.Sprintf(`LOTUSGATE_FIELD=%[1]s/site.yaml $victim & field=$!
until [ -e /run/ready ]; do sleep 0.02; done
`+script, p.dir))
	select {
	case <-p.ready:
	case <-time.After(2 * patience):
		p.t.Fatalf("the field is not ready\n%s", p.seen.String())
	}
	return v
}

// gatewayOn is the program as it is shipped, on real kernel devices.
const gatewayOn = `lotusgate run --config $LOTUSGATE_VICTIM >/run/log`

// vmCuts takes the power of the whole machine at any moment: of the program as it is shipped, on the kernel's GPIO and I²C
// with a car park behind them, while commands come.
func vmCuts(t *testing.T) {
	p := newPark(t)
	cuts := repeat(20)
	for range cuts {
		v := p.power("exec " + gatewayOn)
		time.Sleep(rand.N(12 * time.Second))
		v.Kill()
		if _, err := v.Wait(); !errors.Is(err, vm.ErrKilled) {
			t.Fatalf("%v\n%s", err, p.seen.String())
		}
	}
	// Everything comes to rest, and what waits is sent.
	v := p.power(gatewayOn + ` & daemon=$!; sleep 2; kill -USR1 $field
until LOTUSGATE_LOOK=` + guestDisk + `/outbox $victim | grep "^waiting 0 "; do sleep 1; done
kill -TERM $daemon; wait $daemon || { cat /run/log; exit 1; }`)
	p.flows(v)
	if exit, err := v.Wait(); err != nil || exit.Status != 0 {
		t.Errorf("the last boot ended with status %d, error %v\n%s", exit.Status, err, p.seen.String())
	}
	p.verified()
	p.book.mu.Lock()
	r := p.book.Report(true)
	p.book.mu.Unlock()
	nothing(t, r)
	p.enough(r, cuts)
	switch { // of a few cuts one may well meet nothing
	case cuts < 10:
	case len(p.passed) == 0:
		t.Error("no vehicle passed: that proves nothing")
	case p.moved == 0:
		t.Error("no relay moved, so nobody would have seen one that must not: that proves nothing")
	case p.refused == 0:
		t.Error("no command of an earlier boot was refused: that proves nothing")
	}
	verdict(t, "power cut (program, kernel GPIO and I²C, car park)", cuts, r, 0, fmt.Sprintf(
		"%d runs; %d vehicles passed; %d commands, %d of an earlier boot came again: %d refused, none obeyed; %d times a relay active, never without a command; %d events unsaved and unsent",
		len(r.Runs), len(p.passed), p.commands, p.again, p.refused, p.moved, r.Unsaved))
}

// verified lets the program itself judge the record of the subscriber against the outbox, and play the flight recording
// of all boots that the ring still has.
func (p *park) verified() {
	p.t.Helper()
	if err := p.record.Sync(); err != nil {
		p.t.Fatal(err)
	}
	var heard bytes.Buffer
	p.also = func(line string) { heard.WriteString(line + "\n") }
	v := p.boot(`cd /tmp; lotusgate events verify --config $LOTUSGATE_VICTIM ` + p.record.Name() + ` || exit 1
lotusgate recording --config $LOTUSGATE_VICTIM --output all.rec && lotusgate replay all.rec >played; played=$?
grep " recorded by " played | wc -l; tail -n 3 played; exit $played`)
	exit, err := v.Wait()
	p.t.Logf("lotusgate events verify; lotusgate replay:\n%s", &heard)
	if err != nil || exit.Status != 0 {
		p.t.Errorf("status %d, error %v", exit.Status, err)
	}
	for _, want := range []string{" 0 missing", "bit by bit as it was decided then"} {
		if !strings.Contains(heard.String(), want) {
			p.t.Errorf("the program does not say %q", want)
		}
	}
}
