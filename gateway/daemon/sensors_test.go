package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"lotusgate/gateway/hub"
)

func TestReadBoard(t *testing.T) {
	class := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(class, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if b := readBoard(class, "/no/such/dir"); b != (hub.Board{}) {
		t.Errorf("a board without sensors says %+v", b)
	}
	write("thermal/thermal_zone0/temp", "54321\n")
	write("hwmon/hwmon0/name", "cpu_thermal\n")
	write("hwmon/hwmon1/name", "rpi_volt\n")
	write("hwmon/hwmon1/in0_lcrit_alarm", "0\n")
	b := readBoard(class, class)
	if b.Temperature != 54 || !b.Supervised || b.Undervoltage || b.DiskFree == 0 || b.DiskSize < b.DiskFree {
		t.Errorf("%+v", b)
	}
	write("hwmon/hwmon1/in0_lcrit_alarm", "1\n")
	if b := readBoard(class, class); !b.Undervoltage {
		t.Errorf("%+v", b)
	}
}
