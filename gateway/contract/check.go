// Package contract holds what the gateway publishes against docs/contract: the JSON Schemas and the AsyncAPI document
// that integrators get. Its tests generate both from the Go types, so they cannot differ from the code; with -update they
// write them. Checker judges any message by its topic, for the tests of whoever publishes.
//
// It is in no program.
package contract

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"lotusgate/gateway"
)

// Checker knows the schemas. It is stricter than they are: a key that no schema names is an error, because consumers may
// ignore what they don't know, but we may not publish what the contract does not say.
type Checker struct {
	schemas map[string]*jsonschema.Schema // by file name without .json: "status", "data/loop.occupied"
}

// Open reads the schemas in a folder: docs/contract.
func Open(folder string) (*Checker, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	more, err := filepath.Glob(filepath.Join(folder, "data", "*.json"))
	if err != nil {
		return nil, err
	}
	c := &Checker{schemas: map[string]*jsonschema.Schema{}}
	for _, name := range append(names, more...) {
		rel, err := filepath.Rel(folder, name)
		if err != nil {
			return nil, err
		}
		if rel == "asyncapi.json" {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		schema, err := compile(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		c.schemas[strings.TrimSuffix(filepath.ToSlash(rel), ".json")] = schema
	}
	if len(c.schemas) == 0 {
		return nil, fmt.Errorf("no schemas in %s", folder)
	}
	return c, nil
}

func compile(b []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	tighten(doc)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	const name = "mem:///schema.json"
	if err := compiler.AddResource(name, doc); err != nil {
		return nil, err
	}
	return compiler.Compile(name)
}

// tighten forbids unknown keys in every object that lists its own.
func tighten(v any) {
	switch x := v.(type) {
	case map[string]any:
		if _, says := x["additionalProperties"]; !says && x["properties"] != nil && x["type"] == "object" {
			x["additionalProperties"] = false
		}
		for _, kid := range x {
			tighten(kid)
		}
	case []any:
		for _, kid := range x {
			tighten(kid)
		}
	}
}

// Message judges one message below root. An empty payload clears a retained state or alarm.
func (c *Checker) Message(root, topic string, payload []byte) error {
	rest, ok := strings.CutPrefix(topic, root+"/")
	if !ok {
		return fmt.Errorf("topic %s is not below %s", topic, root)
	}
	levels := strings.Split(rest, "/")
	shape := map[string]int{"status": 1, "meta": 1, "state": 2, "alarm": 3, "event": 3, "command": 2, "reply": 2}
	want, ok := shape[levels[0]]
	if !ok || len(levels) != want {
		return fmt.Errorf("topic %s is not in docs/wire.md", topic)
	}
	if len(payload) == 0 && (levels[0] == "state" || levels[0] == "alarm") {
		return nil
	}
	if levels[0] == "command" {
		var err error
		if payload, err = claims(payload); err != nil {
			return err
		}
	}
	if levels[0] == "event" && !bytes.Contains(payload, []byte(`"specversion":`)) {
		return c.compact(levels[1], payload)
	}
	if err := c.valid(levels[0], payload); err != nil || levels[0] != "event" {
		return err
	}
	e, err := c.event(payload)
	if err != nil {
		return err
	}
	if subject := levels[1] + "/" + levels[2]; e.Subject() != subject {
		return fmt.Errorf("subject %s on topic %s", e.Subject(), topic)
	}
	return nil
}

// claims of a command: within its JWS, or plain.
func claims(payload []byte) ([]byte, error) {
	parts := strings.Split(string(payload), ".")
	if len(parts) != 3 || strings.HasPrefix(parts[0], "{") {
		return payload, nil
	}
	var header struct{ Alg, Kid, Typ string }
	b, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err == nil {
		err = json.Unmarshal(b, &header)
	}
	if err != nil || header.Alg == "" || header.Kid == "" || header.Typ != "lotusgate-command" {
		return nil, fmt.Errorf("command: header %s: alg, kid and typ lotusgate-command are needed", b)
	}
	return base64.RawURLEncoding.DecodeString(parts[1])
}

// valid holds JSON against one schema.
func (c *Checker) valid(name string, payload []byte) error {
	schema := c.schemas[name]
	if schema == nil {
		return fmt.Errorf("docs/contract has no schema %s", name)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := schema.Validate(v); err != nil {
		return fmt.Errorf("%s: %w in %s", name, err, payload)
	}
	return nil
}

// Event judges an event that a test of somebody else has made: as it is published, in both formats, it is what the contract
// says and what the CloudEvents SDK reads.
func (c *Checker) Event(e gateway.Event) error {
	kept, err := gateway.Store(e, "4a1c")
	if err != nil {
		return err
	}
	s, err := gateway.ParseStored(kept)
	if err != nil {
		return err
	}
	id := gateway.EventID{Epoch: "k3v9q2", Run: 12, Number: 4711}
	topic := "r/event/" + e.Type.Kind() + "/" + e.ID
	if err := c.Message("r", topic, gateway.AppendCloudEvent(nil, "//site/gateway", id, s, gateway.Stamp{})); err != nil {
		return err
	}
	return c.Message("r", topic, gateway.AppendCompact(nil, id, s, gateway.Stamp{}))
}

// Judge opens the schemas once, for tests whose working directory is below the module's root by depth folders. It panics
// where there are none.
func Judge(depth int) func() *Checker {
	return sync.OnceValue(func() *Checker {
		c, err := Open(strings.Repeat("../", depth) + "docs/contract")
		if err != nil {
			panic(err)
		}
		return c
	})
}

// compact holds an event of mqtt.format: compact against its schemas.
func (c *Checker) compact(kind string, payload []byte) error {
	if err := c.valid("compact", payload); err != nil {
		return err
	}
	var e struct {
		Type string
		Data json.RawMessage
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		return err
	}
	if !strings.HasPrefix(e.Type, kind+".") {
		return fmt.Errorf("type %s on a topic of %s", e.Type, kind)
	}
	if e.Data == nil {
		e.Data = json.RawMessage("{}")
	}
	return c.valid("data/"+e.Type, e.Data)
}

// event reads a payload as any CloudEvents consumer does, and holds its data against the schema that it names.
func (c *Checker) event(payload []byte) (*cloudevents.Event, error) {
	var e cloudevents.Event
	if err := e.UnmarshalJSON(payload); err != nil {
		return nil, fmt.Errorf("CloudEvents: %w", err)
	}
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("CloudEvents: %w", err)
	}
	name, ok := strings.CutPrefix(e.Type(), gateway.TypePrefix)
	if !ok || e.DataSchema() != "urn:lotusgate:v1:"+name {
		return nil, fmt.Errorf("type %s names the data schema %s", e.Type(), e.DataSchema())
	}
	return &e, c.valid("data/"+name, e.Data())
}
