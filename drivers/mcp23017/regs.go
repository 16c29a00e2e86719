package mcp23017

// Register addresses with IOCON.BANK = 0, Table 3-5. Port B follows at the next address, little end first.
const (
	regIODIR   = 0x00
	regIPOL    = 0x02
	regGPINTEN = 0x04
	regIOCON   = 0x0a // the same register at 0Bh
	regGPPU    = 0x0c
	regINTF    = 0x0e
	regINTCAP  = 0x10
	regGPIO    = 0x12
	regOLAT    = 0x14
	regCount   = 0x16
)

// Addresses of IOCON with IOCON.BANK = 1, Table 3-4. 05h is GPINTENB with BANK = 0.
const (
	bank1IOCONA = 0x05
	bank1IOCONB = 0x15
)

// Bits of IOCON, Register 3-6.
const (
	ioconBank   = 0x80
	ioconMirror = 0x40
	ioconODR    = 0x04
	ioconUnused = 0x01 // always reads 0
)

// Offsets in the burst from IOCON over the roll-over to IODIR.
const (
	burstStart  = regIOCON
	atIOCON     = regIOCON - burstStart
	atGPPU      = regGPPU - burstStart
	atINTF      = regINTF - burstStart
	atINTCAP    = regINTCAP - burstStart
	atGPIO      = regGPIO - burstStart
	atOLAT      = regOLAT - burstStart
	atIODIR     = regCount - burstStart + regIODIR
	burstLength = atIODIR + 2
)

var registerNames = [regCount / 2]string{
	"IODIR", "IPOL", "GPINTEN", "DEFVAL", "INTCON", "IOCON", "GPPU", "INTF", "INTCAP", "GPIO", "OLAT",
}

// pair is the value of a register of both ports: port B in the high byte.
func pair(r []byte) uint16 { return uint16(r[0]) | uint16(r[1])<<8 }

func putPair(w []byte, v uint16) { w[0], w[1] = byte(v), byte(v>>8) }
