package intake

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
)

// What docs/examples tells centers to write is what the gateway takes.
func TestExamplesOfCenters(t *testing.T) {
	for _, line := range [][]string{{"python3", "command.py"}, {"node", "command.mjs"}} {
		t.Run(line[0], func(t *testing.T) {
			needs(t, line[0])
			d := newDesk(t, nil)
			d.wall = time.Now()
			file, err := filepath.Abs(filepath.Join("../../docs/examples", line[1]))
			if err != nil {
				t.Fatal(err)
			}
			for _, clock := range []gateway.ClockQuality{gateway.ClockSynced, gateway.ClockUnset} {
				d.clock = clock
				nonce, _ := d.in.Nonce()
				cmd := exec.Command(line[0], file, filepath.Join(d.dir, "eddsa.key"), "eddsa", audience, "session-1", nonce, "entry-gate", "open")
				out, err := cmd.Output()
				if err != nil {
					t.Fatal(err)
				}
				d.expect("", []byte(strings.TrimSpace(string(out))))
			}
		})
	}
}

// needs skips a test on a machine that lacks a language, but for where everything is to be tested.
func needs(t *testing.T, program string) {
	t.Helper()
	err := exec.Command(program, "--version").Run()
	if program == "python3" && err == nil {
		err = exec.Command(program, "-c", "import cryptography").Run()
	}
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s (with cryptography) is needed: %v", program, err)
	}
	t.Skipf("%s: %v", program, err)
}
