package intake

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/contract"
)

// desk is an intake with a clock of its own and a core that accepts everything at once.
type desk struct {
	t       testing.TB
	in      *Intake
	now     gateway.Mono
	wall    time.Time
	clock   gateway.ClockQuality
	given   []gateway.Command
	full    bool
	dir     string
	signers map[string]*Signer
	n       int
}

const audience = "//lianhua/park-01"

func newDesk(t testing.TB, change func(*Options)) *desk {
	d := &desk{
		t: t, now: gateway.Mono(time.Hour), wall: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), clock: gateway.ClockSynced,
		dir: t.TempDir(), signers: map[string]*Signer{},
	}
	o := Options{
		Audience: audience, PerMinute: 600, Local: Permission{[]string{"*"}, []string{"*"}},
		Devices: map[string][]gateway.Action{
			"entry-gate": {gateway.Open, gateway.Close, gateway.Stop, gateway.HoldOpen, gateway.Release, gateway.AckAlarm, gateway.Shelve},
			"exit-gate":  {gateway.Open}, "entry-a": {},
		},
		Now:  func() gateway.Mono { return d.now },
		Wall: func() (time.Time, gateway.ClockQuality) { return d.wall, d.clock },
		Command: func(c gateway.Command) bool {
			if d.full {
				return false
			}
			d.given = append(d.given, c)
			return true
		},
		Audit: func(context.Context, gateway.Event) bool { return true },
	}
	for _, alg := range []string{"EdDSA", "ES256", "HS256"} {
		o.Keys = append(o.Keys, d.key(strings.ToLower(alg), alg, "*", "*"))
	}
	o.Keys = append(o.Keys, d.key("guard", "EdDSA", "exit-gate", "open"))
	if change != nil {
		change(&o)
	}
	var err error
	if d.in, err = New(o); err != nil {
		t.Fatal(err)
	}
	d.in.Begin("session-1")
	return d
}

func (d *desk) key(kid, alg, device, action string) KeyFile {
	file, err := NewKey(d.dir, kid, alg)
	if err != nil {
		d.t.Fatal(err)
	}
	if d.signers[kid], err = NewSigner(filepath.Join(d.dir, kid+".key"), kid); err != nil {
		d.t.Fatal(err)
	}
	return KeyFile{ID: kid, File: file, Alg: alg, Devices: []string{device}, Actions: []string{action}}
}

// request is a command that passes.
func (d *desk) request() Request {
	d.n++
	return Request{
		JTI: fmt.Sprintf("jti-%d", d.n), IssuedAt: d.wall.Unix(), Expires: d.wall.Unix() + 10, Audience: audience,
		Session: "session-1", Device: "entry-gate", Action: gateway.Open,
	}
}

func (d *desk) sign(kid string, r Request) []byte {
	s, err := d.signers[kid].Sign(r)
	if err != nil {
		d.t.Fatal(err)
	}
	return []byte(s)
}

// take gives a message and tells the reason of its refusal, "repeated", or "" for a command.
func (d *desk) take(device string, payload []byte, retained bool) gateway.Reason {
	before := len(d.given)
	d.in.Take(device, payload, retained)
	select {
	case r := <-d.in.Replies():
		keepsContract(d.t, r)
		if len(d.given) != before {
			d.t.Error("refused and handed over")
		}
		if r.Repeated {
			return "repeated"
		}
		return r.Reason
	default:
	}
	if len(d.given) != before+1 {
		return "silence"
	}
	return ""
}

// wire is docs/contract.
var wire = sync.OnceValues(func() (*contract.Checker, error) { return contract.Open("../../docs/contract") })

// keepsContract holds a reply against it.
func keepsContract(t testing.TB, r gateway.Reply) {
	t.Helper()
	check, err := wire()
	if err != nil {
		t.Fatal(err)
	}
	const root = "lotusgate/v1/lianhua/park-01"
	if err := check.Message(root, root+"/reply/"+r.To, gateway.MarshalReply(r)); err != nil {
		t.Error(err)
	}
}

func (d *desk) expect(want gateway.Reason, payload []byte) {
	d.t.Helper()
	if got := d.take("entry-gate", payload, false); got != want {
		d.t.Errorf("got %q, want %q", got, want)
	}
	d.now = d.now.Add(10 * refusalGap) // let refusals be told
}

func TestACommandPasses(t *testing.T) {
	for _, kid := range []string{"eddsa", "es256", "hs256"} {
		d := newDesk(t, nil)
		r := d.request()
		r.Args = gateway.Args{Passages: 2, Ref: "ticket-8812"}
		d.expect("", d.sign(kid, r))
		want := gateway.Command{
			JTI: r.JTI, Issuer: kid, Device: "entry-gate", Action: gateway.Open, Args: r.Args,
			Expires: gateway.Mono(time.Hour).Add(15 * time.Second),
		}
		if d.given[0] != want {
			t.Errorf("got %+v, want %+v", d.given[0], want)
		}
	}
}

func TestEachFieldCounts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Request)
		want   gateway.Reason
	}{
		"jti empty":        {func(r *Request) { r.JTI = "" }, gateway.Malformed},
		"jti long":         {func(r *Request) { r.JTI = strings.Repeat("x", 65) }, gateway.Malformed},
		"jti with newline": {func(r *Request) { r.JTI = "a\nb" }, gateway.Malformed},
		"no iat":           {func(r *Request) { r.IssuedAt = 0 }, gateway.Malformed},
		"no exp":           {func(r *Request) { r.Expires = 0 }, gateway.Malformed},
		"exp before iat":   {func(r *Request) { r.Expires = r.IssuedAt - 1 }, gateway.Expired},
		"lives too long":   {func(r *Request) { r.Expires = r.IssuedAt + 61 }, gateway.Expired},
		"late":             {func(r *Request) { r.IssuedAt -= 20; r.Expires -= 20 }, gateway.Expired},
		"late, in leeway":  {func(r *Request) { r.IssuedAt -= 14; r.Expires -= 14 }, ""},
		"early":            {func(r *Request) { r.IssuedAt += 6; r.Expires += 6 }, gateway.Expired},
		"other gateway":    {func(r *Request) { r.Audience = "//lianhua/park-02" }, gateway.WrongAudience},
		"other session":    {func(r *Request) { r.Session = "session-0" }, gateway.WrongSession},
		"other device":     {func(r *Request) { r.Device = "exit-gate" }, gateway.Malformed},
		"no such action":   {func(r *Request) { r.Action = "toggle" }, gateway.UnknownAction},
		"no action":        {func(r *Request) { r.Action = "" }, gateway.Malformed},
		"bad passages":     {func(r *Request) { r.Args.Passages = 100 }, gateway.BadArgs},
		"args of another":  {func(r *Request) { r.Args.Seconds = 3 }, gateway.BadArgs},
		"no alarm":         {func(r *Request) { r.Action = gateway.AckAlarm }, gateway.BadArgs},
		"acknowledged":     {func(r *Request) { r.Action, r.Args.Alarm, r.Args.End = gateway.AckAlarm, "alarm_button", true }, ""},
		"shelved":          {func(r *Request) { r.Action, r.Args.Alarm, r.Args.Seconds = gateway.Shelve, "open", 60 }, ""},
		"shelved too long": {func(r *Request) { r.Action, r.Args.Alarm, r.Args.Seconds = gateway.Shelve, "open", 86401 }, gateway.BadArgs},
		"confirmed": {func(r *Request) {
			r.Action, r.Args.Alarm, r.Args.Confirm = gateway.AckAlarm, "entrapment_suspected", true
		}, ""},
		"shelved for ever": {func(r *Request) { r.Action, r.Args.Alarm, r.Args.End = gateway.Shelve, "open", true }, gateway.BadArgs},
		"bad ref":          {func(r *Request) { r.Args.Ref = "a b" }, gateway.BadArgs},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil)
			r := d.request()
			c.change(&r)
			d.expect(c.want, d.sign("eddsa", r))
		})
	}
}

func TestTheMessageItself(t *testing.T) {
	d := newDesk(t, nil)
	good := d.sign("eddsa", d.request())
	part := strings.Split(string(good), ".")
	header := func(h string) string { return base64.RawURLEncoding.EncodeToString([]byte(h)) }
	for name, c := range map[string]struct {
		payload string
		want    gateway.Reason
	}{
		"empty":              {"", gateway.Malformed},
		"large":              {strings.Repeat("x", 9000), gateway.Malformed},
		"plain JSON":         {`{"action":"open"}`, gateway.Malformed},
		"two parts":          {part[0] + "." + part[1], gateway.Malformed},
		"alg none":           {header(`{"alg":"none","kid":"eddsa","typ":"lotusgate-command"}`) + "." + part[1] + ".", gateway.Malformed},
		"other typ":          {header(`{"alg":"EdDSA","kid":"eddsa","typ":"JWT"}`) + "." + part[1] + "." + part[2], gateway.Malformed},
		"no typ":             {header(`{"alg":"EdDSA","kid":"eddsa"}`) + "." + part[1] + "." + part[2], gateway.Malformed},
		"crit":               {header(`{"alg":"EdDSA","kid":"eddsa","typ":"lotusgate-command","crit":["x"],"x":1}`) + "." + part[1] + "." + part[2], gateway.BadSignature},
		"unknown key":        {header(`{"alg":"EdDSA","kid":"nobody","typ":"lotusgate-command"}`) + "." + part[1] + "." + part[2], gateway.UnknownKey},
		"key of another":     {header(`{"alg":"EdDSA","kid":"guard","typ":"lotusgate-command"}`) + "." + part[1] + "." + part[2], gateway.BadSignature},
		"confused algorithm": {header(`{"alg":"HS256","kid":"eddsa","typ":"lotusgate-command"}`) + "." + part[1] + "." + part[2], gateway.BadSignature},
		"signature flipped":  {part[0] + "." + part[1] + "." + strings.Repeat("A", len(part[2])), gateway.BadSignature},
		"its own key":        {header(`{"alg":"EdDSA","typ":"lotusgate-command","kid":"nobody","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}`) + "." + part[1] + "." + part[2], gateway.UnknownKey},
	} {
		t.Run(name, func(t *testing.T) {
			d.t = t
			d.expect(c.want, []byte(c.payload))
		})
	}
	d.t = t
	if got := d.take("entry-gate", good, true); got != gateway.WasRetained {
		t.Errorf("retained: %q", got)
	}
	d.expect("", good)
}

// The public key of one algorithm must never serve as the secret of another.
func TestPublicKeyIsNoSecret(t *testing.T) {
	d := newDesk(t, nil)
	pub, err := os.ReadFile(filepath.Join(d.dir, "eddsa.pub"))
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(d.dir, "forged.key")
	if err := os.WriteFile(forged, []byte(base64.StdEncoding.EncodeToString(pub)), 0o600); err != nil {
		t.Fatal(err)
	}
	if d.signers["forged"], err = NewSigner(forged, "eddsa"); err != nil {
		t.Fatal(err)
	}
	d.expect(gateway.BadSignature, d.sign("forged", d.request()))
}

func TestReplays(t *testing.T) {
	d := newDesk(t, nil)
	r := d.request()
	m := d.sign("es256", r) // a signature of its own every time
	d.expect("", m)
	d.in.Answer(gateway.Reply{JTI: r.JTI, Issuer: "es256", Device: "entry-gate", Stage: gateway.Done})
	<-d.in.Replies()
	d.in.Take("entry-gate", m, false)
	if got := <-d.in.Replies(); !got.Repeated || got.Stage != gateway.Done || len(d.given) != 1 {
		t.Errorf("the same bytes again: %+v, %d commands", got, len(d.given))
	}
	d.expect(gateway.Duplicate, d.sign("es256", r))
	d.in.Begin("session-2")
	d.expect(gateway.WrongSession, m)
	d.in.Begin("session-1") // never happens, but then the clock must do
	d.wall = d.wall.Add(time.Minute)
	d.expect(gateway.Expired, m)
	d.in.Begin("session-1")
	d.clock = gateway.ClockHoldover
	d.wall = d.wall.Add(-time.Hour)
	d.expect(gateway.WrongNonce, m)
	if len(d.given) != 1 {
		t.Errorf("%d commands", len(d.given))
	}
}

func TestNonceStandsInForTheClock(t *testing.T) {
	d := newDesk(t, nil)
	d.clock, d.wall = gateway.ClockUnset, time.Unix(100, 0)
	nonce, newest := d.in.Nonce()
	if nonce == "" || newest != nonceTime {
		t.Fatalf("nonce %q for %v", nonce, newest)
	}
	quote := func(n string) []byte {
		r := d.request()
		r.IssuedAt, r.Expires, r.Nonce = 1_800_000_000, 1_800_000_010, n
		return d.sign("eddsa", r)
	}
	d.expect("", quote(nonce))
	d.expect(gateway.WrongNonce, quote(nonce)) // expect lets a minute pass
	d.now = d.now.Add(-10 * refusalGap)
	first, _ := d.in.Nonce()
	d.now = d.now.Add(nonceTime)
	second, _ := d.in.Nonce()
	if second == first {
		t.Error("not renewed")
	}
	d.expect("", quote(first))
	d.expect(gateway.WrongNonce, quote(""))
}

func TestPermissionsAndRates(t *testing.T) {
	d := newDesk(t, func(o *Options) { o.PerMinute = 12 })
	d.expect(gateway.NotAllowed, d.sign("guard", d.request()))
	r := d.request()
	r.Device = "exit-gate"
	if got := d.take("exit-gate", d.sign("guard", r), false); got != "" {
		t.Errorf("allowed: %q", got)
	}
	r = d.request()
	r.Device, r.Action = "exit-gate", gateway.Close
	if got := d.take("exit-gate", d.sign("eddsa", r), false); got != gateway.UnknownAction {
		t.Errorf("close of a gate that only opens: %q", got)
	}
	r = d.request()
	r.Device = "nothing"
	if got := d.take("nothing", d.sign("eddsa", r), false); got != gateway.UnknownDevice {
		t.Errorf("no such device: %q", got)
	}
	d.now = d.now.Add(time.Hour)
	for range 2 {
		if got := d.take("entry-gate", d.sign("eddsa", d.request()), false); got != "" {
			t.Errorf("within the rate: %q", got)
		}
	}
	if got := d.take("entry-gate", d.sign("eddsa", d.request()), false); got != gateway.RateLimited {
		t.Errorf("beyond the rate: %q", got)
	}
	stop := d.request()
	stop.Action = gateway.Stop
	if got := d.take("entry-gate", d.sign("eddsa", stop), false); got != "" {
		t.Errorf("stop: %q", got)
	}
	d.full = true
	d.now = d.now.Add(time.Hour)
	d.expect(gateway.RateLimited, d.sign("eddsa", d.request()))
}

func TestIDsAreBounded(t *testing.T) {
	d := newDesk(t, func(o *Options) { o.PerMinute = 6_000_000 })
	for range idsKept {
		d.take("entry-gate", d.sign("hs256", d.request()), false)
	}
	d.expect(gateway.RateLimited, d.sign("hs256", d.request()))
	if len(d.in.seen) != idsKept {
		t.Errorf("%d ids", len(d.in.seen))
	}
	stop := d.request()
	stop.Action = gateway.Stop
	d.expect("", d.sign("hs256", stop))
}

func TestKeysAreReadAgain(t *testing.T) {
	d := newDesk(t, nil)
	pub := filepath.Join(d.dir, "eddsa.pub")
	if err := os.Rename(pub, pub+".old"); err != nil {
		t.Fatal(err)
	}
	d.in.readKeys()
	d.expect(gateway.UnknownKey, d.sign("eddsa", d.request()))
	if err := os.WriteFile(pub, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.in.readKeys()
	d.expect(gateway.UnknownKey, d.sign("eddsa", d.request()))
	if err := os.Rename(pub+".old", pub); err != nil {
		t.Fatal(err)
	}
	d.in.readKeys()
	d.expect("", d.sign("eddsa", d.request()))
}

func TestUnsigned(t *testing.T) {
	d := newDesk(t, func(o *Options) { o.Unsigned = true })
	b, err := json.Marshal(d.request())
	if err != nil {
		t.Fatal(err)
	}
	d.expect("", b)
	d.expect("silence", b) // the first reply is on its way
	d.in.Answer(gateway.Reply{JTI: "jti-1", Issuer: "unsigned", Device: "entry-gate", Action: gateway.Open, Stage: gateway.Accepted})
	keepsContract(t, <-d.in.Replies())
	d.expect("repeated", b)
	r := d.request()
	r.Session = "session-0"
	if b, err = json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	d.expect(gateway.WrongSession, b)
}

// A flood of rubbish costs a bounded number of replies and audit events, and no memory that stays.
func TestFlood(t *testing.T) {
	d := newDesk(t, nil)
	good := d.sign("eddsa", d.request())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range 10_000 {
		bad := append([]byte(nil), good...)
		bad[n%len(bad)] ^= byte(1 + n%255)
		d.in.Take(fmt.Sprintf("entry-%d", n), bad, n%7 == 0)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := len(d.in.replies); n > burst {
		t.Errorf("%d replies", n)
	}
	if n := len(d.in.audits); n > burst {
		t.Errorf("%d audit events", n)
	}
	if len(d.given) != 0 || d.in.suppressed < 9_900 {
		t.Errorf("%d commands, %d suppressed", len(d.given), d.in.suppressed)
	}
	for _, h := range d.in.Holdings() {
		if h.Held > h.Most {
			t.Errorf("%s: %d, and %d are allowed", h.What, h.Held, h.Most)
		}
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("%d bytes stay", grown)
	}
	d.now = d.now.Add(time.Hour)
	for len(d.in.audits) > 0 {
		<-d.in.audits
	}
	d.in.Take("entry-gate", nil, false)
	if e := <-d.in.audits; e.Data.(gateway.CommandData).Suppressed < 9_900 {
		t.Errorf("audit %+v", e)
	}
}

func FuzzTake(f *testing.F) {
	d := newDesk(f, nil)
	good := d.sign("eddsa", d.request())
	f.Add(good)
	f.Add([]byte(`{"jti":"x","iat":1e400,"exp":-1}`))
	unsigned := newDesk(f, func(o *Options) { o.Unsigned = true })
	f.Fuzz(func(t *testing.T, b []byte) {
		d.given = nil
		d.in.Begin("session-1")
		d.in.Take("entry-gate", b, false)
		if len(d.given) > 0 && !bytes.Equal(b, good) {
			t.Fatalf("accepted %q", b)
		}
		unsigned.in.Take("entry-gate", b, false)
	})
}

func BenchmarkTake(b *testing.B) {
	for _, kid := range []string{"eddsa", "es256", "hs256"} {
		b.Run(kid, func(b *testing.B) {
			d := newDesk(b, func(o *Options) { o.PerMinute = 6_000_000 })
			m := d.sign(kid, d.request())
			b.ReportAllocs()
			for b.Loop() {
				d.in.Begin("session-1")
				d.in.Take("entry-gate", m, false)
			}
		})
	}
}
