// Package control is the local socket: the way of the command line, and of nobody else, to the running daemon. It
// carries HTTP, so that the page and the command line get the same answers.
//
// Promises: who may connect is decided by the file's permissions, the daemon's own user and one group; who has
// connected is known by the kernel's word (peer credentials), not by what he says. A socket that a dead daemon left
// behind is replaced, that of a living one never.
package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrGroup is why Listen could not give the socket to its group.
var ErrGroup = errors.New("the group cannot use the local socket")

// Listen opens the socket at path for the daemon's user and, if it is not empty, a group. If that is not possible the
// socket is there all the same, and the error is ErrGroup.
func Listen(path, group string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("control: %s is in use: another lotusgate runs; end it or choose another control.socket", path)
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		_ = os.Remove(path) // nobody listens there any more; Listen tells if it could not be removed
	}
	// Nobody may connect before the permissions are what they should be.
	before := unix.Umask(0o177)
	l, err := net.Listen("unix", path)
	unix.Umask(before)
	if err != nil {
		return nil, fmt.Errorf("control: %w: create the directory (systemd: RuntimeDirectory=lotusgate) or choose another control.socket", err)
	}
	return l, share(path, group)
}

func share(path, group string) error {
	if group == "" {
		return nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return fmt.Errorf("control: %w: %w: create it (groupadd --system %s)", ErrGroup, err, group)
	}
	id, err := strconv.Atoi(g.Gid)
	if err != nil {
		return fmt.Errorf("control: %w: %s has the odd number %q", ErrGroup, group, g.Gid)
	}
	if err := errors.Join(os.Chown(path, -1, id), os.Chmod(path, 0o660)); err != nil {
		return fmt.Errorf("control: %w: %w: let the daemon's user be in it (adduser lotusgate %s)", ErrGroup, err, group)
	}
	return nil
}

// Peer is the process at the other end, in the words of the kernel.
type Peer struct {
	PID      int32
	UID, GID uint32
}

type peerKey struct{}

// WithPeer is an http.Server's ConnContext: it notes who connected.
func WithPeer(ctx context.Context, c net.Conn) context.Context {
	for {
		inner, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = inner.NetConn()
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *unix.Ucred
	if err := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil || cred == nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, Peer{PID: cred.Pid, UID: cred.Uid, GID: cred.Gid})
}

// PeerOf tells who asks; ok is false for a request that did not come over the socket.
func PeerOf(ctx context.Context) (p Peer, ok bool) {
	p, ok = ctx.Value(peerKey{}).(Peer)
	return p, ok
}

// ErrNotRunning is returned when nobody listens at the socket.
var ErrNotRunning = errors.New("no lotusgate runs here")

// Client talks to the daemon.
type Client struct{ http http.Client }

// Dial makes a client of the socket at path. It connects when it is used.
func Dial(path string) *Client {
	return &Client{http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		DisableCompression: true,
	}}}
}

// Get asks for an address like "/api/v1/view" and returns the answer's body.
func (c *Client) Get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://lotusgate"+address, nil)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	resp, err := c.ask(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("control: read answer: %w", err)
	}
	return body, nil
}

// ask returns an answer that is not a refusal.
func (c *Client) ask(r *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(r)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, ErrNotRunning
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("control: %w: use sudo, or join the group of the socket", err)
	case err != nil:
		return nil, fmt.Errorf("control: %w", err)
	case resp.StatusCode != http.StatusOK:
		defer func() { _ = resp.Body.Close() }()
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // as far as it goes
		return nil, fmt.Errorf("control: %s: %s", resp.Status, bytes.TrimSpace(why))
	}
	return resp, nil
}

// Post sends v as JSON to an address and gives each line of the answer to line, as they come.
func (c *Client) Post(ctx context.Context, address string, v any, line func([]byte) error) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lotusgate"+address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	resp, err := c.ask(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if err := line(lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("control: read answer: %w", err)
	}
	return nil
}

// Read asks for an address and decodes its JSON into v.
func (c *Client) Read(ctx context.Context, address string, v any) error {
	body, err := c.Get(ctx, address)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("control: the daemon's answer: %w", err)
	}
	return nil
}

// Close ends the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }
