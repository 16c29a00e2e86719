package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority is an operator's CA.
type authority struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate
	text []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "operator"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key, root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// sign gives a certificate for a request, changed as somebody wants it.
func (a *authority) sign(t *testing.T, csr []byte, change func(*x509.Certificate)) []byte {
	t.Helper()
	block, rest := pem.Decode(csr)
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || len(rest) > 0 || request.CheckSignature() != nil {
		t.Fatal(err, string(rest))
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: request.Subject, DNSNames: request.DNSNames, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(leaf)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.root, request.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func identity(t *testing.T) Identity {
	dir := filepath.Join(t.TempDir(), "identity")
	return Identity{Name: "lianhua.park-01", Key: filepath.Join(dir, "k"), Cert: filepath.Join(dir, "c"), CA: filepath.Join(dir, "ca")}
}

func request(t *testing.T, i Identity, fresh bool) (csr []byte, fingerprint string) {
	t.Helper()
	csr, fingerprint, err := i.Request(fresh)
	if err != nil {
		t.Fatal(err)
	}
	return csr, fingerprint
}

// A gateway enrols, renews its certificate for the same key, and then gets a new key, which waits until its certificate is
// there. Nothing secret is in what leaves.
func TestEnrol(t *testing.T) {
	i, ca := identity(t), newAuthority(t)
	csr, print := request(t, i, false)
	again, same := request(t, i, false)
	if same != print || len(print) != 95 || bytes.Equal(again, nil) {
		t.Errorf("fingerprints %s and %s", print, same)
	}
	private, err := os.ReadFile(i.Key)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(i.Key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	secret, _ := pem.Decode(private)
	sent, _ := pem.Decode(csr)
	key, err := x509.ParsePKCS8PrivateKey(secret.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	d, err := key.(*ecdsa.PrivateKey).Bytes()
	if err != nil || bytes.Contains(sent.Bytes, d) || bytes.Contains(csr, []byte("PRIVATE")) {
		t.Error("the key is in the request", err)
	}
	for range 2 { // the second time is the renewal
		if _, err := i.Install(ca.sign(t, csr, nil), ca.text, time.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := tls.LoadX509KeyPair(i.Cert, i.Key); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(i.CA); err != nil || !bytes.Equal(got, ca.text) {
		t.Error("CA", err)
	}

	if err := os.Chmod(i.Key, 0o640); err != nil { // as a site may have it: its group reads
		t.Fatal(err)
	}
	csr, other := request(t, i, true)
	if other == print {
		t.Error("no new key")
	}
	if _, pending := request(t, i, false); pending != other {
		t.Error("the request is not that of the key that waits")
	}
	if _, err := tls.LoadX509KeyPair(i.Cert, i.Key); err != nil {
		t.Error("the pair in use was touched:", err)
	}
	if _, err := i.Install(ca.sign(t, csr, nil), nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(i.Cert, i.Key); err != nil {
		t.Error(err)
	}
	if now, err := os.ReadFile(i.Key); err != nil || bytes.Equal(now, private) {
		t.Error("still the old key", err)
	}
	if info, err := os.Stat(i.Key); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Dir(i.Key) + "/*"); len(left) != 3 {
		t.Errorf("left behind: %v", left)
	}
}

// What does not fit is refused by name and changes nothing.
func TestEnrolRefuses(t *testing.T) {
	i, ca := identity(t), newAuthority(t)
	csr, _ := request(t, i, false)
	other := identity(t)
	foreign, _ := request(t, other, false)
	for _, c := range []struct {
		certificate []byte
		now         time.Time
		want        string
	}{
		{[]byte("no certificate"), time.Time{}, "PEM"},
		{ca.sign(t, foreign, nil), time.Time{}, "another key"},
		{ca.sign(t, csr, func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = "lianhua.park-02", nil }), time.Time{}, "mixed up"},
		{ca.sign(t, csr, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), time.Time{}, "clientAuth"},
		{ca.sign(t, csr, nil), time.Now().Add(2 * time.Hour), "expired"},
	} {
		if _, err := i.Install(c.certificate, nil, c.now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if _, err := i.Install(ca.sign(t, csr, nil), []byte("x"), time.Time{}); err == nil {
		t.Error("a CA that is none")
	}
	if _, err := os.Stat(i.Cert); !os.IsNotExist(err) {
		t.Error("something was installed", err)
	}
	if err := os.WriteFile(i.Key, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := i.Request(false); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Error(err)
	}
}
