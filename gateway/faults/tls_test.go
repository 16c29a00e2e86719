package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, file: filepath.Join(t.TempDir(), "ca.pem")}
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotAfter: time.Now().Add(time.Hour),
	}
	a.cert, a.key = a.sign(c)
	a.write(a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

func (a *authority) sign(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-2*time.Hour)
	parent, parentKey := a.cert, a.key
	if parent == nil {
		parent, parentKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed, key
}

// broker is a certificate of the broker's that ends then.
func (a *authority) broker(end time.Time) *tls.Certificate {
	c, key := a.sign(&x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: end, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return &tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
}

// gateway writes a certificate of the gateway's and its key, one after the other.
func (a *authority) gateway(name, certFile, keyFile string) {
	a.t.Helper()
	c, key := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(certFile, "CERTIFICATE", c.Raw)
	time.Sleep(20 * time.Millisecond) // in which they do not fit
	a.write(keyFile, "EC PRIVATE KEY", secret)
}

func (a *authority) write(file, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// secureCenter is a center on TLS that demands a certificate.
type secureCenter struct {
	*authority
	addr string
	book *book

	mu   sync.Mutex
	own  *tls.Certificate
	seen map[string]int // connections by the name in the client's certificate
}

func newSecureCenter(t *testing.T) *secureCenter {
	t.Helper()
	s := &secureCenter{authority: newAuthority(t), book: newBook(), seen: map[string]int{}}
	s.own = s.broker(time.Now().Add(time.Hour))
	clients := x509.NewCertPool()
	clients.AddCert(s.cert)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := startCenterOn(tls.NewListener(l, &tls.Config{
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.own, nil
		},
		VerifyConnection: func(c tls.ConnectionState) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.seen[c.PeerCertificates[0].Subject.CommonName]++
			return nil
		},
	}), s.book.hear)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.server.Close() })
	s.addr = l.Addr().String()
	return s
}

func (s *secureCenter) show(c *tls.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own = c
}

func (s *secureCenter) met(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[name]
}

// gatewayAt makes a gateway that speaks TLS, and returns the files of its certificate.
func (s *secureCenter) gatewayAt(t *testing.T, addr string) (g *gatewayProcess, certFile, keyFile string) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "gateway.pem"), filepath.Join(dir, "gateway.key")
	s.gateway("0", certFile, keyFile)
	g = newGateway(t, "mqtts://"+addr)
	g.configure(t, "mqtts://"+addr, fmt.Sprintf("ca_file: %q, cert_file: %q, key_file: %q", s.file, certFile, keyFile))
	return g, certFile, keyFile
}

// expired: the broker's certificate has expired, which is found when the link breaks; then it is renewed.
func expired(t *testing.T) {
	t.Parallel()
	s := newSecureCenter(t)
	l := newLink(t, s.addr)
	g, _, _ := s.gatewayAt(t, l.addr)
	g.env = append(g.env, "LOTUSGATE_BUILT="+time.Now().Add(-time.Minute).Format(time.RFC3339))
	g.start()
	times := repeat(2)
	for range times {
		flowing(t, s.book, 100)
		s.show(s.broker(time.Now().Add(-time.Hour)))
		l.cut()
		time.Sleep(500 * time.Millisecond)
		before := s.book.heard()
		time.Sleep(time.Second)
		if s.book.heard() != before {
			t.Error("events arrive at a broker whose certificate has expired")
		}
		s.show(s.broker(time.Now().Add(time.Hour)))
	}
	flowing(t, s.book, 100)
	r := settle(t, g, s.book)
	nothing(t, r)
	verdict(t, "the broker's certificate expires, and is renewed", times, r, 0, "")
}

// renewed: the gateway's own certificate and key are renewed under load, in two files that cannot change at one moment.
func renewed(t *testing.T) {
	t.Parallel()
	s := newSecureCenter(t)
	g, certFile, keyFile := s.gatewayAt(t, s.addr)
	g.start()
	times := repeat(4)
	for i := range times {
		flowing(t, s.book, 100)
		name := fmt.Sprint(i + 1)
		s.gateway(name, certFile, keyFile)
		for deadline := time.Now().Add(patience); s.met(name) == 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("certificate %s is never shown", name)
			}
		}
	}
	flowing(t, s.book, 100)
	r := settle(t, g, s.book)
	nothing(t, r)
	if r.Duplicates > 0 {
		t.Errorf("%d events came twice: a connection that ends in order leaves nothing in flight", r.Duplicates)
	}
	verdict(t, "the gateway's certificate and key are renewed under load", times, r, 0, "")
}
