//go:build linux

package vm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
)

// A Disk is an ext4 image file of the host, mounted in the guest.
type Disk struct {
	Image string // absolute path, without a comma or colon; NewDisk makes one
	Mount string // where in the guest: a path below /run or /tmp; made if missing
}

// NewDisk makes an empty ext4 image of size MiB at path. The file is sparse.
func NewDisk(path string, size int) error {
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		mkfs = "/sbin/mkfs.ext4" // not on the PATH of every user
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return fmt.Errorf("make disk image: %w", err)
	}
	out, err := exec.Command(mkfs, "-q", "-F", path, fmt.Sprintf("%dM", size)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make disk image %s: %w (package e2fsprogs): %s", path, err, bytes.TrimSpace(out))
	}
	return nil
}
