package intake

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"lotusgate/gateway"
)

// parts of a message, decoded.
func parts(t testing.TB, m []byte) (header, claims map[string]any, signature string) {
	t.Helper()
	p := strings.Split(string(m), ".")
	for i, to := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(p[i])
		if err == nil {
			err = json.Unmarshal(b, to)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return header, claims, p[2]
}

func joined(t testing.TB, header, claims map[string]any, signature string) []byte {
	t.Helper()
	var p [2]string
	for i, v := range []map[string]any{header, claims} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		p[i] = base64.RawURLEncoding.EncodeToString(b)
	}
	return []byte(p[0] + "." + p[1] + "." + signature)
}

// Each field of the envelope, changed by somebody who cannot sign: left out, another value of the same type, another type.
func TestEachFieldFlipped(t *testing.T) {
	flips := 0
	for _, kid := range []string{"eddsa", "es256", "hs256"} {
		d := newDesk(t, nil)
		d.clock = gateway.ClockUnset
		r := d.request()
		r.Nonce, _ = d.in.Nonce()
		r.Args = gateway.Args{Passages: 2, Ref: "ticket"}
		good := d.sign(kid, r)
		header, claims, signature := parts(t, good)
		for name, fields := range map[string]map[string]any{"header": header, "claims": claims} {
			for _, key := range slices.Sorted(maps.Keys(fields)) {
				was := fields[key]
				for _, now := range []any{nil, "x", "", 7.0, true, []any{was}, map[string]any{"a": was}, flipped(was)} {
					fields[key] = now
					m := joined(t, header, claims, signature)
					if string(m) == string(good) {
						continue
					}
					flips++
					if got := d.take("entry-gate", m, false); got == "" || got == "repeated" {
						t.Errorf("%s: %s.%s = %v: %q", kid, name, key, now, got)
					}
					d.now = d.now.Add(10 * refusalGap)
				}
				delete(fields, key)
				if got := d.take("entry-gate", joined(t, header, claims, signature), false); got == "" {
					t.Errorf("%s: without %s.%s: %q", kid, name, key, got)
				}
				fields[key] = was
			}
		}
		for i := range good { // and each byte
			for _, bit := range []byte{1, 2, 32, 64} {
				m := slices.Clone(good)
				m[i] ^= bit
				flips++
				if d.in.Take("entry-gate", m, false); len(d.given) != 0 {
					t.Fatalf("%s: byte %d, bit %d: accepted", kid, i, bit)
				}
			}
		}
		for len(d.in.Replies()) > 0 {
			<-d.in.Replies()
		}
		r.JTI = "last"
		d.now = d.now.Add(10 * refusalGap)
		d.clock = gateway.ClockSynced
		if d.expect("", d.sign(kid, r)); len(d.given) != 1 {
			t.Errorf("%s: nothing is taken any more", kid)
		}
	}
	t.Logf("%d flips", flips)
}

// flipped is another value of the same type.
func flipped(v any) any {
	switch x := v.(type) {
	case string:
		return x + "x"
	case float64:
		return x + 1
	case map[string]any:
		return map[string]any{"passages": 3}
	}
	return v
}

// Each key with each algorithm that it is not configured for, signed with whatever of it an attacker may know.
func TestEachAlgorithmConfused(t *testing.T) {
	d := newDesk(t, nil)
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(d.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	attacker := newDesk(t, nil) // keys of his own
	secrets := map[string]any{}
	for _, kid := range []string{"eddsa", "es256"} {
		pem := read(kid + ".pub")
		block := strings.Split(strings.TrimSpace(string(pem)), "\n")
		der, err := base64.StdEncoding.DecodeString(strings.Join(block[1:len(block)-1], ""))
		if err != nil {
			t.Fatal(err)
		}
		secrets[kid+" in PEM"], secrets[kid+" trimmed"], secrets[kid+" in DER"], secrets[kid+" raw"] = pem, []byte(strings.TrimSpace(string(pem))), der, der[len(der)-32:]
		if len(der) >= 64 {
			secrets[kid+" point"] = der[len(der)-64:]
		}
	}
	tried := 0
	claimsOf := func() []byte {
		b, err := json.Marshal(d.request())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	try := func(what string, m string) {
		tried++
		if got := d.take("entry-gate", []byte(m), false); got != gateway.BadSignature && got != gateway.Malformed {
			t.Errorf("%s: %q", what, got)
		}
		d.now = d.now.Add(10 * refusalGap)
	}
	for _, kid := range []string{"eddsa", "es256", "hs256", "guard"} {
		// HMAC with a public key as the secret.
		for name, secret := range secrets {
			for _, alg := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512} {
				s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: secret}, (&jose.SignerOptions{}).WithType(Type).WithHeader("kid", kid))
				if err != nil {
					continue // too short for this one
				}
				jws, err := s.Sign(claimsOf())
				if err != nil {
					continue
				}
				m, err := jws.CompactSerialize()
				if err != nil {
					t.Fatal(err)
				}
				try(fmt.Sprintf("%s: %s with %s", kid, alg, name), m)
			}
		}
		// A good signature of another algorithm, by a key that is not this one.
		for _, other := range []string{"eddsa", "es256", "hs256"} {
			s, err := NewSigner(filepath.Join(attacker.dir, other+".key"), kid)
			if err != nil {
				t.Fatal(err)
			}
			m, err := s.Sign(d.request())
			if err != nil {
				t.Fatal(err)
			}
			try(fmt.Sprintf("%s: signed with a key for %s", kid, other), m)
		}
		// The header says another algorithm than the signature.
		good := d.request()
		if kid == "guard" {
			good.Device = "exit-gate"
		}
		header, claims, signature := parts(t, d.sign(kid, good))
		claims["device"] = "entry-gate"
		for _, alg := range []any{"none", "None", "NONE", "", "HS256", "HS384", "ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519", "eddsa", nil, 1.0, []any{"EdDSA"}} {
			if alg == header["alg"] && kid != "guard" {
				continue
			}
			h := maps.Clone(header)
			h["alg"] = alg
			for _, sig := range []string{signature, "", "AA"} {
				try(fmt.Sprintf("%s: alg %v, signature %q", kid, alg, sig), string(joined(t, h, claims, sig)))
			}
		}
	}
	t.Logf("%d tried", tried)
}

// A captured command, wherever and whenever it is sent again: each case has its own reason, and nothing moves.
func TestReplaysEachWithItsReason(t *testing.T) {
	type capture struct {
		d *desk
		m []byte // was taken, and done
	}
	captured := func() capture {
		d := newDesk(t, nil)
		m := d.sign("eddsa", d.request())
		d.expect("", m)
		d.in.Answer(gateway.Reply{JTI: "jti-1", Issuer: "eddsa", Device: "entry-gate", Action: gateway.Open, Stage: gateway.Done})
		<-d.in.Replies()
		return capture{d, m}
	}
	// held is a command that the attacker kept from the gateway until now.
	held := func() capture {
		d := newDesk(t, nil)
		return capture{d, d.sign("eddsa", d.request())}
	}
	reasons := map[gateway.Reason]string{}
	for _, c := range []struct {
		name   string
		made   func() capture
		what   func(*desk)
		device string
		keep   bool // the broker retained it
		want   gateway.Reason
	}{
		{name: "in the same session", made: captured, want: "repeated"},
		{name: "after a reconnect or a restart", made: captured, what: func(d *desk) { d.in.Begin("session-2") }, want: gateway.WrongSession},
		{name: "retained", made: captured, keep: true, want: gateway.WasRetained},
		{name: "to another gateway", made: captured, what: func(d *desk) { d.in.opt.Audience = "//lianhua/park-02" }, want: gateway.WrongAudience},
		{name: "to another device", made: captured, device: "exit-gate", want: gateway.Malformed},
		{name: "held back", made: held, what: func(d *desk) { d.wall = d.wall.Add(16 * time.Second) }, want: gateway.Expired},
		{name: "held back, without a clock", made: held, what: func(d *desk) { d.clock = gateway.ClockUnset }, want: gateway.WrongNonce},
		{name: "after its key was taken away", made: held, what: func(d *desk) {
			if err := os.Remove(filepath.Join(d.dir, "eddsa.pub")); err != nil {
				t.Fatal(err)
			}
			d.in.readKeys()
		}, want: gateway.UnknownKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.made()
			before := len(p.d.given)
			if c.what != nil {
				c.what(p.d)
			}
			device := c.device
			if device == "" {
				device = "entry-gate"
			}
			if got := p.d.take(device, p.m, c.keep); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if len(p.d.given) != before {
				t.Error("it was handed over")
			}
			if was, ok := reasons[c.want]; ok {
				t.Errorf("%s is told as %s is", c.name, was)
			}
			reasons[c.want] = c.name
		})
	}
	// The clock set back makes an old command look young. The session says that it is not; and what was never delivered,
	// and is signed for what is now the future, is refused for its date.
	p := captured()
	p.d.in.Begin("session-2")
	p.d.wall = p.d.wall.Add(-time.Hour)
	if got := p.d.take("entry-gate", p.m, false); got != gateway.WrongSession {
		t.Errorf("clock set back, after a restart: %q", got)
	}
	p = held()
	p.d.wall = p.d.wall.Add(-time.Hour)
	if got := p.d.take("entry-gate", p.m, false); got != gateway.Expired {
		t.Errorf("clock set back: %q", got)
	}
	p = captured()
	p.d.wall = p.d.wall.Add(-time.Hour)
	if got := p.d.take("entry-gate", p.m, false); got != "repeated" {
		t.Errorf("clock set back, in the same session: %q", got)
	}
}

// hostile makes payloads from nothing, from good messages, and with a good key.
func hostile(d *desk, rng *rand.Rand, good []byte) []byte {
	word := func(n int) string {
		b := make([]byte, rng.IntN(n))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return string(b)
	}
	switch rng.IntN(9) {
	case 0:
		return []byte(word(70_000))
	case 1:
		m := slices.Clone(good)
		for range 1 + rng.IntN(8) {
			m[rng.IntN(len(m))] ^= 1 << rng.IntN(8)
		}
		m[rng.IntN(len(m))] = '!'

		return m
	case 2:
		return []byte(strings.Repeat(`{"args":`, rng.IntN(2000)))
	case 3:
		return []byte(strings.Repeat("[", rng.IntN(9000)) + strings.Repeat("]", 100))
	case 4: // cut and pasted
		at := 1 + rng.IntN(len(good)-1)
		return slices.Concat(good[:at], good[at/2:])
	case 5:
		return []byte(strings.Repeat(".", rng.IntN(9000)))
	case 6: // a huge header
		h := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"` + strings.Repeat("k", rng.IntN(6000)) + `","typ":"` + Type + `"}`))
		return []byte(h + "." + h + "." + h)
	case 7: // by somebody with a key, who may not
		r := d.request()
		r.Action = []gateway.Action{gateway.Open, gateway.Close, "toggle", gateway.Action(word(40))}[rng.IntN(4)]
		return d.sign("guard", r)
	}
	r := d.request() // by somebody with a key, about nothing
	switch rng.IntN(5) {
	case 0:
		r.Expires = int64(rng.Uint64() >> 1)
	case 1:
		r.Session = word(80)
	case 2:
		r.Args.Ref = "a " + word(90)
	case 3:
		r.JTI = word(80)
		r.Audience = word(300)
	case 4:
		r.IssuedAt -= rng.Int64N(1 << 33)
	}
	return d.sign("eddsa", r)
}

// 10,000 hostile payloads: no panic, no command, bounded memory, bounded ledger, and the center is heard all the while.
func TestHostilePayloads(t *testing.T) {
	d := newDesk(t, nil)
	rng := rand.New(rand.NewPCG(6, 0))
	good := d.sign("eddsa", d.request())
	audits := 0
	drain := func() {
		for len(d.in.audits) > 0 {
			<-d.in.audits
			audits++
		}
		for len(d.in.replies) > 0 {
			<-d.in.replies
		}
	}
	began := d.now
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range 10_000 {
		device := "entry-gate"
		if n%5 == 0 {
			device = fmt.Sprint("d-", n)
		}
		d.in.Take(device, hostile(d, rng, good), n%11 == 0)
		d.now = d.now.Add(time.Millisecond)
		drain()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if len(d.given) != 0 {
		t.Errorf("%d commands: %+v", len(d.given), d.given[0])
	}
	accounts := 3 // strangers, eddsa, guard
	if most := accounts * (burst + int(d.now.Sub(began)/refusalGap)); audits > most {
		t.Errorf("%d audit events in %v, at most %d", audits, d.now.Sub(began), most)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2<<20 {
		t.Errorf("%d bytes stay", grown)
	}
	if len(d.in.limits)+len(d.in.refusals) > 16 || len(d.in.seen) > idsKept {
		t.Errorf("%d limits, %d refusals, %d ids", len(d.in.limits), len(d.in.refusals), len(d.in.seen))
	}
	if d.take("entry-gate", d.sign("eddsa", d.request()), false); len(d.given) != 1 {
		t.Error("the center is not heard any more")
	}
	t.Logf("%d audit events, %d suppressed, by reason %v", audits, d.in.suppressed, d.in.Results())
}
