package rig

import (
	"fmt"
	"strings"
	"testing"
)

// A line that nobody understands is named, with what there is instead.
func TestTextErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"switch pump\n\nlamp x", `line 3, "lamp x": no such thing: "lamp"`},
		{"chip x1 mcp23017 /dev/i2c-1 0x99", "line 1"},
		{"chip i1 ina219 /dev/i2c-1 0x40 shunt much supply 12V", "line 1"},
		{"camera c often", "line 1"},
	} {
		if _, err := ParseSite(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"soon bus /dev/i2c-1 ok", "line 1"},
		{"1s bus /dev/i2c-1 melts", `no such fault of a bus: "melts"`},
		{"1s bus /dev/i2c-1 flip 1ff at 3", "line 1"},
		{"# nothing\n1s wire x1.GPA0 bite", `no such act of a wire: "bite"; there are: corrode, cut, ground, mend, supply`},
		{"1s sun rises", `nothing is called "sun"`},
	} {
		if _, err := ParseScript(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

// Every word of the language makes the act that it names.
func TestScriptWords(t *testing.T) {
	cues, err := ParseScript(`
		1s bus /dev/i2c-1 flip 40 at 3 times 2 # one bit
		1s bus /dev/i2c-1 stretch 30ms
		1s chip c stop
		1s wire x1.GPA0 corrode
		1s gauge i1.current 250000
		1s switch pump off
		1s camera cam-01 hangs
		1s lift car-2 traps`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cues {
		got = append(got, c.String())
	}
	want := []string{
		"1s bus /dev/i2c-1 has bits 40 of byte 3 disturbed", "1s bus /dev/i2c-1 is stretched by 30ms", "1s chip c loses its time",
		"1s the wire at x1.GPA0 is corroded", "1s the gauge at i1.current shows 250000", "1s switch pump is at rest", "1s camera cam-01 hangs",
		"1s lift car-2 will stop between floors",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q", got)
	}
}
