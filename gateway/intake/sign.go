package intake

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"lotusgate/gateway"
)

// The other side: what a center does. The gateway itself signs nothing.

// Request is the claims of a command, as a center writes them.
type Request struct {
	JTI      string         `json:"jti"`
	IssuedAt int64          `json:"iat"`
	Expires  int64          `json:"exp"`
	Audience string         `json:"aud"`
	Session  string         `json:"session"`
	Nonce    string         `json:"nonce,omitempty"`
	Device   string         `json:"device"`
	Action   gateway.Action `json:"action"`
	Args     gateway.Args   `json:"args"`
}

// Signer signs with one key.
type Signer struct {
	key jose.SigningKey
	kid string
}

// NewSigner reads a private key in PEM (PKCS 8), or the secret of HS256 in base64.
func NewSigner(file, kid string) (*Signer, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	alg, private := jose.HS256, any(nil)
	if block, _ := pem.Decode(b); block != nil {
		if private, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
			return nil, fmt.Errorf("read key %s: %w", file, err)
		}
		alg = jose.EdDSA
		if _, ok := private.(*ecdsa.PrivateKey); ok {
			alg = jose.ES256
		}
	} else if private, err = parseKey(b, jose.HS256); err != nil {
		return nil, fmt.Errorf("read key %s: neither a private key in PEM nor a secret: %w", file, err)
	}
	s := &Signer{key: jose.SigningKey{Algorithm: alg, Key: private}, kid: kid}
	if _, err := s.of(Type); err != nil {
		return nil, fmt.Errorf("read key %s: %w", file, err)
	}
	return s, nil
}

func (s *Signer) of(typ jose.ContentType) (jose.Signer, error) {
	return jose.NewSigner(s.key, (&jose.SignerOptions{}).WithType(typ).WithHeader("kid", s.kid))
}

// Sign returns the message to publish.
func (s *Signer) Sign(r Request) (string, error) { return s.sign(Type, r) }

// SignWatermark returns the message to publish, retained.
func (s *Signer) SignWatermark(w gateway.Watermark) (string, error) { return s.sign(WatermarkType, w) }

// SignHeartbeat returns the message to publish.
func (s *Signer) SignHeartbeat(h gateway.Heartbeat) (string, error) { return s.sign(HeartbeatType, h) }

func (s *Signer) sign(typ jose.ContentType, claims any) (string, error) {
	b, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	signer, err := s.of(typ)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	jws, err := signer.Sign(b)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return jws.CompactSerialize()
}

// NewKey makes a key and writes name.key (for the center alone) and, unless it is a secret, name.pub (for the gateway).
// It returns the file that the gateway needs. Files that are there already are never overwritten.
func NewKey(dir, name, alg string) (forGateway string, err error) {
	if err := gateway.CheckID(name); err != nil {
		return "", err
	}
	secretFile, publicFile := filepath.Join(dir, name+".key"), filepath.Join(dir, name+".pub")
	var private, public any
	switch alg {
	case "EdDSA":
		public, private, err = ed25519.GenerateKey(rand.Reader)
	case "ES256":
		var k *ecdsa.PrivateKey
		if k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
			public, private = &k.PublicKey, k
		}
	case "HS256":
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		return secretFile, create(secretFile, 0o600, []byte(base64.StdEncoding.EncodeToString(secret)+"\n"))
	default:
		return "", fmt.Errorf("no algorithm %q: use %s", alg, strings.Join([]string{"EdDSA", "ES256", "HS256"}, ", "))
	}
	if err != nil {
		return "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", err
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", err
	}
	if err := create(secretFile, 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})); err != nil {
		return "", err
	}
	return publicFile, create(publicFile, 0o644, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open}))
}

func create(name string, mode os.FileMode, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
