package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// listen takes the preferred port of the loopback interface, or a free one when that is taken.
func listen(preferred string) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", preferred))
	if err != nil {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return l, nil
}

// startBroker runs the demo's own broker on the loopback interface, where anybody may do anything: it is not a broker
// for production. It returns its address and how to end it.
func startBroker() (addr string, closeBroker func() error, err error) {
	l, err := listen("1883")
	if err != nil {
		return "", nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	server := mqtt.New(&mqtt.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		return "", nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	if err := server.AddListener(listeners.NewNet("demo", l)); err != nil {
		return "", nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	if err := server.Serve(); err != nil {
		return "", nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	return l.Addr().String(), server.Close, nil
}
