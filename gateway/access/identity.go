package access

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Identity is how the gateway proves to a broker who it is: a key that is made here and never leaves, and the certificate
// that an operator's CA gives for it.
type Identity struct {
	Name      string // in the certificate: the client id
	Key, Cert string // files
	CA        string // file with what the broker's certificate is judged by
}

// next is where a key waits for its certificate while another one is in use.
func (i Identity) next() string { return i.Key + ".new" }

// Request returns a certificate signing request and the fingerprint of the public key in it. The first key is made if there
// is none; a fresh one, on demand, waits beside the one in use until its certificate is installed.
func (i Identity) Request(fresh bool) (csr []byte, fingerprint string, err error) {
	file := i.Key
	_, inUse := os.Stat(i.Cert)
	if _, err := os.Stat(i.next()); fresh && inUse == nil || err == nil {
		file = i.next()
	}
	key, err := i.key(file, fresh)
	if err != nil {
		return nil, "", fmt.Errorf("identity: key: %w", err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: i.Name}, DNSNames: []string{i.Name},
	}, key)
	if err != nil {
		return nil, "", fmt.Errorf("identity: request: %w", err)
	}
	fingerprint, err = publicFingerprint(key.Public())
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), fingerprint, err
}

// key reads a key, or makes it: in place of what there is, if it shall be fresh.
func (i Identity) key(file string, fresh bool) (crypto.Signer, error) {
	if !fresh {
		if key, err := readKey(file); !errors.Is(err, os.ErrNotExist) {
			return key, err
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	return key, i.write(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// write replaces a file. Where there is an identity already, who may read it stays as it is.
func (i Identity) write(file string, text []byte) error {
	like := file
	if file == i.next() {
		like = i.Key
	}
	was, err := os.Stat(like)
	if errors.Is(err, os.ErrNotExist) {
		return write(file, string(text))
	}
	uid, gid, err2 := ownerOf(like)
	if err = errors.Join(err, err2); err != nil {
		return err
	}
	if err := write(file, string(text)); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		err = os.Chown(file, uid, gid)
	}
	return errors.Join(err, os.Chmod(file, was.Mode().Perm()))
}

func readKey(file string) (crypto.Signer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key: remove it to have a new one made", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if key, err = x509.ParseECPrivateKey(block.Bytes); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a key that cannot sign", file)
	}
	return signer, nil
}

// publicFingerprint is the SHA-256 of a public key as certificates hold it, in pairs of digits.
func publicFingerprint(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", err
	}
	return pairs(sha256.Sum256(der)), nil
}

// Install puts in place what a CA has returned: the certificate, with those between it and the root if there are any, and
// what the broker is judged by. now is the date, zero if nobody knows it. What does not fit changes nothing.
func (i Identity) Install(certificate, ca []byte, now time.Time) (*x509.Certificate, error) {
	leaf, err := i.fits(certificate, now)
	if err != nil {
		return nil, fmt.Errorf("identity: install certificate: %w", err)
	}
	if len(ca) > 0 && !x509.NewCertPool().AppendCertsFromPEM(ca) {
		return nil, errors.New("identity: install CA: the file holds no certificate in PEM")
	}
	keyFile, err := i.keyOf(leaf)
	if err != nil {
		return nil, fmt.Errorf("identity: install certificate: %w", err)
	}
	if len(ca) > 0 {
		if err := i.write(i.CA, ca); err != nil {
			return nil, fmt.Errorf("identity: install CA: %w", err)
		}
	}
	// Between the two the pair does not fit, and a connection that is made then is tried again.
	if keyFile != i.Key {
		if err := os.Rename(keyFile, i.Key); err != nil {
			return nil, fmt.Errorf("identity: install key: %w", err)
		}
	}
	if err := i.write(i.Cert, certificate); err != nil {
		return nil, fmt.Errorf("identity: install certificate: %w", err)
	}
	return leaf, nil
}

// fits judges a certificate as a broker would.
func (i Identity) fits(text []byte, now time.Time) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("the file does not begin with a certificate in PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	usage := func(u x509.ExtKeyUsage) bool { return slices.Contains(leaf.ExtKeyUsage, u) }
	switch {
	case leaf.Subject.CommonName != i.Name && !slices.Contains(leaf.DNSNames, i.Name):
		return nil, fmt.Errorf("it is for %q and this gateway is %q: was it mixed up?", leaf.Subject.CommonName, i.Name)
	case len(leaf.ExtKeyUsage) > 0 && !usage(x509.ExtKeyUsageClientAuth) && !usage(x509.ExtKeyUsageAny):
		return nil, errors.New("it is not for clients: the CA must allow clientAuth")
	case !now.IsZero() && now.After(leaf.NotAfter):
		return nil, fmt.Errorf("it has expired on %s", leaf.NotAfter.Format(time.DateOnly))
	}
	return leaf, nil
}

// keyOf finds the key that a certificate was given for.
func (i Identity) keyOf(leaf *x509.Certificate) (string, error) {
	want, err := publicFingerprint(leaf.PublicKey)
	if err != nil {
		return "", err
	}
	for _, file := range []string{i.next(), i.Key} {
		key, err := readKey(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		if have, err := publicFingerprint(key.Public()); err == nil && have == want {
			return file, nil
		}
	}
	return "", errors.New("it is for another key: have the CA sign the newest request (lotusgate enrol)")
}

// pairs of hexadecimal digits, as browsers and openssl show them.
func pairs(sum [sha256.Size]byte) string {
	words := make([]string, len(sum))
	for i, b := range sum {
		words[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(words, ":")
}
