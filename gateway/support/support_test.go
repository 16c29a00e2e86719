package support

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lotusgate/gateway/config"
)

func TestBlot(t *testing.T) {
	in := `# the password is hunter1
mqtt:
  broker: "mqtts://joe:hunter2@broker:8883" # hunter3
  password_file: /etc/lotusgate/password
  password: hunter4
  "api-key": hunter5
  x: {client_secret: hunter6, label: a # b}
gateway: {label: "No. #1", id: a#1}
tokens:
  - psk: hunter7
`
	out := string(Blot([]byte(in)))
	if strings.Contains(out, "hunter") || strings.Contains(out, "joe") {
		t.Errorf("a secret is left:\n%s", out)
	}
	for _, want := range []string{"password_file: /etc/lotusgate/password", `"No. #1"`, "id: a#1", "mqtts://***@broker:8883", "tokens:\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is gone:\n%s", want, out)
		}
	}
}

// TestBlottedConfigStillLoads: whoever gets the bundle can check and run it.
func TestBlottedConfigStillLoads(t *testing.T) {
	files := Config("../../deploy/examples/minimal.yaml")
	if len(files) != 1 || files[0].Name != "config/minimal.yaml" {
		t.Fatalf("%d files", len(files))
	}
	if _, err := config.Parse("blotted", files[0].Data); err != nil {
		t.Error(err)
	}
}

func FuzzBlot(f *testing.F) {
	f.Add("password: x\n", "x")
	f.Add("a: {token: 'x'}", "x")
	f.Fuzz(func(t *testing.T, before, word string) {
		_ = Blot([]byte(before))
		if word = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, word); len(word) < 4 || strings.Contains("password"+before, word) {
			return
		}
		if out := Blot([]byte("mqtt:\n  password: " + word + "\n")); bytes.Contains(out, []byte(word)) {
			t.Errorf("%q came through: %s", word, out)
		}
	})
}

func TestWrite(t *testing.T) {
	var b bytes.Buffer
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "l.yaml"), []byte("gateway: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := append(Config(filepath.Join(dir, "l.yaml")), Board(dir))
	if err := Write(&b, "1.2.3", files); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	r, err := z.Open("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := io.ReadAll(r)
	var m struct {
		Version string
		Files   []struct {
			Name, About string
			Bytes       uint64
		}
	}
	if err := json.Unmarshal(raw, &m); err != nil || m.Version != "1.2.3" || len(m.Files) != len(z.File)-1 {
		t.Fatalf("%s: %v", raw, err)
	}
	for i, f := range m.Files {
		if part := z.File[i+1]; part.Name != f.Name || part.UncompressedSize64 != f.Bytes || f.About == "" {
			t.Errorf("%+v is not what is in the file: %s, %d", f, part.Name, part.UncompressedSize64)
		}
	}
	if !strings.Contains(string(files[1].Data), "kernel: Linux") {
		t.Errorf("board: %.80s", files[1].Data)
	}
}
