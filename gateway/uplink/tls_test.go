package uplink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway/hub"
)

// authority signs certificates for one test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // PEM of the certificate
}

func newAuthority(t testing.TB, name string) *authority {
	a := &authority{t: t, file: filepath.Join(t.TempDir(), name+".pem")}
	var der []byte
	der, a.key = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotAfter: time.Now().Add(time.Hour),
	})
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	write(t, a.file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return a
}

func (a *authority) sign(c *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore = time.Now().Add(-time.Hour)
	parent, parentKey := c, key
	if a.cert != nil {
		parent, parentKey = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

// server is a certificate for an address or a name, which ends then.
func (a *authority) server(name string, end time.Time) tls.Certificate {
	c := &x509.Certificate{NotAfter: end, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	der, key := a.sign(c)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// client writes a certificate of the gateway into the two files.
func (a *authority) client(name, certFile, keyFile string) {
	der, key := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	write(a.t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(a.t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})))
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func TestTLSRefusals(t *testing.T) {
	ours, other := newAuthority(t, "ours"), newAuthority(t, "other")
	hour := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		server *tls.Config
		ca     string
		want   string
	}{
		"unknown authority": {&tls.Config{Certificates: []tls.Certificate{other.server("127.0.0.1", hour)}}, ours.file, "set mqtt.ca_file"},
		"system roots":      {&tls.Config{Certificates: []tls.Certificate{ours.server("127.0.0.1", hour)}}, "", "set mqtt.ca_file"},
		"wrong name":        {&tls.Config{Certificates: []tls.Certificate{ours.server("broker.example", hour)}}, ours.file, "one of the names in the broker's certificate"},
		"expired":           {&tls.Config{Certificates: []tls.Certificate{ours.server("127.0.0.1", time.Now().Add(-time.Minute))}}, ours.file, "renew the broker's certificate"},
		"TLS 1.1":           {&tls.Config{Certificates: []tls.Certificate{ours.server("127.0.0.1", hour)}, MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}, ours.file, "protocol version"},
		"CA file is a key":  {&tls.Config{Certificates: []tls.Certificate{ours.server("127.0.0.1", hour)}}, "tls_test.go", "holds no PEM certificate"},
		"no CA file":        {&tls.Config{Certificates: []tls.Certificate{ours.server("127.0.0.1", hour)}}, "missing.pem", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newScripted(t, c.server)
			g := prepare(t, b.url)
			g.opt.CAFile = c.ca
			go func() {
				for {
					conn, err := b.l.Accept()
					if err != nil {
						return
					}
					_ = conn.(*tls.Conn).Handshake()
					_ = conn.Close()
				}
			}()
			g.start()
			l := g.link("failed", func(l hub.Link) bool { return l.Error != "" })
			if !strings.Contains(l.Error, c.want) {
				t.Errorf("error %q does not say %q", l.Error, c.want)
			}
		})
	}
}

func TestNotTLS(t *testing.T) {
	m := newMosquitto(t)
	g := prepare(t, strings.Replace(m.url, "mqtt:", "mqtts:", 1))
	g.start()
	l := g.link("failed", func(l hub.Link) bool { return l.Error != "" })
	if !strings.Contains(l.Error, "TLS") {
		t.Errorf("error %q", l.Error)
	}
}

// Certificates are exchanged under load: broker and gateway take new ones, and no event is lost.
func TestCertificateRotation(t *testing.T) {
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	hour := time.Now().Add(time.Hour)
	clients := first.pool()
	clients.AddCert(second.cert)
	current := first
	config := &tls.Config{
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c := current.server("127.0.0.1", hour)
			return &c, nil
		},
	}
	b := newScripted(t, config)
	g := prepare(t, b.url)
	dir := t.TempDir()
	g.opt.CAFile, g.opt.CertFile, g.opt.KeyFile = filepath.Join(dir, "ca"), filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	install := func(a *authority, name string) {
		a.client(name, g.opt.CertFile, g.opt.KeyFile)
		write(t, g.opt.CAFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})))
	}
	install(first, "one")
	g.out.add(3, g.clock.Now())
	g.start()
	p := b.accept()
	p.ack(p.events(3)[0].MessageID)
	who := func(p *peer) string {
		return p.conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if who(p) != "one" {
		t.Errorf("client certificate of %q", who(p))
	}

	current = second
	install(second, "two")
	_ = p.conn.Close()
	p = b.accept()
	if who(p) != "two" {
		t.Errorf("client certificate of %q", who(p))
	}
	n := 2
	if g.out.confirmations()[0] == 0 { // the acknowledgement was lost with the connection
		n = 3
	}
	for _, m := range p.events(n) {
		p.ack(m.MessageID)
	}
	wait(t, "everything confirmed", g.out.drained())
	if err := once(g.out.confirmations()); err != nil {
		t.Error(err)
	}
	if v := p.conn.(*tls.Conn).ConnectionState().Version; v < tls.VersionTLS12 {
		t.Errorf("TLS version %x", v)
	}
}
