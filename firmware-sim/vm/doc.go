// Package vm is the test bench with a real kernel: it boots User Mode Linux
// (an ordinary program, no root, no /dev/kvm) and gives the programs inside
// real GPIO lines and real I²C buses whose other end a test holds.
//
// # Outside: boot a guest
//
//	exit, err := vm.Run(ctx, vm.Options{
//		Command: []string{"/path/on/the/host/lotusgate", "run"},
//		Console: os.Stdout,
//	})
//
// The guest's root is the host's own file system, read-only, so that every
// program of the host runs inside, mosquitto included. It has its own /tmp and
// /run (memory), its own loopback network, clock, processes and devices.
// Options names host directories to see or to write, and ext4 disk images;
// VM.Kill is the power cut.
//
// # Inside: wire it up
//
//	chip, err := vm.NewChip("gate", "pinctrl-gate", []string{"LOOP_A", "LOOP_B"})
//	err = chip.Pull(0, true)                  // a car on the loop: a real edge, kernel time stamp
//
//	bus, err := vm.NewBus(1, device)          // plugs in /dev/i2c-1; device.Tx answers
//	err = bus.Close()                         // pulls it out
//
// A Device is any value with periph's Tx method: the chip models of
// firmware-sim/chip, or a few lines in a test.
//
// # Test packages
//
// A test that needs the guest is named TestVM… and calls GuestOnly first, which
// skips it elsewhere. TestGuest builds the test programs of the packages in its table (guests, in
// vm_test.go), boots one guest for each and reports every test of it as a
// subtest. `make vm` builds the kernel once, `make vm-test` runs them.
package vm
