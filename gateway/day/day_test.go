package day

import (
	"fmt"
	"slices"
	"testing"
	"time"
	"unsafe"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

const second = gateway.Mono(time.Second)

func view(value string, q gateway.Quality, edges uint64, events ...uint64) *hub.View {
	v := &hub.View{
		Devices: []hub.Device{{
			MetaDevice: gateway.MetaDevice{ID: "cam", Points: []string{"beat"}}, State: gateway.DeviceState{Value: value, Quality: q},
		}},
		Points:  []hub.Point{{ID: "beat", Edges: edges + 6, Bounces: 6}},
		Sources: []hub.Source{{ID: "x1", OK: value == "online", Errors: edges / 10}},
	}
	for _, n := range events {
		v.Events = append(v.Events, hub.Event{ID: gateway.EventID{Number: n}, Event: gateway.Event{ID: "cam", At: 1000 * second}})
	}
	return v
}

func TestADay(t *testing.T) {
	var d Diary
	at := 1000 * second // 100 s into the fourth slot
	for i := range 160 {
		d.Look(view("online", gateway.Good, uint64(2*i), 1), at)
		at += second
	}
	for range 60 {
		d.Look(view("offline", gateway.Good, 318, 3, 2, 1), at)
		at += second
	}
	at += 600 * second // nobody looked
	d.Look(view("offline", gateway.Bad, 318, 3, 2), at)
	at += second
	d.Look(view("offline", gateway.Bad, 318, 3, 2), at)

	got := d.Of("cam", at)
	want := []Slot{
		{Begin: 900 * second, Spent: []Spent{{State{Value: "online"}, 159 * time.Second}, {State{Value: "offline"}, 40 * time.Second}}, Events: 3, Pulses: 159},
		{Begin: 1200 * second, Spent: []Spent{{State{Value: "offline"}, 20 * time.Second}}},
		{Begin: 1800 * second, Spent: []Spent{{State{}, time.Second}}},
	}
	if !slices.EqualFunc(got, want, func(a, b Slot) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("got\n%v, want\n%v", got, want)
	}
	if src := d.Of("x1", at); len(src) != 3 || src[0].Errors != 31 || src[0].Spent[1].State.Value != "failed" {
		t.Errorf("the source: %v", src)
	}
	if d.Of("nobody", at) != nil {
		t.Error("a device that does not exist had a day")
	}
	if got := d.Of("cam", at.Add(25*time.Hour)); len(got) != 0 {
		t.Errorf("a day later: %v", got)
	}
}

func TestMoreStatesThanKept(t *testing.T) {
	var d Diary
	var sum time.Duration
	for i := range 30 {
		d.Look(view(fmt.Sprint(i), gateway.Good, 0), gateway.Mono(i+1)*second)
	}
	for _, s := range d.Of("cam", 31*second)[0].Spent {
		sum += s.For
	}
	if sum != 29*time.Second {
		t.Errorf("%v of 29 s were accounted", sum)
	}
}

// BenchmarkLook is what every second costs on a site of 100 devices and 300 wires.
func BenchmarkLook(b *testing.B) {
	v := &hub.View{}
	for i := range 300 {
		v.Points = append(v.Points, hub.Point{ID: fmt.Sprint(i)})
	}
	for i := range 100 {
		v.Devices = append(v.Devices, hub.Device{MetaDevice: gateway.MetaDevice{ID: fmt.Sprint(i), Points: []string{fmt.Sprint(i), fmt.Sprint(2 * i)}}})
	}
	var d Diary
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.Look(v, gateway.Mono(i+1)*second)
	}
	b.ReportMetric(float64(unsafe.Sizeof(thing{})), "B/device")
}
