package gateway

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Stamp is the wall time of an event as known when it is published.
type Stamp struct {
	Time                time.Time // zero while the date is unknown
	Clock               ClockQuality
	NotBefore, NotAfter time.Time // bounds for events of a kernel boot that never knew the time; zero = none
	Late                bool      // first published more than 30 s after it happened, or in a later run
}

// TimeLayout of every time on the wire: RFC 3339, UTC, microseconds.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

// WireTime is t for a payload; null while unknown.
func WireTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(TimeLayout)
	return &s
}

// AppendCloudEvent appends the structured-mode CloudEvents 1.0 JSON of one event to dst. source is the gateway's event
// source ("//site/gateway"). Everything but time, clock, late, notbefore and notafter is the same at every publish.
func AppendCloudEvent(dst []byte, source string, id EventID, s Stored, st Stamp) []byte {
	kind := s.Type.Kind()
	dst = append(dst, `{"specversion":"1.0","id":"`...)
	dst = id.appendSequence(append(append(dst, id.Epoch...), '-'))
	dst = append(dst, `","source":`...)
	dst = appendString(dst, source)
	dst = append(dst, `,"subject":`...)
	dst = appendString(dst, kind, "/", s.ID)
	dst = append(dst, `,"type":`...)
	dst = appendString(dst, TypePrefix, string(s.Type))
	dst = appendTime(dst, `,"time":"`, st.Time)
	dst = append(dst, `,"dataschema":`...)
	dst = appendString(dst, "urn:lotusgate:v1:", string(s.Type))
	dst = append(dst, `,"sequence":"`...)
	dst = id.appendSequence(dst)
	dst = append(dst, `","uptime":"`...)
	dst = appendUptime(dst, s.At)
	dst = append(dst, `","clock":"`...)
	dst = append(dst, st.Clock.String()...)
	dst = append(dst, `","late":`...)
	dst = strconv.AppendBool(dst, st.Late)
	dst = appendTime(dst, `,"notbefore":"`, st.NotBefore)
	dst = appendTime(dst, `,"notafter":"`, st.NotAfter)
	dst = append(dst, `,"severitynumber":`...)
	dst = strconv.AppendInt(dst, int64(s.Severity.Number()), 10)
	dst = append(dst, `,"severitytext":"`...)
	dst = append(dst, s.Severity.String()...)
	dst = append(dst, '"')
	if s.Labels != "" {
		dst = appendString(append(dst, `,"labels":`...), s.Labels)
	}
	dst = append(dst, `,"data":`...)
	dst = append(dst, s.Data...)
	return append(dst, '}')
}

// AppendCompact appends the compact form of one event to dst, for who pays by the byte or cannot read CloudEvents: what the
// topic says already is left out, and so is what has its usual value.
func AppendCompact(dst []byte, id EventID, s Stored, st Stamp) []byte {
	dst = append(dst, `{"id":"`...)
	dst = id.appendSequence(append(append(dst, id.Epoch...), '-'))
	dst = append(dst, `","type":`...)
	dst = appendString(dst, string(s.Type))
	dst = appendTime(dst, `,"time":"`, st.Time)
	dst = append(dst, `,"up":`...)
	dst = appendUptime(dst, s.At)
	if st.Clock != ClockSynced {
		dst = append(append(append(dst, `,"clock":"`...), st.Clock.String()...), '"')
	}
	if st.Late {
		dst = append(dst, `,"late":true`...)
	}
	dst = appendTime(dst, `,"notbefore":"`, st.NotBefore)
	dst = appendTime(dst, `,"notafter":"`, st.NotAfter)
	dst = append(dst, `,"sev":`...)
	dst = strconv.AppendInt(dst, int64(s.Severity.Number()), 10)
	if len(s.Data) > len("{}") {
		dst = append(append(dst, `,"data":`...), s.Data...)
	}
	return append(dst, '}')
}

// appendUptime writes seconds with microseconds, cut off as those of time are.
func appendUptime(dst []byte, at Mono) []byte {
	us := max(at, 0) / 1000
	dst = strconv.AppendInt(dst, int64(us/1e6), 10)
	return appendPadded(append(dst, '.'), uint64(us%1e6), 6)
}

func appendTime(dst []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	dst = append(dst, key...)
	dst = t.UTC().AppendFormat(dst, TimeLayout)
	return append(dst, '"')
}

// appendString quotes the parts as one JSON string. Ids and types need no escape; a site's own words may.
func appendString(dst []byte, parts ...string) []byte {
	at := len(dst)
	dst = append(dst, '"')
	for _, s := range parts {
		for i := range len(s) {
			if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
				b, _ := json.Marshal(strings.Join(parts, "")) // a string cannot fail
				return append(dst[:at], b...)
			}
		}
		dst = append(dst, s...)
	}
	return append(dst, '"')
}
