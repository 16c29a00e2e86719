package line

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/warthog618/go-gpiocdev/uapi"
	"golang.org/x/sys/unix"

	"lotusgate/drivers"
)

// The kernel's structures have one size on every architecture; these lines do not compile if Go's differ.
var (
	_ [592]struct{}       = [unsafe.Sizeof(uapi.LineRequest{})]struct{}{}
	_ [256]struct{}       = [unsafe.Sizeof(uapi.LineInfoV2{})]struct{}{}
	_ [eventSize]struct{} = [unsafe.Sizeof(uapi.LineEvent{})]struct{}{}
)

// lookAgain is how long a read may wait before it asks whether the chip is still there: kernels before 6.6 do not wake
// a reader when they remove it.
const lookAgain = time.Second

// cdev is the kernel's GPIO character devices, version 2 of the interface.
type cdev struct {
	dir string // where the nodes are
}

func (c cdev) lines() ([]Info, error) {
	nodes, err := filepath.Glob(filepath.Join(c.dir, "gpiochip*"))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(nodes, func(a, b string) int { // gpiochip2 before gpiochip10
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	var all []Info
	var failed error
	seen := map[string]bool{} // a chip may have a second node, as on a Raspberry Pi 5
	for _, node := range nodes {
		chip, err := chipLines(node, seen)
		if fault := drivers.Classify(err); fault != drivers.FaultNone && fault != drivers.FaultMissing { // it may go while we look
			failed = errors.Join(failed, fmt.Errorf("read GPIO chip %s: %w", node, err))
			continue
		}
		all = append(all, chip...)
	}
	return all, failed
}

// chipLines lists the lines of one node, unless its chip was seen.
func chipLines(node string, seen map[string]bool) ([]Info, error) {
	f, err := os.Open(node)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []Info
	err = withDescriptor(f, func(fd uintptr) error {
		chip, err := uapi.GetChipInfo(fd)
		if err != nil {
			return err
		}
		name, label := uapi.BytesToString(chip.Name[:]), uapi.BytesToString(chip.Label[:])
		if seen[name] {
			return nil
		}
		for offset := range int(chip.Lines) {
			l, err := uapi.GetLineInfoV2(fd, offset)
			if err != nil {
				return err
			}
			lines = append(lines, Info{
				Chip: name, Label: label, Offset: offset,
				Name:     uapi.BytesToString(l.Name[:]),
				Used:     l.Flags.IsUsed(),
				Consumer: uapi.BytesToString(l.Consumer[:]),
				Output:   l.Flags.IsOutput(),
			})
		}
		seen[name] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lines, nil
}

func (c cdev) request(chip string, r *uapi.LineRequest) (handle, error) {
	f, err := os.Open(filepath.Join(c.dir, chip))
	if err != nil {
		return nil, err
	}
	defer f.Close() // the request lives on without it
	if err := withDescriptor(f, func(fd uintptr) error { return uapi.GetLine(fd, r) }); err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(int(r.Fd), true); err != nil {
		unix.Close(int(r.Fd))
		return nil, err
	}
	lines := os.NewFile(uintptr(r.Fd), chip)
	if err := lines.SetReadDeadline(time.Now().Add(lookAgain)); err != nil { // not in the poller: a read would hold a thread
		lines.Close()
		return nil, err
	}
	return granted{lines}, nil
}

// granted is the descriptor of a request.
type granted struct{ file *os.File }

func (g granted) read(buf []byte) (int, error) {
	for {
		n, err := g.file.Read(buf)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		// With a new deadline the next Read asks the kernel first, which says ENODEV if the chip was removed.
		if err := g.file.SetReadDeadline(time.Now().Add(lookAgain)); err != nil {
			return 0, err
		}
	}
}

func (g granted) level(bit int) (bool, error) {
	v := uapi.LineValues{Mask: 1 << bit}
	err := withDescriptor(g.file, func(fd uintptr) error { return uapi.GetLineValuesV2(fd, &v) })
	return v.Get(bit) != 0, err
}

func (g granted) set(active bool) error {
	v := uapi.LineValues{Mask: 1}
	if active {
		v.Bits = 1
	}
	return withDescriptor(g.file, func(fd uintptr) error { return uapi.SetLineValuesV2(fd, v) })
}

func (g granted) close() error { return g.file.Close() }

// withDescriptor runs an ioctl on a file that stays open meanwhile. File.Fd would do, but makes the file blocking.
func withDescriptor(c syscall.Conn, ioctl func(fd uintptr) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = ioctl(fd) }); err != nil {
		return err
	}
	return failed
}
