package uplink

import (
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// However a connection dies under a publish, paho is not caught waiting for its write timeout.
func TestDeathUnderPublish(t *testing.T) {
	for range 100 {
		b := newScripted(t, nil)
		g := prepare(t, b.url)
		u, err := New(g.opt, g.out, g.clock, g.hub, g.out)
		if err != nil {
			t.Fatal(err)
		}
		go func() { // reads a little, then is gone
			conn, err := b.l.Accept()
			if err != nil {
				return
			}
			p := &peer{t: t, conn: conn}
			_, _ = packets.ReadPacket(conn)
			p.answer(packets.Accepted)
			for range 10 {
				_, _ = packets.ReadPacket(conn)
			}
			_ = conn.Close()
		}()
		p, err := u.dial(t.Context(), []byte("will"))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; n < 60000; n++ {
			token := p.Publish("a/b/c", false, make([]byte, 100))
			if token == nil {
				break
			}
			if done(token) && token.Error() != nil && strings.Contains(token.Error().Error(), "timeout") {
				t.Fatalf("publish %d: %v", n, token.Error())
			}
		}
		if n == 60000 {
			t.Fatal("the death was never noticed")
		}
		p.drop()
		if len(p.lost) != 1 {
			t.Error("no reason")
		}
	}
}
