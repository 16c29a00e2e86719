package contract

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lotusgate/gateway"
	"lotusgate/gateway/intake"
	"lotusgate/gateway/schema"
)

var update = flag.Bool("update", false, "write docs/contract")

const folder = "../../docs/contract"

// author writes the contract from the types.
type author struct{ *schema.Source }

func newAuthor(t testing.TB) author {
	t.Helper()
	src, err := schema.Read("..", "../intake")
	if err != nil {
		t.Fatal(err)
	}
	return author{src}
}

func text(description string) *schema.Node {
	return &schema.Node{Type: "string", Description: description}
}

func pattern(description, pattern string) *schema.Node {
	n := text(description)
	n.Pattern = pattern
	return n
}

func moment(description string) *schema.Node {
	n := text(description)
	n.Format = "date-time"
	return n
}

const (
	eventID  = "^[a-z0-9]{6}-[0-9]{8}-[0-9]{10}$"
	sequence = "^[0-9]{8}-[0-9]{10}$"
)

// moments are keys that hold a time; Go has them as text.
var moments = []string{"since", "acknowledged", "shelved_until", "utc", "at"}

// of is schema.Of with what the type of a Go field cannot say.
func (a author) of(v any) *schema.Node {
	n := a.Of(reflect.TypeOf(v))
	a.refine(n)
	return n
}

func (a author) refine(n *schema.Node) {
	for _, p := range n.Properties {
		switch {
		case slices.Contains(moments, p.Name):
			p.Format = "date-time"
		case p.Name == "config":
			p.Pattern = "^sha256:[0-9a-f]{64}$"
		case p.Name == "epoch":
			p.Pattern = "^[a-z0-9]{6}$"
		}
		a.refine(p.Node)
	}
	if n.Items != nil {
		a.refine(n.Items)
	}
}

// envelope of every event: CloudEvents 1.0 and our extensions, as AppendCloudEvent writes them.
func (a author) envelope() *schema.Node {
	n := &schema.Node{Title: "event", Type: "object", Description: "One event: CloudEvents 1.0 in structured JSON. Deduplicate on (source, id), order by sequence. The schema of data is the one that dataschema names."}
	quality, severity := a.Of(reflect.TypeFor[gateway.ClockQuality]()), a.Of(reflect.TypeFor[gateway.Severity]())
	number := &schema.Node{Type: "integer", Description: "OpenTelemetry's number for the severity"}
	for s := gateway.Info; s <= gateway.Critical; s++ {
		number.Enum = append(number.Enum, s.Number())
	}
	n.Properties = schema.Properties{
		{Name: "specversion", Node: &schema.Node{Const: "1.0"}},
		{Name: "id", Node: pattern("epoch, run and number: names this event for ever", eventID)},
		{Name: "source", Node: pattern("the gateway: //site/gateway", "^//[^/]+/[^/]+$")},
		{Name: "subject", Node: pattern("kind and id, as in the topic", "^[a-z]+/[a-z0-9-]+$")},
		{Name: "type", Node: pattern("", `^lotusgate\.[a-z_]+\.[a-z_]+$`)},
		{Name: "time", Node: moment("when it happened; left out while the date is unknown")},
		{Name: "dataschema", Node: pattern("", `^urn:lotusgate:v1:[a-z_]+\.[a-z_]+$`)},
		{Name: "sequence", Node: pattern("run and number: compared as text, it orders the events of one epoch", sequence)},
		{Name: "uptime", Node: pattern("monotonic clock of the kernel in seconds when it happened", `^[0-9]+\.[0-9]{6}$`)},
		{Name: "clock", Node: quality},
		{Name: "late", Node: &schema.Node{Type: "boolean", Description: "first published more than 30 s after it happened, or in a later run"}},
		{Name: "notbefore", Node: moment("of an event that has no time: it did not happen earlier")},
		{Name: "notafter", Node: moment("of an event that has no time: it did not happen later")},
		{Name: "severitynumber", Node: number},
		{Name: "severitytext", Node: severity},
		{Name: "labels", Node: &schema.Node{Type: "string", Description: "with mqtt.event_labels: the site's own words, as a form is encoded (building=1&grid=0195)"}},
		{Name: "data", Node: &schema.Node{Type: "object"}},
	}
	for _, p := range n.Properties {
		if !slices.Contains([]string{"time", "notbefore", "notafter", "labels"}, p.Name) {
			n.Required = append(n.Required, p.Name)
		}
	}
	n.Get("data").AdditionalProperties = true // judged by its own schema
	return n
}

// compact is the same event with mqtt.format: compact, as AppendCompact writes it.
func (a author) compact() *schema.Node {
	full := a.envelope()
	n := &schema.Node{Type: "object", Description: "One event with mqtt.format: compact. The topic says whose it is, its kind and its id; the order is that of id; clock is synced and late is false unless it says otherwise, and data is left out where it is empty."}
	kind := pattern("without lotusgate.", `^[a-z_]+\.[a-z_]+$`)
	data := *full.Get("data")
	n.Properties = schema.Properties{
		{Name: "id", Node: full.Get("id")},
		{Name: "type", Node: kind},
		{Name: "time", Node: full.Get("time")},
		{Name: "up", Node: &schema.Node{Type: "number", Description: "monotonic clock of the kernel in seconds when it happened"}},
		{Name: "clock", Node: full.Get("clock")},
		{Name: "late", Node: &schema.Node{Const: true, Description: full.Get("late").Description}},
		{Name: "notbefore", Node: full.Get("notbefore")},
		{Name: "notafter", Node: full.Get("notafter")},
		{Name: "sev", Node: full.Get("severitynumber")},
		{Name: "data", Node: &data},
	}
	n.Required = []string{"id", "type", "up", "sev"}
	return n
}

// status is what a living gateway says, or its will.
func (a author) status() *schema.Node {
	alive, dead := a.of(gateway.Status{}), a.of(gateway.Will{})
	alive.Title, dead.Title = "alive", "will"
	alive.Get("state").Enum = []any{gateway.Online, gateway.Degraded, gateway.Offline}
	dead.Get("state").Const = gateway.Lost
	return &schema.Node{
		Title: "status", Description: "Alive or not, session, and how far the ledger goes. Retained.",
		OneOf: []*schema.Node{alive, dead},
	}
}

func (a author) state() *schema.Node {
	n := a.of(gateway.State{})
	n.Get("value").Type = []string{"string", "number", "null"}
	n.Get("event").Pattern = "^$|" + eventID
	detail := n.Get("detail")
	detail.Type, detail.Description = "object", "by kind; docs/wire.md"
	detail.AdditionalProperties = true
	return n
}

func (a author) alarm() *schema.Node {
	n := a.of(gateway.AlarmPayload{})
	n.Get("event").Pattern = "^$|" + eventID
	return n
}

// command is the claims of a command: the payload of its JWS, or with auth: none the message itself.
func (a author) command() *schema.Node {
	n := a.of(intake.Request{})
	n.Description = "Claims of a command: payload of a JWS in compact form whose header has typ lotusgate-command, kid, and the alg of that key; with auth: none the message itself. Never retained."
	n.AdditionalProperties = false // of args, too: a misspelled argument must not be a default
	n.Get("args").AdditionalProperties = false
	return n
}

func (a author) reply() *schema.Node {
	n := a.of(gateway.Reply{})
	n.Description = "What became of a command: rejected alone, or accepted, executing, and done or failed. Best effort; the audit event is the record."
	n.Get("action").Enum = nil // that of the command, whatever it said
	return n
}

// payloads that are not the data of an event, by file name.
func (a author) payloads() map[string]*schema.Node {
	list := map[string]*schema.Node{
		"status": a.status(), "meta": a.of(gateway.Meta{}), "state": a.state(), "alarm": a.alarm(), "event": a.envelope(), "compact": a.compact(),
		"command": a.command(), "reply": a.reply(),
	}
	for name, n := range list {
		n.Title = name
	}
	return list
}

// meanings of events, as docs/wire.md has them.
func meanings(t testing.TB) map[gateway.Type]string {
	t.Helper()
	b, err := os.ReadFile("../../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	says := map[gateway.Type]string{}
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.Trim(line, "|\n "), " | ")
		if len(cells) < 4 || !strings.Contains(cells[0], ".") {
			continue
		}
		kind := ""
		for word := range strings.SplitSeq(cells[0], ", ") {
			if k, _, ok := strings.Cut(word, "."); ok {
				kind = k
			} else {
				word = kind + "." + word
			}
			if meaning := strings.Trim(cells[3], "| "); regexp.MustCompile(`^[a-z_]+\.[a-z_]+$`).MatchString(word) && meaning != "" {
				says[gateway.Type(word)] = strings.ReplaceAll(meaning, "`", "")
			}
		}
	}
	return says
}

// write is the whole contract: file → content.
func (a author) write(t testing.TB) map[string][]byte {
	files := map[string][]byte{"asyncapi.json": schema.JSON(a.asyncAPI(t))}
	for name, n := range a.payloads() {
		n.Dialect, n.ID = schema.Dialect, "urn:lotusgate:v1:"+name
		files[name+".json"] = schema.JSON(n)
	}
	says := meanings(t)
	for _, spec := range gateway.Catalogue() {
		n := a.of(spec.Data)
		n.Dialect, n.ID, n.Title = schema.Dialect, "urn:lotusgate:v1:"+string(spec.Type), gateway.TypePrefix+string(spec.Type)
		n.Description = says[spec.Type]
		files["data/"+string(spec.Type)+".json"] = schema.JSON(n)
	}
	return files
}

// docs/contract is what the code says; go test ./gateway/contract -update writes it.
func TestContractIsUpToDate(t *testing.T) {
	want := newAuthor(t).write(t)
	have := map[string]bool{}
	for _, glob := range []string{"*.json", "data/*.json"} {
		names, err := filepath.Glob(filepath.Join(folder, glob))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			rel, _ := filepath.Rel(folder, name)
			have[rel] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		delete(have, name)
		path := filepath.Join(folder, name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%v: run go test ./gateway/contract -update", err)
			continue
		}
		if diff := cmp.Diff(string(got), string(want[name])); diff != "" {
			t.Errorf("%s is not what the code says, run go test ./gateway/contract -update (-file +code):\n%s", name, diff)
		}
	}
	for name := range have {
		if *update {
			if err := os.Remove(filepath.Join(folder, name)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		t.Errorf("docs/contract/%s describes nothing that the gateway says: run go test ./gateway/contract -update", name)
	}
}
