package drivers

import (
	"testing"
	"time"
)

func TestBits(t *testing.T) {
	for _, c := range []struct {
		w, r int
		want uint64
	}{
		{0, 1, 1 + 9 + 9 + 1},           // PCF8574 read
		{1, 0, 1 + 9 + 9 + 1},           // PCF8574 write
		{1, 2, 1 + 18 + 1 + 9 + 18 + 1}, // a register of 16 bits: 48
		{1, 14, 1 + 18 + 1 + 9 + 126 + 1},
		{0, 0, 11}, // asks for an acknowledge
	} {
		if got := Bits(c.w, c.r); got != c.want {
			t.Errorf("Bits(%d, %d) = %d, want %d", c.w, c.r, got, c.want)
		}
	}
}

func TestLoad(t *testing.T) {
	if got := Load(4000, 400_000, 10*time.Millisecond); got != 100 {
		t.Errorf("4000 bits in 10 ms at 400 kHz are %v %%", got)
	}
	if got := Load(1, 0, time.Second) + Load(1, 100_000, 0); got != 0 {
		t.Errorf("without speed or time: %v", got)
	}
}
