package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mqttclient "github.com/eclipse/paho.mqtt.golang"

	"lotusgate/gateway"
	"lotusgate/gateway/intake"
)

const (
	testRoot   = "lotusgate/v1/lianhua/park-01"
	testSource = "//lianhua/park-01"
)

// desk is a center that commands: it keeps the newest status and hears replies.
type desk struct {
	t       *testing.T
	client  mqttclient.Client
	status  atomic.Pointer[gateway.Status]
	replies chan gateway.Reply
}

func newDesk(t *testing.T, url string) *desk {
	t.Helper()
	d := &desk{t: t, replies: make(chan gateway.Reply, 64)}
	o := mqttclient.NewClientOptions().AddBroker(url).SetClientID("desk").SetOrderMatters(false)
	d.client = mqttclient.NewClient(o)
	d.done(d.client.Connect())
	t.Cleanup(func() { d.client.Disconnect(0) })
	d.done(d.client.Subscribe(testRoot+"/status", 1, func(_ mqttclient.Client, m mqttclient.Message) {
		var s gateway.Status
		if json.Unmarshal(m.Payload(), &s) == nil {
			d.status.Store(&s)
		}
	}))
	d.done(d.client.Subscribe(testRoot+"/reply/+", 1, func(_ mqttclient.Client, m mqttclient.Message) {
		var r gateway.Reply
		if json.Unmarshal(m.Payload(), &r) == nil {
			select {
			case d.replies <- r:
			default: // nobody waits for that many
			}
		}
	}))
	return d
}

func (d *desk) done(token mqttclient.Token) {
	d.t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		d.t.Fatal("the desk cannot speak to the broker: ", token.Error())
	}
}

// order gives a command to the gateway itself and returns the last reply.
func (d *desk) order(a gateway.Action, args gateway.Args) gateway.Reply {
	d.t.Helper()
	for deadline := time.Now().Add(patience); d.status.Load() == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatal("no status")
		}
	}
	status, now := d.status.Load(), time.Now()
	r := intake.Request{
		JTI: fmt.Sprint("jti-", now.UnixNano()), IssuedAt: now.Unix(), Expires: now.Add(30 * time.Second).Unix(), Audience: testSource,
		Session: status.Session, Device: gateway.GatewayID, Action: a, Args: args,
	}
	if status.Nonce != nil {
		r.Nonce = *status.Nonce
	}
	payload, err := json.Marshal(r)
	if err != nil {
		d.t.Fatal(err)
	}
	d.done(d.client.Publish(testRoot+"/command/"+gateway.GatewayID, 1, false, payload))
	for timeout := time.After(patience); ; {
		select {
		case reply := <-d.replies:
			if reply.JTI == r.JTI && reply.Stage.Final() {
				return reply
			}
		case <-timeout:
			d.t.Fatalf("no last reply to %s", a)
		}
	}
}

// askedAgain: a center that has lost events asks for them by number.
func askedAgain(t *testing.T) {
	t.Parallel()
	b := newBook()
	var mu sync.Mutex
	lost := map[gateway.EventID]bool{}
	forgetful := true
	c, err := startCenter(func(line string) {
		if id, ok := eventIn(line); ok {
			mu.Lock()
			defer mu.Unlock()
			if forgetful && id.Number%10 == 0 {
				lost[id] = true
				return
			}
		}
		b.hear(line)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.server.Close() })
	g := newGateway(t, c.url)
	g.add("commands: {auth: none}\n")
	g.start()
	flowing(t, b, 400)
	mu.Lock()
	forgetful = false
	var from, to gateway.EventID
	for id := range lost {
		if from.IsZero() || id.Before(from) {
			from = id
		}
		if to.IsZero() || to.Before(id) {
			to = id
		}
	}
	mu.Unlock()
	d := newDesk(t, c.url)
	reply := d.order(gateway.Resend, gateway.Args{Epoch: from.Epoch, From: from.Sequence(), To: to.Sequence()})
	if reply.Stage != gateway.Done {
		t.Errorf("resend: %+v", reply)
	}
	if none := d.order(gateway.Resend, gateway.Args{Epoch: "zzzzzz", From: from.Sequence(), To: to.Sequence()}); none.Reason != gateway.NotKept {
		t.Errorf("resend of another epoch: %+v", none)
	}
	if fresh := d.order(gateway.Refresh, gateway.Args{}); fresh.Stage != gateway.Done {
		t.Errorf("refresh: %+v", fresh)
	}
	r := settle(t, g, b)
	nothing(t, r)
	verdict(t, "a center that lost every tenth event asks with `resend`", len(lost), r, 0, reply.Detail+" came once more")
}

// eventIn is the id of the event on a line of a subscriber.
func eventIn(line string) (id gateway.EventID, ok bool) {
	topic, payload, _ := strings.Cut(line, " ")
	var e struct {
		ID gateway.EventID `json:"id"`
	}
	ok = strings.Contains(topic, "/event/") && json.Unmarshal([]byte(payload), &e) == nil
	return e.ID, ok
}

// silentlyDropped: an access rule that acknowledges and drops. The center's watermark stands still, which is an alarm;
// when the rule is put right, everything comes.
func silentlyDropped(t *testing.T) {
	t.Parallel()
	b := newBook()
	var forbids, alarmed atomic.Bool
	forbids.Store(true)
	c, err := startCenter(func(line string) {
		if strings.Contains(line, "/event/loop/loop-3") && forbids.Load() {
			return
		}
		if strings.Contains(line, string(gateway.ConfirmationStalled)) {
			alarmed.Store(true)
		}
		b.hear(line)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.server.Close() })
	g := newGateway(t, c.url)
	g.configure(t, c.url, "ack: watermark, stall: 2s")
	end := confirming(c.url, b, nil)
	defer end()
	g.start()
	for deadline := time.Now().Add(patience); !alarmed.Load(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no alarm")
		}
	}
	forbids.Store(false)
	r := settle(t, g, b)
	nothing(t, r)
	verdict(t, "the same with `ack: watermark`: found, alarmed, and sent once more", 1, r, 0, "`confirmation_stalled`")
}

// hostile: whoever may publish commands sends everything but commands, under load.
func hostile(t *testing.T) {
	t.Parallel()
	b := newBook()
	var audits atomic.Int64
	c, err := startCenter(func(line string) {
		if strings.Contains(line, string(gateway.CommandRejected)) && strings.Contains(line, "/event/") {
			audits.Add(1)
		}
		b.hear(line)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.server.Close() })
	g := newGateway(t, c.url)
	pub, err := intake.NewKey(t.TempDir(), "center", "EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	g.add(fmt.Sprintf("commands: {keys: {center: {file: %q, devices: [\"*\"], actions: [\"*\"]}}}\n", pub))
	g.start()
	flowing(t, b, 50)
	d := newDesk(t, c.url)
	times := repeat(10) * 1000
	for i := range times {
		token := d.client.Publish(testRoot+"/command/"+[]string{"gateway", "loop-0", "nobody", "", "a/b"}[i%5], byte(i%2), i%97 == 0, garbage(i))
		if i%100 == 99 {
			d.done(token)
		}
	}
	flowing(t, b, 100)
	r := settle(t, g, b)
	nothing(t, r)
	if n := audits.Load(); n == 0 || n > int64(times)/10 {
		t.Errorf("%d refusals in the ledger of %d messages", n, times)
	}
	verdict(t, "hostile messages on the command topics under load", times, r, 0, fmt.Sprintf("%d refusals in the ledger", audits.Load()))
}

// garbage is no command: noise, claims without a signature, signatures without a key, and too much of everything.
func garbage(i int) []byte {
	switch i % 6 {
	case 0:
		return nil
	case 1:
		return []byte(`{"jti":"x","iat":1,"exp":2,"aud":"//lianhua/park-01","device":"gateway","action":"refresh"}`)
	case 2:
		return []byte("eyJhbGciOiJub25lIiwidHlwIjoibG90dXNnYXRlLWNvbW1hbmQifQ.e30.")
	case 3:
		return []byte("eyJhbGciOiJFZERTQSIsImtpZCI6ImNlbnRlciIsInR5cCI6ImxvdHVzZ2F0ZS1jb21tYW5kIn0.e30." + strings.Repeat("A", 86))
	case 4:
		return make([]byte, 1+rand.IntN(100_000))
	}
	b := make([]byte, rand.IntN(300))
	for i := range b {
		b[i] = byte(rand.IntN(256))
	}
	return b
}
