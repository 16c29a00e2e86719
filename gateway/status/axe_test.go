package status

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"lotusgate/gateway/text"
)

// axe is Deque's checker of accessibility, as make node has put it into the cache.
func axe(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(cache, "lotusgate", "npm", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: run make node", err)
		}
		t.Skipf("%v: run make node", err)
	}
	return string(b)
}

// TestScreensAreAccessible lets axe look at every screen, in both languages, on a phone and on a desk, by day and at night:
// no violation of WCAG 2.2 AA, text at 4.5:1 or more, targets large enough.
func TestScreensAreAccessible(t *testing.T) {
	script := axe(t)
	ctx := browser(t)
	server := serve(t, newServer(t, brokenHub(), Options{})) // it shows everything that can be shown
	for screen, path := range shots() {
		for _, l := range text.Langs() {
			for _, width := range []int64{360, 1280} {
				open(t, ctx, server.URL+path+"lang="+l.Tag(), width, "light")
				run(t, ctx, chromedp.Evaluate[chromedp.Void](script))
				for _, scheme := range []string{"light", "dark"} {
					emulate(t, ctx, scheme)
					accessible(t, ctx, fmt.Sprintf("%s, %s, %d px, %s", screen, l.Tag(), width, scheme))
				}
			}
		}
	}
}

// accessible judges what the browser shows; axe is in the page already.
func accessible(t *testing.T, ctx context.Context, what string) {
	t.Helper()
	run(t, ctx, chromedp.Evaluate[chromedp.Void](`document.getElementById("axe-result")?.remove()`))
	const wide = `document.documentElement.scrollWidth > innerWidth ? document.documentElement.scrollWidth : 0`
	if n := run(t, ctx, chromedp.Evaluate[float64](wide)); n > 0 {
		t.Errorf("%s: the page is %v px wide", what, n)
	}
	run(t, ctx, chromedp.Evaluate[chromedp.Void](`
		document.querySelectorAll("details").forEach(d => d.open = true);
		axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then(r => {
			const e = document.createElement("pre"); e.id = "axe-result";
			e.textContent = JSON.stringify(r.violations.map(v => ({ id: v.id, help: v.help,
				nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + " " + n.failureSummary) })));
			document.body.append(e);
		}); undefined`))
	run(t, ctx, visible(`#axe-result`))
	var violations []struct {
		ID, Help string
		Nodes    []string
	}
	said := run(t, ctx, chromedp.Evaluate[string](`document.getElementById("axe-result").textContent`))
	if err := json.Unmarshal([]byte(said), &violations); err != nil {
		t.Fatal(err)
	}
	for _, v := range violations {
		t.Errorf("%s: %s (%s): %q", what, v.Help, v.ID, v.Nodes)
	}
	const small = `JSON.stringify([...document.querySelectorAll("a.button, button, select, summary, nav a, input[type=search], label:has(input)")]
		.filter(e => e.checkVisibility() && Math.min(e.offsetWidth, e.offsetHeight) < 44).map(e => e.outerHTML.slice(0, 120)))`
	if found := run(t, ctx, chromedp.Evaluate[string](small)); found != "[]" {
		t.Errorf("%s: too small for a finger: %s", what, found)
	}
}
