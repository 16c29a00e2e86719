package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// light is the board's own LED, as the kernel offers it. It blinks when somebody asks which of the boxes this one is.
type light struct{ dir string }

const (
	blinkFor   = 10 * time.Second
	blinkEvery = 250 * time.Millisecond
)

// errNoLight says what is missing.
var errNoLight = errors.New("this board has no LED that the daemon may switch (99-lotusgate.rules gives it ACT and led0)")

// findLight looks for the LED in a folder like /sys/class/leds.
func findLight(leds string) light {
	for _, name := range []string{"ACT", "led0"} { // a Raspberry Pi, with a new and an old kernel
		dir := filepath.Join(leds, name)
		if f, err := os.OpenFile(filepath.Join(dir, "trigger"), os.O_WRONLY, 0); err == nil {
			_ = f.Close() // nothing was written
			return light{dir}
		}
	}
	return light{}
}

func (l light) write(name, value string) error {
	return os.WriteFile(filepath.Join(l.dir, name), []byte(value), 0o644)
}

// blink blinks for ten seconds, or until ctx ends, and lets the LED show what it showed before.
func (l light) blink(ctx context.Context) (err error) {
	if l.dir == "" {
		return errNoLight
	}
	triggers, err := os.ReadFile(filepath.Join(l.dir, "trigger"))
	if err != nil {
		return fmt.Errorf("blink: %w", err)
	}
	before := "none"
	if _, rest, ok := strings.Cut(string(triggers), "["); ok { // [mmc0] is the one in use
		before, _, _ = strings.Cut(rest, "]")
	}
	if err := l.write("trigger", "none"); err != nil {
		return fmt.Errorf("blink: %w", err)
	}
	defer func() { err = errors.Join(err, l.write("trigger", before)) }()
	tick := time.NewTicker(blinkEvery)
	defer tick.Stop()
	for n := range int(blinkFor / blinkEvery) {
		if err := l.write("brightness", [...]string{"1", "0"}[n%2]); err != nil {
			return fmt.Errorf("blink: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	return nil
}
