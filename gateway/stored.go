package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Stored is an event as the outbox keeps it: with monotonic time and the kernel boot it belongs to, because wall time is
// computed at publish (docs/disk.md). Its JSON is the payload of an outbox record; unknown fields are ignored, so an
// older program can still deliver what a newer one stored.
type Stored struct {
	Type     Type            `json:"t"`
	ID       string          `json:"i"`
	At       Mono            `json:"a"`
	Boot     string          `json:"b"` // kernel boot id, /proc/sys/kernel/random/boot_id
	Severity Severity        `json:"s"`
	Labels   string          `json:"l,omitempty"` // the site's own words, as a form is encoded: building=1&grid=0195
	Data     json.RawMessage `json:"d"`
}

// Store turns an event into the bytes that the outbox keeps.
func Store(e Event, boot string) ([]byte, error) {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("gateway: encode data of %s: %w", e.Type, err)
	}
	if _, ok := SpecOf(e.Type); !ok {
		return nil, fmt.Errorf("gateway: event type %q is not in the catalogue", e.Type)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // nobody reads this in a browser, and labels have an & between them
	err = enc.Encode(Stored{Type: e.Type, ID: e.ID, At: e.At, Boot: boot, Severity: SeverityOf(e), Labels: e.Labels, Data: data})
	if err != nil {
		return nil, fmt.Errorf("gateway: encode %s: %w", e.Type, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Unstore is the inverse of Store: an event with the data of its type.
func Unstore(b []byte) (Event, error) {
	s, err := ParseStored(b)
	if err != nil {
		return Event{}, err
	}
	spec, ok := SpecOf(s.Type)
	if !ok {
		return Event{}, fmt.Errorf("gateway: event type %q is not in the catalogue", s.Type)
	}
	e := Event{Type: s.Type, ID: s.ID, At: s.At}
	if spec.Data == nil {
		return e, nil
	}
	data := reflect.New(reflect.TypeOf(spec.Data))
	if err := json.Unmarshal(s.Data, data.Interface()); err != nil {
		return Event{}, fmt.Errorf("gateway: parse data of %s: %w", s.Type, err)
	}
	e.Data = data.Elem().Interface()
	return e, nil
}

// ParseStored is the inverse of Store, as far as bytes go. Data shares the memory of b.
func ParseStored(b []byte) (Stored, error) {
	if s, ok := parseAsStored(b); ok {
		return s, nil
	}
	var s Stored
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("gateway: parse stored event: %w", err)
	}
	if s.Type == "" || s.ID == "" || len(s.Data) == 0 {
		return s, fmt.Errorf("gateway: parse stored event: type, id or data is missing")
	}
	return s, nil
}

// parseAsStored reads exactly what Store writes, at a tenth of the price: a backlog is a million of these. Anything else,
// as another version may have written, is not ok.
func parseAsStored(b []byte) (s Stored, ok bool) {
	const data = `,"d":`
	envelope := bytes.Index(b, []byte(data))
	if envelope < 0 || len(b) < envelope+len(data)+3 {
		return s, false
	}
	s.Data = b[envelope+len(data) : len(b)-1]
	rest := string(b[:envelope]) // the only allocation: every word of it is a part of this
	if strings.ContainsFunc(rest, func(r rune) bool { return r < ' ' || r == '\\' || r >= 0x7f }) {
		return s, false
	}
	field := func(key, end string) (value string) {
		rest, ok = strings.CutPrefix(rest, key)
		if ok {
			value, rest, ok = strings.Cut(rest, end)
		}
		return value
	}
	var at string
	for _, f := range [...]struct {
		key, end string
		value    *string
	}{{`{"t":"`, `"`, (*string)(&s.Type)}, {`,"i":"`, `"`, &s.ID}, {`,"a":`, `,`, &at}, {`"b":"`, `"`, &s.Boot}} {
		if *f.value = field(f.key, f.end); !ok {
			return s, false
		}
	}
	n, err := strconv.ParseInt(at, 10, 64)
	plain := strings.TrimLeft(at, "-+0") == at // no sign and no zero before it, of which JSON knows some and some not
	rest, s.Labels, _ = strings.Cut(strings.TrimSuffix(rest, `"`), `","l":"`)
	severity, last := rest, b[envelope-1] == '"'
	severity, ok = strings.CutPrefix(severity, `,"s":"`)
	level := slices.Index(severityNames[:], severity)
	if s.At = Mono(n); err != nil || !plain || !ok || !last || strings.Contains(s.Labels, `"`) || level < 0 || s.Type == "" || s.ID == "" {
		return s, false
	}
	s.Severity = Severity(level)
	return s, b[len(b)-1] == '}' && s.Data[0] == '{' && json.Valid(s.Data)
}
