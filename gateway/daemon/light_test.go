package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestLightBlinksAndIsPutBack(t *testing.T) {
	leds := t.TempDir()
	if l := findLight(leds); !errors.Is(l.blink(t.Context()), errNoLight) {
		t.Error("a light where there is none")
	}
	dir := filepath.Join(leds, "led0")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"trigger": "none timer [mmc0] heartbeat", "brightness": "0"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	synctest.Test(t, func(t *testing.T) {
		began, done := time.Now(), make(chan error)
		go func() { done <- findLight(leds).blink(context.Background()) }()
		for n := range 40 {
			time.Sleep(blinkEvery - time.Millisecond)
			if got, want := read("brightness"), [...]string{"1", "0"}[n%2]; got != want || read("trigger") != "none" {
				t.Errorf("%v: brightness %s, want %s; trigger %s", time.Since(began), got, want, read("trigger"))
			}
			time.Sleep(time.Millisecond)
		}
		if err := <-done; err != nil || time.Since(began) != blinkFor {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
	if got := read("trigger"); got != "mmc0" {
		t.Errorf("the LED shows %s, not what it did", got)
	}
}
