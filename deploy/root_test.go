package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// debian is a clean Debian in a folder: what is essential, and adduser, made of the files of the packages that this machine
// has, without a network. It knows what dpkg knows of them and nothing of what the machine has been used for.
func debian(t *testing.T) string {
	t.Helper()
	query := tool(t, "dpkg-query")
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("a chroot needs root")
		}
		t.Skip("a chroot needs root")
	}
	root := t.TempDir()
	names := essential(t, query, "adduser")
	if len(names) < 40 {
		t.Fatalf("the packages that Debian cannot do without are not %v", names)
	}

	// /bin, /lib and their like are links where Debian is merged into /usr.
	links, err := filepath.Glob("/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, "usr/") {
			must(t, os.MkdirAll(filepath.Join(root, to), 0o755), os.Symlink(to, filepath.Join(root, link)))
		}
	}
	var files []string
	for line := range strings.Lines(output(t, query, append([]string{"--listfiles"}, names...)...)) {
		if f := strings.TrimSpace(line); strings.HasPrefix(f, "/") && !strings.HasPrefix(f, "/usr/share/doc/") && !strings.HasPrefix(f, "/usr/share/man/") {
			files = append(files, "."+f)
		}
	}
	common, err := filepath.Glob("/etc/pam.d/common-*") // written by a package's script, as are the next
	if err != nil || len(common) == 0 {
		t.Fatal("no PAM here", err)
	}
	for _, f := range common {
		files = append(files, "."+f)
	}
	for _, f := range []string{"./etc/alternatives", "./var/lib/dpkg/alternatives"} { // awk, which, and who provides them
		files = append(files, f)
		more, err := os.ReadDir("/" + f)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range more {
			files = append(files, f+"/"+e.Name())
		}
	}
	files = slices.DeleteFunc(files, func(f string) bool { _, err := os.Lstat("/" + f); return err != nil || f == "./" })
	slices.Sort(files)
	list := exec.Command("tar", "-C", "/", "--no-recursion", "--null", "-T", "-", "-cf", filepath.Join(root, "files.tar"))
	list.Stdin = strings.NewReader(strings.Join(slices.Compact(files), "\x00"))
	if out, err := list.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	output(t, "tar", "-C", root, "--keep-directory-symlink", "-xf", filepath.Join(root, "files.tar"))

	// What dpkg knows of them.
	info := filepath.Join(root, "var/lib/dpkg/info")
	must(t, os.Remove(filepath.Join(root, "files.tar")), os.MkdirAll(info, 0o755))
	must(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg/updates"), 0o755), os.MkdirAll(filepath.Join(root, "tmp"), 0o755))
	for _, name := range names {
		for _, pattern := range []string{name + ".*", name + ":*.*"} {
			known, err := filepath.Glob("/var/lib/dpkg/info/" + pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range known {
				copyFile(t, f, filepath.Join(info, filepath.Base(f)), 0o755)
			}
		}
	}
	must(t, os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), []byte(output(t, query, append([]string{"--status"}, names...)...)), 0o644),
		os.WriteFile(filepath.Join(root, "var/lib/dpkg/available"), nil, 0o644))
	for _, f := range []string{"passwd", "group"} {
		copyFile(t, "/usr/share/base-passwd/"+f+".master", filepath.Join(root, "etc", f), 0o644)
	}
	null := filepath.Join(root, "dev/null")
	must(t, os.MkdirAll(filepath.Dir(null), 0o755), unix.Mknod(null, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	if err := os.Chmod(null, 0o666); err != nil {
		t.Fatal(err)
	}
	output(t, tool(t, "ldconfig"), "-r", root)
	return root
}

// essential are the installed packages that Debian cannot do without, more, and what these depend on.
func essential(t *testing.T, query string, more ...string) []string {
	t.Helper()
	needs, provider := map[string]string{}, map[string]string{}
	const format = "${binary:Package}\t${Essential}\t${db:Status-Status}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
	for line := range strings.Lines(output(t, query, "--show", "--showformat="+format)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) != 5 || f[2] != "installed" {
			continue
		}
		name, _, _ := strings.Cut(f[0], ":")
		needs[name] = f[3]
		for word := range strings.SplitSeq(f[4], ",") {
			word, _, _ = strings.Cut(strings.TrimSpace(word), " ")
			if _, ok := provider[word]; !ok {
				provider[word] = name
			}
		}
		if f[1] == "yes" {
			more = append(more, name)
		}
	}
	var names []string
	for len(more) > 0 {
		name := more[0]
		more = more[1:]
		if slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
		for group := range strings.SplitSeq(needs[name], ",") {
			for word := range strings.SplitSeq(group, "|") { // the first alternative that is there
				word, _, _ = strings.Cut(strings.TrimSpace(word), " ")
				word, _, _ = strings.Cut(word, ":")
				if _, ok := needs[word]; !ok {
					word = provider[word]
				}
				if word != "" {
					more = append(more, word)
					break
				}
			}
		}
	}
	slices.Sort(names)
	return names
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	b, err := os.ReadFile(from)
	must(t, err, os.WriteFile(to, b, mode))
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
