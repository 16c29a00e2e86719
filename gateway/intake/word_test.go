package intake

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
)

var mark = gateway.Watermark{Epoch: "k3v9q2", Run: 12, Number: 4700}

// withWords has a key that may confirm, one that may beat, and those that may everything or something else.
func withWords(t *testing.T) *desk {
	d := newDesk(t, nil)
	for kid, action := range map[string]string{"store": "watermark", "pulse": "heartbeat"} {
		d.in.opt.Keys = append(d.in.opt.Keys, d.key(kid, "EdDSA", gateway.GatewayID, action))
	}
	d.in.readKeys()
	return d
}

func signed(t *testing.T, s string, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return []byte(s)
}

func TestSignedWatermark(t *testing.T) {
	d := withWords(t)
	good, err := d.signers["store"].SignWatermark(mark)
	by := func(kid string) []byte {
		s, err := d.signers[kid].SignWatermark(mark)
		return signed(t, s, err)
	}
	heartbeat, _ := d.signers["eddsa"].SignHeartbeat(gateway.Heartbeat{Site: "lianhua", At: time.Now()})
	plain, _ := json.Marshal(mark)
	flipped := []byte(good)
	flipped[len(flipped)/2] ^= 1
	for _, c := range []struct {
		name    string
		payload []byte
		refuse  string // "" = taken
	}{
		{"by the key for it", signed(t, good, err), ""},
		{"by a key for everything", by("es256"), ""},
		{"by a key for something else", by("guard"), "not_allowed: the key guard needs the action watermark"},
		{"by the key for heartbeats", by("pulse"), "not_allowed"},
		{"plain", plain, "malformed"},
		{"a heartbeat", []byte(heartbeat), "malformed: typ must be lotusgate-watermark"},
		{"a command", d.sign("eddsa", d.request()), "malformed: typ must be lotusgate-watermark"},
		{"a flipped bit", flipped, "bad_signature"},
		{"nothing", nil, "malformed"},
		{"too much", make([]byte, maxMessage+1), "8192"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := d.in.Watermark(c.payload)
			switch {
			case c.refuse == "" && (err != nil || got != mark):
				t.Errorf("got %v, error %v", got, err)
			case c.refuse != "" && (err == nil || !strings.Contains(err.Error(), c.refuse)):
				t.Errorf("error %v, want %q", err, c.refuse)
			}
		})
	}
	// A watermark is no command, whoever signed it.
	d.expect(gateway.Malformed, by("eddsa"))
}

func TestSignedHeartbeat(t *testing.T) {
	d := withWords(t)
	at := time.Date(2026, 11, 23, 8, 15, 0, 0, time.UTC)
	beat := func(kid, site string) []byte {
		s, err := d.signers[kid].SignHeartbeat(gateway.Heartbeat{Site: site, At: at})
		return signed(t, s, err)
	}
	got, proven, err := d.in.Heartbeat(beat("pulse", "lianhua"), "lianhua")
	if err != nil || !proven || !got.Equal(at) {
		t.Errorf("got %v, %v, error %v", got, proven, err)
	}
	for name, payload := range map[string][]byte{
		"another site": beat("pulse", "elsewhere"), "a key for watermarks": beat("store", "lianhua"),
		"plain": []byte(`{"site":"lianhua","at":"2026-11-23T08:15:00Z"}`),
	} {
		if _, _, err := d.in.Heartbeat(payload, "lianhua"); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// Where nothing is signed, the broker's rules stand behind what is said, and nobody behind its time.
func TestPlainWords(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"auth none": func(o *Options) { o.Unsigned = true },
		"no keys":   func(o *Options) { o.Keys = nil },
	} {
		d := newDesk(t, change)
		if got, err := d.in.Watermark([]byte(`{"epoch":"k3v9q2","run":12,"number":4700}`)); err != nil || got != mark {
			t.Errorf("%s: got %v, error %v", name, got, err)
		}
		if _, err := d.in.Watermark([]byte(`hello`)); err == nil {
			t.Errorf("%s: no JSON is taken", name)
		}
		_, proven, err := d.in.Heartbeat([]byte(`{"site":"lianhua","at":"2026-11-23T08:15:00Z"}`), "lianhua")
		if err != nil || proven {
			t.Errorf("%s: heartbeat proven %v, error %v", name, proven, err)
		}
	}
}

func TestArgumentsOfResend(t *testing.T) {
	d := newDesk(t, func(o *Options) { o.Devices[gateway.GatewayID] = gateway.GatewayActions() })
	try := func(a gateway.Action, args gateway.Args) gateway.Reason {
		r := d.request()
		r.Device, r.Action, r.Args = gateway.GatewayID, a, args
		return d.take(gateway.GatewayID, d.sign("eddsa", r), false)
	}
	good := gateway.Args{Epoch: "k3v9q2", From: "00000012-0000000007", To: "00000013-0000000001"}
	if got := try(gateway.Resend, good); got != "" {
		t.Errorf("resend: %q", got)
	}
	if got := try(gateway.Refresh, gateway.Args{}); got != "" {
		t.Errorf("refresh: %q", got)
	}
	backwards := gateway.Args{Epoch: good.Epoch, From: good.To, To: good.From}
	for _, args := range []gateway.Args{{}, backwards, {Epoch: "k3v9q2", From: "7", To: "9"}} {
		if got := try(gateway.Resend, args); got != gateway.BadArgs {
			t.Errorf("resend of %+v: %q", args, got)
		}
	}
	if got := try(gateway.Refresh, good); got != gateway.BadArgs {
		t.Errorf("refresh with arguments: %q", got)
	}
	if got := try(gateway.Open, gateway.Args{}); got != gateway.UnknownAction {
		t.Errorf("open the gateway: %q", got)
	}
}
