package contract

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lotusgate/gateway"
)

type object = map[string]any

// topic of the document's channels: a retained payload, or events.
type channel struct {
	name, address, title string
	retain               bool
	receive              bool // from the center
	parameters           object
	messages             []string
}

// asyncAPI is the AsyncAPI 3 document of one gateway, from its own point of view: it sends and
// receives.
func (a author) asyncAPI(t testing.TB) object {
	schemas, messages := object{}, object{}
	for name, n := range a.payloads() {
		schemas[name] = n
		messages[name] = object{"name": name, "title": name, "contentType": "application/json", "payload": ref("schemas", name)}
	}
	for name, example := range examples(t) {
		m := messages[name].(object)
		m["examples"] = []object{{"payload": example}}
	}
	messages["command"].(object)["contentType"] = "application/jose"
	delete(messages, "event")
	says := meanings(t)
	kinds := map[string]*channel{}
	var order []string
	for _, spec := range gateway.Catalogue() {
		name := string(spec.Type)
		data := a.of(spec.Data)
		data.Description = says[spec.Type]
		schemas["data."+name] = data
		messages[name] = object{
			"name": gateway.TypePrefix + name, "title": name, "summary": says[spec.Type],
			"contentType": "application/cloudevents+json",
			"payload": object{"allOf": []any{ref("schemas", "event"), object{"properties": object{
				"type": object{"const": gateway.TypePrefix + name}, "data": ref("schemas", "data."+name),
			}}}},
		}
		kind := spec.Type.Kind()
		if kinds[kind] == nil {
			order = append(order, kind)
			kinds[kind] = &channel{
				name: "event-" + kind, address: "event/" + kind + "/{id}", title: "Events of kind " + kind,
				parameters: object{"id": object{"description": "device or bus, gpio, or gateway"}}, messages: []string{"compact"},
			}
		}
		kinds[kind].messages = append(kinds[kind].messages, name)
	}
	list := []channel{
		{name: "status", address: "status", title: "Alive or not; also the will", retain: true, messages: []string{"status"}},
		{name: "meta", address: "meta", title: "What this gateway has", retain: true, messages: []string{"meta"}},
		{name: "state", address: "state/{device}", title: "The value now", retain: true, messages: []string{"state"}, parameters: object{"device": object{}}},
		{
			name: "alarm", address: "alarm/{id}/{alarm}", title: "A standing alarm; an empty payload clears it", retain: true, messages: []string{"alarm"},
			parameters: object{"id": object{"description": "device, point or bus"}, "alarm": object{}},
		},
	}
	device := object{"device": object{"description": "id of a device, or gateway"}}
	list = append(list,
		channel{name: "command", address: "command/{device}", title: "A command, never retained", receive: true, messages: []string{"command"}, parameters: device},
		channel{name: "reply", address: "reply/{device}", title: "What became of a command", messages: []string{"reply"}, parameters: device},
	)
	for _, kind := range order {
		list = append(list, *kinds[kind])
	}
	channels, operations := object{}, object{}
	for _, c := range list {
		parameters := object{"site": object{"description": "gateway.site of the configuration"}, "gateway": object{"description": "gateway.id of the configuration"}}
		for name, p := range c.parameters {
			parameters[name] = p
		}
		carried := object{}
		for _, m := range c.messages {
			carried[m] = ref("messages", m)
		}
		channels[c.name] = object{
			"address": "lotusgate/v1/{site}/{gateway}/" + c.address, "title": c.title, "parameters": parameters, "messages": carried,
		}
		action := "send"
		if c.receive {
			action = "receive"
		}
		operations[action+"-"+c.name] = object{
			"action": action, "channel": object{"$ref": "#/channels/" + c.name},
			"bindings": object{"mqtt": object{"qos": 1, "retain": c.retain, "bindingVersion": "0.2.0"}},
		}
	}
	return object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "Lotusgate", "version": "1.0.0",
			"description":  "What one gateway publishes, and the commands it takes. lotusgate/v1 is the default of mqtt.prefix. Consumers ignore keys that they do not know. The rules for deduplication, order and loss are in docs/wire.md.",
			"license":      object{"name": "Apache-2.0"},
			"externalDocs": object{"url": "https://asyncapi.com", "description": "What this document is"},
		},
		"defaultContentType": "application/json",
		"channels":           channels, "operations": operations,
		"components": object{"messages": messages, "schemas": schemas},
	}
}

func ref(section, name string) object { return object{"$ref": "#/components/" + section + "/" + name} }

// examples of docs/wire.md: the first JSON block below the heading of each payload.
func examples(t testing.TB) map[string]json.RawMessage {
	t.Helper()
	b, err := os.ReadFile("../../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]json.RawMessage{}
	for heading, name := range map[string]string{
		"Status": "status", "State": "state", "Events": "event", "Alarms": "alarm", "Compact": "compact", "Commands": "command", "Replies": "reply",
	} {
		_, rest, ok := strings.Cut(string(b), "# "+heading+"\n")
		_, rest, ok2 := strings.Cut(rest, "```json\n")
		block, _, ok3 := strings.Cut(rest, "```")
		if !ok || !ok2 || !ok3 || !json.Valid([]byte(block)) {
			t.Fatalf("docs/wire.md has no JSON example below %s", heading)
		}
		found[name] = json.RawMessage(block)
	}
	return found
}

// The document is valid AsyncAPI 3 in the eyes of its own makers' parser.
func TestAsyncAPIParser(t *testing.T) {
	modules := nodeModules(t, "@asyncapi/parser")
	doc, err := filepath.Abs(filepath.Join(folder, "asyncapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	const script = `
const { Parser } = require(process.argv[1] + '/@asyncapi/parser');
const text = require('fs').readFileSync(process.argv[2], 'utf8');
new Parser().parse(text).then(({ document, diagnostics }) => {
  const bad = diagnostics.filter(d => d.severity <= 1);
  for (const d of bad) console.log(d.path.join('.') + ': ' + d.message);
  if (bad.length || !document) process.exit(1);
  console.log(document.messages().length, document.channels().length);
});`
	out, err := exec.Command("node", "-e", script, modules, doc).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("messages, channels: %s", out)
	broken := filepath.Join(t.TempDir(), "asyncapi.json")
	b, _ := os.ReadFile(doc)
	if err := os.WriteFile(broken, []byte(strings.Replace(string(b), `"action": "send"`, `"action": "shout"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("node", "-e", script, modules, broken).CombinedOutput(); err == nil {
		t.Errorf("the parser accepts anything:\n%s", out)
	}
}

// nodeModules is the folder that .ci/node installed the package into; without Node the test is skipped, but not in CI.
func nodeModules(t *testing.T, pkg string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(cache, "lotusgate", "npm", "node_modules")
	_, missing := exec.LookPath("node")
	if _, err := os.Stat(filepath.Join(modules, pkg, "package.json")); missing == nil && err == nil {
		return modules
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("node or %s is missing: run make node", pkg)
	}
	t.Skipf("node or %s is missing: run make node", pkg)
	return ""
}
