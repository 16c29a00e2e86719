package daemon

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"lotusgate/gateway/hub"
)

const boardLook = 10 * time.Second

// watchBoard keeps the hub's view of the board true.
func (d *daemon) watchBoard(ctx context.Context) {
	tick := time.NewTicker(boardLook)
	defer tick.Stop()
	var last hub.Board
	for {
		if now := readBoard("/sys/class", d.cfg.Storage.Path); now != last {
			last = now
			d.hub.SetBoard(now)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// readBoard reads the kernel's sensors below class (/sys/class) and the room left in a directory. What is rounded is
// rounded so that a view does not change with every look.
func readBoard(class, dir string) hub.Board {
	var b hub.Board
	if milli, err := strconv.Atoi(readLine(filepath.Join(class, "thermal/thermal_zone0/temp"))); err == nil {
		b.Temperature = math.Round(float64(milli) / 1000)
	}
	// rpi_volt is the Raspberry Pi's; the firmware looks at the 5 V rail and its limit is 4.63 V.
	monitors, _ := filepath.Glob(filepath.Join(class, "hwmon/hwmon*"))
	for _, m := range monitors {
		if readLine(filepath.Join(m, "name")) == "rpi_volt" {
			b.Supervised = true
			b.Undervoltage = readLine(filepath.Join(m, "in0_lcrit_alarm")) == "1"
		}
	}
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) == nil {
		const round = 1 << 20
		b.DiskFree = st.Bavail * uint64(st.Bsize) / round * round
		b.DiskSize = st.Blocks * uint64(st.Bsize)
	}
	return b
}

func readLine(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
