package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lotusgate/gateway/outbox"
)

// What keeps the daemon from using its directory is found by check, with the place and what to do.
func TestCheckLooksAtTheStorage(t *testing.T) {
	dir := t.TempDir()
	made := func(name, file string, data []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	used := filepath.Join(dir, "used")
	open := func() *outbox.Outbox {
		t.Helper()
		box, err := outbox.Open(outbox.Options{Dir: used, AlarmBytes: 4 << 20, NormalBytes: 4 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return box
	}
	box := open()
	box.Append(outbox.Alarm, []byte("one"))
	box.Append(outbox.Alarm, []byte("two"))
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	newer, err := os.ReadFile(filepath.Join(used, "runs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range [][]byte{newer[:4096], newer[4096:]} { // docs/disk.md, "Slots"
		binary.LittleEndian.PutUint32(slot[8:], 99)
		used := slot[:32+binary.LittleEndian.Uint32(slot[24:])]
		sum := crc32.Checksum(used[:12], crc32.MakeTable(crc32.Castagnoli))
		binary.LittleEndian.PutUint32(slot[12:], crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), used[16:]))
	}
	spoiled := func(name string, spoil func(dir string)) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.CopyFS(path, os.DirFS(used)); err != nil {
			t.Fatal(err)
		}
		spoil(path)
		return path
	}
	garbage := func(names ...string) func(string) {
		return func(dir string) {
			for _, name := range names {
				if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("garbage "), 8<<10), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	cases := []struct {
		path string
		code int
		want string
	}{
		{filepath.Join(dir, "not-yet"), 0, "0 warnings"},
		{used, 0, "0 warnings"}, // also while a gateway uses it
		{made("foreign", "notes.txt", []byte("x")), exitFailed, "holds files that are no outbox"},
		{made("newer", "runs", newer), exitFailed, "written by a newer version"},
		{filepath.Join(made("file", "file", nil), "file"), exitFailed, "the path must be a directory"},
		{spoiled("renews", garbage("runs")), exitFailed, "runs can't be read, by which events are numbered"},
		{spoiled("corrupt", garbage("gaps", "checkpoint")), exitFailed, "gaps, checkpoint can't be read"},
		{made("others", "runs", []byte("hello")), exitFailed, "runs can't be read"},
		{spoiled("record", func(dir string) {
			name := filepath.Join(dir, "alarm-0000000000000001.seg")
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			data[4096+40]++ // docs/disk.md: in the first record
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}), 0, "that can't be read: 1"},
		{"/dev/shm/lotusgate-test", 0, "1 warning\n"},
	}
	defer open().Close()
	for _, c := range cases {
		text := fmt.Sprintf("gateway: {site: lianhua, id: park-01}\nstorage: {path: %q}\n", c.path)
		code, out, errs := call(t, "check", write(t, text))
		if code != c.code || !strings.Contains(out+errs, c.want) || code != 0 && !strings.Contains(errs, ":2:") {
			t.Errorf("%s: exit %d\n%s%s", c.path, code, out, errs)
		}
	}
}
