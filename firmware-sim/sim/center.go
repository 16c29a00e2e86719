package sim

import (
	"encoding/json"
	"strings"

	"lotusgate/gateway"
	"lotusgate/gateway/audit"
)

// center stores what it hears and says how far it has come. It is honest, and it may be slow.
type center struct {
	root   string // of the gateway's topics
	book   *audit.Book
	heard  func(event)     // told of each event once, in the order of arrival
	alarms map[string]bool // that are retained
	known  map[gateway.EventID]bool
	bad    []string // what should never arrive

	beside func(kind, rest string, payload []byte) // told of what is neither event nor alarm; nil = nobody listens
}

// event is a CloudEvent as a center reads it.
type event struct {
	ID      gateway.EventID `json:"id"`
	Type    string          `json:"type"`
	Subject string          `json:"subject"`
	Uptime  string          `json:"uptime"`
	Data    json.RawMessage `json:"data"`
}

// device is the device of an event, and what happened to it.
func (e event) device() string { return e.Subject[strings.Index(e.Subject, "/")+1:] }

func (e event) name() gateway.Type {
	return gateway.Type(strings.TrimPrefix(e.Type, gateway.TypePrefix))
}

func newCenter(root string, heard func(event)) *center {
	return &center{
		root: root, book: audit.New(), heard: heard, alarms: map[string]bool{},
		known: map[gateway.EventID]bool{},
	}
}

// hear takes a message.
func (c *center) hear(topic string, payload []byte) {
	kind, rest, _ := strings.Cut(strings.TrimPrefix(topic, c.root+"/"), "/")
	switch kind {
	case "event":
		c.book.Line(payload)
		var e event
		if err := json.Unmarshal(payload, &e); err != nil {
			c.bad = append(c.bad, topic+": "+err.Error())
			return
		}
		if !c.known[e.ID] {
			c.known[e.ID] = true
			c.heard(e)
		}
	case "alarm":
		c.alarms[rest] = len(payload) > 0
		if len(payload) == 0 {
			delete(c.alarms, rest)
		}
	default:
		if c.beside != nil {
			c.beside(kind, rest, payload)
		}
	}
}

// watermark is what it says of an epoch; nil = nothing yet.
func (c *center) watermark() []byte {
	epoch := c.book.Epoch()
	run, number := c.book.Watermark(epoch)
	if number == 0 {
		return nil
	}
	b, err := json.Marshal(gateway.Watermark{Epoch: epoch, Run: run, Number: number})
	if err != nil {
		panic(err) // three plain fields
	}
	return b
}
