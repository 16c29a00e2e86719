package line

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lotusgate/drivers"
)

func TestNoChip(t *testing.T) {
	p := Kernel()
	p.kernel = cdev{dir: t.TempDir()}
	i, errs := p.Inputs([]Input{{Name: "GPIO17"}})
	defer i.Close()
	if drivers.Classify(errs[0]) != drivers.FaultMissing || !strings.Contains(errs[0].Error(), "no GPIO chip") {
		t.Errorf("error = %v", errs[0])
	}
	if lines, err := p.Lines(); err != nil || len(lines) != 0 {
		t.Errorf("lines = %v, %v", lines, err)
	}
}

func TestNodeThatIsNoChip(t *testing.T) {
	dir := t.TempDir()
	node := filepath.Join(dir, "gpiochip0")
	if err := os.WriteFile(node, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "gpiochip1")); err != nil { // a chip that goes while we look
		t.Fatal(err)
	}
	_, err := cdev{dir: dir}.lines()
	if err == nil || !strings.Contains(err.Error(), node) || strings.Contains(err.Error(), "gpiochip1") {
		t.Errorf("error = %v, want one that names %s alone", err, node)
	}
}
