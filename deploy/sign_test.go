package deploy

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What a release goes through: a key, make sign over the sums of packages, and who installs checks them with the public key.
// Other sums, another key and another package are found.
func TestSignature(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	minisign := func(args ...string) error {
		cmd := exec.Command("go", append([]string{"tool", "-modfile=.tools/go.mod", "minisign"}, args...)...)
		cmd.Dir = ".."
		out, err := cmd.CombinedOutput()
		if err != nil && args[0] != "-V" {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return err
	}
	for _, key := range []string{"ours", "theirs"} {
		if err := minisign("-G", "-W", "-p", file(key+".pub"), "-s", file(key+".key")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file("lotusgate_1.2.3_arm64.deb"), []byte("a package"), 0o600); err != nil {
		t.Fatal(err)
	}
	sums := exec.Command("sha256sum", "lotusgate_1.2.3_arm64.deb")
	sums.Dir = dir
	text, err := sums.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file("SHA256SUMS"), text, 0o600); err != nil {
		t.Fatal(err)
	}

	sign := exec.Command("make", "-s", "-C", "..", "sign", "KEY="+file("ours.key"), "SUMS="+file("SHA256SUMS"), "VERSION=1.2.3")
	if out, err := sign.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	good := func(key string) bool {
		check := exec.Command("sha256sum", "--check", "--status", "SHA256SUMS")
		check.Dir, check.Stdout = dir, io.Discard
		return minisign("-V", "-p", file(key+".pub"), "-m", file("SHA256SUMS")) == nil && check.Run() == nil
	}
	if !good("ours") {
		t.Error("what was signed is not accepted")
	}
	if good("theirs") {
		t.Error("the key of somebody else is accepted")
	}
	if b, err := os.ReadFile(file("SHA256SUMS.minisig")); err != nil || !strings.Contains(string(b), "lotusgate 1.2.3") {
		t.Error("the signature does not say what it is of", err)
	}
	change := func(name, text string) {
		was, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if good("ours") {
			t.Errorf("another %s is accepted", name)
		}
		if err := os.WriteFile(file(name), was, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change("lotusgate_1.2.3_arm64.deb", "another package")
	change("SHA256SUMS", strings.Repeat("0", 64)+"  lotusgate_1.2.3_arm64.deb\n")
	if !good("ours") {
		t.Error("the test has broken what it checks")
	}
}
