// Package support makes the one file that a technician sends when he cannot go on: everything that is needed to
// understand a gateway from afar, and a list of what it holds.
//
// Promise: no secret is in it. Secrets live in files of their own, of which the configuration holds only the names;
// what was written elsewhere against the rules is blotted out.
package support

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// File of a bundle.
type File struct {
	Name  string
	About string // for the list
	Data  []byte
}

// Write makes the bundle: a zip with manifest.json first.
func Write(w io.Writer, version string, files []File) error {
	type entry struct {
		Name  string `json:"name"`
		About string `json:"about"`
		Bytes int    `json:"bytes"`
	}
	list := struct {
		Program string  `json:"program"`
		Version string  `json:"version"`
		Files   []entry `json:"files"`
	}{"lotusgate", version, []entry{}}
	for _, f := range files {
		list.Files = append(list.Files, entry{f.Name, f.About, len(f.Data)})
	}
	manifest, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("support: list the files: %w", err)
	}
	z := zip.NewWriter(w)
	for _, f := range append([]File{{Name: "manifest.json", Data: manifest}}, files...) {
		// No time: a gateway that does not know the date must not claim one.
		part, err := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate})
		if err == nil {
			_, err = part.Write(f.Data)
		}
		if err != nil {
			return fmt.Errorf("support: write %s: %w", f.Name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("support: end the file: %w", err)
	}
	return nil
}

var (
	userInfo = regexp.MustCompile(`://[^/@\s"']*@`)
	secret   = regexp.MustCompile(`(?i)^(\s*-?\s*"?[a-z_-]*(password|passwd|secret|token|psk|private|api[_-]?key)[a-z_-]*"?\s*:\s*)(.*)$`)
	inFlow   = regexp.MustCompile(`(?i)([{,]\s*"?[a-z_-]*(password|passwd|secret|token|psk|private|api[_-]?key)[a-z_-]*"?\s*:\s*)([^,}]*)`)
	aFile    = regexp.MustCompile(`(?i)_file"?\s*:\s*$`)
)

// Blot takes out of a configuration what could be a secret: comments, users in addresses, values of keys that sound
// like one. Names of files stay.
func Blot(yaml []byte) []byte {
	var out bytes.Buffer
	for _, line := range strings.Split(strings.TrimRight(string(yaml), "\n"), "\n") {
		line = uncomment(line)
		line = userInfo.ReplaceAllString(line, "://***@")
		for _, pattern := range []*regexp.Regexp{secret, inFlow} {
			line = pattern.ReplaceAllStringFunc(line, func(s string) string {
				m := pattern.FindStringSubmatch(s)
				if aFile.MatchString(m[1]) || strings.TrimSpace(m[3]) == "" {
					return s
				}
				return m[1] + "***"
			})
		}
		out.WriteString(strings.TrimRight(line, " \t") + "\n")
	}
	return out.Bytes()
}

// uncomment cuts a comment off: a # at the begin or after a blank, outside of quotes.
func uncomment(line string) string {
	var quote rune
	before := ' '
	for i, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case (r == '"' || r == '\'') && strings.ContainsRune(" :,[{-", before):
			quote = r
		case r == '#' && (before == ' ' || before == '\t'):
			return line[:i]
		}
		before = r
	}
	return line
}

// Config reads a configuration and its drop-ins, blotted.
func Config(path string) []File {
	names := []string{path}
	if more, err := filepath.Glob(path + ".d/*.yaml"); err == nil {
		names = append(names, more...)
	}
	var files []File
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			data = []byte("# " + err.Error())
			files = append(files, File{Name: "config/" + filepath.Base(name), About: "configuration; it could not be read", Data: data})
			continue
		}
		files = append(files, File{Name: "config/" + filepath.Base(name), About: "configuration, without comments and secrets", Data: Blot(data)})
	}
	return files
}

// Board tells about kernel, board and disk. storage is the directory of the outbox.
func Board(storage string) File {
	var b bytes.Buffer
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		fmt.Fprintf(&b, "kernel: %s %s %s %s\n", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]),
			unix.ByteSliceToString(u.Version[:]), unix.ByteSliceToString(u.Machine[:]))
	}
	fmt.Fprintf(&b, "zone: %s\n", time.Local)
	var s unix.Statfs_t
	if err := unix.Statfs(storage, &s); err == nil {
		fmt.Fprintf(&b, "storage: type %#x, %d of %d bytes free\n", s.Type, s.Bavail*uint64(s.Bsize), s.Blocks*uint64(s.Bsize))
	}
	for _, path := range []string{
		"/proc/device-tree/model", "/etc/os-release", "/proc/version", "/proc/uptime", "/proc/loadavg", "/proc/meminfo",
		"/proc/interrupts", "/sys/class/thermal/thermal_zone0/temp", "/sys/kernel/debug/gpio",
	} {
		if data, err := os.ReadFile(path); err == nil {
			fmt.Fprintf(&b, "\n== %s\n%s\n", path, bytes.Trim(data, "\x00\n"))
		}
	}
	for _, pattern := range []string{"/dev/gpiochip*", "/dev/i2c-*", "/sys/class/rtc/rtc*"} {
		found, _ := filepath.Glob(pattern) // the pattern is well formed
		fmt.Fprintf(&b, "\n== %s\n%s\n", pattern, strings.Join(found, "\n"))
	}
	return File{Name: "board.txt", About: "kernel, board, memory, disk, devices", Data: b.Bytes()}
}
