package plant

import (
	"fmt"
	"time"
)

// Length is a distance in micrometres: whole numbers give the same crossing times on every machine.
type Length int64

const (
	Millimetre Length = 1000
	Metre             = 1000 * Millimetre
)

// Metres turns a number of metres into a Length.
func Metres(m float64) Length { return Length(m * float64(Metre)) }

func (l Length) String() string { return fmt.Sprintf("%.2f m", float64(l)/float64(Metre)) }

// Speed is in micrometres per second; at most 1 km/s, so that a nanosecond is less than a micrometre.
type Speed int64

const (
	MillimetrePerSecond Speed = 1000
	MetrePerSecond            = 1000 * MillimetrePerSecond
)

func (s Speed) String() string { return fmt.Sprintf("%.2f m/s", float64(s)/float64(MetrePerSecond)) }

// over is how far s goes in d, cut to whole micrometres. Split at the second to stay within 64 bits.
func (s Speed) over(d time.Duration) Length {
	whole, part := d/time.Second, d%time.Second
	return Length(int64(s)*int64(whole) + int64(s)*int64(part)/int64(time.Second))
}

// within is how long s > 0 takes for l ≥ 0, rounded up to the nanosecond in which l is reached.
func (s Speed) within(l Length) time.Duration {
	whole, part := int64(l)/int64(s), int64(l)%int64(s)
	return time.Duration(whole)*time.Second + time.Duration((part*int64(time.Second)+int64(s)-1)/int64(s))
}
