package intake

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4"

	"lotusgate/gateway"
)

// Values of typ in the header, one for each kind of message, so that none passes for another.
const (
	Type          = "lotusgate-command"
	WatermarkType = "lotusgate-watermark"
	HeartbeatType = "lotusgate-heartbeat"
)

// token is a message whose form is right; nothing in it is proven.
type token struct {
	jws *jose.JSONWebSignature
	kid string
	alg jose.SignatureAlgorithm
}

// claims of a command.
type claims struct {
	JTI      string          `json:"jti"`
	IssuedAt float64         `json:"iat"`
	Expires  float64         `json:"exp"`
	Audience string          `json:"aud"`
	Session  string          `json:"session"`
	Nonce    string          `json:"nonce"`
	Device   string          `json:"device"`
	Action   gateway.Action  `json:"action"`
	Args     json.RawMessage `json:"args"`

	args gateway.Args // of Args, when they were checked
}

// algorithms that a key may be configured with.
var algorithms = []jose.SignatureAlgorithm{jose.EdDSA, jose.ES256, jose.HS256}

// form reads a message as far as it can be read without a key.
func (in *Intake) form(m *message) *refusal {
	body := m.payload
	if len(body) == 0 || len(body) > maxMessage {
		return because(gateway.Malformed, "1 to 8192 bytes")
	}
	if !in.opt.Unsigned {
		var why *refusal
		if m.token, why = parseToken(body, Type); why != nil {
			return why
		}
		body = m.token.jws.UnsafePayloadWithoutVerification()
	}
	if err := json.Unmarshal(body, &m.claims); err != nil {
		m.claims = claims{}
		return because(gateway.Malformed, "the claims are no JSON of the right shape")
	}
	c := &m.claims
	if !isWord(c.JTI, 64) || !isWord(string(c.Action), 32) || len(c.Session) > 64 || len(c.Nonce) > 64 || !finite(c.IssuedAt) || !finite(c.Expires) {
		m.claims = claims{}
		return because(gateway.Malformed, "jti, iat, exp and action are needed; jti has 1 to 64 characters")
	}
	if c.Device != m.device {
		return because(gateway.Malformed, "device must be that of the topic")
	}
	return nil
}

// parseToken reads a JWS of one type. Header fields that would bring a key along are never looked at; "crit" is refused
// by go-jose.
func parseToken(body []byte, typ string) (token, *refusal) {
	for part := range bytes.SplitSeq(body, []byte(".")) { // one spelling for each message
		if _, err := base64.RawURLEncoding.Strict().DecodeString(string(part)); err != nil || bytes.ContainsAny(part, "\r\n") {
			return token{}, because(gateway.Malformed, "a JWS in compact form, alg EdDSA, ES256 or HS256")
		}
	}
	jws, err := jose.ParseSignedCompact(string(body), algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return token{}, because(gateway.Malformed, "a JWS in compact form, alg EdDSA, ES256 or HS256")
	}
	h := jws.Signatures[0].Protected
	if is, _ := h.ExtraHeaders[jose.HeaderType].(string); is != typ {
		return token{}, because(gateway.Malformed, "typ must be "+typ)
	}
	return token{jws: jws, kid: h.KeyID, alg: jose.SignatureAlgorithm(h.Algorithm)}, nil
}

// isWord tells whether s is printable ASCII without spaces: what may be shown, logged and stored as it is.
func isWord(s string, most int) bool {
	return s != "" && len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' '
	})
}

// finite tells whether f is a date within a few thousand years.
func finite(f float64) bool { return f > 0 && f < 1e11 && !math.IsNaN(f) }

func (c *claims) issued() time.Time { return fromSeconds(c.IssuedAt) }
func (c *claims) expiry() time.Time { return fromSeconds(c.Expires) }
func (c *claims) life() time.Duration {
	if d := c.Expires - c.IssuedAt; math.Abs(d) < 1e6 {
		return time.Duration(d * float64(time.Second))
	}
	return -1
}

func fromSeconds(f float64) time.Time {
	whole, part := math.Modf(f)
	return time.Unix(int64(whole), int64(part*1e9))
}

// signature proves who sent a message.
func (in *Intake) signature(m *message) *refusal {
	if in.opt.Unsigned {
		m.issuer = "unsigned"
		return nil
	}
	if why := in.prove(m.token); why != nil {
		return why
	}
	m.issuer = m.token.kid
	return nil
}

// prove verifies with the key's own algorithm, whatever the header says.
func (in *Intake) prove(t token) *refusal {
	k, ok := (*in.keys.Load())[t.kid]
	if !ok {
		return because(gateway.UnknownKey, "")
	}
	if t.alg != k.alg {
		return because(gateway.BadSignature, "this key signs with "+string(k.alg))
	}
	if _, err := t.jws.Verify(k.verify); err != nil {
		return because(gateway.BadSignature, "")
	}
	return nil
}

// Bounds of arguments.
const (
	maxPassages = 99
	maxSeconds  = 24 * 60 * 60
	maxRef      = 64
	maxCount    = 100_000 // vehicles in a lot
)

// arguments reads what the action takes, and refuses what it does not: a misspelled argument must not be a default.
func (in *Intake) arguments(m *message) *refusal {
	var a gateway.Args
	if raw := m.claims.Args; len(raw) > 0 && !bytes.Equal(raw, []byte("null")) {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&a); err != nil {
			return because(gateway.BadArgs, "not the arguments of "+string(m.claims.Action))
		}
	}
	if a.Ref != "" && !isWord(a.Ref, maxRef) {
		return because(gateway.BadArgs, "ref has at most 64 characters, without spaces")
	}
	rest := a
	switch m.claims.Action {
	case gateway.Open:
		if a.Passages < 0 || a.Passages > maxPassages {
			return because(gateway.BadArgs, "passages: 1 to 99")
		}
		rest.Passages, rest.Ref = 0, ""
	case gateway.HoldOpen:
		if a.Seconds < 0 || a.Seconds > maxSeconds {
			return because(gateway.BadArgs, "seconds: 0 to 86400")
		}
		rest.Seconds, rest.Ref = 0, ""
	case gateway.SetCount:
		if a.Value == nil || *a.Value < 0 || *a.Value > maxCount {
			return because(gateway.BadArgs, "value: 0 to 100000")
		}
		if e := a.Expected; e != nil && (*e < -maxCount || *e > 2*maxCount) {
			return because(gateway.BadArgs, "expected: what the gateway counts")
		}
		rest.Value, rest.Expected, rest.Ref = nil, nil, ""
	case gateway.AckAlarm, gateway.Shelve:
		if !isWord(a.Alarm, maxRef) {
			return because(gateway.BadArgs, "alarm: its name, as in the topic of the alarm")
		}
		rest.Alarm, rest.Ref = "", ""
		switch {
		case m.claims.Action == gateway.AckAlarm:
			rest.End, rest.Confirm = false, false
		case a.Seconds < 0 || a.Seconds > maxSeconds:
			return because(gateway.BadArgs, "seconds: 0 to 86400")
		default:
			rest.Seconds = 0
		}
	case gateway.Resend:
		if _, _, err := a.Range(); err != nil {
			return because(gateway.BadArgs, err.Error())
		}
		rest.Epoch, rest.From, rest.To, rest.Ref = "", "", "", ""
	default:
		rest.Ref = ""
	}
	if rest != (gateway.Args{}) {
		return because(gateway.BadArgs, string(m.claims.Action)+" does not take these arguments")
	}
	m.claims.args = a
	return nil
}
