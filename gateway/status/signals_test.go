package status

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/trace"
)

// TestWaveform reads a recording back as GTKWave would.
func TestWaveform(t *testing.T) {
	s := newServer(t, wellHub(), Options{})
	vcd := body(t, get(t, s, "/api/v1/signals.vcd?p=ea&p=eb"))
	for _, want := range []string{
		"$timescale 1us $end", "$scope module ea $end\n$var wire 1 !! raw $end\n$var wire 1 !\" settled $end\n$upscope $end",
		"#0\nx!!\n0!!\nx!\"\n0!\"\nx!#\n0!#\nx!$\n0!$\n", // the level before the window stands at its begin
		"#18800000\n1!!\n1!\"\n#18800750\n0!!\n",         // the contact bounces; what counts does not
	} {
		if !strings.Contains(vcd, want) {
			t.Errorf("no %q in\n%s", want, vcd)
		}
	}
	if strings.Contains(vcd, "car-fault") || !strings.HasSuffix(vcd, "#60000000\n") {
		t.Errorf("more than what was asked for, or no end:\n%s", vcd)
	}
	last := -1
	for _, line := range strings.Split(vcd, "\n") {
		if at, ok := strings.CutPrefix(line, "#"); ok {
			var n int
			if err := json.Unmarshal([]byte(at), &n); err != nil || n <= last {
				t.Fatalf("time %q after %d: %v", at, last, err)
			}
			last = n
		}
	}
}

func TestRecordingIsWhole(t *testing.T) {
	s := newServer(t, wellHub(), Options{})
	var rec struct {
		Gateway string
		NowUS   int64 `json:"now_us"`
		Signals []struct {
			ID, Terminal string
			ActiveLow    bool `json:"active_low"`
			Raw, Settled [][2]int64
		}
	}
	if err := json.Unmarshal([]byte(body(t, get(t, s, "/api/v1/signals"))), &rec); err != nil {
		t.Fatal(err)
	}
	if rec.Gateway != "lianhua/park-01" || rec.NowUS != micros(testNow) || len(rec.Signals) != 4 {
		t.Errorf("got %+v", rec)
	}
	if first := rec.Signals[0]; first.Terminal != "gpio GPIO17" || len(first.Raw) != 12 || len(first.Settled) != 4 {
		t.Errorf("the first loop: %d raw, %d settled at %q", len(first.Raw), len(first.Settled), first.Terminal)
	}
	if last := rec.Signals[3]; len(last.Raw) != 901 {
		t.Errorf("the wire that chatters: %d edges", len(last.Raw))
	}
}

// TestSignalsFollow sends each mark once, nothing while nothing happens but a sign of life, and ends with the viewer.
func TestSignalsFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		now := func() gateway.Mono { return testNow.Add(time.Since(start)) }
		h, tr := hub.New(now), trace.New([]string{"ea"})
		s := newServer(t, h, Options{Now: now, Trace: tr})
		edge := func(level bool) {
			tr.Raw(0, now(), level)
			h.PutPoint(hub.Point{ID: "ea", Raw: level})
		}
		edge(false)
		var mu sync.Mutex
		var all []string
		so := func() []string { mu.Lock(); defer mu.Unlock(); return slices.Clone(all) }
		gone := errors.New("gone")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- s.followSignals(ctx, s.inputs()[:1], func(b []byte) error {
				mu.Lock()
				defer mu.Unlock()
				if all = append(all, string(b)); len(all) == 5 {
					return gone
				}
				return nil
			})
		}()
		time.Sleep(50 * time.Millisecond)
		edge(true)
		edge(false) // both travel together
		time.Sleep(200 * time.Millisecond)
		if got := so(); len(got) != 2 || strings.Count(got[1], "],[") != 1 || strings.Contains(got[1], "whole") {
			t.Errorf("after two edges: %q", so())
		}
		time.Sleep(1200 * time.Millisecond)
		if got := so(); len(got) != 3 || strings.Contains(got[2], "signals\"") {
			t.Errorf("a second later: %q", so())
		}
		time.Sleep(10 * time.Second)
		if err := <-done; !errors.Is(err, gone) {
			t.Errorf("ended with %v", err)
		}
		cancel()
	})
}

// TestBrowserDrawsSignals watches an edge appear in picture and figures, freezes, zooms in and saves.
func TestBrowserDrawsSignals(t *testing.T) {
	ctx := browser(t)
	start := time.Now()
	now := func() gateway.Mono { return testNow.Add(time.Since(start)) }
	h, tr := wellHub(), siteTrace()
	s := newServer(t, h, Options{Now: now, Trace: tr})
	server := serve(t, s)
	said := &complaints{host: strings.TrimPrefix(server.URL, "http://"), also: "blob:"}
	if err := said.listen(ctx); err != nil {
		t.Fatal(err)
	}
	defer said.none(t)
	open(t, ctx, server.URL+"/signals?lang=zh-CN&p=ea&p=car-fault", 360, "light")
	if wide := run(t, ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth`)); wide > 360 {
		t.Errorf("the page is %v px wide on a phone of 360", wide)
	}
	figures := func(id string) string {
		return run(t, ctx, chromedp.Evaluate[string](`[...document.querySelectorAll('[data-input="`+id+`"] td')].map(e => e.textContent).join(" | ")`))
	}
	if got := figures("ea"); got != "动作 | 11 | 8 | 3.00 ms | 2 | 2.60 s" {
		t.Errorf("figures of the loop: %q", got)
	}
	const ink = `(() => { const c = document.getElementById("strips"), k = document.createElement("canvas"); k.width = c.width; k.height = c.height;
		const g = k.getContext("2d", { willReadFrequently: true }); g.drawImage(c, 0, 0); const d = g.getImageData(0, 0, k.width, k.height).data;
		let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i + 2] > 100 && d[i] < 60) n++; return n; })()`
	for run(t, ctx, chromedp.Evaluate[float64](ink)) < 100 { // pixels in the colour of an active input; the browser's time is bounded
	}
	tr.Raw(2, now(), false)
	tr.Settled(2, now(), false)
	h.PutPoint(hub.Point{ID: "car-fault", Active: true, Quality: gateway.Good})
	run(t, ctx, visible(`[data-input="car-fault"] .settled.on`))

	run(t, ctx, chromedp.Steps(chromedp.Click(chromedp.CSS(`#freeze`)), visible(`#freeze[aria-pressed=true]`), visible(`#save-vcd[href^="blob:"]`)))
	tr.Raw(2, now(), true)
	tr.Settled(2, now(), true)
	h.PutPoint(hub.Point{ID: "car-fault", Quality: gateway.Good})
	savedSignals(t, ctx)
	if got := figures("car-fault"); !strings.HasPrefix(got, "动作") {
		t.Errorf("frozen, and yet it went on: %q", got)
	}
	// Zooming moves the right edge, and with it the moment that the figures speak of.
	run(t, ctx, chromedp.Steps(chromedp.Click(chromedp.CSS(`#zoom-in`)), chromedp.Click(chromedp.CSS(`#strips`)), visible(`#save-vcd[href^="blob:"]`)))
	run(t, ctx, chromedp.Steps(chromedp.Click(chromedp.CSS(`#freeze`)), visible(`[data-input="car-fault"] .settled.off`)))
}

// savedSignals downloads picture and recordings of two inputs that are frozen, one of which is active, and reads them as other
// programs do.
func savedSignals(t *testing.T, ctx context.Context) {
	t.Helper()
	dir := t.TempDir()
	_, err := chromedp.Call(ctx, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	// save clicks and reads the file until it is whole: the browser may still be writing.
	save := func(button, suffix string, read func([]byte) error) {
		t.Helper()
		run(t, ctx, chromedp.Click(chromedp.CSS(button)))
		err := errors.New("nothing is downloaded")
		for ctx.Err() == nil {
			if files, _ := filepath.Glob(filepath.Join(dir, "*"+suffix)); len(files) == 1 {
				var b []byte
				if b, err = os.ReadFile(files[0]); err == nil {
					err = read(b)
				}
				if err == nil {
					return
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("%s: %v", button, err)
	}
	var picture image.Image
	save(`#save-png`, ".png", func(b []byte) (err error) {
		picture, err = png.Decode(bytes.NewReader(b))
		return err
	})
	colours := map[color.Color]bool{}
	for x := range picture.Bounds().Dx() {
		for y := range picture.Bounds().Dy() {
			colours[picture.At(x, y)] = true
		}
	}
	if size := picture.Bounds(); size.Dx() < 300 || size.Dy() < 100 || len(colours) < 4 {
		t.Errorf("the picture is %v with %d colours", size, len(colours))
	}
	var recording struct {
		Signals []struct {
			ID           string
			Raw, Settled [][2]any
		}
	}
	save(`#save-json`, ".json", func(b []byte) error { return json.Unmarshal(b, &recording) })
	if s := recording.Signals; len(s) != 2 || s[0].ID != "ea" || s[1].ID != "car-fault" || len(s[0].Raw) < 8 || len(s[1].Settled) == 0 {
		t.Errorf("the recording: %+v", s)
	}
	save(`#save-vcd`, ".vcd", func(b []byte) error {
		vcd := string(b)
		if !strings.Contains(vcd, "$timescale 1us $end") || strings.Count(vcd, "$var ") != 4 || !strings.HasSuffix(vcd, fmt.Sprintf("#%d\n", trace.Window.Microseconds())) {
			return fmt.Errorf("no recording for other programs: %.300s", vcd)
		}
		return nil
	})
}

func TestSignalsPageIsEscaped(t *testing.T) {
	html := body(t, get(t, newServer(t, brokenHub(), Options{}), "/signals"))
	if strings.Contains(html, "<script>alert") || !strings.Contains(html, "&lt;script&gt;alert") {
		t.Error("the label came through, or is not shown")
	}
	if inline := regexp.MustCompile(`<[a-z][^>"]*("[^"]*"[^>"]*)* (style|on[a-z]+)=`).FindString(html); inline != "" {
		t.Errorf("inline code or style: %q", inline)
	}
}

// BenchmarkSignalMessage is one message to one viewer of eight inputs, one of which chatters at 1 kHz.
func BenchmarkSignalMessage(b *testing.B) {
	s := newServer(b, wellHub(), Options{})
	b.ReportAllocs()
	var size int
	for b.Loop() {
		var m bytes.Buffer
		_ = json.NewEncoder(&m).Encode(s.recording(s.inputs()))
		size = m.Len()
	}
	b.ReportMetric(float64(size), "B")
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(signalPace)*100, "%-of-core-at-10/s")
}
