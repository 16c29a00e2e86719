package chip

import "testing"

// Two parts at one address answer as one, with the wired AND of their bits.
func TestShared(t *testing.T) {
	a, b := NewPCF8574(PCF8574Wiring{}), NewPCF8574(PCF8574Wiring{})
	for pin := range 8 {
		a.Drive(pin, pin%2 == 0)
		b.Drive(pin, pin < 4)
	}
	h := attach(t, 0x20, Shared{a, b})
	got := make([]byte, 1)
	if err := h.bus.Tx(0x20, nil, got); err != nil || got[0] != 0x05 {
		t.Errorf("%02x, %v, want 05", got, err)
	}
	h.write(0x00) // both take it
	for pin := range 8 {
		if a.Output(pin) != Low || b.Output(pin) != Low {
			t.Fatalf("pin %d: %v and %v", pin, a.Output(pin), b.Output(pin))
		}
	}
	a.Hold(true)
	if err := h.bus.Tx(0x20, nil, got); err != nil {
		t.Errorf("one of them still answers: %v", err)
	}
}
