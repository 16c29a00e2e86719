package line

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"

	"lotusgate/drivers"
)

// place is where a name leads: a kernel line, or else a pin of periph.
type place struct {
	Info
	pin gpio.PinIO // nil for a kernel line
}

func (p place) key() string {
	if p.pin != nil {
		return "pin " + p.Name
	}
	return fmt.Sprintf("%s:%d", p.Chip, p.Offset)
}

// directory is every kernel line at one moment.
type directory struct {
	lines  []Info
	err    error // chips that could not be read
	kernel bool
	find   func(name string) gpio.PinIO
}

func (p Provider) directory() directory {
	if p.kernel == nil {
		return directory{find: p.find}
	}
	lines, err := p.kernel.lines()
	return directory{lines: lines, err: err, kernel: true, find: p.find}
}

// resolve finds the one line that name means: first the kernel's name of a line, then chip:offset, then periph's names
// and aliases, whose pin is looked for among the kernel's lines again.
func (d directory) resolve(name string) (place, error) {
	if p, ok, err := d.named(name, name); ok {
		return p, err
	}
	if p, ok, err := d.numbered(name); ok {
		return p, err
	}
	if d.err != nil { // the line may be on a chip that we may not read: not the moment to drive something else instead
		return place{}, &drivers.Error{Fault: drivers.Classify(d.err), Op: "find line " + name, Err: d.err}
	}
	pin := d.find(name)
	if pin == nil {
		return place{}, d.unknown(name)
	}
	if alias, ok := pin.(gpio.RealPin); ok {
		pin = alias.Real()
	}
	if p, ok, err := d.named(pin.Name(), name); ok {
		return p, err
	}
	return place{Info: Info{Name: pin.Name()}, pin: pin}, nil
}

// named looks for lines that the kernel calls line; name is what the configuration says. The kernel lets two lines have
// one name, and driving the wrong one is not an option.
func (d directory) named(line, name string) (place, bool, error) {
	var found []Info
	for _, l := range d.lines {
		if l.Name == line && line != "" {
			found = append(found, l)
		}
	}
	return one(name, found)
}

// numbered reads name as chip:offset, the chip by its kernel name or its label.
func (d directory) numbered(name string) (place, bool, error) {
	chip, number, ok := cutLast(name, ":")
	offset, err := strconv.Atoi(number)
	if !ok || err != nil {
		return place{}, false, nil
	}
	var found []Info
	for _, l := range d.lines {
		if l.Offset == offset && (l.Chip == chip || l.Label == chip) {
			found = append(found, l)
		}
	}
	return one(name, found)
}

func one(name string, found []Info) (place, bool, error) {
	switch len(found) {
	case 0:
		return place{}, false, nil
	case 1:
		return place{Info: found[0]}, true, nil
	}
	var places []string
	for _, l := range found {
		places = append(places, place{Info: l}.key())
	}
	return place{}, true, refuse(name, "%d lines have this name: write which one, %s", len(found), strings.Join(places, " or "))
}

// unknown is the error for a name that nobody has.
func (d directory) unknown(name string) error {
	var names []string
	for _, l := range d.lines {
		if l.Name != "" {
			names = append(names, l.Name)
		}
	}
	for _, pin := range gpioreg.All() {
		names = append(names, pin.Name())
	}
	for _, pin := range gpioreg.Aliases() {
		names = append(names, pin.Name())
	}
	e := &drivers.Error{Fault: drivers.FaultMissing, Op: "find line " + name}
	near := nearest(name, names)
	switch {
	case d.kernel && len(d.lines) == 0:
		e.Err = errors.New("no GPIO chip: there is no readable /dev/gpiochip0")
	case len(near) == 0:
		e.Err = fmt.Errorf("no line has this name, nor one like it, among %d", len(names))
	default:
		e.Err = fmt.Errorf("no line has this name; nearest: %s", strings.Join(near, ", "))
	}
	return e
}

// nearest returns up to three names that name may have been meant to be, the likeliest first.
func nearest(name string, names []string) []string {
	type candidate struct {
		name  string
		edits int
	}
	var near []candidate
	for _, n := range names {
		if c := (candidate{n, edits(strings.ToLower(name), strings.ToLower(n))}); c.edits <= 1+len(name)/3 {
			near = append(near, c)
		}
	}
	slices.SortFunc(near, func(a, b candidate) int {
		if a.edits != b.edits {
			return a.edits - b.edits
		}
		return strings.Compare(a.name, b.name)
	})
	near = slices.Compact(near)
	var out []string
	for _, c := range near[:min(3, len(near))] {
		out = append(out, c.name)
	}
	return out
}

// edits is the Levenshtein distance of two names, in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
