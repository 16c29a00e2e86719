package status

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/access"
	"lotusgate/gateway/trace"
)

// TestCorrect puts right what a walk has found, and nothing else.
func TestCorrect(t *testing.T) {
	dir := t.TempDir() + "/access"
	if err := access.Set(dir, password); err != nil {
		t.Fatal(err)
	}
	tr, base := trace.New([]string{"ea", "eb", "car-fault", "pulse"}), testNow.Add(-time.Minute)
	change := func(n int, at gateway.Mono, level bool) {
		tr.Raw(n, at, level)
		tr.Settled(n, at, level)
	}
	for n := range 4 {
		change(n, base-second, n == 0) // the first rests active
	}
	change(0, base+second, false)
	change(3, base+11*second, true)
	change(2, base+21*second, true)
	var asked []Correction
	var refusal error
	var s *Server
	inForce := false
	s = newServer(t, wellHub(), Options{
		Trace: tr, Keeper: access.New(dir, func() time.Duration { return time.Hour }),
		Correct: func(_ context.Context, c Correction) (Corrected, error) {
			asked = append(asked, c)
			if inForce {
				s.Rewire(trace.New([]string{"ea", "eb", "car-fault", "pulse"}), siteTerminals())
			}
			return Corrected{File: "50-correction-0007.yaml", InForce: inForce}, refusal
		},
	})
	server := httptest.NewTLSServer(s.Handler())
	defer server.Close()
	c := browserOf(t, server)
	walked := walk{boot: "4a1c", Steps: []step{{"ea", base}, {"car-fault", base + 10*second}, {"pulse", base + 20*second}}}.query().Encode()
	address := server.URL + "/walk/correct?" + walked

	invert := url.Values{"invert": {"ea"}}
	if r, _ := post(t, c, address, invert); r.Header.Get("Location") != "/login" || len(asked) > 0 {
		t.Errorf("without log-in: %d", r.StatusCode)
	}
	post(t, c, server.URL+"/login", url.Values{"password": {password}})
	r, _ := post(t, c, address, invert)
	if r.StatusCode != http.StatusSeeOther || len(asked) != 1 || asked[0].Invert != "ea" {
		t.Fatalf("inverted: %d, %v", r.StatusCode, asked)
	}
	if said := body(t, get(t, s, r.Header.Get("Location"), "Accept-Language", "en")); !strings.Contains(said, "Written to 50-correction-0007.yaml, but not in force yet. Restart") {
		t.Error("the page does not say where the correction stands")
	}
	if r, _ := post(t, c, address, url.Values{"a": {"car-fault"}, "b": {"pulse"}}); r.StatusCode != http.StatusSeeOther || asked[1].Swap != [2]string{"car-fault", "pulse"} {
		t.Errorf("swapped: %d, %v", r.StatusCode, asked)
	}
	for _, form := range []url.Values{{"invert": {"eb"}}, {"invert": {"car-fault"}}, {"a": {"ea"}, "b": {"eb"}}, {}} {
		if r, _ := post(t, c, address, form); r.StatusCode != http.StatusNotFound || len(asked) != 2 {
			t.Errorf("%v, which no walk found: %d", form, r.StatusCode)
		}
	}
	refusal = errors.New("points.ea.line: GPIO17 is taken")
	if r, said := post(t, c, address, invert); r.StatusCode != http.StatusConflict || !strings.Contains(said, "Nothing was written") || !strings.Contains(said, "GPIO17 is taken") {
		t.Errorf("refused: %d", r.StatusCode)
	}
	refusal, inForce = nil, true
	if r, _ := post(t, c, address, invert); r.StatusCode != http.StatusSeeOther || len(asked) != 4 {
		t.Errorf("in force: %d, %v", r.StatusCode, asked)
	}
	if r, _ := post(t, c, address, invert); r.StatusCode != http.StatusNotFound || len(asked) != 4 {
		t.Errorf("a page that still showed the fault has inverted it again: %d, %v", r.StatusCode, asked)
	}
	if said := body(t, get(t, s, "/walk?lang=en&corrected=call+0900-666+now")); strings.Contains(said, "Written to") {
		t.Error("an address makes the page say anything")
	}
}
