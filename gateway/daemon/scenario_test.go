package daemon

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"periph.io/x/conn/v3/i2c/i2creg"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/checkpoint"
	"lotusgate/gateway/config"
	"lotusgate/gateway/contract"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/record"
	"lotusgate/gateway/text"
)

var update = flag.Bool("update", false, "write the expected parts of the scenarios anew")

// Each file of testdata is a scenario: a site (rig.ParseSite) and what happens on it (rig.ParseScript), the configuration
// of a gateway that is wired to it, and what follows: every event, and at each line "<time> look" what a technician reads
// and which inputs cannot be believed. Everything from the registers of the chips to the core is the product's, on virtual
// time. The last line of the script is "<time> end". Beside what happens on the site, its lines may be:
//
//	20s look
//	30s ack roof/raised            # an operator takes an alarm
//	30s shelve roof/raised 1h      # or unshelve
//	30s end car-1/alarm_button     # from afar
//	40s restart                    # the power fails and is back: what was not written by then is gone
func TestScenarios(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no scenarios: ", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]*txtar.File{}
			for i := range a.Files {
				parts[a.Files[i].Name] = &a.Files[i]
			}
			got, keep := "", keepOnFailure(t)
			synctest.Test(t, func(t *testing.T) {
				got = play(t, string(parts["config"].Data), string(parts["site"].Data), string(parts["script"].Data), keep)
			})
			if want := string(parts["follows"].Data); got != want && !*update {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			parts["follows"].Data = []byte(got)
			if *update {
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// play runs a scenario and returns what followed, a line each, in the order of time. keep gets the recording of each life.
func play(t *testing.T, yaml, siteText, script string, keep func(recording []byte)) string {
	cfg, err := config.Parse("config", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	site, err := rig.ParseSite(siteText)
	if err != nil {
		t.Fatal(err)
	}
	var turns []turn
	cues, err := rig.ParseScript(strings.Join(slices.DeleteFunc(strings.SplitAfter(script, "\n"), func(line string) bool {
		next, ok := turnOf(t, line)
		if ok {
			turns = append(turns, next)
		}
		return ok
	}), ""))
	if err != nil || len(turns) == 0 || turns[len(turns)-1].word != "" {
		t.Fatalf("script: %v; its last line is <time> end", err)
	}
	board, err := rig.New(1, site, rig.Options{Scenario: rig.Script(cues...)})
	if err != nil {
		t.Fatal(err)
	}
	defer board.Close()
	if err := board.Advance(0); err != nil { // what is wrong from the start
		t.Fatal(err)
	}

	const boot = time.Hour // what the kernel's clock shows at the beginning
	origin := time.Now()
	since := func() time.Duration { return boot + time.Since(origin) }
	now := func() gateway.Mono { return gateway.MonoOf(since()) }
	rec := &transcript{start: now()}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := board.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	path, lives := filepath.Join(t.TempDir(), "checkpoint"), 0
	run := func() (*field.Field, *hub.Hub, func()) {
		h := hub.New(now)
		h.SetGateway(hub.Gateway{ID: cfg.Gateway.ID})
		h.SetClock(hub.Clock{Quality: gateway.ClockSynced})
		a := attachConfig(cfg, Hardware{Lines: line.Registry(since), OpenBus: i2creg.Open, Now: since}, &clock{}, &relays{})
		truths, err := checkpoint.Open(checkpoint.Options{Path: path, Every: truthsEvery})
		if err != nil {
			t.Fatal(err)
		}
		kept := newMemory(truths, &clock{keeper: timekeeper{mono: now}, boot: "boot"}, slog.New(slog.DiscardHandler))
		kept.begin()
		a.out.Memory = kept
		lives++
		dir := filepath.Join(t.TempDir(), strconv.Itoa(lives))
		tape, err := record.New(record.Options{Dir: dir, Limit: 4 << 20, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		a.out.Tape = tape
		from := rec.count()
		f := field.New(a.out, h, rec, now, nil)
		ctx, stop := context.WithCancel(ctx)
		wg.Go(func() { f.Run(ctx) })
		wg.Go(func() { truths.Run(ctx) })
		wg.Go(func() { kept.run(ctx) })
		return f, h, func() {
			stop()
			synctest.Wait()
			keep(playAgain(t, tape, dir, rec.count()-from))
		}
	}
	f, h, stop := run()
	for _, turn := range turns {
		time.Sleep(turn.at - time.Since(origin))
		synctest.Wait()
		switch turn.word {
		case "look":
			rec.look(turn.at, h.View())
		case "restart":
			stop()
			rec.say(turn.at, "  the power fails and is back")
			f, h, stop = run()
		case "":
		default:
			f.ActOnAlarm(ctx, turn.act)
		}
	}
	stop()
	cancel()
	wg.Wait()
	return rec.text()
}

// playAgain decides once more what was recorded, and what the gateway decided must come of it, all of it.
func playAgain(t *testing.T, tape *record.Recorder, dir string, events int) (whole []byte) {
	t.Helper()
	landed, land := context.WithCancel(t.Context())
	land()
	tape.Run(landed)
	files, err := record.Files(dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("no recording: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, b...)
	}
	got, err := record.Play(t.Context(), bytes.NewReader(whole), record.PlayOptions{Parts: Recorded, Decided: func(d record.Decision) {
		if d.Event != nil {
			events--
		}
	}})
	if err != nil || got.Different != nil || got.Cut || events != 0 {
		t.Errorf("played again: %v, %v, cut %v, %d events more were issued", err, got.Different, got.Cut, events)
	}
	return whole
}

// turn is a line of a script that is not about the site.
type turn struct {
	at   time.Duration
	word string // "" = the end
	act  field.AlarmAct
}

func turnOf(t *testing.T, line string) (turn, bool) {
	f := strings.Fields(line)
	if len(f) < 2 {
		return turn{}, false
	}
	at, err := time.ParseDuration(f[0])
	if err != nil {
		return turn{}, false
	}
	next := turn{at: at, word: f[1]}
	acts := map[string]field.AlarmActKind{"ack": field.Acknowledge, "shelve": field.Shelve, "unshelve": field.Unshelve, "end": field.End}
	kind, isAct := acts[f[1]]
	switch {
	case f[1] == "end" && len(f) == 2:
		next.word = ""
	case isAct:
		next.act = field.AlarmAct{Act: kind, By: "operator-7"}
		next.act.ID, next.act.Alarm, _ = strings.Cut(f[2], "/")
		if len(f) > 3 {
			if next.act.For, err = time.ParseDuration(f[3]); err != nil {
				t.Fatal(err)
			}
		}
	case f[1] != "look" && f[1] != "restart":
		return turn{}, false
	}
	return next, true
}

// wire judges what would be published.
var wire = contract.Judge(2)

// transcript is what followed.
type transcript struct {
	mu    sync.Mutex
	start gateway.Mono
	lines []said
	n     int // events
}

func (r *transcript) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

type said struct {
	at   time.Duration
	text string
}

// Record implements field.Recorder.
func (r *transcript) Record(e gateway.Event) gateway.EventID {
	data, err := json.Marshal(e.Data)
	if err = errors.Join(err, wire().Event(e)); err != nil {
		panic(err)
	}
	r.say(e.At.Sub(r.start), fmt.Sprintf("%s %s %s", e.Type, e.ID, data))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	return gateway.EventID{}
}

func (r *transcript) look(at time.Duration, v *hub.View) {
	for _, p := range text.Problems(v) {
		r.say(at, fmt.Sprintf("  en %s %s", p.What.EN, p.Do.EN))
		r.say(at, fmt.Sprintf("  zh %s %s", p.What.ZH, p.Do.ZH))
	}
	for _, p := range v.Points {
		if p.Quality != gateway.Good {
			r.say(at, fmt.Sprintf("  point %s %s", p.ID, p.Quality))
		}
	}
}

func (r *transcript) say(at time.Duration, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, said{at.Round(time.Millisecond), text})
}

// text is everything, by time; what is said of one moment has no order of its own.
func (r *transcript) text() string {
	slices.SortStableFunc(r.lines, func(a, b said) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.text, b.text))
	})
	var b strings.Builder
	for _, l := range r.lines {
		fmt.Fprintln(&b, l.at, l.text)
	}
	return b.String()
}
