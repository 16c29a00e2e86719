package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"lotusgate/gateway"
	"lotusgate/gateway/outbox"
)

// maxLine is far above the largest event.
const maxLine = 1 << 20

// Subscriber enters what a subscriber has written down, one message a line: the output of mosquitto_sub -v ("topic
// payload"), or payloads alone. progress, if not nil, is told the number of bytes read, now and then.
func (b *Book) Subscriber(r io.Reader, progress func(bytes int64)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	var read int64
	for n := 1; lines.Scan(); n++ {
		b.Line(lines.Bytes())
		read += int64(len(lines.Bytes())) + 1
		if progress != nil && n%4096 == 0 {
			progress(read)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the subscriber's lines: %w", err)
	}
	return nil
}

// message is what a Line may hold: an event, or a status.
type message struct {
	ID     *gateway.EventID
	Type   string
	Data   json.RawMessage
	Ledger *gateway.Ledger
}

// Line enters one line. Other topics than events and status count as other; so does what is no JSON.
func (b *Book) Line(line []byte) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return
	}
	if line[0] != '{' { // the topic, which has no spaces
		_, line, _ = bytes.Cut(line, []byte(" "))
	}
	var m message
	err := json.Unmarshal(line, &m)
	switch {
	case err != nil:
		b.other++
	case m.ID != nil && !m.ID.IsZero():
		b.Deliver(*m.ID)
		b.learn(m)
	case m.Ledger != nil:
		b.ledger(*m.Ledger)
	default:
		b.other++
	}
}

// learn enters what an event says about numbers other than its own.
func (b *Book) learn(m message) {
	switch gateway.Type(strings.TrimPrefix(m.Type, gateway.TypePrefix)) {
	case gateway.GatewayEventsDropped:
		var d gateway.DroppedData
		if json.Unmarshal(m.Data, &d) == nil {
			b.Drop(d)
		}
	case gateway.GatewayStarted:
		var s gateway.StartedData
		if json.Unmarshal(m.Data, &s) == nil {
			b.ledger(gateway.Ledger{Epoch: s.Epoch, Run: s.Run, Unconfirmed: s.Unconfirmed})
		}
	}
}

func (b *Book) ledger(l gateway.Ledger) {
	b.Issued(l.Epoch, l.Run, l.Number)
	for _, r := range l.Unconfirmed {
		if r.Epoch == l.Epoch && r.Run == l.Run {
			b.Issued(r.Epoch, r.Run, r.DurableTo)
		} else {
			b.Ended(r.Epoch, r.Run, r.DurableTo)
		}
	}
}

// Outbox enters what a directory holds, of a stopped or of a running gateway; it only reads. What a running one writes
// meanwhile may be missed. progress, if not nil, is told the number of records read, now and then.
func (b *Book) Outbox(dir string, progress func(records uint64)) error {
	var records uint64
	var met [2]bool // a record of the queue
	contents, err := outbox.Scan(dir, nil, func(f outbox.Found) error {
		if f.Err != nil {
			b.damage = append(b.damage, f.Err.Error())
			return nil
		}
		if records++; progress != nil && records%4096 == 0 {
			progress(records)
		}
		if !met[f.Queue] {
			met[f.Queue] = true
			b.oldest(f)
		}
		r := b.run(f.ID.Epoch, f.ID.Run)
		r.high = max(r.high, f.ID.Number)
		if f.Confirmed {
			r.kept.add(f.ID.Number, f.ID.Number)
		} else {
			r.waiting.add(f.ID.Number, f.ID.Number)
		}
		b.told(f.Payload)
		return nil
	})
	for _, d := range contents.Dropped {
		b.Drop(droppedData(d))
	}
	if err != nil {
		return err
	}
	return b.survey(dir)
}

// survey enters the files of which nothing can be used.
func (b *Book) survey(dir string) error {
	d, err := outbox.Survey(dir, nil)
	for _, name := range d.Files {
		b.damage = append(b.damage, name+" can't be read")
	}
	if d.Renews {
		b.damage = append(b.damage, "the next start begins a new epoch, since the file runs can't be read")
	}
	return err
}

// oldest is the first record of a queue: what came before it has made room.
func (b *Book) oldest(f outbox.Found) {
	if f.Position <= 1 {
		return
	}
	id := runID{f.ID.Epoch, f.ID.Run}
	b.past[id] = max(b.past[id], f.ID.Number-1)
	b.gone[f.ID.Epoch] = max(b.gone[f.ID.Epoch], f.ID.Run)
}

// told enters what a stored event says about numbers.
func (b *Book) told(payload []byte) {
	if !bytes.Contains(payload, []byte(gateway.GatewayEventsDropped)) {
		return
	}
	if s, err := gateway.ParseStored(payload); err == nil && s.Type == gateway.GatewayEventsDropped {
		b.learn(message{Type: gateway.TypePrefix + string(s.Type), Data: s.Data})
	}
}

func droppedData(d outbox.Dropped) gateway.DroppedData {
	out := gateway.DroppedData{Epoch: d.Epoch, Run: d.Run, Cause: d.Cause.String()}
	for _, r := range d.Ranges {
		out.Ranges = append(out.Ranges, gateway.NumberRange{From: r.From, To: r.To})
	}
	return out
}

// Empty tells whether nothing was entered.
func (b *Book) Empty() bool { return len(b.runs) == 0 }
