package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Certificate returns the pair in certFile and keyFile or, without them, the self-made one in dir, which is made when
// it is first needed.
func Certificate(dir, certFile, keyFile, name string) (tls.Certificate, error) {
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("access: certificate: %w", err)
		}
		return pair, nil
	}
	file := filepath.Join(dir, "https.pem")
	pair, err := tls.LoadX509KeyPair(file, file)
	if errors.Is(err, os.ErrNotExist) {
		if err = create(dir, file, name); err == nil {
			pair, err = tls.LoadX509KeyPair(file, file)
		}
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("access: self-made certificate (remove %s to have a new one): %w", file, err)
	}
	return pair, nil
}

// create writes key and certificate into one file, so that they always fit together.
func create(dir, file, name string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	t := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"Lotusgate"}},
		// A gateway that does not know the date makes it; it must be valid whatever day it is.
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2049, 12, 31, 0, 0, 0, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, DNSNames: []string{name, name + ".local", "localhost"},
	}
	cert, err := x509.CreateCertificate(rand.Reader, &t, &t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, block := range []*pem.Block{{Type: "PRIVATE KEY", Bytes: private}, {Type: "CERTIFICATE", Bytes: cert}} {
		if err := pem.Encode(&b, block); err != nil {
			return err
		}
	}
	return write(file, b.String())
}

// Fingerprint of a certificate as browsers show it: SHA-256, pairs of digits.
func Fingerprint(c tls.Certificate) string {
	return pairs(sha256.Sum256(c.Certificate[0]))
}
