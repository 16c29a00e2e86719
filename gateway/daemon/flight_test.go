package daemon

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"text/template"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"periph.io/x/conn/v3/i2c/i2creg"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/record"
)

// demoGateway is the configuration of the demo.
func demoGateway(t testing.TB) *config.Config {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "demo.pub")
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	parts := template.Must(template.ParseFiles("../../cmd/firmware-sim/small.yaml"))
	err = parts.Execute(&b, struct{ Broker, State, Page, Secure, Socket, Group, Key string }{
		"mqtt://127.0.0.1", t.TempDir(), "127.0.0.1:0", "127.0.0.1:0", "/run/lotusgate.sock", "lotusgate", key,
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("small.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// recordDemo runs the field of the demo for a while, in a bubble, and returns its recording, which was played again.
func recordDemo(t *testing.T, length time.Duration) (whole []byte) {
	keep := keepOnFailure(t)
	synctest.Test(t, func(t *testing.T) {
		board, err := rig.New(1, rig.DemoSite(), rig.Options{Scenario: rig.Demo(7)})
		if err != nil {
			t.Fatal(err)
		}
		defer board.Close()
		origin := time.Now()
		since := func() time.Duration { return time.Hour + time.Since(origin) }
		now := func() gateway.Mono { return gateway.MonoOf(since()) }
		a := attachConfig(demoGateway(t), Hardware{Lines: line.Registry(since), OpenBus: i2creg.Open, Now: since}, &clock{}, &relays{})
		dir := filepath.Join(t.TempDir(), "record")
		tape, err := record.New(record.Options{Dir: dir, Limit: 4 << 20, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		a.out.Tape = tape
		rec := &transcript{start: now()}
		f := field.New(a.out, hub.New(now), rec, now, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := board.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() { f.Run(ctx) })
		time.Sleep(length)
		cancel()
		wg.Wait()
		whole = playAgain(t, tape, dir, rec.count())
		keep(whole)
	})
	return whole
}

// Half an hour of the demo, recorded and played again: bit by bit the same. What of the recording is not whole is found,
// and what is before is played.
func TestDemoPlayedAgain(t *testing.T) {
	whole := recordDemo(t, 30*time.Minute)
	play := func(b []byte) (record.Result, error) {
		return record.Play(t.Context(), bytes.NewReader(b), record.PlayOptions{Parts: Recorded})
	}
	all, err := play(whole)
	if err != nil || all.Decisions < 100 || all.Inputs < 1000 {
		t.Fatalf("%+v, %v", all, err)
	}
	t.Logf("%d inputs, %d decisions, %d bytes", all.Inputs, all.Decisions, len(whole))
	for _, n := range []int{len(whole) - 1, len(whole) / 2} {
		got, err := play(whole[:n])
		if err != nil || !got.Cut || got.Different != nil || got.Inputs >= all.Inputs {
			t.Errorf("cut after %d of %d bytes: %+v, %v", n, len(whole), got, err)
		}
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)-100] ^= 0x10
	if got, err := play(damaged); err != nil || !got.Cut || got.Different != nil {
		t.Errorf("a damaged byte: %+v, %v", got, err)
	}
	if _, err := play([]byte("site: x\n")); !errors.Is(err, record.ErrNoRecording) {
		t.Error(err)
	}
}

// Who decides otherwise hears where: another configuration, as another version would.
func TestFirstDifferenceIsNamed(t *testing.T) {
	whole := recordDemo(t, 5*time.Minute)
	other := func(data json.RawMessage) (field.Config, error) {
		parts, err := Recorded(data)
		for i := range parts.Points {
			parts.Points[i].Settle = 80 * time.Millisecond // longer than the pulses of a water meter
			parts.Points[i].ActiveLow = !parts.Points[i].ActiveLow
		}
		return parts, err
	}
	got, err := record.Play(t.Context(), bytes.NewReader(whole), record.PlayOptions{Parts: other})
	if err != nil || got.Different == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if d := got.Different; d.Recorded == d.Now2 || d.By != "test" || !strings.Contains(d.Error(), "this program decides") {
		t.Error(d)
	}
	stranger := func(data json.RawMessage) (field.Config, error) {
		parts, err := Recorded(data)
		parts.Devices = append(parts.Devices, parts.Devices[0])
		return parts, err
	}
	if _, err := record.Play(t.Context(), bytes.NewReader(whole), record.PlayOptions{Parts: stranger}); !errors.Is(err, record.ErrLayout) {
		t.Errorf("other machines: %v", err)
	}
}

// A configuration comes out of a recording as it went in, without what nobody needs to know.
func TestRecordableConfig(t *testing.T) {
	names, err := filepath.Glob("../../deploy/examples/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	for _, name := range names {
		cfg, err := config.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		b := recordable(cfg)
		var got config.Config
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := *cfg
		want.MQTT, want.Status, want.Control, want.Commands, want.Warnings = got.MQTT, got.Status, got.Control, got.Commands, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s comes out different", name)
		}
		if bytes.Contains(b, []byte("password")) || bytes.Contains(b, []byte("mqtts://")) {
			t.Errorf("%s: the recording tells how the center is reached", name)
		}
	}
}

// Every event reads back with its data: those that other parts of the daemon give to the core are inputs of a recording.
func TestEventsReadBack(t *testing.T) {
	for _, s := range gateway.Catalogue() {
		e := gateway.Event{Type: s.Type, ID: "x", At: 5, Data: s.Data}
		stored, err := gateway.Store(e, "")
		if err != nil {
			t.Fatal(err)
		}
		back, err := gateway.Unstore(stored)
		if err != nil {
			t.Errorf("%s: %v", s.Type, err)
			continue
		}
		if again, err := gateway.Store(back, ""); err != nil || !bytes.Equal(again, stored) {
			t.Errorf("%s: %s, then %s", s.Type, stored, again)
		}
	}
}

// The whole daemon records from its start to its last event, and hands the recording out.
func TestDaemonRecords(t *testing.T) {
	cfg := example(t)
	storage := cfg.Storage.Path
	types := runFor(t, cfg)
	var b bytes.Buffer
	if err := CopyRecording(&b, storage); err != nil {
		t.Fatal(err)
	}
	var decided []string
	got, err := record.Play(t.Context(), &b, record.PlayOptions{Parts: Recorded, Decided: func(d record.Decision) {
		if d.Event != nil {
			decided = append(decided, string(d.Event))
		}
	}})
	if err != nil || got.Different != nil || got.Cut {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(decided) == 0 || !strings.Contains(decided[len(decided)-1], string(gateway.GatewayStopping)) {
		t.Errorf("recorded %d of %d events, the last: %v", len(decided), len(types), decided)
	}
	if st, err := os.Stat(RecordDir(storage)); err != nil || st.Mode().Perm() != 0o700 {
		t.Error(st, err)
	}
}

// Each file of testdata/recordings was made of a recording by lotusgate replay --scenario: what the core was given, as lines,
// and what this version decides.
func TestRecordings(t *testing.T) {
	names, err := filepath.Glob("testdata/recordings/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no recordings: ", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil || len(a.Files) != 3 {
				t.Fatalf("%v: three parts are wanted: config, script, follows", err)
			}
			parts, err := Recorded(a.Files[0].Data)
			if err != nil {
				t.Fatal(err)
			}
			decided, err := record.PlayScript(bytes.NewReader(a.Files[1].Data), parts)
			if err != nil || len(decided) == 0 {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, d := range decided {
				got.WriteString(d.Now.Sub(decided[0].Now).String() + " " + d.String() + "\n")
			}
			if want := string(a.Files[2].Data); got.String() != want && !*update {
				t.Errorf("got\n%swant\n%s", got.String(), want)
			}
			a.Files[2].Data = []byte(got.String())
			if *update {
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
