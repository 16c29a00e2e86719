package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/spf13/cobra"

	"lotusgate/gateway"
)

// brokerOptions are the flags of what speaks to a broker as a center.
type brokerOptions struct {
	broker, prefix                 string
	userFile, passwordFile, caFile string
	wait                           time.Duration
}

func (b *brokerOptions) flags(cmd *cobra.Command, broker, meaning string) {
	f := cmd.Flags()
	f.StringVar(&b.broker, "broker", broker, meaning)
	f.StringVar(&b.prefix, "prefix", "lotusgate/v1", "of every topic")
	f.StringVar(&b.userFile, "username-file", "", "one line")
	f.StringVar(&b.passwordFile, "password-file", "", "one line")
	f.StringVar(&b.caFile, "ca-file", "", "PEM; default: the system's roots")
}

// sender is a center that gives one command.
type sender struct {
	brokerOptions
	root    string
	twice   bool
	session string // "" = the gateway's own
	device  string
	out     io.Writer
}

// unsigned is what a center says where nothing is signed.
func unsigned(v any) string {
	b, _ := json.Marshal(v) // plain data
	return string(b)
}

// send reads the session from the retained status, sends what message makes of it and prints the replies.
func (s *sender) send(ctx context.Context, message func(session, nonce string) (jti, payload string, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, s.wait)
	defer cancel()
	statuses, replies := make(chan gateway.Status, 16), make(chan gateway.Reply, 16)
	client, err := s.connect(statuses, replies)
	if err != nil {
		return err
	}
	defer client.Disconnect(250)
	var status gateway.Status
	select {
	case status = <-statuses:
	case <-ctx.Done():
		return fmt.Errorf("no status at %s/status: is the gateway's name right, and has it ever been connected to this broker?", s.root)
	}
	if status.State != gateway.Online && status.State != gateway.Degraded {
		return fmt.Errorf("the gateway is %s", status.State)
	}
	nonce := ""
	if status.Nonce != nil {
		nonce = *status.Nonce
	}
	if s.session != "" {
		status.Session = s.session
	}
	jti, payload, err := message(status.Session, nonce)
	if err != nil {
		return err
	}
	began := time.Now()
	last, err := s.give(ctx, client, replies, jti, payload, began)
	if err == nil && s.twice {
		_, err = s.give(ctx, client, replies, jti, payload, began)
	}
	switch {
	case err != nil:
		return err
	case last.Stage != gateway.Done:
		return errNotDone
	}
	return nil
}

// give publishes and prints replies up to the last one.
func (s *sender) give(ctx context.Context, client mqtt.Client, replies <-chan gateway.Reply, jti, payload string, began time.Time) (gateway.Reply, error) {
	if err := wait(ctx, client.Publish(s.root+"/command/"+s.device, 1, false, payload)); err != nil {
		return gateway.Reply{}, fmt.Errorf("publish: %w", err)
	}
	for {
		select {
		case r := <-replies:
			if r.JTI != jti {
				continue
			}
			fmt.Fprintf(s.out, "%8.3f s  %s\n", time.Since(began).Seconds(), sentence(r))
			if r.Stage.Final() {
				return r, nil
			}
		case <-ctx.Done():
			return gateway.Reply{}, fmt.Errorf("no last reply within %v", s.wait)
		}
	}
}

// sentence is one reply for people.
func sentence(r gateway.Reply) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", r.Device, r.Action, r.Stage)
	if r.Reason != "" {
		fmt.Fprintf(&b, ", %s", r.Reason)
	}
	if r.Detail != "" {
		fmt.Fprintf(&b, " (%s)", r.Detail)
	}
	moves := slices.Contains([]gateway.Action{gateway.Open, gateway.Close, gateway.HoldOpen}, r.Action)
	if moves && r.Verified != nil && *r.Verified {
		b.WriteString(", a limit switch says so")
	}
	if r.Repeated {
		b.WriteString(", repeated: nothing moves")
	}
	var names []string
	for name := range r.Evidence {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		e := r.Evidence[name]
		fmt.Fprintf(&b, "; %s %s (%s, %d ms old)", name, e.Value, e.Quality, e.AgeMS)
	}
	return b.String()
}

// dial connects as a client that nobody knows.
func (b *brokerOptions) dial() (mqtt.Client, error) {
	o := mqtt.NewClientOptions().AddBroker(strings.NewReplacer("mqtts://", "ssl://", "mqtt://", "tcp://").Replace(b.broker))
	o.SetClientID("lotusgate-send-" + rand.Text()[:8]).SetAutoReconnect(false).SetConnectTimeout(10 * time.Second)
	for file, set := range map[string]func(string) *mqtt.ClientOptions{b.userFile: o.SetUsername, b.passwordFile: o.SetPassword} {
		if file == "" {
			continue
		}
		line, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		set(strings.TrimSpace(string(line)))
	}
	if b.caFile != "" {
		pem, err := os.ReadFile(b.caFile)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", b.caFile)
		}
		o.SetTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	}
	client := mqtt.NewClient(o)
	ctx, cancel := context.WithTimeout(context.Background(), b.wait)
	defer cancel()
	if err := wait(ctx, client.Connect()); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", b.broker, err)
	}
	return client, nil
}

func (s *sender) connect(statuses chan<- gateway.Status, replies chan<- gateway.Reply) (mqtt.Client, error) {
	client, err := s.dial()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.wait)
	defer cancel()
	subscribe := func(topic string, take func([]byte)) error {
		return wait(ctx, client.Subscribe(topic, 1, func(_ mqtt.Client, m mqtt.Message) { take(m.Payload()) }))
	}
	for _, topic := range []string{s.root + "/reply/" + s.device, s.root + "/reply/" + gateway.GatewayID} {
		if err := subscribe(topic, func(b []byte) { decodeTo(b, replies) }); err != nil {
			return nil, fmt.Errorf("subscribe to replies: %w", err)
		}
	}
	if err := subscribe(s.root+"/status", func(b []byte) { decodeTo(b, statuses) }); err != nil {
		return nil, fmt.Errorf("subscribe to the status: %w", err)
	}
	return client, nil
}

// decodeTo passes on what can be read, and forgets it when nobody waits.
func decodeTo[T any](b []byte, to chan<- T) {
	var v T
	if json.Unmarshal(b, &v) != nil {
		return
	}
	select {
	case to <- v:
	default:
	}
}

func wait(ctx context.Context, t mqtt.Token) error {
	select {
	case <-t.Done():
		return t.Error()
	case <-ctx.Done():
		return ctx.Err()
	}
}
