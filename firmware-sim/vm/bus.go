//go:build linux

package vm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Device is what hangs on a bus: periph's Tx. It gets what the master writes
// in w and fills r with what the master reads, in one transaction when both
// are there; neither is there when the master only asks whether anyone
// acknowledges addr. addr is the 7-bit address.
//
// A nil error acknowledges. Else the master's program gets the errno which the
// error is or wraps, EREMOTEIO if there is none, as a driver of a real
// controller would report it; ErrSilent leaves the bus hung.
type Device interface {
	Tx(addr uint16, w, r []byte) error
}

// What Linux drivers report when a transfer fails.
const (
	NoAck           = syscall.ENXIO     // nobody acknowledged the address
	RemoteIO        = syscall.EREMOTEIO // a data byte was not acknowledged
	ArbitrationLost = syscall.EAGAIN    // another master spoke, or a data line is shorted
	TimedOut        = syscall.ETIMEDOUT // a device stretched the clock for too long
)

// ErrSilent makes a bus say nothing: its master waits until the adapter's
// timeout and gets ETIMEDOUT.
var ErrSilent = errors.New("device says nothing")

// AnyNumber lets the kernel number a bus: the lowest number not in use.
const AnyNumber = -1

// The kernel's side of the following is kernel/i2cplug/i2cplug.c.
const (
	plugDevice  = "/dev/i2cplug"
	plugAdd     = 3<<30 | 4<<16 | 'p'<<8 | 0x81 // _IOWR('p', 0x81, s32)
	plugTimeout = 1<<30 | 4<<16 | 'p'<<8 | 0x82 // _IOW('p', 0x82, u32)

	flagRead = 0x0001 // I2C_M_RD

	// One transfer: 42 messages of 8192 bytes at most, and their headers.
	maxTransfer = 8 + 42*(8+8192)
)

// A Bus is a kernel I²C adapter whose devices live in this process.
type Bus struct {
	file   *os.File
	number int
	served chan struct{}
}

// NewBus plugs in /dev/i2c-<number> and lets device answer its transfers, one
// at a time, from a goroutine of its own. AnyNumber is a number. While a
// program holds on to a bus that was pulled out, its number is in use (EBUSY).
func NewBus(number int, device Device) (*Bus, error) {
	if err := needGuest("plug in I²C bus"); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(plugDevice, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("plug in I²C bus: %w", err)
	}
	b := &Bus{file: file, served: make(chan struct{})}
	n := int32(number)
	if err := b.ioctl(plugAdd, unsafe.Pointer(&n)); err != nil {
		file.Close()
		return nil, fmt.Errorf("plug in I²C bus %d: %w", number, err)
	}
	b.number = int(n)
	go b.serve(device)
	return b, nil
}

// Number is the N of /dev/i2c-N.
func (b *Bus) Number() int { return b.number }

// Path is the bus's character device, /dev/i2c-N.
func (b *Bus) Path() string { return fmt.Sprintf("/dev/i2c-%d", b.number) }

// SetTimeout says how long a transfer waits for its answer; 1 s at first, 1 ms
// at least. It counts from the next transfer on.
func (b *Bus) SetTimeout(d time.Duration) error {
	ms := uint32(max(d.Milliseconds(), 1))
	if err := b.ioctl(plugTimeout, unsafe.Pointer(&ms)); err != nil {
		return fmt.Errorf("set timeout of I²C bus %d: %w", b.number, err)
	}
	return nil
}

// Close pulls the bus out, in use or not: the device node is gone, and
// transfers under way or to come fail with ENODEV. It waits for a call of the
// device's Tx that has not returned. Closing twice does nothing.
func (b *Bus) Close() error {
	if err := b.file.Close(); errors.Is(err, os.ErrClosed) {
		return nil
	} else if err != nil {
		return fmt.Errorf("pull out I²C bus %d: %w", b.number, err)
	}
	<-b.served
	// The kernel removes the node from a work item, within milliseconds.
	for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(b.Path()); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("pull out I²C bus %d: %s is still there", b.number, b.Path())
		}
	}
}

func (b *Bus) serve(device Device) {
	defer close(b.served)
	buf := make([]byte, maxTransfer)
	for {
		n, err := b.file.Read(buf)
		if err != nil {
			return // closed
		}
		id, messages := decode(buf[:n])
		answer, err := transfer(device, messages)
		if errors.Is(err, ErrSilent) {
			continue
		}
		// A master that has given up in the meantime (ESTALE) is its own business.
		_, _ = b.file.Write(encode(id, err, answer))
	}
}

// message is one message of a transfer. data is what the master writes, or
// room for what it reads.
type message struct {
	addr uint16
	read bool
	data []byte
}

// decode takes a transfer apart; the kernel has seen to it that it is whole.
func decode(b []byte) (id uint32, messages []message) {
	id = binary.NativeEndian.Uint32(b)
	count := binary.NativeEndian.Uint32(b[4:])
	b = b[8:]
	for range count {
		m := message{addr: binary.NativeEndian.Uint16(b), read: binary.NativeEndian.Uint16(b[2:])&flagRead != 0}
		size := int(binary.NativeEndian.Uint16(b[4:]))
		b = b[8:]
		if m.read {
			m.data = make([]byte, size)
		} else {
			m.data, b = b[:size:size], b[size:]
		}
		messages = append(messages, m)
	}
	return id, messages
}

// transfer lets device answer; a write and the read that follows it to the
// same address are one transaction. It returns all that was read.
func transfer(device Device, messages []message) (answer []byte, err error) {
	for len(messages) > 0 {
		m := messages[0]
		messages = messages[1:]
		var w, r []byte
		if m.read {
			r = m.data
		} else {
			w = m.data
			if len(messages) > 0 && messages[0].read && messages[0].addr == m.addr {
				r = messages[0].data
				messages = messages[1:]
			}
		}
		if err := device.Tx(m.addr, w, r); err != nil {
			return nil, err
		}
		answer = append(answer, r...)
	}
	return answer, nil
}

// encode is the answer to transfer id: a result, and the bytes read if it is good.
func encode(id uint32, err error, read []byte) []byte {
	var result int32
	if err != nil {
		errno := RemoteIO
		errors.As(err, &errno)
		result, read = -int32(errno), nil
	}
	b := binary.NativeEndian.AppendUint32(nil, id)
	b = binary.NativeEndian.AppendUint32(b, uint32(result))
	return append(b, read...)
}

func (b *Bus) ioctl(request uintptr, arg unsafe.Pointer) error {
	raw, err := b.file.SyscallConn()
	if err != nil {
		return err
	}
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg))
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return err
}
