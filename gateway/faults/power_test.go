package faults

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lotusgate/firmware-sim/vm"
	"lotusgate/gateway/audit"
)

// guest is a machine with an ext4 disk of its own, on which the victim runs with its own broker. What that broker hears
// leaves the machine on its console before it is acknowledged, so the center survives what the machine does not.
type guest struct {
	t     *testing.T
	dir   string // of the host, which the guest can read
	image string
	book  *book
	seen  lockedBuffer // what was no event
}

const guestDisk = "/run/disk"

func newGuest(t *testing.T, size int) *guest {
	t.Helper()
	if os.Getenv("LOTUSGATE_VMTEST") != "1" {
		t.Skip("boots the VM: make vm-test (LOTUSGATE_VMTEST=1)")
	}
	g := &guest{t: t, dir: t.TempDir(), book: newBook()}
	g.image = filepath.Join(g.dir, "disk")
	if err := vm.NewDisk(g.image, size); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "test", "-c", "-o", filepath.Join(g.dir, "victim"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // the host's libraries need not fit
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	writeFile(t, filepath.Join(g.dir, "lotusgate.yaml"), configuration("mqtt://own", guestDisk+"/outbox"))
	return g
}

// boot runs a shell script in the guest; $victim is the daemon under load.
func (g *guest) boot(script string) *vm.VM {
	g.t.Helper()
	v, err := vm.Boot(g.t.Context(), vm.Options{
		Command: []string{"sh", "-c", script},
		Env:     []string{"victim=" + filepath.Join(g.dir, "victim"), "LOTUSGATE_VICTIM=" + filepath.Join(g.dir, "lotusgate.yaml")},
		Read:    []string{g.dir},
		Disks:   []vm.Disk{{Image: g.image, Mount: guestDisk}},
		Console: &console{take: g.take},
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return v
}

func (g *guest) take(line string) {
	if strings.HasPrefix(line, "lotusgate/v1/") {
		g.book.hear(line)
		return
	}
	g.seen.add(line)
}

// finish boots, with wires that soon rest, until everything that waits has been sent, and returns the verdict. What many
// cuts have left takes more than one boot.
func (g *guest) finish() audit.Report {
	g.t.Helper()
	for boots := 0; ; boots++ {
		before := g.book.heard()
		v := g.boot(`$victim & sleep 1; kill -USR1 $!; sleep 3; kill -TERM $!; wait $!`)
		if exit, err := v.Wait(); err != nil || exit.Status != 0 {
			g.t.Errorf("the last boot ended with status %d, error %v\n%s", exit.Status, err, g.seen.String())
		}
		g.book.mu.Lock()
		r := g.book.Report(true)
		g.book.mu.Unlock()
		if r.Complete || boots > 3 && g.book.heard()-before < load || boots > 200 {
			nothing(g.t, r)
			return r
		}
	}
}

// powerCut takes the power of the whole machine at any moment. What a torn console line held was not acknowledged.
func powerCut(t *testing.T) {
	g := newGuest(t, 64)
	cuts := repeat(30)
	for cut := range cuts {
		v := g.boot("exec $victim")
		select {
		case <-v.Up():
		case <-time.After(patience):
			t.Fatal("the guest does not start")
		}
		if cut%3 > 0 {
			flowing(t, g.book, 2+rand.IntN(150))
		}
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond) // also in the middle of its start
		v.Kill()
		if _, err := v.Wait(); !errors.Is(err, vm.ErrKilled) {
			t.Fatalf("%v\n%s", err, g.seen.String())
		}
	}
	r := g.finish()
	if r.Issued < uint64(10*cuts) {
		t.Errorf("only %d events in %d runs\n%s", r.Issued, len(r.Runs), g.seen.String())
	}
	verdict(t, "power cut (ext4, whole machine)", cuts, r, 0, fmt.Sprintf("%d runs", len(r.Runs)))
}

// diskFull fills the disk under load, three times, and makes room again.
func diskFull(t *testing.T) {
	g := newGuest(t, 24)
	v := g.boot(`$victim & sleep 1
for i in 1 2 3; do
	dd if=/dev/zero of=/run/disk/fill bs=64k 2>/dev/null
	sleep 3
	rm /run/disk/fill
	sleep 2
done
kill -USR1 $!; sleep 2; kill -TERM $!; wait $!`)
	if exit, err := v.Wait(); err != nil || exit.Status != 0 {
		t.Errorf("status %d, error %v\n%s", exit.Status, err, g.seen.String())
	}
	r := g.finish()
	verdict(t, "disk full under load, then room again", 3, r, 0, "")
}

// readOnly turns the disk read-only under the running daemon, as an ageing card does, then starts one on it.
func readOnly(t *testing.T) {
	g := newGuest(t, 64)
	v := g.boot(`mount -o remount,errors=remount-ro /run/disk
$victim & sleep 2
echo 1 >/sys/fs/ext4/ubda/trigger_fs_error || exit 3
sleep 3
touch /run/disk/x 2>/dev/null && exit 4
kill -TERM $!; wait $!
$victim & sleep 2
kill -USR1 $!; sleep 1; kill -TERM $!; wait $!; exit 0`)
	if exit, err := v.Wait(); err != nil || exit.Status != 0 {
		t.Errorf("status %d, error %v\n%s", exit.Status, err, g.seen.String())
	}
	if out, err := exec.Command("/sbin/e2fsck", "-fy", g.image).CombinedOutput(); err != nil && !bytes.Contains(out, []byte("MODIFIED")) {
		t.Fatalf("%v\n%s", err, out)
	}
	r := g.finish()
	epochs := map[string]bool{}
	for _, run := range r.Runs {
		epochs[run.Epoch] = true
	}
	if len(epochs) < 2 {
		t.Errorf("the daemon that started on a read-only disk used the stored epoch: %+v", r.Runs)
	}
	verdict(t, "disk turns read-only under load, start on it", 1, r, 0, "")
}

// console cuts what the guest prints into whole lines.
type console struct {
	take func(string)
	part []byte
}

func (c *console) Write(p []byte) (int, error) {
	c.part = append(c.part, p...)
	for {
		line, rest, ok := bytes.Cut(c.part, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		c.take(string(line))
		c.part = append([]byte(nil), rest...)
	}
}

// lockedBuffer keeps the first lines.
type lockedBuffer struct {
	mu    sync.Mutex
	lines []string
}

func (b *lockedBuffer) add(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) < 50 {
		b.lines = append(b.lines, line)
	}
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, "\n")
}
