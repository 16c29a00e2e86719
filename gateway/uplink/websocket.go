package uplink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// overWebsocket speaks WebSocket on a stream that is open already, encrypted or not, and returns what MQTT is spoken on.
func overWebsocket(ctx context.Context, stream net.Conn, e endpoint) (net.Conn, error) {
	d := websocket.Dialer{
		NetDialContext: func(context.Context, string, string) (net.Conn, error) { return stream, nil },
		Subprotocols:   []string{"mqtt"},
	}
	path := e.url.EscapedPath()
	if path == "" {
		path = "/"
	}
	conn, answer, err := d.DialContext(ctx, "ws://"+e.addr+path, nil) // encryption is below, in stream
	switch {
	case errors.Is(err, websocket.ErrBadHandshake) && answer != nil:
		return nil, fmt.Errorf("the server answers %s, not with a WebSocket: check the path in mqtt.broker, often /mqtt or /ws", answer.Status)
	case err != nil:
		return nil, err
	case conn.Subprotocol() != "mqtt":
		return nil, fmt.Errorf("the server does not speak MQTT on its WebSocket %s: check the path in mqtt.broker", path)
	}
	return &websocketConn{Conn: conn}, nil
}

// websocketConn is a stream of bytes in binary messages, whose borders mean nothing.
type websocketConn struct {
	*websocket.Conn
	message io.Reader  // nil = the next one
	writing sync.Mutex // paho pings from a goroutine of its own
}

func (c *websocketConn) Read(b []byte) (int, error) {
	for {
		if c.message == nil {
			_, m, err := c.NextReader()
			if e := (*websocket.CloseError)(nil); errors.As(err, &e) {
				err = fmt.Errorf("%w (WebSocket: %d %s)", io.EOF, e.Code, e.Text)
			}
			if err != nil {
				return 0, err
			}
			c.message = m
		}
		n, err := c.message.Read(b)
		if errors.Is(err, io.EOF) {
			c.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (c *websocketConn) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.WriteMessage(websocket.BinaryMessage, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (c *websocketConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

var _ net.Conn = (*websocketConn)(nil)
