package sim

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/rand/v2"
	"os"
	"path/filepath"

	"lotusgate/gateway/config"
)

// Keys of a world: the gateway knows center and guard, and gives the guard less than all.
const (
	centerKey   = "center"
	guardKey    = "guard"
	strangerKey = "stranger"
)

// Types of what is signed, as docs/wire.md has them.
const (
	commandType   = "lotusgate-command"
	watermarkType = "lotusgate-watermark"
)

// header of a JWS.
type header struct {
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	Typ string `json:"typ"`
}

// token writes claims as a JWS in compact form. It is written here once more, and not taken from the product, so that one
// mistake cannot hide another.
func token(h header, claims any, sign func(text []byte) []byte) []byte {
	text := part(h) + "." + part(claims)
	return []byte(text + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(text))))
}

func part(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// newKey makes a key of a world's chance.
func newKey(chance *rand.Rand) ed25519.PrivateKey {
	var seed [ed25519.SeedSize]byte
	for i := range seed {
		seed[i] = byte(chance.Uint32())
	}
	return ed25519.NewKeyFromSeed(seed[:])
}

func signer(key ed25519.PrivateKey) func([]byte) []byte {
	return func(text []byte) []byte { return ed25519.Sign(key, text) }
}

// secret signs as HS256 does.
func secret(key []byte) func([]byte) []byte {
	return func(text []byte) []byte {
		m := hmac.New(sha256.New, key)
		m.Write(text)
		return m.Sum(nil)
	}
}

// public is a key as the gateway's file has it.
func public(key ed25519.PrivateKey) []byte {
	b, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		panic(err) // it is a key
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b})
}

// allow writes the key files into dir, and what each key may into cfg.
func allow(cfg *config.Config, dir string, keys map[string]ed25519.PrivateKey, may map[string]config.Key) error {
	cfg.Commands.Keys = map[string]config.Key{}
	for id, k := range may {
		k.File, k.Alg = filepath.Join(dir, id+".pub"), "EdDSA"
		if err := os.WriteFile(k.File, public(keys[id]), 0o600); err != nil {
			return err
		}
		cfg.Commands.Keys[id] = k
	}
	return nil
}
