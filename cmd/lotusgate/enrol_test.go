package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway/config"
)

// From a configuration without an identity to one with a certificate: what goes out, what comes in, what check says.
func TestEnrolCommand(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lotusgate.yaml")
	text := "gateway: {site: lianhua, id: park-01}\nstorage: {path: " + dir + "/state}\nmqtt: {broker: \"mqtts://broker.lan\"}\n" +
		"points: {p: {line: GPIO17}}\ncontacts: {door: {input: p, text: Door}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/state", 0o700); err != nil {
		t.Fatal(err)
	}
	code, csr, said := call(t, "enrol", "--config", file)
	if code != 0 || !strings.HasPrefix(csr, "-----BEGIN CERTIFICATE REQUEST") || !strings.Contains(said, "SHA256 ") || !strings.Contains(said, "▀") {
		t.Fatalf("exit %d, %s%s", code, csr, said)
	}
	private, err := os.ReadFile(dir + "/state/identity/gateway.key")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(private)) {
		if strings.Contains(csr+said, strings.TrimSpace(line)) {
			t.Error("the key was printed")
		}
	}

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(csr))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || request.Subject.CommonName != "lianhua_park-01" {
		t.Fatal(err, request.Subject)
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "operator"}, IsCA: true, BasicConstraintsValid: true}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: request.Subject, NotAfter: time.Now().Add(time.Hour)}
	write := func(name string, of *x509.Certificate, public any) string {
		der, err := x509.CreateCertificate(rand.Reader, of, root, public, key)
		if err != nil {
			t.Fatal(err)
		}
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	cert, ca := write("leaf.crt", leaf, request.PublicKey), write("ca.crt", root, key.Public())
	if code, _, said := call(t, "enrol", "install", ca, "--config", file); code != exitFailed || !strings.Contains(said, "mixed up") {
		t.Errorf("exit %d, %s", code, said)
	}
	code, out, said := call(t, "enrol", "install", cert, "--ca", ca, "--config", file)
	if code != 0 || !strings.Contains(out, "40-identity.yaml") {
		t.Fatalf("exit %d, %s%s", code, out, said)
	}
	cfg, err := config.Load(file)
	if err != nil || cfg.MQTT.KeyFile != dir+"/state/identity/gateway.key" || cfg.MQTT.CAFile == "" {
		t.Fatalf("%v, %+v", err, cfg)
	}
	if code, out, said := call(t, "check", "--config", file); code != 0 { // the daemon can start with it
		t.Errorf("check: exit %d, %s%s", code, out, said)
	}
	if code, out, _ := call(t, "enrol", "install", cert, "--config", file); code != 0 || strings.Contains(out, "identity.yaml") {
		t.Errorf("again: exit %d, %s", code, out)
	}

	// Without TLS a certificate proves nothing, and the configuration is not touched.
	if err := os.WriteFile(file, []byte(strings.Replace(text, "mqtts:", "mqtt:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(file + ".d"); err != nil {
		t.Fatal(err)
	}
	if code, _, said := call(t, "enrol", "install", cert, "--config", file); code != exitFailed || !strings.Contains(said, "not in the configuration") {
		t.Errorf("exit %d, %s", code, said)
	}
	if code, _, _ := call(t, "enrol", "install", "/nowhere", "--config", file); code != exitUsage {
		t.Errorf("exit %d", code)
	}
}
