//go:build linux

package line

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/warthog618/go-gpiocdev/uapi"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/vm"
)

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
