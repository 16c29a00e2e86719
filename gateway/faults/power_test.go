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
	"lotusgate/gateway"
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
	also  func(line string)

	mu    sync.Mutex
	told  map[gateway.Type]int // what the gateway said about its disk
	dated int                  // events with a date

	disk    *vm.Volatile // nil = the image itself
	lost    int          // sectors that it forgot
	flushes int
}

const guestDisk = "/run/disk"

func newGuest(t *testing.T, size int) *guest {
	t.Helper()
	if os.Getenv("LOTUSGATE_VMTEST") != "1" {
		t.Skip("boots the VM: make vm-test (LOTUSGATE_VMTEST=1)")
	}
	g := &guest{t: t, dir: t.TempDir(), book: newBook(), told: map[gateway.Type]int{}}
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
		Command:  []string{"sh", "-c", script},
		Programs: g.dir,
		Env:      []string{"victim=" + filepath.Join(g.dir, "victim"), "LOTUSGATE_VICTIM=" + filepath.Join(g.dir, "lotusgate.yaml")},
		Read:     []string{g.dir},
		Disks:    []vm.Disk{{Image: g.image, Mount: guestDisk}},
		Console:  &console{take: g.take},
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return v
}

func (g *guest) take(line string) {
	if g.also != nil {
		g.also(line)
	}
	if strings.HasPrefix(line, "lotusgate/v1/") {
		g.book.hear(line)
		if strings.Contains(line, "/event/") && strings.Contains(line, `,"time":"`) {
			g.mu.Lock()
			g.dated++
			g.mu.Unlock()
		}
		for _, t := range [...]gateway.Type{gateway.StorageDegraded, gateway.StorageRecovered} {
			if strings.Contains(line, `"type":"`+gateway.TypePrefix+string(t)+`"`) {
				g.mu.Lock()
				g.told[t]++
				g.mu.Unlock()
			}
		}
		return
	}
	g.seen.add(line)
}

// finish boots once more, with wires that soon rest, until the outbox itself says that nothing waits, and returns the
// verdict.
func (g *guest) finish() audit.Report {
	g.t.Helper()
	v := g.boot(`$victim & sleep 1; kill -USR1 $!
until LOTUSGATE_LOOK=` + guestDisk + `/outbox $victim | grep "^waiting 0 "; do sleep 1; done
kill -TERM $!; wait $!`)
	g.flows(v)
	if exit, err := v.Wait(); err != nil || exit.Status != 0 {
		g.t.Errorf("the last boot ended with status %d, error %v\n%s", exit.Status, err, g.seen.String())
	}
	g.book.mu.Lock()
	r := g.book.Report(true)
	g.book.mu.Unlock()
	nothing(g.t, r)
	return r
}

// flows waits for the end of a guest from which something arrives all the time.
func (g *guest) flows(v *vm.VM) {
	g.t.Helper()
	ended := make(chan struct{})
	go func() {
		_, _ = v.Wait()
		close(ended)
	}()
	for last, at := -1, time.Now(); ; {
		select {
		case <-ended:
			return
		case <-time.After(time.Second):
		}
		if n := g.book.arrivals(); n != last {
			last, at = n, time.Now()
		} else if time.Since(at) > patience {
			v.Kill()
			<-ended
			g.t.Fatalf("records wait, and nothing arrives any more\n%s", g.seen.String())
		}
	}
}

// powerCut takes the power of the whole machine at any moment. What a torn console line held was not acknowledged.
func powerCut(t *testing.T) {
	g := newGuest(t, 64)
	cuts := repeat(30)
	for cut := range cuts {
		g.cut(cut, "exec $victim")
	}
	r := g.finish()
	g.enough(r, cuts)
	verdict(t, "power cut (ext4, whole machine)", cuts, r, 0, fmt.Sprintf("%d runs; %d events of the last milliseconds unsaved and unsent", len(r.Runs), r.Unsaved))
}

// powerCutVolatile is the same on a disk with a write cache of its own: what was not flushed is kept or not, sector by
// sector. The guest writes back quickly, so that there is something to lose.
func powerCutVolatile(t *testing.T) {
	g := newGuest(t, 64)
	disk, err := vm.NewVolatile(g.image)
	if err != nil {
		if os.Getuid() == 0 && os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
	g.disk, g.image, disk.FlushTime = disk, disk.Path, 10*time.Millisecond
	cuts := repeat(10)
	for cut := 0; cut < cuts || g.lost == 0 && cut < 5*cuts; cut++ {
		g.cut(cut, "echo 10 >/proc/sys/vm/dirty_writeback_centisecs; echo 10 >/proc/sys/vm/dirty_expire_centisecs; exec $victim")
	}
	r := g.finish()
	g.enough(r, cuts)
	if g.lost == 0 || g.flushes < cuts {
		t.Errorf("the disk forgot %d sectors and was flushed %d times in %d cuts: that proves nothing", g.lost, g.flushes, cuts)
	}
	verdict(t, "power cut, disk with a volatile write cache", cuts, r, 0, fmt.Sprintf("%d runs; the disk forgot %d unflushed sectors; %d events unsaved and unsent", len(r.Runs), g.lost, r.Unsaved))
}

// cut boots, and takes the power at a random moment, also in the middle of the start.
func (g *guest) cut(nth int, script string) {
	g.t.Helper()
	v := g.boot(script)
	g.started(v)
	if nth%3 > 0 {
		flowing(g.t, g.book, 2+rand.IntN(150))
	}
	time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
	if g.disk != nil {
		lost, flushes, err := g.disk.Off()
		if err != nil {
			g.t.Fatal(err)
		}
		g.lost, g.flushes = g.lost+lost, g.flushes+flushes
	}
	v.Kill()
	if _, err := v.Wait(); !errors.Is(err, vm.ErrKilled) {
		g.t.Fatalf("%v\n%s", err, g.seen.String())
	}
	if g.disk != nil {
		g.disk.On()
	}
}

// started waits until the guest runs its command.
func (g *guest) started(v *vm.VM) {
	g.t.Helper()
	failed := make(chan error, 1)
	go func() {
		_, err := v.Wait()
		failed <- err
	}()
	select {
	case <-v.Up():
	case err := <-failed:
		g.t.Fatalf("the guest does not start: %v", err)
	case <-time.After(patience):
		v.Kill()
		g.t.Fatalf("the guest does not start: %v", <-failed)
	}
}

// enough demands that the cuts met a gateway at work.
func (g *guest) enough(r audit.Report, cuts int) {
	g.t.Helper()
	if r.Issued < uint64(10*cuts) {
		g.t.Errorf("only %d events in %d runs\n%s", r.Issued, len(r.Runs), g.seen.String())
	}
	for _, run := range r.Runs {
		if run.Unsaved > load/2 { // a normal event waits 20 ms for its commit, and the disk is slow
			g.t.Errorf("run %d: %d events went with the power, unsaved", run.Run, run.Unsaved)
		}
	}
}

// diskFull fills the disk under load while nobody takes events, and makes room again: alarms are stored all the time,
// the gateway says what is wrong, and goes on by itself. What had to go is named.
func diskFull(t *testing.T) {
	g := newGuest(t, 24)
	writeFile(t, filepath.Join(g.dir, "alone.yaml"), configuration("mqtt://127.0.0.1:9", guestDisk+"/outbox"))
	fills := repeat(1)
	// A look is "waiting W alarm A normal N". It is full where N stays as it is though events come.
	v := g.boot(fmt.Sprintf(`look() { LOTUSGATE_LOOK=/run/disk/outbox $victim; }
LOTUSGATE_VICTIM=%s/alone.yaml LOTUSGATE_LOAD=1600 $victim & sleep 2
for i in $(seq %d); do
	dd if=/dev/zero of=/run/disk/fill bs=64k 2>/dev/null
	now=$(look)
	until was=$now; sleep 1; now=$(look); [ "${was##* }" = "${now##* }" ]; do :; done
	echo "full: $now"; set -- $now; full=$4
	for n in $(seq 60); do sleep 1; now=$(look); set -- $now; [ $(($4 - full)) -lt 100 ] || break; done
	echo "still full: $now"
	rm /run/disk/fill
	until now=$(look); [ "${was##* }" != "${now##* }" ]; do sleep 1; done
	echo "room: $now"
done
kill -TERM $!; wait $!`, g.dir, fills))
	if exit, err := v.Wait(); err != nil || exit.Status != 0 {
		t.Fatalf("status %d, error %v\n%s", exit.Status, err, g.seen.String())
	}
	var full, still, stored int // alarms on disk
	for _, line := range strings.Split(g.seen.String(), "\n") {
		t.Log(line)
		what, look, _ := strings.Cut(line, ": ")
		var waiting, alarm, normal int
		if n, _ := fmt.Sscanf(look, "waiting %d alarm %d normal %d", &waiting, &alarm, &normal); n < 3 {
			continue
		}
		switch what {
		case "full":
			full = alarm
		case "still full":
			if still = alarm; still-full < 100 {
				t.Errorf("only %d alarms were stored in a minute on a full disk", still-full)
			}
			stored += still - full
		}
	}
	r := g.finish()
	for _, told := range [...]gateway.Type{gateway.StorageDegraded, gateway.StorageRecovered} {
		if g.told[told] < fills {
			t.Errorf("%s was told %d times in %d fills", told, g.told[told], fills)
		}
	}
	verdict(t, "disk full under load, then room again", fills, r, 0, fmt.Sprintf("%d alarms stored while it was full; degraded and recovered told", stored))
}

// clockSteps sets the wall clock of the machine back an hour, 50 years ahead, to 1970 and right again, under load: nothing
// may be ordered, expired or lost by it, and no event may bear a date that nobody vouches for.
func clockSteps(t *testing.T) {
	g := newGuest(t, 64)
	v := g.boot(`$victim & sleep 1; now=$(date +%s)
for then in $((now - 3600)) $((now + 50 * 31557600)) 86400 $now; do date -s @$then >/dev/null || exit 3; sleep 1; done
echo "clock set four times"; kill -TERM $!; wait $!`)
	if exit, err := v.Wait(); err != nil || exit.Status != 0 || !strings.Contains(g.seen.String(), "clock set four times") {
		t.Fatalf("status %d, error %v\n%s", exit.Status, err, g.seen.String())
	}
	if g.dated > 0 {
		t.Errorf("%d events are dated though nothing keeps the clock of the machine right", g.dated)
	}
	r := g.finish()
	verdict(t, "wall clock −1 h, +50 years, to 1970, and right again", 4, r, 0, "no event dated by an unset clock")
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

// lockedBuffer keeps the last lines.
type lockedBuffer struct {
	mu    sync.Mutex
	lines []string
}

func (b *lockedBuffer) add(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) == 50 {
		b.lines = b.lines[1:]
	}
	b.lines = append(b.lines, line)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, "\n")
}
