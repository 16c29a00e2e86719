//go:build linux

package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

const simulators = "/sys/kernel/config/gpio-sim"

// A Chip is a simulated GPIO chip of the kernel (gpio-sim): a character device
// for the program under test, and the far end of every wire for the test. Its
// methods are safe for concurrent use, but for Close.
type Chip struct {
	config string // its folder in configfs
	lines  string // its folder in sysfs, one folder for each line
	path   string
}

// NewChip plugs in a chip. name is its folder's, unique in the guest; label is
// what the kernel tells programs; lines are the lines' names from offset 0 on,
// "" for none. All lines are inputs and low.
func NewChip(name, label string, lines []string) (*Chip, error) {
	if err := needGuest("plug in GPIO chip"); err != nil {
		return nil, err
	}
	c := &Chip{config: filepath.Join(simulators, name)}
	if err := os.Mkdir(c.config, 0o755); err != nil {
		return nil, fmt.Errorf("plug in GPIO chip: %w", err)
	}
	if err := c.configure(label, lines); err != nil {
		return nil, fmt.Errorf("plug in GPIO chip %s: %w", name, errors.Join(err, c.Close()))
	}
	return c, nil
}

func (c *Chip) configure(label string, lines []string) error {
	bank := filepath.Join(c.config, "bank0")
	if err := os.Mkdir(bank, 0o755); err != nil {
		return err
	}
	err := errors.Join(
		put(filepath.Join(bank, "num_lines"), strconv.Itoa(len(lines))),
		put(filepath.Join(bank, "label"), label),
	)
	for i, name := range lines {
		if name == "" {
			continue
		}
		line := filepath.Join(bank, "line"+strconv.Itoa(i))
		err = errors.Join(err, os.Mkdir(line, 0o755), put(filepath.Join(line, "name"), name))
	}
	if err != nil {
		return err
	}
	if err := put(filepath.Join(c.config, "live"), "1"); err != nil {
		return err
	}
	device, err := get(filepath.Join(c.config, "dev_name"))
	if err != nil {
		return err
	}
	chip, err := get(filepath.Join(bank, "chip_name"))
	if err != nil {
		return err
	}
	c.lines = filepath.Join("/sys/devices/platform", device, chip)
	c.path = filepath.Join("/dev", chip)
	return nil
}

// Path is the chip's character device, such as /dev/gpiochip0.
func (c *Chip) Path() string { return c.path }

// Pull holds a line high or low from outside, through a resistor: an input
// reads it and an edge is an interrupt; an output overrides it. The edge is
// delivered on the kernel's next tick, within 1 ms; a line that is pulled back
// before that has made no edge.
func (c *Chip) Pull(line int, up bool) error {
	value := "pull-down"
	if up {
		value = "pull-up"
	}
	if err := put(c.attribute(line, "pull"), value); err != nil {
		return fmt.Errorf("pull GPIO line %d: %w", line, err)
	}
	return nil
}

// Value is the level of a line: of an output what it drives, else its pull.
func (c *Chip) Value(line int) (bool, error) {
	value, err := get(c.attribute(line, "value"))
	if err != nil {
		return false, fmt.Errorf("read GPIO line %d: %w", line, err)
	}
	return value == "1", nil
}

func (c *Chip) attribute(line int, name string) string {
	return filepath.Join(c.lines, "sim_gpio"+strconv.Itoa(line), name)
}

// Close pulls the chip out, in use or not: who holds a line gets errors
// (ENODEV) from then on. Closing twice does nothing.
func (c *Chip) Close() error {
	if _, err := os.Stat(c.config); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var failed error
	if live, err := get(filepath.Join(c.config, "live")); err == nil && live == "1" {
		failed = put(filepath.Join(c.config, "live"), "0")
	}
	bank := filepath.Join(c.config, "bank0")
	folders, _ := filepath.Glob(filepath.Join(bank, "line*"))
	for _, folder := range append(folders, bank, c.config) {
		if err := os.Remove(folder); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil {
		return fmt.Errorf("pull out GPIO chip %s: %w", filepath.Base(c.config), failed)
	}
	return nil
}
