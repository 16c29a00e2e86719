package faults

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// names is a name server for one name, which answers well, badly, or not at all.
type names struct {
	conn net.PacketConn

	mu     sync.Mutex
	answer byte // a code of DNS, or silence
	hosts  []net.IP
}

const (
	found    byte = 0
	broken   byte = 2 // SERVFAIL
	unknown  byte = 3 // NXDOMAIN
	silence  byte = 255
	testName      = "broker.lotusgate.test"
)

func newNames(t *testing.T, hosts ...string) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{conn: conn}
	for _, h := range hosts {
		n.hosts = append(n.hosts, net.ParseIP(h).To4())
	}
	t.Cleanup(func() { _ = conn.Close() })
	go n.serve()
	return n
}

// environment of a process that shall ask this server.
func (n *names) environment() string { return "LOTUSGATE_DNS=" + n.conn.LocalAddr().String() }

func (n *names) say(answer byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = answer
}

func (n *names) serve() {
	b := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(b)
		if err != nil {
			return
		}
		if reply := n.reply(b[:size]); reply != nil {
			_, _ = n.conn.WriteTo(reply, from)
		}
	}
}

// reply answers a question about addresses: header, the question again, and an A record for each host.
func (n *names) reply(query []byte) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	end := 12
	for end < len(query) && query[end] != 0 {
		end += int(query[end]) + 1
	}
	if end += 5; n.answer == silence || end > len(query) {
		return nil
	}
	kind := binary.BigEndian.Uint16(query[end-4:])
	out := append([]byte(nil), query[:end]...)
	out[2], out[3] = 0x81, 0x80|n.answer
	hosts := n.hosts
	if n.answer != found || kind != 1 {
		hosts = nil
	}
	binary.BigEndian.PutUint16(out[6:], uint16(len(hosts)))
	binary.BigEndian.PutUint32(out[8:], 0) // nothing else
	for _, h := range hosts {
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		out = append(out, h...)
	}
	return out
}

// resolve has this process ask the name server in its environment.
func resolve() {
	if server := os.Getenv("LOTUSGATE_DNS"); server != "" {
		net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "udp", server)
		}}
	}
}

// noName: the broker's name cannot be resolved, in each of three ways, while the link breaks.
func noName(t *testing.T) {
	t.Parallel()
	c, b := newCenter(t)
	l := newLink(t, c.url[len("mqtt://"):])
	n := newNames(t, "127.0.0.1")
	_, port, _ := net.SplitHostPort(l.addr)
	g := newGateway(t, "mqtt://"+net.JoinHostPort(testName, port))
	g.env = append(g.env, n.environment())
	g.start()
	times := repeat(3)
	for i := range times {
		flowing(t, b, 100)
		n.say([]byte{unknown, broken, silence}[i%3])
		l.cut()
		time.Sleep(time.Second) // in which nothing can arrive
		before := b.heard()
		time.Sleep(500 * time.Millisecond)
		if b.heard() != before {
			t.Error("events arrive through a name that cannot be resolved")
		}
		n.say(found)
	}
	flowing(t, b, 100)
	r := settle(t, g, b)
	nothing(t, r)
	verdict(t, "the broker's name is unknown, its server broken or silent", times, r, 0, "")
}
