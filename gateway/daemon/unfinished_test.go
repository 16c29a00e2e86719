package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/checkpoint"
	"lotusgate/gateway/config"
	"lotusgate/gateway/outbox"
)

// story is a ledger that says when each command began and ended.
type story struct {
	t       *testing.T
	records []outbox.Record
	events  []gateway.Event
}

func (s *story) tell(typ gateway.Type, jti string) {
	s.t.Helper()
	n := len(s.records) + 1
	e := gateway.Event{Type: typ, ID: "gate", At: gateway.Mono(n), Data: gateway.CommandData{JTI: jti, Issuer: "center", Action: gateway.Open}}
	s.store(e)
}

func (s *story) store(e gateway.Event) {
	s.t.Helper()
	payload, err := gateway.Store(e, "boot")
	if err != nil {
		s.t.Fatal(err)
	}
	s.records = append(s.records, outbox.Record{ID: outbox.ID{Epoch: "aaaaaa", Run: 1, Number: uint64(len(s.records) + 1)}, Payload: payload})
	s.events = append(s.events, e)
}

// open lists the commands that a restart would end.
func (u *unfinished) open() string {
	list := ""
	for _, e := range u.abandoned(7) {
		list += e.Data.(gateway.CommandData).JTI
	}
	return list
}

func never(gateway.EventID) bool  { return false }
func always(gateway.EventID) bool { return true }

func TestUnfinished(t *testing.T) {
	s := story{t: t}
	s.tell(gateway.CommandAccepted, "1")
	s.tell(gateway.CommandAccepted, "2")
	s.tell(gateway.CommandDone, "1")
	s.tell(gateway.CommandRejected, "2") // of a replay; the command goes on
	var u unfinished
	for i, e := range s.events {
		u.follow(eventID(s.records[i].ID), e)
	}
	if all := u.settle(never, gateway.EventID{Epoch: "aaaaaa", Run: 1, Number: 2}); all || len(u.Commands) != 2 || u.UpTo.Number != 2 {
		t.Errorf("nothing is durable behind 2, and %d commands are kept, up to %v", len(u.Commands), u.UpTo)
	}
	if all := u.settle(always, gateway.EventID{Epoch: "aaaaaa", Run: 1, Number: 9}); !all || u.open() != "2" || u.UpTo.Number != 4 {
		t.Errorf("all is durable, and %q are kept, up to %v", u.open(), u.UpTo)
	}
	if e := u.abandoned(7)[0]; e.ID != "gate" || e.Type != gateway.CommandFailed || e.Data.(gateway.CommandData).Reason != gateway.Restarted {
		t.Errorf("abandoned as %+v", e)
	}
	for n := range 2 * mostUnfinished {
		s.tell(gateway.CommandAccepted, string(rune('a'+n)))
		u.follow(eventID(s.records[n+4].ID), s.events[n+4])
	}
	if u.settle(always, eventID(s.records[len(s.records)-1].ID)); len(u.Commands) > mostUnfinished || u.UpTo.Number != 4 {
		t.Errorf("%d commands are kept, up to %v", len(u.Commands), u.UpTo) // those that did not fit are found in the ledger
	}
}

// Whatever was kept when, with what the ledger says it is what the ledger says.
func TestUnfinishedIsWhatTheLedgerSays(t *testing.T) {
	s := story{t: t}
	for _, step := range []struct {
		typ gateway.Type
		jti string
	}{
		{gateway.CommandAccepted, "1"},
		{gateway.CommandAccepted, "2"},
		{gateway.GatewayStarted, ""},
		{gateway.CommandDone, "2"},
		{gateway.CommandAccepted, "3"},
		{gateway.CommandFailed, "1"},
		{gateway.CommandAccepted, "2"},
		{gateway.CommandDone, "3"},
	} {
		if step.typ == gateway.GatewayStarted {
			s.store(gateway.Event{Type: step.typ, ID: gateway.GatewayID, Data: gateway.StartedData{}})
			continue
		}
		s.tell(step.typ, step.jti)
	}
	want := []string{"", "1", "12", "12", "1", "13", "3", "23", "2"} // after so many events
	for kept := range len(s.records) + 1 {                           // when the checkpoint was written
		for durable := range len(s.records) + 1 { // of the ledger
			for from := range min(kept, durable) + 1 { // what can still be read of it
				var u unfinished
				for i := range kept {
					u.follow(eventID(s.records[i].ID), s.events[i])
					upTo := gateway.EventID{Epoch: "aaaaaa", Run: 1, Number: uint64(min(durable, i+1))}
					u.settle(func(id gateway.EventID) bool { return id.Number <= upTo.Number }, upTo)
				}
				b, err := json.Marshal(&u)
				if err != nil {
					t.Fatal(err)
				}
				var found unfinished
				if err := json.Unmarshal(b, &found); err != nil {
					t.Fatal(err)
				}
				if err := found.replay(s.records[from:durable]); err != nil {
					t.Fatal(err)
				}
				got, lost := found.open(), ""
				for _, e := range s.events[min(durable, kept):kept] { // accepted, kept, and gone from the ledger: ends are told of them, too
					if d, ok := e.Data.(gateway.CommandData); ok && e.Type == gateway.CommandAccepted && !strings.Contains(want[durable], d.JTI) {
						lost += d.JTI
					}
				}
				all := slices.Compact(slices.Sorted(slices.Values(strings.Split(want[durable]+lost, ""))))
				if got != strings.Join(all, "") {
					t.Errorf("kept after %d events, %d in the ledger, read from %d on: %q are open, and the ledger says %q", kept, durable, from, got, want[durable])
				}
			}
		}
	}
}

// What is appended again under a new epoch is no command given again.
func TestRenumberedCommandIsNoNewOne(t *testing.T) {
	s := story{t: t}
	s.tell(gateway.CommandAccepted, "1")
	s.tell(gateway.CommandDone, "1")
	again := s.records[0]
	again.ID = outbox.ID{Epoch: "bbbbbb", Run: 1, Number: 1}
	for _, upTo := range []uint64{0, 1, 2} {
		u := unfinished{UpTo: gateway.EventID{Epoch: "aaaaaa", Run: 1, Number: upTo}}
		if err := u.replay(append(s.records, again)); err != nil || u.open() != "" {
			t.Errorf("up to %d: %q are open: %v", upTo, u.open(), err)
		}
	}
}

// An accepted command is on the disk at once, and so is its end: a process that is killed in the middle of a pulse has no
// second chance, and one that is killed after it tells of no second end.
func TestOpenCommandIsKeptAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint")
	truths, err := checkpoint.Open(checkpoint.Options{Path: path, Every: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	box, err := outbox.Open(outbox.Options{Dir: t.TempDir(), AlarmBytes: outbox.MinQueueBytes, NormalBytes: outbox.MinQueueBytes})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	c := &clock{keeper: timekeeper{mono: func() gateway.Mono { return 1000 }}, boot: "b"}
	d := &daemon{box: box, truths: truths, memory: newMemory(truths, c, log), log: log, ended: make(chan struct{}, 1)}
	rec := &recorder{box: box, boot: "b", log: log, seen: d.remember, config: func() *config.Config { return &config.Config{} }}
	ctx, cancel := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	parts.Go(func() { d.memory.run(ctx) }) // and not truths.Run
	parts.Go(func() { d.keepEnds(ctx) })
	kept := func(want int) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			var u unfinished
			if ok, err := checkpoint.Peek(path, unfinishedSection, &u); err != nil {
				t.Fatal(err)
			} else if ok && len(u.Commands) == want {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%d open commands are not kept after a minute", want)
			}
		}
	}
	data := gateway.CommandData{JTI: "1", Issuer: "center", Action: gateway.Open}
	rec.Record(gateway.Event{Type: gateway.CommandAccepted, ID: "gate", Data: data})
	kept(1)
	rec.Record(gateway.Event{Type: gateway.CommandDone, ID: "gate", Data: data})
	kept(0)
	cancel()
	parts.Wait()
	if err := errors.Join(truths.Close(), box.Close()); err != nil {
		t.Error(err)
	}
}
