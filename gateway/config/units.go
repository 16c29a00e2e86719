package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// unit is one spelling of a unit and what it is worth.
type unit struct {
	name string
	size int64
}

// Units that are written, largest first.
var (
	byteUnits  = []unit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
	hertzUnits = []unit{{"MHz", 1e6}, {"kHz", 1e3}, {"Hz", 1}}
)

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
