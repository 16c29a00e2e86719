package chip

import (
	"bytes"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"
)

// A transfer with the part locked once does to the part, and counts on the wire, what one does byte by byte.
func TestQuickIsByteByByte(t *testing.T) {
	type driven interface {
		Device
		Reset()
		Hold(bool)
	}
	rapid.Check(t, func(t *rapid.T) {
		var now time.Duration
		clock := func() time.Duration { return now }
		kind := rapid.IntRange(0, 3).Draw(t, "kind")
		var ints [2][]bool
		var parts [2]driven
		var buses [2]*Bus
		for i := range buses {
			hear := func(high bool) { ints[i] = append(ints[i], high) }
			switch kind {
			case 0:
				parts[i] = NewADS1115(clock, 1000)
			case 1:
				parts[i] = NewINA219(clock)
			case 2:
				parts[i] = NewPCA9555(PCA9555Wiring{Interrupt: hear})
			case 3:
				parts[i] = NewMCP23017(MCP23017Wiring{RevD: true, Interrupt: func(pin int, high bool) { hear(high) }})
			}
			buses[i] = NewBus("I2C1")
			if err := buses[i].Attach(0x20, parts[i]); err != nil {
				t.Fatal(err)
			}
		}
		buses[1].During(func(uint16, bool, int) {}) // somebody looks: byte by byte
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 20).Draw(t, "ms")) * time.Millisecond
			pin, high := rapid.IntRange(0, 3).Draw(t, "pin"), rapid.Bool().Draw(t, "high")
			what := rapid.IntRange(0, 9).Draw(t, "what")
			w := rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "w")
			size := rapid.IntRange(0, 4).Draw(t, "r")
			var got [2][]byte
			var errs [2]error
			for i := range parts {
				switch p := parts[i].(type) {
				case *ADS1115:
					p.Drive(pin, physic.ElectricPotential(what)*physic.MilliVolt)
				case *PCA9555:
					p.Drive(pin, high)
				case *MCP23017:
					p.Drive(pin, high)
				}
				switch what {
				case 0:
					parts[i].Reset()
				case 1:
					parts[i].Hold(high)
				}
				got[i] = make([]byte, size)
				errs[i] = buses[i].Tx(0x20, w, got[i])
			}
			if !bytes.Equal(got[0], got[1]) || (errs[0] == nil) != (errs[1] == nil) || errs[0] != nil && errs[0].Error() != errs[1].Error() {
				t.Fatalf("%x %v, byte by byte %x %v", got[0], errs[0], got[1], errs[1])
			}
			if a, b := buses[0].Stats(), buses[1].Stats(); a != b {
				t.Fatalf("%+v, byte by byte %+v", a, b)
			}
			if len(ints[0]) != len(ints[1]) {
				t.Fatalf("INT moved %v, byte by byte %v", ints[0], ints[1])
			}
		}
	})
}
