package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Bytes is a size: 64MiB, 512KiB, 1GiB.
type Bytes int64

// Hertz is a frequency: 100kHz, 400kHz.
type Hertz int64

// Volts is a voltage in µV: 12V, 3300mV.
type Volts int64

// Ohms is a resistance in µΩ: 100mohm, 2mohm, 1ohm.
type Ohms int64

// Amps is a current in µA: 2A, 800mA.
type Amps int64

// unit is one spelling of a unit and what it is worth.
type unit struct {
	name string
	size int64
}

// Units that are written, largest first.
var (
	byteUnits  = []unit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
	hertzUnits = []unit{{"MHz", 1e6}, {"kHz", 1e3}, {"Hz", 1}}
	voltUnits  = []unit{{"mV", 1e3}, {"V", 1e6}}
	ohmUnits   = []unit{{"mohm", 1e3}, {"mΩ", 1e3}, {"ohm", 1e6}, {"Ω", 1e6}}
	ampUnits   = []unit{{"mA", 1e3}, {"A", 1e6}}
)

// String is the shortest exact spelling: 12V.
func (v Volts) String() string {
	if v%1e3 != 0 {
		return strconv.FormatFloat(float64(v)/1e3, 'f', -1, 64) + "mV" // not a spelling that is read
	}
	return formatUnits(int64(v), []unit{{"V", 1e6}, {"mV", 1e3}})
}

// MarshalText writes String.
func (v Volts) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads 12V, 3300mV.
func (v *Volts) UnmarshalText(text []byte) (err error) {
	n, err := parseUnits(string(text), voltUnits)
	if err != nil {
		return fmt.Errorf("voltage %q: write a whole number and V or mV, as in 12V", text)
	}
	*v = Volts(n)
	return nil
}

// String is the shortest exact spelling: 100mohm.
func (o Ohms) String() string {
	return formatUnits(int64(o), []unit{{"ohm", 1e6}, {"mohm", 1e3}, {"µohm", 1}})
}

// MarshalText writes String.
func (o Ohms) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads 100mohm, 100mΩ, 1ohm.
func (o *Ohms) UnmarshalText(text []byte) error {
	n, err := parseUnits(string(text), ohmUnits)
	if err != nil {
		return fmt.Errorf("resistance %q: write a whole number and ohm or mohm, as in 100mohm", text)
	}
	*o = Ohms(n)
	return nil
}

// String is the shortest exact spelling: 800mA.
func (a Amps) String() string {
	return formatUnits(int64(a), []unit{{"A", 1e6}, {"mA", 1e3}, {"µA", 1}})
}

// MarshalText writes String.
func (a Amps) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads 2A, 800mA.
func (a *Amps) UnmarshalText(text []byte) error {
	n, err := parseUnits(string(text), ampUnits)
	if err != nil {
		return fmt.Errorf("current %q: write a whole number and A or mA, as in 800mA", text)
	}
	*a = Amps(n)
	return nil
}

// String is the shortest exact spelling: 64MiB.
func (b Bytes) String() string {
	if b%(1<<10) != 0 {
		return strconv.FormatInt(int64(b), 10) + "B" // not a spelling that is read
	}
	return formatUnits(int64(b), byteUnits)
}

// MarshalText writes String.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads 64MiB, 512KiB, 1GiB.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := parseUnits(string(text), byteUnits)
	if err != nil {
		return fmt.Errorf("size %q: write a whole number and KiB, MiB or GiB, as in 64MiB", text)
	}
	*b = Bytes(n)
	return nil
}

// String is the shortest exact spelling: 400kHz.
func (h Hertz) String() string { return formatUnits(int64(h), hertzUnits) }

// MarshalText writes String.
func (h Hertz) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads 100kHz, 400kHz, 1MHz.
func (h *Hertz) UnmarshalText(text []byte) error {
	n, err := parseUnits(string(text), hertzUnits)
	if err != nil {
		return fmt.Errorf("frequency %q: write a whole number and Hz, kHz or MHz, as in 400kHz", text)
	}
	*h = Hertz(n)
	return nil
}

func formatUnits(n int64, units []unit) string {
	for _, u := range units {
		if n%u.size == 0 && n != 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return "0" + units[len(units)-1].name
}

func parseUnits(text string, units []unit) (int64, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err == nil && int64(n) > math.MaxInt64/u.size {
			err = strconv.ErrRange
		}
		return int64(n) * u.size, err
	}
	return 0, strconv.ErrSyntax
}

// formatDuration is d without the zeros that time.Duration prints: 2m, not 2m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// quantity is a number with what people write behind it.
var quantity = regexp.MustCompile(`^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$`)

// Units as people write them, lower case, and as they are read.
var (
	durationWords = map[string]string{
		"ms": "ms", "msec": "ms", "millis": "ms", "milliseconds": "ms", "s": "s", "sec": "s", "secs": "s", "second": "s",
		"seconds": "s", "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m", "h": "h", "hour": "h", "hours": "h",
	}
	byteWords = map[string]string{
		"k": "KiB", "kb": "KiB", "kib": "KiB", "m": "MiB", "mb": "MiB", "mib": "MiB", "g": "GiB", "gb": "GiB", "gib": "GiB",
	}
	voltWords  = map[string]string{"v": "V", "volt": "V", "volts": "V", "mv": "mV"}
	ampWords   = map[string]string{"a": "A", "amp": "A", "amps": "A", "ma": "mA"}
	ohmWords   = map[string]string{"ohm": "ohm", "ohms": "ohm", "r": "ohm", "mohm": "mohm", "mohms": "mohm"}
	hertzWords = map[string]string{"hz": "Hz", "k": "kHz", "khz": "kHz", "m": "MHz", "mhz": "MHz"}
)

// guesses lists spellings that text may stand for: with the unit that was meant, or, where none was written, with each
// of units.
func guesses(text string, words map[string]string, units ...string) []string {
	m := quantity.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return nil
	}
	if u, ok := words[strings.ToLower(m[2])]; ok {
		return []string{m[1] + u}
	}
	if m[2] != "" {
		return nil
	}
	var list []string
	for _, u := range units {
		list = append(list, m[1]+u)
	}
	return list
}
