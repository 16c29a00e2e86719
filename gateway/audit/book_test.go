package audit

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lotusgate/gateway"
	"lotusgate/gateway/outbox"
)

func event(run uint32, number uint64) string {
	id := gateway.EventID{Epoch: "k3v9q2", Run: run, Number: number}
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"//lianhua/park-01","type":"lotusgate.loop.occupied","data":{}}`, id)
}

func dropped(number uint64, run uint32, from, to uint64) string {
	return strings.Replace(strings.Replace(event(2, number), "loop.occupied", "gateway.events_dropped", 1), `"data":{}`,
		fmt.Sprintf(`"data":{"epoch":"k3v9q2","run":%d,"ranges":[{"from":%d,"to":%d}],"queue":"normal","cause":"evicted"}`, run, from, to), 1)
}

const root = "lotusgate/v1/lianhua/park-01/"

func TestSubscriber(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  string // delivered duplicates dropped missing other
	}{
		"all":                        {[]string{event(1, 1), event(1, 2), event(1, 3)}, "3 0 0 [] 0"},
		"out of order and twice":     {[]string{event(1, 3), event(1, 1), event(1, 2), event(1, 1)}, "3 1 0 [] 0"},
		"a hole":                     {[]string{event(1, 1), event(1, 4)}, "2 0 0 [{2 3}] 0"},
		"the first is missing":       {[]string{event(1, 2)}, "1 0 0 [{1 1}] 0"},
		"named":                      {[]string{event(1, 1), event(1, 4), event(2, 1), dropped(2, 1, 2, 3)}, "4 0 2 [] 0"},
		"named, and delivered later": {[]string{event(1, 1), dropped(1, 1, 1, 2), event(1, 2)}, "3 0 0 [] 0"},
		"named beyond what came":     {[]string{dropped(1, 1, 1, 9)}, "1 0 9 [] 0"},
		"with topics": {[]string{
			root + "event/loop/entry-a " + event(1, 1),
			root + `state/entry {"device":"entry","value":"clear"}`, root + "alarm/x/y (null)", root + "alarm/x/z",
		}, "1 0 0 [] 3"},
		"status says more were issued": {[]string{
			event(1, 1), root + `status {"state":"online","ledger":{"epoch":"k3v9q2","run":1,"number":3,"unconfirmed":[]}}`,
		}, "1 0 0 [{2 3}] 0"},
		"start says an older run had more": {[]string{
			strings.Replace(strings.Replace(event(2, 1), "loop.occupied", "gateway.started", 1), `"data":{}`,
				`"data":{"unconfirmed":[{"epoch":"k3v9q2","run":1,"durable_to":2}]}`, 1),
		}, "1 0 0 [{1 2}] 0"},
		"cut off":         {[]string{event(1, 1), event(1, 2)[:30]}, "1 0 0 [] 1"},
		"nothing at all":  {nil, "0 0 0 [] 0"},
		"somebody else's": {[]string{"hello", "42", `{"id":"7"}`, `[1]`}, "0 0 0 [] 4"},
	} {
		b := New()
		if err := b.Subscriber(strings.NewReader(strings.Join(c.lines, "\n")), nil); err != nil {
			t.Fatal(err)
		}
		r := b.Report(true)
		var missing []gateway.NumberRange
		for _, run := range r.Runs {
			missing = append(missing, run.Missing...)
		}
		got := fmt.Sprint(r.Delivered, r.Duplicates, r.Dropped, missing, r.Other)
		if got = strings.Replace(got, "[]", "[]", 1); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if r.Complete != (len(missing) == 0) {
			t.Errorf("%s: complete %v", name, r.Complete)
		}
	}
}

func TestWatermark(t *testing.T) {
	b := New()
	for _, step := range []struct {
		line string
		want string
	}{
		{event(1, 2), "0 0"},
		{event(1, 1), "1 2"},
		{event(1, 4), "1 2"},
		{event(2, 1), "1 2"},
		{dropped(2, 1, 3, 3), "2 2"},
		{event(3, 2), "2 2"},
		{event(3, 1), "3 2"},
	} {
		b.Line([]byte(step.line))
		run, number := b.Watermark(b.Epoch())
		if got := fmt.Sprint(run, number); got != step.want {
			t.Errorf("after %s: %s, want %s", step.line, got, step.want)
		}
	}
}

// store appends n events and confirms the first of them.
func store(t *testing.T, dir string, n, confirmed int) string {
	t.Helper()
	o, err := outbox.Open(outbox.Options{Dir: dir, AlarmBytes: outbox.MinQueueBytes, NormalBytes: outbox.MinQueueBytes})
	if err != nil {
		t.Fatal(err)
	}
	epoch := o.Ledger().Epoch
	payload, err := gateway.Store(gateway.Event{Type: gateway.LoopOccupied, ID: "entry-a", At: 1, Data: gateway.LoopData{}}, "boot")
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		o.Append(outbox.Normal, payload)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := o.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	for _, r := range o.Take(nil, confirmed) {
		o.Confirm(r.ID)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	return epoch
}

func TestOutbox(t *testing.T) {
	dir := t.TempDir()
	epoch := store(t, dir, 10, 4)
	b := New()
	if err := b.Outbox(dir, nil); err != nil {
		t.Fatal(err)
	}
	if r := b.Report(false); !r.Complete || r.Kept != 4 || r.Waiting != 6 || r.Issued != 10 {
		t.Errorf("%+v", r)
	}
	// A subscriber who missed one that the broker had acknowledged.
	for _, n := range []uint64{1, 2, 4} {
		b.Deliver(gateway.EventID{Epoch: epoch, Run: 1, Number: n})
	}
	r := b.Report(true)
	want := []gateway.NumberRange{{From: 3, To: 3}}
	if r.Complete || r.Delivered != 3 || r.Waiting != 6 || !reflect.DeepEqual(r.Runs[0].Missing, want) || !reflect.DeepEqual(r.Runs[0].Confirmed, want) {
		t.Errorf("%+v", r)
	}
}

// What made room is past, not missing; damage behind that is.
func TestOutboxThatMadeRoom(t *testing.T) {
	dir := t.TempDir()
	const n = 60000 // about seven segments of a queue of four
	store(t, dir, n, 0)
	b := New()
	if err := b.Outbox(dir, nil); err != nil {
		t.Fatal(err)
	}
	r := b.Report(false)
	if !r.Complete || r.Dropped+r.Waiting+r.Past != n || r.Waiting == 0 || r.Waiting == n {
		t.Errorf("%+v", r)
	}
}

// TestRanges compares the set with a map.
func TestRanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s ranges
		model := map[uint64]bool{}
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			from := rapid.Uint64Range(1, 60).Draw(t, "from")
			to := from + rapid.Uint64Range(0, 8).Draw(t, "length")
			fresh := false
			for v := from; v <= to; v++ {
				fresh = fresh || !model[v]
				model[v] = true
			}
			if s.add(from, to) != fresh {
				t.Fatalf("add %d to %d: new %v, want %v", from, to, !fresh, fresh)
			}
		}
		if s.size() != uint64(len(model)) {
			t.Fatalf("%v has %d, want %d", s, s.size(), len(model))
		}
		for i, r := range s {
			if r.From > r.To || i > 0 && s[i-1].To+1 >= r.From {
				t.Fatalf("not in order: %v", s)
			}
		}
		holes := s.missing(1, 80)
		if holes.size() != 80-uint64(len(model)) || len(s.common(holes)) != 0 || s.common(s).size() != s.size() {
			t.Fatalf("%v leaves out %v", s, holes)
		}
		for v := range model {
			if len(holes.common(ranges{{From: v, To: v}})) != 0 {
				t.Fatalf("%d is in %v", v, holes)
			}
		}
	})
}

// A run that lost its power has issued what was neither saved nor sent. A later start says so; until then it is missing.
func TestUnsaved(t *testing.T) {
	b := New()
	for _, n := range []uint64{1, 2, 3, 5, 8} {
		b.Deliver(gateway.EventID{Epoch: "k3v9q2", Run: 1, Number: n})
	}
	if r := b.Report(true); r.Missing != 3 || r.Unsaved != 0 {
		t.Errorf("before the next start: %+v", r)
	}
	b.Line([]byte(`{"id":"k3v9q2-00000002-0000000001","type":"lotusgate.gateway.started",` +
		`"data":{"epoch":"k3v9q2","run":2,"unconfirmed":[{"epoch":"k3v9q2","run":1,"durable_to":5}]}}`))
	r := b.Report(true)
	if want := []gateway.NumberRange{{From: 4, To: 4}}; r.Unsaved != 2 || !reflect.DeepEqual(r.Runs[0].Missing, want) || r.Issued != 9 {
		t.Errorf("%+v, want 6 and 7 unsaved and 4 missing", r)
	}
}
