//go:build linux

package vm

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Inside reports whether this process runs in a guest.
func Inside() bool { return os.Getenv("LOTUSGATE_VM") == "1" }

// guestPrefix begins the names of the tests that TestGuest runs inside.
const guestPrefix = "TestVM"

// GuestOnly is the first line of a test that needs the guest, and skips it
// elsewhere. Such a test is named TestVM…: by that TestGuest finds it.
func GuestOnly(t testing.TB) {
	t.Helper()
	if !strings.HasPrefix(t.Name(), guestPrefix) {
		t.Fatalf("%s calls vm.GuestOnly: rename it to %s…, or nothing runs it", t.Name(), guestPrefix)
	}
	if !Inside() {
		t.Skip("runs inside the VM: make vm-test")
	}
}

// put writes one attribute of sysfs or configfs.
func put(path, value string) error { return os.WriteFile(path, []byte(value), 0o644) }

// get reads one attribute of sysfs or configfs.
func get(path string) (string, error) {
	b, err := os.ReadFile(path)
	return strings.TrimSpace(string(b)), err
}

// needGuest guards what changes the machine it runs on.
func needGuest(operation string) error {
	if !Inside() {
		return fmt.Errorf("%s: only inside the VM, see Boot", operation)
	}
	return nil
}
