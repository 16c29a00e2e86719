//go:build linux

package vm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"periph.io/x/host/v3/sysfs"
)

// registers is a device with a register pointer at one address.
type registers struct {
	addr    uint16
	pointer byte
	value   [256]byte
	fault   error
	calls   int
}

func (d *registers) Tx(addr uint16, w, r []byte) error {
	d.calls++
	if addr != d.addr {
		return NoAck
	}
	if d.fault != nil {
		return d.fault
	}
	if len(w) > 0 {
		d.pointer = w[0]
		copy(d.value[d.pointer:], w[1:])
	}
	copy(r, d.value[d.pointer:])
	return nil
}

func newBus(t *testing.T, number int, device Device) *Bus {
	t.Helper()
	bus, err := NewBus(number, device)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, bus)
	return bus
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// tx is a raw I2C_RDWR, for periph's error is text that has lost the errno.
func tx(f *os.File, addr uint16, w, r []byte) error {
	type i2cMsg struct {
		addr, flags, size uint16
		buf               unsafe.Pointer
	}
	type i2cRdwr struct {
		msgs  unsafe.Pointer
		count uint32
	}
	var msgs []i2cMsg
	if len(w) > 0 {
		msgs = append(msgs, i2cMsg{addr, 0, uint16(len(w)), unsafe.Pointer(&w[0])})
	}
	if len(r) > 0 {
		msgs = append(msgs, i2cMsg{addr, flagRead, uint16(len(r)), unsafe.Pointer(&r[0])})
	}
	arg := i2cRdwr{unsafe.Pointer(&msgs[0]), uint32(len(msgs))}
	const rdwr = 0x0707
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), rdwr, uintptr(unsafe.Pointer(&arg))); errno != 0 {
		return errno
	}
	return nil
}

func TestVMBusThroughPeriph(t *testing.T) {
	GuestOnly(t)
	device := &registers{addr: 0x20}
	bus := newBus(t, 1, device)
	if bus.Number() != 1 {
		t.Errorf("bus 1 got number %d", bus.Number())
	}
	master, err := sysfs.NewI2C(1)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, master)
	if err := master.Tx(0x20, []byte{0x12, 0xA5, 0x5A}, nil); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 2)
	if err := master.Tx(0x20, []byte{0x12}, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, []byte{0xA5, 0x5A}) || device.calls != 2 {
		t.Errorf("read back %x in %d transactions, want a55a in 2", got, device.calls)
	}
	big := make([]byte, 200)
	if err := master.Tx(0x20, nil, big[:1]); err != nil || big[0] != 0xA5 {
		t.Errorf("read without a write: %x, error %v", big[0], err)
	}
}

func TestVMBusFaults(t *testing.T) {
	GuestOnly(t)
	device := &registers{addr: 0x20}
	bus := newBus(t, AnyNumber, device)
	f := open(t, bus.Path())
	if err := tx(f, 0x21, []byte{0}, nil); err != NoAck {
		t.Errorf("address of nobody: %v, want %v", err, NoAck)
	}
	for _, fault := range []error{RemoteIO, ArbitrationLost, TimedOut, syscall.EIO} {
		device.fault = fault
		if err := tx(f, 0x20, []byte{0}, make([]byte, 1)); err != fault {
			t.Errorf("device says %v: master got %v", fault, err)
		}
	}
	device.fault = errors.New("no errno in here")
	if err := tx(f, 0x20, []byte{0}, nil); err != RemoteIO {
		t.Errorf("device error without errno: %v, want %v", err, RemoteIO)
	}
	device.fault = ErrSilent
	for _, timeout := range []time.Duration{time.Second, 50 * time.Millisecond} {
		if timeout != time.Second { // the default
			if err := bus.SetTimeout(timeout); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		err := tx(f, 0x20, []byte{0}, nil)
		if took := time.Since(began); err != TimedOut || took < timeout || took > timeout+time.Second {
			t.Errorf("hung bus: %v after %v, want %v after %v", err, took, TimedOut, timeout)
		}
	}
	device.fault = nil
	if err := tx(f, 0x20, []byte{0}, nil); err != nil {
		t.Errorf("bus after its faults: %v", err)
	}
}

func TestVMBusPulledOut(t *testing.T) {
	GuestOnly(t)
	device := &registers{addr: 0x20, fault: ErrSilent}
	bus := newBus(t, 1, device)
	f := open(t, bus.Path())
	if err := bus.SetTimeout(time.Minute); err != nil {
		t.Fatal(err)
	}
	hung := make(chan error)
	go func() { hung <- tx(f, 0x20, []byte{0}, nil) }()
	time.Sleep(50 * time.Millisecond)

	began := time.Now()
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-hung; err != syscall.ENODEV {
		t.Errorf("transfer under way: %v, want ENODEV", err)
	}
	if err := tx(f, 0x20, []byte{0}, nil); err != syscall.ENODEV {
		t.Errorf("transfer afterwards: %v, want ENODEV", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("pulling out a busy bus took %v", took)
	}
	if _, err := NewBus(1, device); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("number of a bus somebody still holds: %v, want EBUSY", err)
	}
	f.Close()
	// The number is free when the kernel's work item has woken up.
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		again, err := NewBus(1, &registers{addr: 0x20})
		if err == nil {
			closeLater(t, again)
			if err := tx(open(t, again.Path()), 0x20, []byte{0}, nil); err != nil {
				t.Errorf("bus plugged in again: %v", err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestVMTwoBuses(t *testing.T) {
	GuestOnly(t)
	var wg sync.WaitGroup
	for n := range 2 {
		bus := newBus(t, AnyNumber, &registers{addr: uint16(0x20 + n)})
		f := open(t, bus.Path())
		wg.Go(func() {
			for i := range 200 {
				got := []byte{0}
				if err := errors.Join(tx(f, uint16(0x20+n), []byte{7, byte(i)}, nil), tx(f, uint16(0x20+n), []byte{7}, got)); err != nil || got[0] != byte(i) {
					t.Errorf("bus %d, round %d: read %d, error %v", n, i, got[0], err)
					return
				}
			}
			if err := tx(f, uint16(0x21-n), []byte{7}, nil); err != NoAck {
				t.Errorf("bus %d answers for the other's device: %v", n, err)
			}
		})
	}
	wg.Wait()
}

// deviceFunc is a Device of one function.
type deviceFunc func(addr uint16, w, r []byte) error

func (f deviceFunc) Tx(addr uint16, w, r []byte) error { return f(addr, w, r) }

// Which messages of a transfer make one transaction. Needs no guest.
func TestTransfer(t *testing.T) {
	write := func(addr uint16, data ...byte) message { return message{addr, false, data} }
	read := func(addr uint16, size int) message { return message{addr, true, make([]byte, size)} }
	for _, test := range []struct {
		name     string
		messages []message
		calls    string // each as addr:written>length read
		answer   []byte
	}{
		{"probe", []message{write(0x20)}, "20:>0 ", nil},
		{"write", []message{write(0x20, 1, 2)}, "20:0102>0 ", nil},
		{"read", []message{read(0x20, 2)}, "20:>2 ", []byte{1, 1}},
		{"register", []message{write(0x20, 9), read(0x20, 1)}, "20:09>1 ", []byte{1}},
		{"two registers", []message{write(0x20, 9), read(0x20, 1), write(0x20, 8), read(0x20, 2)}, "20:09>1 20:08>2 ", []byte{1, 2, 2}},
		{"two devices", []message{write(0x20, 9), read(0x21, 1)}, "20:09>0 21:>1 ", []byte{2}},
		{"two writes", []message{write(0x20, 9), write(0x20, 8), read(0x20, 1)}, "20:09>0 20:08>1 ", []byte{2}},
	} {
		var calls string
		count := byte(0)
		answer, err := transfer(deviceFunc(func(addr uint16, w, r []byte) error {
			count++
			calls += fmt.Sprintf("%x:%x>%d ", addr, w, len(r))
			copy(r, bytes.Repeat([]byte{count}, len(r)))
			return nil
		}), test.messages)
		if err != nil || calls != test.calls || !bytes.Equal(answer, test.answer) {
			t.Errorf("%s: calls %q, answer %x, error %v; want %q, %x", test.name, calls, answer, err, test.calls, test.answer)
		}
	}
}
