package daemon

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keepOnFailure returns a function that takes recordings of a test. If the test fails they are kept: goroutines in a bubble
// have no order within an instant, so what they did may not come again. They are in the directory that LOTUSGATE_ARTIFACTS
// names, or in lotusgate-failed where temporary files are.
func keepOnFailure(t *testing.T) func(recording []byte) {
	t.Helper()
	var all [][]byte
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		dir := cmp.Or(os.Getenv("LOTUSGATE_ARTIFACTS"), filepath.Join(os.TempDir(), "lotusgate-failed"))
		for n, recording := range all {
			name := filepath.Join(dir, fmt.Sprintf("%s-%d.rec", strings.ReplaceAll(t.Name(), "/", "-"), n+1))
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Log(err)
			} else if err := os.WriteFile(name, recording, 0o600); err != nil {
				t.Log(err)
			} else {
				t.Logf("what the core was given and decided: lotusgate replay %s", name)
			}
		}
	})
	return func(recording []byte) { all = append(all, recording) }
}
