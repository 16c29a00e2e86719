package daemon

import "testing"

func TestHeader(t *testing.T) {
	pi, other := headerOf("Raspberry Pi 4 Model B Rev 1.4\x00"), headerOf("Radxa ROCK Pi 4B")
	taken := map[int]string{1: "3.3 V", 2: "5 V", 4: "5 V", 17: "3.3 V"}
	for _, ground := range []int{6, 9, 14, 20, 25, 30, 34, 39} {
		taken[ground] = "ground"
	}
	for name := range piHeader {
		pin := pi(name)
		if taken[pin] != "" || pin < 1 || pin > 40 {
			t.Errorf("%s is at pin %d, and so is %s", name, pin, taken[pin])
		}
		taken[pin] = name
		if n := other(name); n != 0 {
			t.Errorf("another board's %s got pin %d", name, n)
		}
	}
	if len(taken) != 40 {
		t.Errorf("%d of 40 pins are known", len(taken))
	}
}
