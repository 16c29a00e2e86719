// Command lotusgate is the gateway's daemon and the technician's command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// version is set by the build: -ldflags "-X main.version=…".
var version = "unknown"

// Exit codes of every command.
const (
	exitFailed = 1 // the thing that was checked or asked for is not in order
	exitUsage  = 2 // the call itself is wrong, or a file cannot be read
)

// failure is an error with the exit code it deserves.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return executeWith(ctx, args, os.Stdin, stdout, stderr)
}

func executeWith(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetIn(stdin)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var f *failure
	if errors.As(err, &f) {
		if f.err != nil {
			fmt.Fprintln(stderr, "lotusgate:", f.err)
		}
		return f.code
	}
	fmt.Fprintf(stderr, "lotusgate: %v\nSee lotusgate --help.\n", err)
	return exitUsage
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "lotusgate",
		Short: "Reads loops, barriers, elevators and cameras, and tells a center over MQTT",
		Long: "Reads loops, barriers, elevators and cameras, and tells a center over MQTT.\n\n" +
			"Exit codes of every command: 0 done or in order; 1 what was asked for is not in order; 2 the call itself is wrong, or\n" +
			"a file cannot be read.",
		Example: "  lotusgate init --ask --output /etc/lotusgate/lotusgate.yaml\n" +
			"  lotusgate check\n" +
			"  systemctl enable --now lotusgate",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(runCommand(), checkCommand(), wiringCommand(), walktestCommand(), probeCommand(), bundleCommand(), eventsCommand(),
		initCommand(), schemaCommand(), passwordCommand(), certificateCommand(), enrolCommand(), keyCommand(), commandCommand(), triggerCommand(), safeCommand(), recordingCommand(), replayCommand(),
		versionCommand())
	return root
}

// built is when the source of this program was committed; zero if the build did not say.
func built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, _ := time.Parse(time.RFC3339, s.Value) // zero where it is no time
			return t
		}
	}
	return time.Time{}
}
