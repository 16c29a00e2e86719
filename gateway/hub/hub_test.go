package hub_test

import (
	"fmt"
	"sync"
	"testing"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

func device(id, value string) hub.Device {
	return hub.Device{MetaDevice: gateway.MetaDevice{ID: id}, State: gateway.DeviceState{Value: value}}
}

func TestViewDoesNotChange(t *testing.T) {
	h := hub.New(func() gateway.Mono { return 7 })
	h.PutDevice(device("b", "1"))
	h.PutDevice(device("a", "1"))
	v := h.View()
	if v != h.View() {
		t.Error("nothing changed, and yet there is another view")
	}
	h.PutDevice(device("a", "2"))
	h.PutAlarm(gateway.Alarm{ID: "a", Name: "offline"})
	if v.Devices[0].State.Value != "1" || len(v.Alarms) != 0 {
		t.Error("a view changed after it was handed out")
	}
	w := h.View()
	if w.Version <= v.Version || w.Devices[0].ID != "a" || w.Devices[0].State.Value != "2" || len(w.Alarms) != 1 {
		t.Errorf("the new view: %+v", w)
	}
	h.DropAlarm("a/offline")
	if len(h.View().Alarms) != 0 {
		t.Error("a cleared alarm stays")
	}
	if d, ok := w.Device("b"); !ok || d.ID != "b" {
		t.Error("device b not found")
	}
	if _, ok := w.Device("c"); ok {
		t.Error("a device that does not exist was found")
	}
}

func TestEventsAreBoundedNewestFirst(t *testing.T) {
	h := hub.New(func() gateway.Mono { return 1 })
	var views []*hub.View
	for i := range 5*hub.EventsKept + 5 {
		h.AddEvent(hub.Event{ID: gateway.EventID{Number: uint64(i + 1)}})
		views = append(views, h.View())
	}
	for n, v := range views { // each as it was handed out
		if len(v.Events) != min(n+1, hub.EventsKept) {
			t.Fatalf("view %d has %d events", n, len(v.Events))
		}
		for i, e := range v.Events {
			if e.ID.Number != uint64(n+1-i) {
				t.Fatalf("view %d: event %d is number %d", n, i, e.ID.Number)
			}
		}
	}
}

func TestWatcherMissesNothing(t *testing.T) {
	h := hub.New(func() gateway.Mono { return 1 })
	const last = 1000
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			changed := h.Changed()
			if d, ok := h.View().Device("x"); ok && d.State.Value == fmt.Sprint(last) {
				return
			}
			<-changed
		}
	})
	for i := range last + 1 {
		h.PutDevice(device("x", fmt.Sprint(i)))
	}
	wg.Wait()
}

func BenchmarkPutPoint(b *testing.B) {
	h := hub.New(func() gateway.Mono { return 1 })
	for i := range 300 {
		h.PutPoint(hub.Point{ID: fmt.Sprintf("p%03d", i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		h.PutPoint(hub.Point{ID: "p150"})
	}
}
