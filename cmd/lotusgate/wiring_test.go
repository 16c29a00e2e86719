package main

import (
	"fmt"
	"strings"
	"testing"

	"lotusgate/gateway/text"
)

// The live table of a large site shows what its terminal has room for: the inputs that changed last, and how many are left out.
func TestWiringFitsTheTerminal(t *testing.T) {
	var v viewJSON
	for i := range 30 {
		p := pointJSON{ID: fmt.Sprintf("p%02d", i)}
		if i >= 20 {
			at := float64(i)
			p.LastEdgeAt = &at
		}
		v.Points = append(v.Points, p)
	}
	current := int64(412_000)
	v.Points[29].Unit, v.Points[29].Value = "µA", &current
	var out strings.Builder
	table := wiringTable{l: text.EN, live: true, height: 14}
	table.print(&out, v)
	if n := strings.Count(out.String(), "\n"); n >= 14 {
		t.Errorf("%d lines in a terminal of 14", n+1)
	}
	for id, want := range map[string]bool{"p21": false, "p22": true, "p29": true, "p00": false} {
		if strings.Contains(out.String(), id) != want {
			t.Errorf("%s is shown: %v\n%s", id, !want, &out)
		}
	}
	for _, want := range []string{"412 mA", "22 more"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
