//go:build linux

package line

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warthog618/go-gpiocdev"
	"github.com/warthog618/go-gpiocdev/uapi"
	"periph.io/x/conn/v3/gpio/gpiotest"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/vm"
)

// tick is more than the kernel needs to see one level of a simulated line: 1 ms.
const tick = 2 * time.Millisecond

// patience bounds every wait for something that must come.
const patience = 20 * time.Second

// plug makes a chip of the kernel for one test.
func plug(t testing.TB, name string, lines ...string) *vm.Chip {
	t.Helper()
	c, err := vm.NewChip(name, "pinctrl-"+name, lines)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unplug(t, c) })
	return c
}

func unplug(t testing.TB, c *vm.Chip) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func pull(t testing.TB, c *vm.Chip, line int, up bool) {
	t.Helper()
	if err := c.Pull(line, up); err != nil {
		t.Fatal(err)
	}
}

// chatter makes n edges on a line that is low, each of which the kernel sees.
func chatter(t testing.TB, c *vm.Chip, line, n int) {
	t.Helper()
	for k := range n {
		pull(t, c, line, k%2 == 0)
		time.Sleep(tick)
	}
}

func receive(t testing.TB, i *Inputs) drivers.Edge {
	t.Helper()
	select {
	case e, ok := <-i.Edges():
		if !ok {
			t.Fatal("edges ended")
		}
		return e
	case <-time.After(patience):
		t.Fatal("no edge")
	}
	panic("unreachable")
}

func receiveGone(t testing.TB, i *Inputs) Gone {
	t.Helper()
	select {
	case g := <-i.Gone():
		return g
	case <-time.After(patience):
		t.Fatal("nobody noticed the removal")
	}
	panic("unreachable")
}

// requests counts this process's descriptors of GPIO chips and requests.
func requests(t testing.TB) int {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		if to, _ := os.Readlink(f); strings.HasPrefix(to, "anon_inode:gpio") || strings.HasPrefix(to, "/dev/gpiochip") {
			n++
		}
	}
	return n
}

func TestVMEdges(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "LOOP_A", "", "LOOP_B")
	i := mustOpen(t, Kernel(), "LOOP_B", "LOOP_A")
	for n, step := range []struct {
		line, channel int
		up            bool
	}{{2, 0, true}, {0, 1, true}, {2, 0, false}, {2, 0, true}, {0, 1, false}} {
		before := Now()
		pull(t, c, step.line, step.up)
		e := receive(t, i)
		after := Now()
		if e.Channel != step.channel || e.Level != step.up || e.Lost != 0 || e.Clock != drivers.KernelClock {
			t.Errorf("edge %d = %+v, want %+v", n, e, step)
		}
		if e.At < before || e.At > after {
			t.Errorf("edge %d is stamped %v, but was made between %v and %v", n, e.At, before, after)
		}
		if v, err := i.Level(step.channel); err != nil || v != step.up {
			t.Errorf("level after edge %d = %v, %v", n, v, err)
		}
	}
	if s := i.Stats()[0]; !strings.HasPrefix(s.Place, filepath.Base(c.Path())+" line 2 (LOOP_B), kernel time") {
		t.Errorf("place = %q", s.Place)
	}
}

// The consumer sleeps through a burst, with almost no room in its queue: the kernel's buffer holds all of it.
func TestVMBurstWhileTheConsumerIsBlocked(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "A", "B")
	p := Kernel()
	p.queue = 2
	i := mustOpen(t, p, "A", "B")
	chatter(t, c, 1, 200)
	last := time.Duration(0)
	for n := range 200 {
		e := receive(t, i)
		if e.Channel != 1 || e.Level != (n%2 == 0) || e.Lost != 0 || e.At <= last {
			t.Fatalf("edge %d = %+v after %v", n, e, last)
		}
		last = e.At
	}
	if s := i.Stats()[1]; s.Edges != 200 || s.Lost != 0 || s.Merged != 0 || s.Stalls == 0 {
		t.Errorf("stats = %+v", s)
	}

	// Faster than the kernel's interrupts: what those merge nobody sees, but nothing else is missing, and the end is right.
	for n := range 201 {
		pull(t, c, 1, n%2 == 0)
	}
	time.Sleep(tick)
	pull(t, c, 0, true)
	for {
		e := receive(t, i)
		if e.Lost != 0 {
			t.Errorf("edge = %+v", e)
		}
		if e.Channel == 0 {
			break
		}
	}
	if v, err := i.Level(1); err != nil || !v {
		t.Errorf("level = %v, %v", v, err)
	}
}

func TestVMSmallBufferShowsTheGap(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "A")
	p := Kernel()
	p.queue, p.kept = 2, 16
	i := mustOpen(t, p, "A")
	const made = 201
	chatter(t, c, 0, made)
	told, lost := 0, 0
	var e drivers.Edge
	for told+lost < made {
		e = receive(t, i)
		told++
		lost += int(e.Lost)
	}
	if told+lost != made || lost < 100 {
		t.Errorf("%d edges told, %d lost, of %d", told, lost, made)
	}
	if !e.Level {
		t.Error("the last edge was lost, not the oldest")
	}
	i.Close()
	if s := i.Stats()[0]; int(s.Lost) != lost || int(s.Edges) != told {
		t.Errorf("stats = %+v, want %d lost of %d", s, lost, made)
	}
}

func TestVMDebounce(t *testing.T) {
	vm.GuestOnly(t)
	const period = 50 * time.Millisecond
	c := plug(t, "gate", "A", "B")
	i, errs := Kernel().Inputs([]Input{{Name: "A"}, {Name: "B", Debounce: period}})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for try := 0; ; try++ {
		var last, widest time.Duration
		for n := range 21 {
			at := Now()
			pull(t, c, 1, n%2 == 0)
			if n > 0 {
				widest = max(widest, at-last)
			}
			last = at
			time.Sleep(time.Millisecond / 2)
		}
		e := receive(t, i)
		if widest > period/2 && try < 20 { // this machine was too slow to bounce: start again from low
			pull(t, c, 1, false)
			for e.Level || e.Channel != 1 {
				e = receive(t, i)
			}
			continue
		}
		if e.Channel != 1 || !e.Level || e.At < last+period*4/5 {
			t.Errorf("edge = %+v, want a rise one period after %v", e, last)
		}
		break
	}
	pull(t, c, 1, false)
	if e := receive(t, i); e.Level || e.Lost != 0 { // so the 21 bounces were one event
		t.Errorf("edge after the bounces = %+v", e)
	}
	pull(t, c, 0, true) // a neighbor in the same request is not debounced
	if e := receive(t, i); e.Channel != 0 {
		t.Errorf("edge = %+v", e)
	}
	if n := requests(t); n != 1 {
		t.Errorf("%d requests, want one", n)
	}
}

func TestVMNames(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "ID_SDA", "GPIO17", "", "TWICE")
	d := plug(t, "usb", "TWICE")
	first, second := filepath.Base(c.Path()), filepath.Base(d.Path())
	register(t, &gpiotest.Pin{N: "GPIO17"})
	alias(t, "P1_11", "GPIO17")
	node := "/dev/gpiochip99" // a second node for one chip, as on a Raspberry Pi 5
	if err := os.Symlink(c.Path(), node); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(node)

	infos, err := Kernel().Lines()
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, l := range infos {
		listed = append(listed, l.String())
	}
	want := []string{
		first + " line 0 (ID_SDA)", first + " line 1 (GPIO17)", first + " line 2", first + " line 3 (TWICE)",
		second + " line 0 (TWICE)",
	}
	if !slices.Equal(listed, want) {
		t.Errorf("lines = %q, want %q", listed, want)
	}

	for name, line := range map[string]int{"GPIO17": 1, "P1_11": 1, first + ":2": 2, "pinctrl-gate:3": 3} {
		i := mustOpen(t, Kernel(), name)
		pull(t, c, line, true)
		if e := receive(t, i); !e.Level || e.Clock != drivers.KernelClock {
			t.Errorf("%s: edge = %+v", name, e)
		}
		i.Close()
		pull(t, c, line, false)
	}
	if _, err := Kernel().Output(Output{Name: "TWICE"}); err == nil || !strings.Contains(err.Error(), first+":3 or "+second+":0") {
		t.Errorf("a name of two lines: %v", err)
	}
	_, errs := Kernel().Inputs([]Input{{Name: "GPIO7"}})
	if drivers.Classify(errs[0]) != drivers.FaultMissing || !strings.Contains(errs[0].Error(), "nearest: GPIO17") {
		t.Errorf("unknown name: %v", errs[0])
	}
}

func TestVMBusyLine(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "A", "B", "C")
	other, err := gpiocdev.RequestLine(c.Path(), 1, gpiocdev.WithConsumer("heartbeat"))
	if err != nil {
		t.Fatal(err)
	}
	i, errs := Kernel().Inputs([]Input{{Name: "A"}, {Name: "B"}, {Name: "C"}})
	defer i.Close()
	if errs[0] != nil || drivers.Classify(errs[1]) != drivers.FaultBusy || errs[2] != nil {
		t.Fatalf("errors = %v", errs)
	}
	if !strings.Contains(errs[1].Error(), `held by "heartbeat"`) {
		t.Errorf("error = %v", errs[1])
	}
	pull(t, c, 2, true)
	if e := receive(t, i); e.Channel != 2 {
		t.Errorf("edge = %+v", e)
	}
	other.Close()
	mustOpen(t, Kernel(), "B")
}

func TestVMBias(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "A", "B", "C", "D")
	chip, err := gpiocdev.NewChip(c.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer chip.Close()
	pull(t, c, 1, true)
	i, errs := Kernel().Inputs([]Input{{Name: "A", Bias: PullUp}, {Name: "B", Bias: PullDown}, {Name: "C", Bias: Float}, {Name: "D"}})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for n, want := range []struct {
		bias  gpiocdev.LineBias
		level bool
	}{
		{gpiocdev.LineBiasPullUp, true},
		{gpiocdev.LineBiasPullDown, false},
		{gpiocdev.LineBiasDisabled, false}, // where periph sets no flag at all
		{gpiocdev.LineBiasUnknown, false},
	} {
		info, err := chip.LineInfo(n)
		if err != nil || info.Config.Bias != want.bias || info.Consumer != consumer {
			t.Errorf("line %d: %+v, %v; want bias %v", n, info, err, want.bias)
		}
		if v, err := i.Level(n); err != nil || v != want.level {
			t.Errorf("level of line %d = %v, %v; want %v", n, v, err, want.level)
		}
	}
	if e := len(i.Edges()); e != 0 {
		t.Errorf("%d edges from setting the bias", e)
	}
}

// Somebody watches the coil all the time while the relay is opened, left alone, and closed.
func TestVMRelayIsNeverActiveUnlessSet(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "HIGH", "LOW")
	pull(t, c, 1, true) // as the resistor on a board does that is active low
	for line, o := range []Output{{Name: "HIGH"}, {Name: "LOW", ActiveLow: true}} {
		active := func() bool {
			v, err := c.Value(line)
			if err != nil {
				t.Error(err)
			}
			return v != o.ActiveLow
		}
		var looks, seen atomic.Int64
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
				}
				looks.Add(1)
				if active() {
					seen.Add(1)
				}
			}
		}()
		for range 50 {
			r, err := Kernel().Output(o)
			if err != nil {
				t.Fatal(err)
			}
			if active() {
				t.Fatalf("%s is active after it was opened", o.Name)
			}
			for from := looks.Load(); looks.Load() < from+3; {
				time.Sleep(time.Millisecond / 10)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		close(stop)
		<-stopped
		if seen.Load() != 0 {
			t.Errorf("%s was seen active %d times in %d looks", o.Name, seen.Load(), looks.Load())
		}

		r, err := Kernel().Output(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{true, false, true} {
			if err := r.Set(want); err != nil || active() != want {
				t.Errorf("%s set to %v: %v, active %v", o.Name, want, err, active())
			}
		}
		infos, err := Kernel().Lines() // looking at an output leaves it one
		if err != nil || !infos[line].Output || !infos[line].Used || infos[line].Consumer != consumer || !active() {
			t.Errorf("lines = %+v, %v; active %v", infos[line], err, active())
		}
		if err := r.Close(); err != nil || active() {
			t.Errorf("closed: %v, active %v", err, active())
		}
	}
}

// counted is the kernel, with its reads counted.
type counted struct {
	kernel
	reads *atomic.Int64
}

type countedHandle struct {
	handle
	reads *atomic.Int64
}

func (k counted) request(chip string, r *uapi.LineRequest) (handle, error) {
	h, err := k.kernel.request(chip, r)
	return countedHandle{h, k.reads}, err
}

func (h countedHandle) read(buf []byte) (int, error) {
	h.reads.Add(1)
	return h.handle.read(buf)
}

func TestVMChipIsRemovedAndReturns(t *testing.T) {
	vm.GuestOnly(t)
	stays := plug(t, "stays", "S")
	goes := plug(t, "goes", "A", "B", "R")
	var reads atomic.Int64
	p := Kernel()
	p.kernel = counted{p.kernel, &reads}
	i := mustOpen(t, p, "A", "S", "B")
	relay, err := p.Output(Output{Name: "R"})
	if err != nil {
		t.Fatal(err)
	}
	pull(t, goes, 0, true)
	receive(t, i)

	began := Now()
	unplug(t, goes)
	for _, channel := range []int{0, 2} {
		g := receiveGone(t, i)
		if g.Channel != channel || drivers.Classify(g.Err) != drivers.FaultMissing {
			t.Errorf("gone = %+v, want channel %d", g, channel)
		}
		if _, err := i.Level(channel); drivers.Classify(err) != drivers.FaultMissing {
			t.Errorf("level = %v", err)
		}
	}
	t.Logf("removal noticed after %v: %v", (Now() - began).Round(10*time.Microsecond), i.Stats()[0].Err)
	if err := relay.Set(true); drivers.Classify(err) != drivers.FaultMissing {
		t.Errorf("relay: %v", err)
	}
	relay.Close()

	had := reads.Load()
	pull(t, stays, 0, true) // the other chip goes on
	if e := receive(t, i); e.Channel != 1 {
		t.Errorf("edge = %+v", e)
	}
	time.Sleep(200 * time.Millisecond) // in which a spinning reader of the removed chip would read thousands of times
	if n := reads.Load() - had; n > 2 {
		t.Errorf("%d reads for one edge after the removal", n)
	}
	if n := requests(t); n != 1 {
		t.Errorf("%d requests are open, want that of the chip that stays", n)
	}
	if again, errs := p.Inputs([]Input{{Name: "A"}}); drivers.Classify(errs[0]) != drivers.FaultMissing {
		t.Errorf("open while it is away: %v", errs[0])
	} else {
		again.Close()
	}

	back := plug(t, "goes", "A", "B", "R")
	again := mustOpen(t, p, "A", "B")
	pull(t, back, 1, true)
	if e := receive(t, again); e.Channel != 1 || e.Lost != 0 {
		t.Errorf("edge after the return = %+v", e)
	}
	unplug(t, back)
	receiveGone(t, again)
	receiveGone(t, again)
	if _, ok := <-again.Edges(); ok {
		t.Error("edges go on without a line")
	}
}

func TestVMCloseDuringEdges(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "A")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				if err := c.Pull(0, n%2 == 0); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	p := Kernel()
	p.queue = 3
	for n := range 30 {
		i := mustOpen(t, p, "A")
		for range n % 5 { // close with edges waiting at every stage
			receive(t, i)
		}
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
		if n := requests(t); n != 0 {
			t.Fatalf("%d requests left", n)
		}
	}
}

func TestVMLinesShareRequests(t *testing.T) {
	vm.GuestOnly(t)
	names := make([]string, 70)
	for n := range names {
		names[n] = "L" + string(rune('A'+n/10)) + string(rune('0'+n%10))
	}
	c := plug(t, "big", names...)
	i := mustOpen(t, Kernel(), names...)
	if n := requests(t); n != 2 {
		t.Errorf("%d requests for 70 lines of one chip, want 2", n)
	}
	for _, line := range []int{0, 63, 64, 69} {
		pull(t, c, line, true)
		if e := receive(t, i); e.Channel != line {
			t.Errorf("edge = %+v, want channel %d", e, line)
		}
		if v, err := i.Level(line); err != nil || !v {
			t.Errorf("level of %d = %v, %v", line, v, err)
		}
	}
}

// TestVMLatency reports how long an edge takes from the kernel's stamp to the consumer, beside a bare blocking read of
// a line of the same chip, edge about. It fails only if edges are missing.
func TestVMLatency(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "OURS", "BARE")
	i := mustOpen(t, Kernel(), "OURS")
	r := inputRequest([]kernelLine{{info: Info{Offset: 1}}}, kernelEvents)
	h, err := cdev{dir: "/dev"}.request(filepath.Base(c.Path()), &r)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	bare := newChipInput(h, []kernelLine{{info: Info{Offset: 1}}})
	woken := make(chan time.Duration)
	go func() {
		buf := make([]byte, eventSize)
		for {
			if _, err := h.read(buf); err != nil {
				close(woken)
				return
			}
			now := Now()
			_, e, _ := bare.decode(buf)
			woken <- now - e.At
		}
	}()
	ours := make(chan time.Duration)
	go func() {
		for e := range i.Edges() {
			ours <- Now() - e.At
		}
		close(ours)
	}()
	const edges = 500
	var times [2][]time.Duration
	for n := range edges {
		for line, from := range []chan time.Duration{ours, woken} {
			pull(t, c, line, n%2 == 0)
			select {
			case d := <-from:
				times[line] = append(times[line], d)
			case <-time.After(patience):
				t.Fatalf("edge %d of line %d did not come", n, line)
			}
		}
	}
	quantile := func(line int, q float64) time.Duration {
		slices.Sort(times[line])
		return times[line][int(q*(edges-1))]
	}
	for _, q := range []float64{.5, .9, .99} {
		a, b := quantile(0, q), quantile(1, q)
		t.Logf("kernel stamp to consumer, p%.0f: %v; bare reader %v; ratio %.2f", 100*q, a, b, float64(a)/float64(b))
	}
}
