package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call runs one command line as a user would, in English.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("LC_ALL", "C")
	var out, err bytes.Buffer
	code = execute(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lotusgate.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const bad = `gateway: {site: lianhua, id: park-01}
storage: {path: /var/lib/lotusgate}
points:
  a: {line: GPIO17, settle: 20}
  b: {lien: GPIO17}
elevators:
  car-1: {fault: c}
`

func TestCheck(t *testing.T) {
	code, out, errs := call(t, "check", "../../deploy/examples/minimal.yaml")
	if code != 0 || !strings.Contains(out, "ok, 7 points, 6 devices, 0 warnings") || errs != "" {
		t.Errorf("the shipped example: exit %d\n%s%s", code, out, errs)
	}
}

// All mistakes in one run, each with its place and what to write instead.
func TestCheckBad(t *testing.T) {
	path := write(t, bad)
	code, out, errs := call(t, "check", path)
	if code != exitFailed || out != "" {
		t.Errorf("exit %d, printed %q", code, out)
	}
	for _, want := range []string{":4:29:", "20ms", ":5:7:", "did you mean line?", ":7:18:", "c"} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in:\n%s", want, errs)
		}
	}
	code, out, _ = call(t, "check", "--json", path)
	var report struct {
		OK     bool
		Errors []struct{ Line, Column int }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if code != exitFailed || report.OK || len(report.Errors) < 3 || report.Errors[0].Line != 4 {
		t.Errorf("exit %d, %+v", code, report)
	}
}

func TestCheckInChinese(t *testing.T) {
	path := write(t, bad)
	t.Setenv("LC_ALL", "zh_CN.UTF-8")
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"check", path}, &out, &errs); code != exitFailed || !strings.Contains(errs.String(), "错误") {
		t.Errorf("exit %d:\n%s", code, errs.String())
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"check", "/nowhere.yaml"}, {"run", "--config", "/nowhere.yaml"}, {"fly"}, {"run", "--fast"}} {
		if code, _, errs := call(t, args...); code != exitUsage || errs == "" {
			t.Errorf("%v: exit %d, %q", args, code, errs)
		}
	}
	if code, out, _ := call(t, "version"); code != 0 || !strings.HasPrefix(out, "lotusgate ") {
		t.Errorf("version: exit %d, %q", code, out)
	}
}
