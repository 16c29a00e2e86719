package daemon

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/checkpoint"
)

func TestUnfinished(t *testing.T) {
	var u unfinished
	command := func(typ gateway.Type, jti string) gateway.Event {
		return gateway.Event{Type: typ, ID: "gate", Data: gateway.CommandData{JTI: jti, Issuer: "center", Action: gateway.Open}}
	}
	for _, e := range []gateway.Event{
		command(gateway.CommandAccepted, "1"), command(gateway.CommandAccepted, "2"), command(gateway.CommandDone, "1"),
		command(gateway.CommandRejected, "2"), // of a replay; the command goes on
	} {
		u.follow(e)
	}
	events := u.abandoned(7)
	if len(events) != 1 || events[0].ID != "gate" || events[0].Data.(gateway.CommandData).JTI != "2" ||
		events[0].Data.(gateway.CommandData).Reason != gateway.Restarted {
		t.Errorf("abandoned %+v", events)
	}
	for _, e := range events { // told once
		u.follow(e)
	}
	if len(u.abandoned(8)) != 0 {
		t.Error("told again")
	}
	for n := range 2 * mostUnfinished {
		u.follow(command(gateway.CommandAccepted, string(rune('a'+n))))
	}
	if len(u.Commands) > mostUnfinished {
		t.Errorf("%d commands are kept", len(u.Commands))
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
	log := slog.New(slog.DiscardHandler)
	c := &clock{keeper: timekeeper{mono: func() gateway.Mono { return 1000 }}, boot: "b"}
	d := &daemon{truths: truths, memory: newMemory(truths, c, log), log: log}
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { defer close(ended); d.memory.run(ctx) }() // and not truths.Run
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
	d.remember(gateway.Event{Type: gateway.CommandAccepted, ID: "gate", Data: data})
	kept(1)
	d.remember(gateway.Event{Type: gateway.CommandDone, ID: "gate", Data: data})
	kept(0)
	cancel()
	<-ended
	if err := truths.Close(); err != nil {
		t.Error(err)
	}
}
