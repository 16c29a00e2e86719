package access

import (
	"os"
	"path/filepath"
	"syscall"
)

// sameOwner gives a file to the owner of its directory, and a directory of root's to the owner of the one above: root sets
// the password, the gateway's user reads it.
func sameOwner(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	dir := filepath.Dir(f.Name())
	uid, gid, err := ownerOf(dir)
	if err != nil {
		return err
	}
	if uid == 0 {
		if uid, gid, err = ownerOf(filepath.Dir(dir)); err != nil {
			return err
		}
		if err := os.Chown(dir, uid, gid); err != nil {
			return err
		}
	}
	return f.Chown(uid, gid)
}

func ownerOf(name string) (uid, gid int, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, 0, err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return os.Getuid(), os.Getgid(), nil
	}
	return int(s.Uid), int(s.Gid), nil
}
