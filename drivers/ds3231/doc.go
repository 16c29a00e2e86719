// Package ds3231 reads and sets Maxim's DS3231 real-time clock (19-5170 Rev 10, 2015) on an I²C bus, for boards whose
// kernel has no driver bound to it. Where the device tree can be changed, the kernel's rtc-ds1307 is the better way.
//
// Promises:
//   - A time is Trusted only if the oscillator has run since it was set (OSF, register 0Fh bit 7, p. 14).
//   - All registers are read in one transfer, whose START freezes the time (p. 11): no torn seconds.
//   - What cannot be a DS3231 is refused: bits that always read 0, digits that are no digits, impossible dates.
//   - Set clears OSF only after the time has been read back, and keeps the oscillator running on the battery.
//   - Read allocates nothing. Neither waits, logs, or starts a goroutine.
//
// The clock counts whole seconds: a reading is late by up to one. ±2 ppm at 0 to 40 °C are 63 s a year. Time is UTC;
// years 2000 to 2099, as the chip takes 2100 for a leap year.
//
// Unsupported: alarms, square wave, aging offset. periph.io/x/devices/v3 has no driver for this part.
package ds3231
