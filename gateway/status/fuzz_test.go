package status

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/access"
)

// door is a keeper that knows one session and lets in with one password, without the cost of a hash.
type door struct{}

func (d *door) Login(_ context.Context, _, word string) (string, error) {
	if word != password {
		return "", access.ErrWrong
	}
	return "session", nil
}

func (d *door) Operator(token string) bool { return token == "session" }

func (d *door) Logout(string) {}

// answer is what a handler writes; a stream ends with its first message.
type answer struct {
	head http.Header
	code int
	size int
	end  context.CancelFunc
}

func (a *answer) Header() http.Header { return a.head }
func (a *answer) Flush()              {}

func (a *answer) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.size += len(b)
	if strings.HasPrefix(a.head.Get("Content-Type"), "text/event-stream") {
		a.end()
	}
	return len(b), nil
}

// answerMost bounds what any address answers with at the site of the fixture.
const answerMost = 1 << 20

// FuzzForms sends forms to every address: log-in, orders, held buttons, corrections, alarms, the walk, the filters, the
// exports, the bundle. No handler panics or says that it failed, no answer is endless, and who is not logged in over
// HTTPS, or comes from another site, changes nothing.
func FuzzForms(f *testing.F) {
	const urlencoded = "application/x-www-form-urlencoded"
	for _, seed := range []struct{ path, query, body string }{
		{"/login", "", "password=wrong+wrong+wrong"},
		{"/logout", "", ""},
		{"/operate", "", "device=entry-gate&action=open"},
		{"/operate", "", "device=b1&action=set_count&value=-1"},
		{"/operate/hold", "", "device=entry-gate&action=close"},
		{"/operate/hold", "lang=en", "device=entry-gate&action=open&release=1"},
		{"/alarms", "", "alarm=car-1%2Ffault_raised&act=shelve-8h"},
		{"/walk/correct", walkedQuery(), "a=ea&b=eb"},
		{"/walk/correct", walkedQuery(), "invert=pulse"},
		{"/walk", walkedQuery() + "&corrected=50-correction-0007.yaml", ""},
		{"/walk/step", "point=ea&have=x&" + walkedQuery(), ""},
		{"/api/v1/walk", "d=entry-a&step=ea%40zzzzzzzzzzz&boot=4a1c", ""},
		{"/api/v1/signals", "p=ea&p=eb", ""},
		{"/api/v1/signals.vcd", "p=pulse", ""},
		{"/api/v1/signals/stream", "p=ea", ""},
		{"/history", "device=cam-1&severity=major&lang=en", ""},
		{"/api/v1/stream", "screen=walk&" + walkedQuery(), ""},
		{"/support.zip", "", ""},
		{"/recording.rec", "", ""},
		{"/", "lang=zh-CN", ""},
		{commandPath, "", `{"device":"entry-gate","action":"open"}`},
	} {
		for who := range byte(4) {
			f.Add(seed.path, seed.query, seed.body, urlencoded, seed.body != "", who)
		}
	}
	for _, kind := range []string{"multipart/form-data; boundary=x", "text/plain", ""} {
		f.Add("/operate", "device=%zz;action=open", "--x\r\nContent-Disposition: form-data; name=\"device\"\r\n\r\nentry-gate\r\n--x--\r\n", kind, true, byte(3))
	}
	f.Add("/login", "", "password="+strings.Repeat("x", 2*formMost), urlencoded, true, byte(1))

	// Two servers, so that no order of the operator is taken for one of somebody else.
	site := func(changed func(string)) *Server {
		replies := make(chan gateway.Reply)
		close(replies)
		return newServer(f, movable(), Options{
			Keeper:     &door{},
			ActOnAlarm: func(context.Context, gateway.Alarm, AlarmAct, time.Duration) { changed("alarm") },
			Correct: func(context.Context, Correction) (Corrected, error) {
				changed("correction")
				return Corrected{File: "50-correction-0007.yaml"}, nil
			},
			Command: func(gateway.Command) <-chan gateway.Reply {
				changed("command")
				return replies
			},
		})
	}
	operators := site(func(string) {})
	var change string
	others := site(func(what string) { change = what })

	f.Fuzz(func(t *testing.T, path, query, body, kind string, post bool, who byte) {
		if !strings.HasPrefix(path, "/") {
			t.Skip() // not what a server gets to see
		}
		ctx, end := context.WithCancel(t.Context())
		defer end()
		r := &http.Request{
			Method: http.MethodGet, URL: &url.URL{Path: path, RawQuery: query}, Host: "gateway", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Accept": {kind}}, Body: http.NoBody, RemoteAddr: "192.0.2.7:1234",
		}
		if post {
			r.Method, r.Header["Content-Type"] = http.MethodPost, []string{kind}
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}
		s := others
		switch who % 4 {
		case 0: // over plain HTTP, with a stolen session
			r.Header.Set("Cookie", operatorCookie+"=session")
		case 1: // not logged in
			r.TLS = &tls.ConnectionState{}
			r.Header.Set("Cookie", operatorCookie+"="+query)
		case 2: // another site makes the operator's browser post
			r.TLS = &tls.ConnectionState{}
			r.Header.Set("Cookie", operatorCookie+"=session")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		default:
			s, r.TLS = operators, &tls.ConnectionState{}
			r.Header.Set("Cookie", operatorCookie+"=session")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}
		w := &answer{head: http.Header{}, end: end}
		s.Handler().ServeHTTP(w, r.WithContext(ctx))
		if w.code >= 500 {
			t.Errorf("%d", w.code)
		}
		if w.size > answerMost {
			t.Errorf("%d bytes", w.size)
		}
		if w.head.Get("Content-Security-Policy") != policy {
			t.Error("unguarded")
		}
		if change != "" {
			t.Errorf("%s by who may not", change)
		}
	})
}
