package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"lotusgate/gateway"
)

// contents holds that an id never stands for two events, as it would if numbers were used twice: a center that removes
// duplicates would drop the second one in silence.
type contents struct {
	mu       sync.Mutex
	of       map[string]string
	twice    int
	restored int
}

func (c *contents) hear(line string) {
	topic, payload, ok := strings.Cut(line, " ")
	var e struct {
		ID, Subject, Type, Uptime string
		Data                      json.RawMessage
	}
	if !ok || !strings.Contains(topic, "/event/") || json.Unmarshal([]byte(payload), &e) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	what := e.Subject + e.Type + e.Uptime + string(e.Data)
	if was, known := c.of[e.ID]; known && was != what {
		c.twice++
	}
	c.of[e.ID] = what
	if e.Type == gateway.TypePrefix+string(gateway.OutboxRestored) {
		c.restored++
	}
}

// restoredCard puts back the image of a card that has been at work since: the numbers of its next run have been issued.
func restoredCard(t *testing.T) {
	t.Parallel()
	b, seen := newBook(), contents{of: map[string]string{}}
	c, err := startCenter(func(line string) {
		b.hear(line)
		seen.hear(line)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.server.Close() })
	g := newGateway(t, c.url)
	times := repeat(2)
	for range times {
		run := func() {
			g.start()
			flowing(t, b, 100)
			g.stop()
		}
		run()
		image := t.TempDir() + "/image"
		if err := os.CopyFS(image, os.DirFS(g.dir)); err != nil {
			t.Fatal(err)
		}
		run()
		if err := os.RemoveAll(g.dir); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(g.dir, os.DirFS(image)); err != nil {
			t.Fatal(err)
		}
		run()
	}
	g.start()
	flowing(t, b, 100)
	r := settle(t, g, b)
	nothing(t, r)
	if seen.restored < times {
		t.Errorf("outbox_restored was told %d times, the card was restored %d times", seen.restored, times)
	}
	if seen.twice > 0 {
		t.Errorf("%d ids stand for two events", seen.twice)
	}
	verdict(t, "image of the card put back after a run", times, r, 0, fmt.Sprintf("%d ids used twice", seen.twice))
}

// chatter is what a torn cable does: inputs that never rest, each within its budget of 60 events a minute.
func chatter(t *testing.T) {
	t.Parallel()
	b := newBook()
	var mu sync.Mutex
	faults := map[string]bool{}
	c, err := startCenter(func(line string) {
		if topic, _, _ := strings.Cut(line, " "); strings.Contains(topic, "/event/input/") && strings.Contains(line, string(gateway.InputChattering)) {
			mu.Lock()
			faults[topic] = true
			mu.Unlock()
		}
		b.hear(line)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.server.Close() })
	g := newGateway(t, c.url)
	writeFile(t, g.file, strings.ReplaceAll(configuration(c.url, g.dir), ", budget: 0", ""))
	g.start()
	told := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(faults)
	}
	for deadline := time.Now().Add(2 * patience); told() < wires; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d inputs are called chattering", told(), wires)
		}
	}
	r := settle(t, g, b)
	nothing(t, r)
	if most := uint64(wires * 3 * 60); r.Issued > most {
		t.Errorf("%d events of %d inputs that chatter, %d are too many", r.Issued, wires, most)
	}
	verdict(t, "inputs that chatter, 50 edges a second each", wires, r, 0, "each one fault, within its budget")
}
