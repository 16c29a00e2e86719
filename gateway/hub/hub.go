package hub

import (
	"slices"
	"strings"
	"sync"

	"lotusgate/gateway"
)

// Hub collects what writers know and hands out Views. All methods may be called from any goroutine. Writing costs a
// lock and a copy of one entry; the View is only built when somebody reads it.
type Hub struct {
	now func() gateway.Mono

	mu      sync.Mutex
	version uint64
	view    *View         // built for version, nil when out of date
	changed chan struct{} // nil = nobody has asked since the last change

	next    View // Devices, Points, Sources, Alarms, Events unused: they live in the fields below
	devices keyed[Device]
	points  keyed[Point]
	sources keyed[Source]
	alarms  keyed[gateway.Alarm]
	events  history
}

// New makes an empty hub. now is the monotonic clock.
func New(now func() gateway.Mono) *Hub {
	return &Hub{now: now}
}

// keyed is a small sorted table: hundreds of entries, read as a whole, written one at a time.
type keyed[T any] struct {
	keys  []string
	vals  []T
	shown []T // what the last view has of it; nil = something has changed since
}

// view is a copy that does not change any more; one copy serves all views until the next change.
func (k *keyed[T]) view() []T {
	if k.shown == nil {
		k.shown = slices.Clone(k.vals)
	}
	return k.shown
}

func (k *keyed[T]) put(key string, v T) {
	k.shown = nil
	i, found := slices.BinarySearch(k.keys, key)
	if found {
		k.vals[i] = v
		return
	}
	k.keys = slices.Insert(k.keys, i, key)
	k.vals = slices.Insert(k.vals, i, v)
}

func (k *keyed[T]) drop(key string) {
	k.shown = nil
	if i, found := slices.BinarySearch(k.keys, key); found {
		k.keys = slices.Delete(k.keys, i, i+1)
		k.vals = slices.Delete(k.vals, i, i+1)
	}
}

// write runs change under the lock and wakes the watchers.
func (h *Hub) write(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
	h.version++
	h.view = nil
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

// SetGateway replaces what is known about the gateway itself.
func (h *Hub) SetGateway(g Gateway) { h.write(func() { h.next.Gateway = g }) }

// SetLink replaces the state of the broker connection.
func (h *Hub) SetLink(l Link) { h.write(func() { h.next.Link = l }) }

// SetStorage replaces the state of the outbox.
func (h *Hub) SetStorage(s Storage) { h.write(func() { h.next.Storage = s }) }

// SetClock replaces what is known about the date.
func (h *Hub) SetClock(c Clock) { h.write(func() { h.next.Clock = c }) }

// SetBoard replaces what the board says about itself.
func (h *Hub) SetBoard(b Board) { h.write(func() { h.next.Board = b }) }

// PutDevice adds or replaces a device.
func (h *Hub) PutDevice(d Device) { h.write(func() { h.devices.put(d.ID, d) }) }

// PutPoint adds or replaces a point.
func (h *Hub) PutPoint(p Point) { h.write(func() { h.points.put(p.ID, p) }) }

// PutSource adds or replaces a source.
func (h *Hub) PutSource(s Source) { h.write(func() { h.sources.put(s.ID, s) }) }

// Replace puts these in the place of all devices, points and sources there were.
func (h *Hub) Replace(devices []Device, points []Point, sources []Source) {
	h.write(func() {
		h.devices, h.points, h.sources = keyed[Device]{}, keyed[Point]{}, keyed[Source]{}
		for _, d := range devices {
			h.devices.put(d.ID, d)
		}
		for _, p := range points {
			h.points.put(p.ID, p)
		}
		for _, s := range sources {
			h.sources.put(s.ID, s)
		}
	})
}

// PutAlarm adds or replaces a standing alarm.
func (h *Hub) PutAlarm(a gateway.Alarm) { h.write(func() { h.alarms.put(a.Key(), a) }) }

// DropAlarm removes a cleared alarm; its key is gateway.Alarm.Key.
func (h *Hub) DropAlarm(key string) { h.write(func() { h.alarms.drop(key) }) }

// AddEvent appends to the recent history.
func (h *Hub) AddEvent(e Event) {
	h.write(func() { h.events.add(e) })
}

// history is the last events, the newest first. It grows downwards through room that no view has seen, so that views need
// no copy of it.
type history struct {
	room []Event
	from int // the newest
}

func (h *history) add(e Event) {
	if h.from == 0 {
		kept := h.view()
		h.from = 2 * EventsKept
		h.room = make([]Event, h.from+len(kept))
		copy(h.room[h.from:], kept)
	}
	h.from--
	h.room[h.from] = e
}

func (h *history) view() []Event { return h.room[h.from:min(h.from+EventsKept, len(h.room))] }

// View returns the newest view; views of the same version are the same pointer.
func (h *Hub) View() *View {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.view == nil {
		v := h.next
		v.Version, v.At = h.version, h.now()
		v.Devices, v.Points, v.Sources = h.devices.view(), h.points.view(), h.sources.view()
		v.Alarms, v.Events = h.alarms.view(), h.events.view()
		h.view = &v
	}
	return h.view
}

// Changed returns a channel that is closed at the next change. Take it before View, so that no change is missed.
func (h *Hub) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	return h.changed
}

// Device finds a device by id in a view.
func (v *View) Device(id string) (Device, bool) {
	i, ok := slices.BinarySearchFunc(v.Devices, id, func(d Device, id string) int { return strings.Compare(d.ID, id) })
	if !ok {
		return Device{}, false
	}
	return v.Devices[i], true
}
