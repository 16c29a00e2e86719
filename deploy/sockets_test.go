package deploy

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// listening lists what a process accepts from outside itself: TCP and Unix sockets that listen, and bound UDP sockets.
func listening(t *testing.T, pid int) []string {
	t.Helper()
	inodes := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		t.Fatalf("no open files of %d: %v", pid, err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
			inodes[strings.Trim(to, "socket:[]")] = true
		}
	}
	var found []string
	for _, proto := range []string{"tcp", "tcp6", "udp", "udp6"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, proto))
		if err != nil {
			continue // no IPv6 here
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			const listen, unconnected = "0A", "07"
			if len(f) > 9 && inodes[f[9]] && (f[3] == listen || strings.HasPrefix(proto, "udp") && f[3] == unconnected) {
				_, hex, _ := strings.Cut(f[1], ":")
				port, _ := strconv.ParseUint(hex, 16, 16)
				found = append(found, fmt.Sprintf("%s %d", proto[:3], port))
			}
		}
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/unix", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		const accepts = "00010000" // __SO_ACCEPTCON
		if len(f) > 6 && inodes[f[6]] && f[3] == accepts {
			found = append(found, "unix "+strings.Join(f[7:], " "))
		}
	}
	return found
}

// A gateway listens on what its configuration says and on nothing else.
func TestListensOnWhatIsConfigured(t *testing.T) {
	t.Parallel()
	quiet := start(t, site(t, "listen: 127.0.0.1:8080", "listen:"))
	quiet.await("READY=1")
	if found := listening(t, quiet.cmd.Process.Pid); len(found) > 0 {
		t.Errorf("nothing is configured, and yet there is %v", found)
	}
	open := start(t, site(t))
	_, port, err := net.SplitHostPort(open.page())
	if err != nil {
		t.Fatal(err)
	}
	open.await("READY=1")
	if found := listening(t, open.cmd.Process.Pid); !slices.Equal(found, []string{"tcp " + port}) {
		t.Errorf("configured is tcp %s, and there is %v", port, found)
	}
	quiet.stop()
	open.stop()
}
