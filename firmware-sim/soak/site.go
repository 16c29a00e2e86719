package soak

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/audit"
	"lotusgate/gateway/intake"
)

const root = "lotusgate/v1/lianhua/park-01"

// site is the gateway with everything around it.
type site struct {
	dir, heard, page string
	broker           broker
	link             *link
	gateway          *exec.Cmd
	subscriber       *exec.Cmd
	signer           *intake.Signer
	ended            chan error // the gateway's end

	mu     sync.Mutex
	book   *audit.Book // of what the subscriber has heard so far
	delays []time.Duration
}

func (s *site) state() string          { return filepath.Join(s.dir, "state") }
func (s *site) key(half string) string { return filepath.Join(s.dir, "center."+half) }

func (s *site) startGateway(o Options, public string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.page = "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "gateway.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.gateway = exec.Command(o.Program, "demo", "--quiet", "--broker", "mqtt://"+s.link.addr, "--listen", strings.TrimPrefix(s.page, "http://"),
		"--state", s.state(), "--center", public, "--clock-steps", stepEvery.String())
	s.gateway.Stdout, s.gateway.Stderr = log, log
	s.gateway.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.gateway.Start(); err != nil {
		return err
	}
	go func() { s.ended <- s.gateway.Wait() }()
	for deadline := time.Now().Add(time.Minute); ; {
		_, err := get(context.Background(), s.page+"/healthz")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return err
		}
		select {
		case err := <-s.ended:
			return fmt.Errorf("the gateway does not start, see %s: %w", log.Name(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stop ends the gateway in order.
func (s *site) stop() error {
	if err := s.gateway.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-s.ended:
		s.ended <- err
		time.Sleep(time.Second) // what the broker still has for the subscriber
		return err
	case <-time.After(time.Minute):
		return errors.New("the gateway does not end")
	}
}

func (s *site) close() {
	for _, c := range []*exec.Cmd{s.gateway, s.subscriber, s.broker.cmd} {
		if c != nil && c.Process != nil {
			_ = c.Process.Kill() // it may have ended
		}
	}
	if s.link != nil {
		_ = s.link.listener.Close()
		s.link.cut()
	}
}

// subscribe runs mosquitto_sub, which connects again by itself and keeps its session.
func (s *site) subscribe() error {
	host, port, _ := net.SplitHostPort(s.broker.addr)
	s.subscriber = exec.Command("mosquitto_sub", "-h", host, "-p", port, "-q", "1", "-i", "center", "-c", "-v", "-t", root+"/#")
	s.subscriber.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := s.subscriber.StdoutPipe()
	if err != nil {
		return err
	}
	file, err := os.Create(s.heard)
	if err != nil {
		return err
	}
	if err := s.subscriber.Start(); err != nil {
		return fmt.Errorf("%w (package mosquitto-clients)", err)
	}
	go func() {
		defer file.Close()
		lines := bufio.NewScanner(io.TeeReader(out, file))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			s.hear(lines.Bytes(), monotonic())
		}
	}()
	return nil
}

// hear enters a line of the subscriber. The delay of an event is counted from its edge, so loops: what other devices say is
// said after a time on purpose.
func (s *site) hear(line []byte, now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.book.Line(line)
	if !bytes.HasPrefix(line, []byte(root+"/event/loop/")) || !bytes.Contains(line, []byte(`"late":false`)) {
		return
	}
	_, rest, _ := bytes.Cut(line, []byte(`"uptime":"`))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	if at, err := time.ParseDuration(string(text) + "s"); err == nil {
		s.delays = append(s.delays, now-at)
	}
}

// confirm publishes the watermark of the subscriber, signed. A broker that is away hears the next one.
func (s *site) confirm() error {
	s.mu.Lock()
	epoch := s.book.Epoch()
	run, number := s.book.Watermark(epoch)
	s.mu.Unlock()
	if number == 0 {
		return nil
	}
	payload, err := s.signer.SignWatermark(gateway.Watermark{Epoch: epoch, Run: run, Number: number})
	if err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(s.broker.addr)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = exec.CommandContext(ctx, "mosquitto_pub", "-h", host, "-p", port, "-q", "1", "-r", "-t", root+"/watermark", "-m", payload).Run()
	return nil
}

// broker is a mosquitto that can be killed.
type broker struct {
	addr, config string
	cmd          *exec.Cmd
}

func (b *broker) configure(dir string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b.addr = l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(b.addr)
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	b.config = filepath.Join(dir, "mosquitto.conf")
	return os.WriteFile(b.config, []byte(strings.Join([]string{
		"listener " + port + " 127.0.0.1", "allow_anonymous true", "user root", "set_tcp_nodelay true", "log_type error",
		"persistence true", "persistence_location " + dir + "/", "max_queued_messages 0",
		"autosave_on_changes true", "autosave_interval 1", // else a killed broker forgets the subscriber
	}, "\n")+"\n"), 0o600)
}

// startBroker returns when the broker answers.
func (s *site) startBroker() error {
	b := &s.broker
	b.cmd = exec.Command("mosquitto", "-c", b.config)
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		return fmt.Errorf("%w (package mosquitto)", err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", b.addr)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

func (b *broker) kill() {
	_ = b.cmd.Process.Kill() // it may have ended by itself: then it starts again all the same
	_ = b.cmd.Wait()
}

// pause lets connections open and answers nobody.
func (b *broker) pause(ctx context.Context, d time.Duration) error {
	if err := b.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return b.cmd.Process.Signal(syscall.SIGCONT)
}

// link is the TCP connection of the gateway to its broker.
type link struct {
	addr     string
	listener net.Listener
	mu       sync.Mutex
	open     map[net.Conn]bool
}

func newLink(to string) (*link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &link{addr: listener.Addr().String(), listener: listener, open: map[net.Conn]bool{}}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			go l.pump(near, far)
			go l.pump(far, near)
		}
	}()
	return l, nil
}

func (l *link) pump(to, from net.Conn) {
	l.mu.Lock()
	l.open[from] = true
	l.mu.Unlock()
	_, _ = io.Copy(to, from) // it ends when it is cut
	_ = to.Close()
	_ = from.Close()
	l.mu.Lock()
	delete(l.open, from)
	l.mu.Unlock()
}

// cut breaks what is open, in the middle of packets.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}
