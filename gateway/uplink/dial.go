package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

const (
	connectTimeout = 10 * time.Second // DNS, TCP, TLS and CONNACK together
	writeTimeout   = 10 * time.Second // without it a half-open connection blocks paho's writer for ever
	pingTimeout    = 10 * time.Second
)

// dial connects once. The will is published by the broker if the connection dies.
func (u *Uplink) dial(ctx context.Context, will []byte) (*pipe, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()

	p := &pipe{
		lost:  make(chan error, 1),
		inbox: make(chan message, inboxSize),
		ended: make(chan struct{}),
	}
	if u.opt.Commands != nil {
		p.command = u.takeCommand
	}
	c, err := u.opt.clientOptions()
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", u.opt.Broker, err)
	}
	c.SetBinaryWill(u.topics.status, will, 1, true)
	c.SetConnectionLostHandler(func(_ mqtt.Client, err error) { p.tell(err) })
	c.SetDefaultPublishHandler(p.receive)

	var openErr error // written by paho's goroutine before the token is done
	var closer func() bool
	c.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
		tcp, stream, err := u.open(ctx)
		if err != nil {
			openErr = err
			return nil, err
		}
		p.conn = tcp
		closer = context.AfterFunc(ctx, func() { _ = tcp.Close() })
		return newWire(stream, p), nil
	})

	p.client = mqtt.NewClient(c)
	token := p.client.Connect()
	<-token.Done() // every step of it ends with ctx
	if err = openErr; err == nil {
		err = cause(token.Error())
	}
	if err != nil && len(p.lost) > 0 {
		err = <-p.lost // the first reason is the better one
	}
	if err == nil && !closer() {
		p.drop()
		err = errDropped
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", u.opt.Broker, explain(err))
	}
	return p, nil
}

// takeCommand hands a message of a command topic over.
func (u *Uplink) takeCommand(m message) bool {
	device, ok := u.topics.commanded(m.topic)
	if ok {
		u.opt.Commands.Take(device, m.payload, m.retained)
	}
	return ok
}

// cause takes paho's "network Error" away from an error that says more.
func cause(err error) error {
	if both, ok := err.(interface{ Unwrap() []error }); ok && errors.Is(err, packets.ErrorNetworkError) {
		return both.Unwrap()[1]
	}
	return err
}

// clientOptions makes paho the pipe that the package promises: everything it could do by itself is off.
func (o *Options) clientOptions() (*mqtt.ClientOptions, error) {
	c := mqtt.NewClientOptions()
	c.AddBroker(o.Broker) // only so that there is one; open dials
	c.SetClientID(o.ClientID)
	c.SetProtocolVersion(4) // else any refusal is tried again as MQTT 3.1
	c.SetCleanSession(true) // else a token may never be done after a loss
	c.SetAutoReconnect(false)
	c.SetConnectRetry(false)
	c.SetResumeSubs(false)
	c.SetStore(noStore{})
	c.SetOrderMatters(true)
	c.SetKeepAlive(o.KeepAlive)
	c.SetPingTimeout(min(pingTimeout, o.KeepAlive))
	c.SetWriteTimeout(writeTimeout)
	c.SetConnectTimeout(connectTimeout)
	if o.UsernameFile != "" {
		name, err := readLine("user name", o.UsernameFile)
		if err != nil {
			return nil, err
		}
		c.SetUsername(name)
	}
	if o.PasswordFile != "" {
		password, err := readLine("password", o.PasswordFile)
		if err != nil {
			return nil, err
		}
		c.SetPassword(password)
	}
	return c, nil
}

// open makes the TCP connection and, on top of it, the stream that MQTT is spoken over.
func (u *Uplink) openStream(ctx context.Context) (tcp, stream net.Conn, err error) {
	to, err := parseBroker(u.opt.Broker)
	if err != nil {
		return nil, nil, err
	}
	var d net.Dialer
	tcp, err = d.DialContext(ctx, "tcp", to.addr)
	if err != nil {
		return nil, nil, err
	}
	stream = tcp
	if to.tls {
		stream, err = u.secure(ctx, tcp, to)
	}
	if err == nil && to.websocket {
		stream, err = overWebsocket(ctx, stream, to)
	}
	if err != nil {
		_ = tcp.Close()
		return nil, nil, err
	}
	return tcp, stream, nil
}

func (u *Uplink) secure(ctx context.Context, tcp net.Conn, to endpoint) (net.Conn, error) {
	config, err := u.tlsConfig(to.host)
	if err != nil {
		return nil, err
	}
	c := tls.Client(tcp, config)
	return c, c.HandshakeContext(ctx)
}

// tlsConfig reads the certificate files.
func (u *Uplink) tlsConfig(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if u.opt.CAFile != "" {
		pem, err := os.ReadFile(u.opt.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read CA: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read CA: %s holds no PEM certificate", u.opt.CAFile)
		}
	}
	pair, err := u.credentials.current()
	if err != nil {
		return nil, err
	}
	if pair != nil {
		c.Certificates = []tls.Certificate{*pair}
	}
	u.opt.judge(c)
	return c, nil
}

func readLine(what, file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", what, err)
	}
	line := strings.TrimRight(string(b), "\r\n")
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return "", fmt.Errorf("read %s: %s must hold exactly one line", what, file)
	}
	return line, nil
}

// noStore is paho's memory of what it sent: none. The outbox is the only owner of retries.
type noStore struct{}

func (noStore) Open()                             {}
func (noStore) Put(string, packets.ControlPacket) {}
func (noStore) Get(string) packets.ControlPacket  { return nil }
func (noStore) All() []string                     { return nil }
func (noStore) Del(string)                        {}
func (noStore) Close()                            {}
func (noStore) Reset()                            {}
