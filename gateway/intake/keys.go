package intake

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"lotusgate/gateway"
)

// KeyFile is a key, where it is and what it may.
type KeyFile struct {
	ID      string
	File    string
	Alg     string   // EdDSA, ES256, HS256
	Devices []string // ids, or "*"
	Actions []string // actions, or "*"
}

// key is a KeyFile that was read.
type key struct {
	KeyFile
	alg    jose.SignatureAlgorithm
	verify any
	stamp  string // of the file
}

const maxKeyFile = 64 << 10

func (k key) allows(device string, a gateway.Action) bool {
	return Permission{k.Devices, k.Actions}.allows(device, a)
}

// Permission is who may do what: ids of devices and actions, or "*".
type Permission struct{ Devices, Actions []string }

func (p Permission) allows(device string, a gateway.Action) bool {
	has := func(list []string, s string) bool { return slices.Contains(list, "*") || slices.Contains(list, s) }
	return has(p.Devices, device) && has(p.Actions, string(a))
}

// readKeys reads the key files that have changed. A key whose file is gone, or cannot be read, is no key any more.
func (in *Intake) readKeys() {
	old := map[string]key{}
	if p := in.keys.Load(); p != nil {
		old = *p
	}
	now := map[string]key{}
	for _, f := range in.opt.Keys {
		info, err := os.Stat(f.File)
		if err == nil {
			stamp := fmt.Sprint(info.ModTime().UnixNano(), info.Size())
			if k, ok := old[f.ID]; ok && k.stamp == stamp {
				now[f.ID] = k
				continue
			}
			var k key
			if k, err = readKey(f); err == nil {
				k.stamp = stamp
				now[f.ID] = k
				in.opt.Log.Info("command key read", "key", f.ID, "alg", f.Alg)
				continue
			}
		}
		if _, had := old[f.ID]; had || in.keys.Load() == nil {
			in.opt.Log.Error("command key cannot be used; its commands are refused", "key", f.ID, "error", err)
		}
	}
	in.keys.Store(&now)
}

func readKey(f KeyFile) (key, error) {
	b, err := os.ReadFile(f.File)
	if err != nil {
		return key{}, err
	}
	if len(b) > maxKeyFile {
		return key{}, fmt.Errorf("key file %s: too large for a key", f.File)
	}
	k := key{KeyFile: f, alg: jose.SignatureAlgorithm(f.Alg)}
	if k.verify, err = parseKey(b, k.alg); err != nil {
		return key{}, fmt.Errorf("key file %s: %w", f.File, err)
	}
	return k, nil
}

// parseKey reads a public key in PEM, or the secret of HS256. The kind of key must be that of the algorithm.
func parseKey(b []byte, alg jose.SignatureAlgorithm) (any, error) {
	if alg == jose.HS256 {
		secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
		if err != nil || len(secret) < 32 {
			return nil, fmt.Errorf("a secret of HS256 is 32 bytes or more in base64 (lotusgate key new --alg HS256)")
		}
		return secret, nil
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, fmt.Errorf("no public key in PEM: the line BEGIN PUBLIC KEY is missing (lotusgate key new makes one)")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	switch p := public.(type) {
	case ed25519.PublicKey:
		if alg == jose.EdDSA {
			return p, nil
		}
	case *ecdsa.PublicKey:
		if alg == jose.ES256 && p.Curve == elliptic.P256() {
			return p, nil
		}
	}
	return nil, fmt.Errorf("a %T is no key for %s", public, alg)
}
