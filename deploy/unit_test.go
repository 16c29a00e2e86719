package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const unit = "systemd/lotusgate.service"

func unitText(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The exposure that systemd computes is at most 1.8.
func TestUnitExposure(t *testing.T) {
	out, err := exec.Command(tool(t, "systemd-analyze"), "security", "--offline=true", "--threshold=18", unit).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(lines[len(lines)-1])
	if exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=5", unit).Run() == nil {
		t.Error("systemd-analyze accepts any exposure")
	}
}

// With the drop-in for an operators' group it is at most 1.9, and the daemon is in everybody's user namespace.
func TestOperatorsDropIn(t *testing.T) {
	dir := t.TempDir()
	into := filepath.Join(dir, "lotusgate.service.d")
	if err := os.Mkdir(into, 0o700); err != nil {
		t.Fatal(err)
	}
	dropIn, err := os.ReadFile("systemd/operators.conf")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string][]byte{filepath.Join(dir, "lotusgate.service"): []byte(unitText(t)), filepath.Join(into, "operators.conf"): dropIn} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(tool(t, "systemd-analyze"), "security", "--offline=true", "--threshold=19", filepath.Join(dir, "lotusgate.service")).CombinedOutput()
	if err != nil || !regexp.MustCompile(`(?m)^✗ PrivateUsers=`).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}

// systemd has nothing to say about the unit where the program is installed.
func TestUnitVerify(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	installed := filepath.Join(t.TempDir(), "lotusgate.service")
	text := strings.ReplaceAll(unitText(t), "/usr/bin/lotusgate", built(t))
	for name, text := range map[string]string{"": text, "Typ=notify": strings.Replace(text, "Type=notify", "Typ=notify", 1)} {
		if err := os.WriteFile(installed, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(analyze, "--man=no", "verify", installed).CombinedOutput()
		said := string(out)
		if name == "" && (err != nil || said != "") {
			t.Errorf("%v\n%s", err, said)
		}
		if name != "" && said == "" {
			t.Error("verify does not notice", name)
		}
	}
}

// allowedCalls are the system calls that the unit's filters leave.
func allowedCalls(t *testing.T, text string) map[string]bool {
	t.Helper()
	analyze := tool(t, "systemd-analyze")
	var expand func(name string, into map[string]bool)
	expand = func(name string, into map[string]bool) {
		if !strings.HasPrefix(name, "@") {
			into[name] = true
			return
		}
		for line := range strings.Lines(output(t, analyze, "syscall-filter", name)) {
			if word := strings.TrimSpace(line); strings.HasPrefix(line, "    ") && !strings.HasPrefix(word, "#") {
				expand(word, into)
			}
		}
	}
	allowed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^SystemCallFilter=(.*)$`).FindAllStringSubmatch(text, -1) {
		names, forbid := strings.CutPrefix(m[1], "~")
		set := map[string]bool{}
		for name := range strings.FieldsSeq(names) {
			expand(name, set)
		}
		for name := range set {
			if forbid {
				delete(allowed, name)
			} else {
				allowed[name] = true
			}
		}
	}
	return allowed
}

// The daemon runs as the unit runs it: as a user without capabilities and without a way to new ones, with a supervisor
// that waits for it, and it asks the kernel for nothing that the filters refuse.
func TestUnitRestrictions(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root to give up root")
		}
		t.Skip("needs root to give up root")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	d := start(t, site(t), tool(t, "strace"), "-f", "-qq", "-s", "0", "-o", trace,
		tool(t, "setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
	d.await("READY=1")
	d.await("WATCHDOG=1")
	time.Sleep(time.Second) // of ordinary life under the trace, retries of lines, bus and broker included
	d.await("WATCHDOG=1")
	d.stop()
	d.await("STOPPING=1")

	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	_, own, ok := strings.Cut(string(b), "execve(") // setpriv
	_, own, ok2 := strings.Cut(own, "execve(")      // the program
	if !ok || !ok2 {
		t.Fatalf("the trace does not show the program:\n%.2000s", b)
	}
	text := unitText(t)
	allowed := allowedCalls(t, text)
	if !allowed["openat"] || !allowed["adjtimex"] || allowed["mount"] || allowed["settimeofday"] || allowed["setrlimit"] {
		t.Fatal("the filters were not understood")
	}
	// Refused without harm: the Go runtime and library go on without.
	harmless := []string{"prlimit64", "sched_setaffinity"}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +([a-z0-9_]+)\(`).FindAllStringSubmatch(own, -1) {
		if call := m[1]; !seen[call] {
			seen[call] = true
			if !allowed[call] && !slices.Contains(harmless, call) {
				t.Errorf("the daemon calls %s, which the unit refuses", call)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d system calls were seen", len(seen))
	}
	families := regexp.MustCompile(`(?m)^RestrictAddressFamilies=(.*)$`).FindStringSubmatch(text)[1]
	for _, m := range regexp.MustCompile(`socket\((AF_[A-Z0-9]+)`).FindAllStringSubmatch(own, -1) {
		if !slices.Contains(strings.Fields(families), m[1]) {
			t.Errorf("the daemon opens a socket of %s, which the unit refuses", m[1])
		}
	}
	if strings.Contains(own, "PROT_WRITE|PROT_EXEC") || strings.Contains(own, "PROT_READ|PROT_WRITE|PROT_EXEC") {
		t.Error("the daemon maps memory that is written and executed, which the unit refuses")
	}
}
