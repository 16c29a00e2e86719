package status

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// TestThousandConnections lets a thousand connections come and stay, half of them streams, half of them requests that never
// end. Who writes the hub notices nothing, memory stays bounded, and the page answers again when they are gone.
func TestThousandConnections(t *testing.T) {
	const crowd, most = 1000, 64
	h := wellHub()
	s := newServer(t, h, Options{Conns: most, Viewers: 16})
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	address := l.Addr().String()
	before := heap()
	var conns []net.Conn
	for i := range crowd {
		c, err := net.DialTimeout("tcp", address, 30*time.Second)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, c)
		ask := "GET /api/v1/stream HTTP/1.1\r\nHost: gateway\r\n\r\n"
		if i%2 == 0 {
			ask = "GET / HTTP/1.1\r\nHost: gateway\r\nX-Never-Ends: "
		}
		if _, err := fmt.Fprint(c, ask); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2000 {
		h.PutPoint(hub.Point{ID: "ea", Quality: gateway.Good, Edges: uint64(i)})
	}
	if more := heap() - before; more > 32<<20 {
		t.Errorf("%d connections take %d MiB", crowd, more>>20)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	r, err := client.Get("http://" + address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d", r.StatusCode)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
