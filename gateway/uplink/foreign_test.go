package uplink

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
)

// TestForeignStatus has somebody else number events of our epoch, or not.
func TestForeignStatus(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	why := make(chan string, 10)
	g.opt.Renew = func(reason string) { why <- reason }
	g.start()
	p := b.accept()
	own := g.link("connected", connected).Session
	status := func(session, epoch string, run uint32, retained bool) {
		p.say(testRoot+"/status", fmt.Sprintf(`{"state":"lost","session":%q,"ledger":{"epoch":%q,"run":%d}}`, session, epoch, run), retained)
	}
	status("earlier", "k3v9q2", 11, true)      // the run before
	status("other", "aaaaaa", 99, true)        // another epoch
	status(own, "k3v9q2", 12, true)            // an earlier connection of ours
	status(own[:20]+"x", "k3v9q2", 12, false)  // and another one
	p.say(testRoot+"/status", "no JSON", true) // nonsense
	status("a-clone", "k3v9q2", 12, true)
	status("its-next-run", "k3v9q2", 13, false)
	for _, want := range []string{"session a-clone ", "session its-next-run "} {
		select {
		case reason := <-why:
			if !strings.HasPrefix(reason, want) {
				t.Errorf("a new epoch because of %q, want that of %q", reason, want)
			}
		case <-time.After(patience):
			t.Fatalf("nothing was made of %q", want)
		}
	}
}

// A watermark above all that was issued means that the center has numbers that this outbox will issue again.
func TestWatermarkAboveWhatWasIssued(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	why := make(chan string, 1)
	g.opt.AckByCenter, g.opt.Renew = true, func(reason string) { why <- reason }
	rejected := make(chan gateway.ConfirmationData, 1)
	g.opt.Confirmation = func(c Confirmation, d gateway.ConfirmationData) { rejected <- d }
	g.out.add(4, g.clock.Now())
	g.start()
	p := b.accept()
	p.say(testRoot+"/watermark", `{"epoch":"k3v9q2","run":12,"number":5}`, true)
	select {
	case reason := <-why:
		if reason != "the center has confirmed k3v9q2-00000012-0000000005, and the newest event is 12-4" {
			t.Error(reason)
		}
	case <-time.After(patience):
		t.Fatal("nothing was made of a watermark above all numbers")
	}
	select {
	case d := <-rejected:
		t.Errorf("rejected, too: %+v", d)
	default:
	}
}
