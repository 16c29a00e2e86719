package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	return name
}

func TestDropIns(t *testing.T) {
	dir := t.TempDir()
	main := write(t, filepath.Join(dir, "site.yaml"), `
gateway: {site: s, id: g, labels: {a: one, b: two}}
storage: {path: /var/lib/lotusgate}
points:
  p: {line: GPIO17, active: low}
  q: {line: GPIO27}
gates: {g1: {open_limit: p, closed_limit: q, safety: [p]}}
`, 0o644)
	base, _ := Load(main)
	if base != nil {
		t.Fatal("the base alone lists p twice")
	}
	write(t, main+".d/20-second.yaml", "gateway: {labels: {b: three, c: four}}\npoints: {p: {active: high}}\n", 0o644)
	write(t, main+".d/10-first.yaml", "points: {p: {active: low, label: first}, r: {line: GPIO22}}\ngates: {g1: {safety: [r]}}\nloops:\n", 0o644)
	write(t, main+".d/ignored.txt", "nonsense: [", 0o644)
	cfg, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	if p := cfg.Points["p"]; p.Active != ActiveHigh || p.Label != "first" || p.Line != "GPIO17" {
		t.Errorf("%+v", p)
	}
	if got := cfg.Gates["g1"].Safety; !slices.Equal(got, []string{"r"}) {
		t.Errorf("a list is replaced, not merged: %v", got)
	}
	if got := fmt.Sprint(cfg.Gateway.Labels); got != "map[a:one b:three c:four]" {
		t.Error(got)
	}
	hash := cfg.Hash
	write(t, main+".d/20-second.yaml", "points: {p: {active: high, lien: GPIO5}, r: {line: GPIO27}}\n", 0o644)
	_, err = Load(main)
	var found Errors
	if !errors.As(err, &found) {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].File != main+".d/20-second.yaml" || found[0].Line != 1 || found[1].Code != "line_taken" ||
		found[1].File != main+".d/20-second.yaml" || found[1].Others[0].File != main {
		t.Error(found)
	}
	write(t, main+".d/20-second.yaml", "points: {p: {active: high}}\n", 0o644)
	if cfg, err = Load(main); err != nil || cfg.Hash == hash {
		t.Errorf("hash %s did not change (%v)", hash, err)
	}
}

func TestLoadWithoutFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	var found Errors
	if !errors.Is(err, os.ErrNotExist) || errors.As(err, &found) {
		t.Error(err)
	}
}

// codes of what is wrong, without order.
func codes(found Errors) []string {
	var list []string
	for _, p := range found {
		list = append(list, string(p.Code))
	}
	slices.Sort(list)
	return list
}

func TestFilesOfTheConnection(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t)
	certFile := write(t, dir+"/cert.pem", cert, 0o644)
	keyFile := write(t, dir+"/key.pem", key, 0o640)
	_, foreign := pair(t)
	otherKey := write(t, dir+"/other.pem", foreign, 0o600)
	openKey := write(t, dir+"/open.pem", key, 0o644)
	word := write(t, dir+"/word", "secret\n", 0o600)
	for _, c := range []struct {
		mqtt string
		want []string
	}{
		{"{broker: 'mqtts://h', ca_file: %[1]s, cert_file: %[1]s, key_file: %[2]s}", nil},
		{"{broker: 'mqtt://127.0.0.1', username_file: %[5]s, password_file: %[5]s}", nil},
		{"{broker: 'mqtts://h', cert_file: %[1]s, key_file: %[3]s}", []string{"bad_key_pair"}},
		{"{broker: 'mqtts://h', cert_file: %[1]s, key_file: %[4]s}", []string{"open_file"}},
		{"{broker: 'mqtts://h', cert_file: %[1]s}", []string{"needs_key"}},
		{"{broker: 'mqtts://h', ca_file: %[5]s}", []string{"no_certificate"}},
		{"{broker: 'mqtts://h', ca_file: %[6]s}", []string{"odd_file"}},
		{"{broker: 'mqtt://h', ca_file: %[1]s}", []string{"no_tls"}},
		{"{broker: 'mqtts://h', password_file: %[5]s}", []string{"needs_key"}},
		{"{broker: 'mqtts://h', ca_file: %[6]s/none}", []string{"no_file"}},
	} {
		src := "gateway: {site: s, id: g}\nstorage: {path: /var/lib/lotusgate}\nmqtt: " +
			fmt.Sprintf(c.mqtt+"%.0[1]s%.0[2]s%.0[3]s%.0[4]s%.0[5]s%.0[6]s", certFile, keyFile, otherKey, openKey, word, dir)
		_, err := Parse("test.yaml", []byte(src))
		var found Errors
		if errors.As(err, &found); !slices.Equal(codes(found), c.want) {
			t.Errorf("%s\n%v, want %v\n%v", src, codes(found), c.want, err)
		}
	}
	cfg := accept(t, fmt.Sprintf("gateway: {site: s, id: g}\nstorage: {path: /var/lib/lotusgate}\nmqtt: {broker: 'mqtt://h', username_file: %s, password_file: %s}\n", word, word))
	if len(cfg.Warnings) != 1 || cfg.Warnings[0].Code != "clear_password" {
		t.Error(cfg.Warnings.In(English))
	}
}

// pair makes a certificate and its key.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

func TestLimits(t *testing.T) {
	var many strings.Builder
	many.WriteString("gateway: {site: s, id: g}\nstorage: {path: /p}\npoints:\n")
	for i := range maxEntries + 1 {
		fmt.Fprintf(&many, "  p%d: {line: L%d}\n", i, i)
	}
	for _, c := range []struct{ name, src, want string }{
		{"bytes", strings.Repeat("#", maxBytes+1), "too_large"},
		{"line", "a: [" + strings.Repeat("x, ", maxLine/3) + "x]", "long_line"},
		{"keys", strings.Repeat("a: 1\n", maxKeys+1), "too_many_keys"},
		{"flow depth", strings.Repeat("[", maxLine), "too_deep"},
		{"flow depth over lines", strings.Repeat("[\n", maxBytes/2), "too_deep"},
		{"list depth", strings.Repeat("- ", maxLine/2), "too_deep"},
		{"block depth", ladder(40), "too_deep"},
		{"points", many.String(), "too_many_entries"},
		{"alias bomb", "a: &a [x,x]\nb: &b [*a,*a]\n", "not_used"},
	} {
		if found := refuse(t, c.src); !slices.Contains(codes(found), c.want) {
			t.Errorf("%s: %v, want %s", c.name, codes(found), c.want)
		}
	}
}

// ladder is n mappings, each in the one before.
func ladder(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%sa:\n", strings.Repeat(" ", i))
	}
	return b.String()
}

// The library's printer once panicked; none of its panics may get out.
func TestRescue(t *testing.T) {
	err := func() (err error) {
		defer rescue(&err)
		panic("index out of range")
	}()
	if err == nil || !strings.Contains(err.Error(), "index out of range") {
		t.Fatal(err)
	}
	r := &reader{src: newSource("site.yaml", "a: 1")}
	r.syntax(err)
	if got := Errors(r.problems).Error(); !strings.HasPrefix(got, "site.yaml: error: not readable as YAML: ") {
		t.Error(got)
	}
}

// A byte order mark and the line ends of other systems are no reason to refuse a file.
func TestForeignText(t *testing.T) {
	src, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, "\ufeff"+strings.ReplaceAll(string(src), "\n", "\r\n"))
}

// BenchmarkParse is a part of every start: 1,024 points with a loop each.
func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	text.WriteString("gateway: {site: s, id: g}\nstorage: {path: /p}\npoints:\n")
	for i := range maxEntries {
		fmt.Fprintf(&text, "  p%d: {line: L%d, label: Loop %d}\n", i, i, i)
	}
	text.WriteString("loops:\n")
	for i := range maxEntries {
		fmt.Fprintf(&text, "  l%d: {input: p%d}\n", i, i)
	}
	src := []byte(text.String())
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := Parse("bench.yaml", src); err != nil {
			b.Fatal(err)
		}
	}
}
