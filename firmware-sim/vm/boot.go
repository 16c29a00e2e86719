//go:build linux

package vm

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Why a guest ended without an exit status.
var (
	ErrKilled   = errors.New("guest was killed")                       // by Kill: the power cut
	ErrSetup    = errors.New("guest could not be set up")              // a disk that cannot be mounted, for example
	ErrRebooted = errors.New("guest rebooted")                         // by itself, as its watchdog does
	ErrStopped  = errors.New("guest stopped before its command ended") // a kernel panic, most likely
)

// Options says what to boot.
type Options struct {
	// Command is run in the guest, by process 1, once all is mounted. Its
	// first word is a path or a name on the guest's PATH, which begins with
	// Programs if that is set.
	Command  []string
	Programs string
	// Env is added to the guest's small environment: PATH, HOME=/tmp and
	// LOTUSGATE_VM=1. Nothing is taken over from the host.
	Env []string
	// Dir is the command's working directory; empty means /tmp.
	Dir string

	// Console receives what the guest prints, line by line, from one
	// goroutine that has ended when Wait returns. Nil discards it.
	Console io.Writer
	// Memory is in MiB; 0 means 256. The host spends what the guest touches.
	Memory int
	// Read and Write are host directories, by absolute path, that the guest
	// sees at the same path. Needed for what lies below /tmp or /run, which
	// are the guest's own, and for all that it shall write.
	Read, Write []string
	// Disks are attached as /dev/ubda, /dev/ubdb, … and mounted; 8 at most.
	Disks []Disk
}

// Exit tells how a guest ended.
type Exit struct {
	Status int           // the command's, 128 + signal if one killed it
	Boot   time.Duration // from the start of the kernel to the start of the command
	Total  time.Duration
}

//go:embed init.sh
var initScript string

// A VM is a running guest. Its methods are safe for concurrent use.
type VM struct {
	up   chan struct{}
	done chan struct{}

	kill  func(cause error)
	pid   int // of the kernel, whose process group has the same number
	state string

	// Written by the console goroutine until done is closed.
	exit   Exit
	exited bool
	err    error
}

// Run boots a guest and waits for its end.
func Run(ctx context.Context, o Options) (Exit, error) {
	v, err := Boot(ctx, o)
	if err != nil {
		return Exit{}, err
	}
	return v.Wait()
}

// Boot starts a guest and returns at once. The guest ends with its command,
// with Kill, with ctx, and with this process, whichever is first; then no
// process and no file of it is left but what Options.Write and Disks name.
func Boot(ctx context.Context, o Options) (*VM, error) {
	kernel, err := Kernel()
	if err != nil {
		return nil, err
	}
	if len(o.Command) == 0 {
		return nil, errors.New("boot VM: no command given")
	}
	state, err := os.MkdirTemp("", "lotusgate-vm-")
	if err != nil {
		return nil, fmt.Errorf("boot VM: %w", err)
	}
	v, err := start(ctx, kernel, state, o)
	if err != nil {
		return nil, fmt.Errorf("boot VM: %w", errors.Join(err, os.RemoveAll(state)))
	}
	return v, nil
}

func start(ctx context.Context, kernel, state string, o Options) (*VM, error) {
	token := "vm-" + rand.Text()
	script := filepath.Join(state, "init")
	if err := os.WriteFile(script, []byte(guestScript(token, o)), 0o700); err != nil {
		return nil, err
	}
	if strings.ContainsAny(script, " \t\"") {
		return nil, fmt.Errorf("temporary directory %q has a space or a quote: set TMPDIR to another", state)
	}
	memory := o.Memory
	if memory == 0 {
		memory = 256
	}
	args := []string{
		fmt.Sprintf("mem=%dM", memory), "rootfstype=hostfs", "ro", "init=" + script,
		"con0=null,fd:1", "con=null", "quiet",
		// The watchdog's reboot from a thread of the kernel: from its timer interrupt the console cannot be closed.
		"softdog.soft_reboot_cmd=watchdog",
	}
	for i, d := range o.Disks {
		args = append(args, fmt.Sprintf("ubd%dd=%s", i, d.Image))
	}
	console, stdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdout.Close()

	ctx, kill := context.WithCancelCause(ctx)
	command := exec.CommandContext(ctx, kernel, args...)
	command.Env = append(os.Environ(), "HOME="+state) // the kernel keeps a folder of its own there
	command.Stdout, command.Stderr = stdout, stdout
	// A group of its own: the kernel's helper processes go with it, and a
	// panicking kernel signals its whole group.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }

	v := &VM{up: make(chan struct{}), done: make(chan struct{}), kill: kill, state: state}
	began := time.Now()
	started := make(chan error)
	over := make(chan struct{})
	go func() {
		// The parent whose death the kernel is told of is the thread.
		runtime.LockOSThread()
		err := command.Start()
		started <- err
		if err != nil {
			return
		}
		_ = command.Wait()                                      // the console tells more than this status
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // ESRCH: all gone already
		close(over)
	}()
	if err := <-started; err != nil {
		kill(nil)
		console.Close()
		return nil, err
	}
	v.pid = command.Process.Pid
	go v.serve(ctx, console, over, token, began, o.Console)
	return v, nil
}

// Up is closed when the guest's command starts, and never if it does not.
func (v *VM) Up() <-chan struct{} { return v.up }

// Kill takes the power away: whatever the guest has not written to a disk is lost.
func (v *VM) Kill() { v.kill(ErrKilled) }

// Wait returns how the guest ended. The error is nil if its command ended, with
// whatever status; else it is or wraps ErrKilled, ErrSetup, ErrRebooted, ErrStopped, or
// the context's cause.
func (v *VM) Wait() (Exit, error) {
	<-v.done
	return v.exit, v.err
}

// guestScript is process 1: the options as shell functions, and init.sh.
func guestScript(token string, o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/sh\ntoken=%s\nprograms=%s\n", token, quote(o.Programs))
	b.WriteString("mirror_all() {\n\t:\n")
	for _, dir := range o.Read {
		fmt.Fprintf(&b, "\tmirror ro %s\n", quote(dir))
	}
	for _, dir := range o.Write {
		fmt.Fprintf(&b, "\tmirror rw %s\n", quote(dir))
	}
	b.WriteString("}\nmount_disks() {\n\t:\n")
	for i, d := range o.Disks {
		fmt.Fprintf(&b, "\tdisk %c %s\n", 'a'+i, quote(d.Mount))
	}
	b.WriteString("}\npayload() {\n\texport HOME=/tmp LOTUSGATE_VM=1\n")
	for _, e := range o.Env {
		name, value, _ := strings.Cut(e, "=")
		fmt.Fprintf(&b, "\texport %s=%s\n", name, quote(value))
	}
	dir := o.Dir
	if dir == "" {
		dir = "/tmp"
	}
	fmt.Fprintf(&b, "\tcd %s || exit 125\n\texec", quote(dir))
	for _, word := range o.Command {
		b.WriteString(" " + quote(word))
	}
	b.WriteString("\n}\n" + initScript)
	return b.String()
}

// quote makes one word of s for the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
