package daemon

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/intake"
)

// TestHeartbeat holds what a heartbeat is worth: it counts if it is later than the last, and only a signed one is a date.
func TestHeartbeat(t *testing.T) {
	dir := t.TempDir()
	file, err := intake.NewKey(dir, "center", "EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := intake.NewSigner(filepath.Join(dir, "center.key"), "center")
	if err != nil {
		t.Fatal(err)
	}
	signed := func(site string, at time.Time) []byte {
		s, err := signer.SignHeartbeat(gateway.Heartbeat{Site: site, At: at})
		if err != nil {
			t.Fatal(err)
		}
		return []byte(s)
	}
	plain := func(site string, at time.Time) []byte {
		b, _ := json.Marshal(gateway.Heartbeat{Site: site, At: at})
		return b
	}
	for name, c := range map[string]struct {
		keys  []intake.KeyFile
		beat  func(site string, at time.Time) []byte
		floor time.Time // after a heartbeat of noon, at a gateway that knows no date but that of its program
	}{
		"signed": {[]intake.KeyFile{{ID: "center", File: file, Alg: "EdDSA", Devices: []string{"gateway"}, Actions: []string{"heartbeat"}}}, signed, noon},
		"plain":  {nil, plain, built},
	} {
		t.Run(name, func(t *testing.T) {
			w := &watch{up: time.Hour, system: epoch}
			d := &daemon{clock: reboot(t, nil, "boot", w), log: slog.New(slog.DiscardHandler), cfg: &config.Config{
				Gateway: config.Gateway{Site: "lianhua", ID: "park-01"}, MQTT: config.MQTT{Heartbeat: 30 * time.Second},
			}}
			d.intake, err = intake.New(intake.Options{
				Audience: "//lianhua/park-01", Keys: c.keys, Now: d.clock.Now,
				Wall:    func() (time.Time, gateway.ClockQuality) { return time.Time{}, gateway.ClockUnset },
				Command: func(gateway.Command) bool { return false }, Audit: func(context.Context, gateway.Event) bool { return true },
			})
			if err != nil {
				t.Fatal(err)
			}
			hear := d.heartbeat()
			alive := func(want bool, what string) {
				t.Helper()
				if got := d.center.alive(d.clock.Now(), d.cfg.MQTT.Heartbeat); got != want {
					t.Errorf("%s: alive %v", what, got)
				}
			}
			alive(false, "before any")
			hear(c.beat("elsewhere", noon))
			hear([]byte("hello"))
			alive(false, "what does not count")
			hear(c.beat("lianhua", noon))
			alive(true, "a heartbeat")
			if date, known := d.clock.Date(); known || date.Before(c.floor) || date.After(c.floor.Add(2*time.Hour)) {
				t.Errorf("date %v, known %v, want one not known and not before %v", date, known, c.floor)
			}
			w.up += 20 * time.Second
			hear(c.beat("lianhua", noon)) // recorded and played back
			w.up += 10 * time.Second
			alive(false, "an old one once more")
			hear(c.beat("lianhua", noon.Add(time.Second)))
			alive(true, "the next")
		})
	}
	if (&daemon{cfg: &config.Config{}}).heartbeat() != nil {
		t.Error("heartbeats are looked for where none are configured")
	}
}
