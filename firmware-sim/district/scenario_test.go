package district

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lotusgate/firmware-sim/scenario"
	"lotusgate/gateway"
	"lotusgate/gateway/contract"
)

var update = flag.Bool("update", false, "rewrite the expectations of testdata/*.txtar")

const examples = "../../deploy/examples"

func files(t *testing.T, pattern string) (all []*scenario.File) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatal(pattern, err)
	}
	for _, name := range names {
		f, err := scenario.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// published judges what would be published.
var published = contract.Judge(2)

// Each scenario comes out as its file says, and where its field is simulated, the gateway reported what happened, no more
// and no less.
func TestScenarios(t *testing.T) {
	for _, f := range files(t, "../scenario/testdata/*.txtar") {
		t.Run(f.Name(), func(t *testing.T) {
			t.Parallel()
			out, err := Play(f, examples, func(_ time.Duration, what fmt.Stringer) {
				if i, ok := what.(Issued); ok {
					if err := published().Event(i.Event); err != nil {
						t.Error(err)
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				for part, lines := range out.Lines {
					f.Set(part, lines)
				}
				if err := f.Write(); err != nil {
					t.Fatal(err)
				}
				return
			}
			for part, lines := range out.Lines {
				if diff := f.Differs(part, lines); diff != "" {
					t.Error(diff)
				}
			}
			for _, r := range Difference(out.Rows) {
				if !f.Explains(r.String()) {
					t.Errorf("%v: truth %d, reported %d", r, r.Truth, r.Reported)
				}
			}
		})
	}
}

// Each row of the event table has a scenario in which it comes, of one machine or of a whole site.
func TestEveryEventHasAScenario(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range append(files(t, "../scenario/testdata/*.txtar"), files(t, "../../gateway/device/testdata/*.txtar")...) {
		for word := range strings.FieldsSeq(f.Part(scenario.Events)) {
			seen[word] = true
		}
	}
	// What is said of storage, uplink, clock, start and end needs a disk, a broker, or a restart: gateway/faults, gateway/daemon.
	elsewhere := map[gateway.Type]bool{
		gateway.GatewayStarted: true, gateway.GatewayStopping: true, gateway.GatewayClockSynced: true, gateway.GatewayClockStepped: true,
		gateway.GatewayEventsDropped: true, gateway.OutboxRestored: true, gateway.ConfirmationStalled: true, gateway.ConfirmationResumed: true,
		gateway.WatermarkRejected: true, gateway.ConfigCorrected: true, gateway.GatewayConfigReloaded: true, gateway.GatewayConfigRejected: true, gateway.StorageDegraded: true, gateway.StorageRecovered: true,
	}
	for _, s := range gateway.Catalogue() {
		switch has := seen[string(s.Type)]; {
		case !has && !elsewhere[s.Type]:
			t.Errorf("no scenario of %s", s.Type)
		case has && elsewhere[s.Type]:
			t.Errorf("%s has a scenario: take it off the list of those that have none", s.Type)
		}
	}
}
