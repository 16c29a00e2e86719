//go:build linux

package vm

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// guests are the packages whose tests run inside, one VM for each.
var guests = []guest{
	{pkg: "lotusgate/firmware-sim/vm"},
	{pkg: "lotusgate/drivers"},
	{pkg: "lotusgate/drivers/line"},
	{pkg: "lotusgate/cmd/lotusgate", programs: []string{"lotusgate/cmd/lotusgate"}, disk: 64},
	{
		name: "reboot", pkg: "lotusgate/cmd/lotusgate", run: "^TestVMReboot$", env: []string{"LOTUSGATE_REBOOT=1"}, reboots: true,
		programs: []string{"lotusgate/cmd/lotusgate"}, disk: 64,
	},
}

type guest struct {
	name     string   // of its test; empty is the package's
	pkg      string   // its tests that call GuestOnly, unless run says otherwise
	run      string   // as go test -run
	programs []string // main packages to build; the tests find the programs on their PATH
	env      []string
	disk     int           // MiB of ext4 at /run/disk; 0 is none
	limit    time.Duration // 0 is 5 minutes
	reboots  bool          // the tests restart the kernel once, and go on in the second boot with the same disk
}

// hostTest skips a test that boots VMs unless it was asked for.
func hostTest(t *testing.T) {
	t.Helper()
	if os.Getenv("LOTUSGATE_VMTEST") != "1" {
		t.Skip("boots the VM: make vm-test (LOTUSGATE_VMTEST=1)")
	}
	if _, err := Kernel(); err != nil {
		t.Fatal(err)
	}
}

func TestGuest(t *testing.T) {
	hostTest(t)
	for _, g := range guests {
		t.Run(cmp.Or(g.name, strings.TrimPrefix(g.pkg, "lotusgate/")), g.test)
	}
}

// test builds the guest's programs, boots it, and reports each of its tests.
func (g guest) test(t *testing.T) {
	dir := t.TempDir()
	root := goTool(t, "list", "-m", "-f", "{{.Dir}}")
	source := goTool(t, "list", "-f", "{{.Dir}}", g.pkg)
	binary := filepath.Join(dir, "guest.test")
	goTool(t, "test", "-c", "-o", binary, g.pkg)
	for _, program := range g.programs {
		goTool(t, "build", "-o", dir+"/", program)
	}
	run, limit := g.run, g.limit
	if run == "" {
		run = "^" + guestPrefix
	}
	if limit == 0 {
		limit = 5 * time.Minute
	}
	options := Options{
		Command:  []string{binary, "-test.v", "-test.run=" + run, "-test.timeout=" + limit.String()},
		Programs: dir,
		Dir:      source,
		Env:      append([]string{"CI=" + os.Getenv("CI")}, g.env...),
		Read:     []string{root, dir},
	}
	if g.disk > 0 {
		image := filepath.Join(t.TempDir(), "disk")
		if err := NewDisk(image, g.disk); err != nil {
			t.Fatal(err)
		}
		options.Disks = []Disk{{Image: image, Mount: "/run/disk"}}
	}
	ran, exit, err := boot(t, options)
	if g.reboots {
		if !errors.Is(err, ErrRebooted) {
			t.Fatalf("the guest has not restarted: %v", err)
		}
		ran, exit, err = boot(t, options)
	}
	switch {
	case err != nil:
		t.Error(err)
	case exit.Status != 0:
		t.Errorf("%s in the VM: exit status %d", g.pkg, exit.Status)
	case ran == 0:
		t.Errorf("%s in the VM: no test ran", g.pkg)
	}
	t.Logf("%d tests in the VM, boot %.2f s, all %.1f s", ran, exit.Boot.Seconds(), exit.Total.Seconds())
}

// boot runs a guest to its end and reports its tests.
func boot(t *testing.T, options Options) (ran int, exit Exit, err error) {
	lines, console := io.Pipe()
	options.Console = console
	guest, err := Boot(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = guest.Wait() // again below
		_ = console.Close()
	}()
	ran = report(t, lines)
	exit, err = guest.Wait()
	return ran, exit, err
}

// verdict is how a test program reports the end of a test.
var verdict = regexp.MustCompile(`--- (PASS|FAIL|SKIP): (\S+) \(([\d.]+s)\)`)

// report passes the guest's output on and makes a subtest of each of its
// tests. It returns how many came to a verdict other than skip.
func report(t *testing.T, output io.Reader) (ran int) {
	// Whatever happens, the guest would wait for a reader.
	defer func() { _, _ = io.Copy(io.Discard, output) }()
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	why := "" // what a test said last before its verdict
	for lines.Scan() {
		line := lines.Text()
		fmt.Fprintln(t.Output(), line)
		found := verdict.FindStringSubmatch(line)
		if found == nil {
			why = strings.TrimSpace(line)
			continue
		}
		if found[1] != "SKIP" {
			ran++
		}
		t.Run(found[2], func(t *testing.T) {
			switch found[1] {
			case "FAIL":
				t.Error("failed inside the VM, see above")
			case "SKIP":
				t.Skip(why)
			}
		})
	}
	if err := lines.Err(); err != nil {
		t.Errorf("read the guest's output: %v", err)
	}
	return ran
}

// goTool runs the go command, without cgo as for all that is shipped.
func goTool(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.Command("go", args...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	var failure strings.Builder
	command.Stderr = &failure
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, failure.String())
	}
	return strings.TrimSpace(string(out))
}
