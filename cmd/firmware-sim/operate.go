package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway/access"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
)

// operating is what somebody needs who wants to operate the demo over HTTPS. It is made anew at every start.
type operating struct {
	password    string
	fingerprint string
	code        string // the fingerprint as QR code
}

// newOperating sets a new password and shows the certificate of a gateway.
func newOperating(cfg *config.Config, password string) (operating, error) {
	dir := daemon.AccessDir(cfg.Storage.Path)
	if err := access.Set(dir, password); err != nil {
		return operating{}, err
	}
	h := cfg.Status.HTTPS
	pair, err := access.Certificate(dir, h.CertFile, h.KeyFile, cfg.Gateway.ID)
	if err != nil {
		return operating{}, err
	}
	fingerprint := access.Fingerprint(pair)
	code, err := access.DrawQR("SHA256 " + fingerprint)
	return operating{password, fingerprint, code}, err
}

// secureAddress is where the HTTPS page listens: on the host of the status page, at the preferred port or a free one.
func (o demoOptions) secureAddress(preferred int) (string, error) {
	host := "127.0.0.1"
	if o.page != "" {
		var err error
		if host, _, err = net.SplitHostPort(o.page); err != nil {
			return "", fmt.Errorf("--listen %q: use host:port", o.page)
		}
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(preferred)))
	if err != nil {
		if l, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return "", err
		}
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// pushed is how long somebody holds the button in the cabinet.
const pushed = 500 * time.Millisecond

// pushButton pushes the button in the cabinet, which opens the maintenance window, at each line that somebody types.
func pushButton(ctx context.Context, in io.Reader, board *rig.Board, button string) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if board.Do(rig.Move{Switch: button}) != nil {
			return // the board is closed
		}
		select {
		case <-time.After(pushed):
		case <-ctx.Done():
			return
		}
		if board.Do(rig.Move{Switch: button, Rest: true}) != nil {
			return
		}
	}
}
