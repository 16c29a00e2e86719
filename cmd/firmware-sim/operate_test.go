package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// A newcomer operates the demo: he compares the certificate with what is printed, logs in with the password of this run, is
// refused until he pushes the button in the cabinet, and then opens the barrier. Over plain HTTP there is no log-in.
func TestDemoIsOperated(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	finger, button := io.Pipe()
	defer button.Close()
	out := &lines{wrote: make(chan struct{}, 1)}
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, []string{"demo", "--lang", "en"}, finger, out, out) }()

	plain := out.await(t, `status page\s+(http://\S+)`)[1]
	said := out.await(t, `operate\s+(https://\S+)/login\s+password of this run: (\S+)`)
	page, password := said[1], said[2]
	printed := out.await(t, `SHA256 (\S+)`)[1]
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var shown [sha256.Size]byte
	phone := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, // compared below
		VerifyConnection:   func(s tls.ConnectionState) error { shown = sha256.Sum256(s.PeerCertificates[0].Raw); return nil },
	}}}
	defer phone.CloseIdleConnections()
	post := func(path string, form url.Values) string {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, page+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept-Language", "en")
		resp, err := phone.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	open := url.Values{"device": {"exit-gate"}, "action": {"open"}}
	if html := post("/operate", open); !strings.Contains(html, `type="password"`) {
		t.Errorf("an order without log-in: %s", html)
	}
	if got := strings.ReplaceAll(printed, ":", ""); got != fmt.Sprintf("%X", shown) {
		t.Errorf("printed %s, the browser sees %X", got, shown)
	}
	if html := post("/login", url.Values{"password": {password}}); !strings.Contains(html, "data-hold=\"open\"") {
		t.Errorf("log-in with what was printed: %s", html)
	}
	out.await(t, `gateway\s+entry\s+lane\.vehicle_arrived`) // every wire was read
	if html := post("/operate", open); !strings.Contains(html, "nobody has pressed the button") {
		t.Errorf("without anybody at the machine: %s", html)
	}
	if _, err := button.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	out.await(t, `gateway\s+gateway\s+gateway\.maintenance_opened`)
	if html := post("/operate", open); !strings.Contains(html, "open: done") {
		t.Errorf("with the button pushed: %s", html)
	}

	resp, err := http.Get(plain + "login")
	if err != nil {
		t.Fatal(err)
	}
	html, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if err != nil || strings.Contains(string(html), `type="password"`) || !strings.Contains(string(html), page+"/login") {
		t.Errorf("plain HTTP: %v %s", err, html)
	}
	interrupt()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d:\n%s", code, out)
	}
}
