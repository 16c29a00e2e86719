package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"lotusgate/gateway/access"
	"lotusgate/gateway/daemon"
)

func passwordCommand() *cobra.Command {
	var at local
	var random bool
	cmd := &cobra.Command{
		Use:   "password",
		Short: "Set the password with which operators log in to the HTTPS page",
		Long: "Set the operator's password. It takes effect at once and ends every session; the daemon need not run.\n\n" +
			"The password is asked for twice, or read from standard input where that is no terminal; with --random one is made for\n" +
			"this device and printed, once. There is no default password.",
		Example: "  sudo lotusgate password\n  sudo lotusgate password --random",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, at.config)
			if err != nil {
				return err
			}
			password := access.NewPassword()
			if !random {
				if password, err = askPassword(cmd.InOrStdin(), cmd.ErrOrStderr()); err != nil {
					return &failure{exitUsage, err}
				}
			}
			if err := access.Set(daemon.AccessDir(cfg.Storage.Path), password); err != nil {
				return &failure{exitFailed, err}
			}
			if random {
				fmt.Fprintln(cmd.OutOrStdout(), password)
			}
			fmt.Fprintln(cmd.OutOrStdout(), words().T("password.set"))
			if cfg.Status.HTTPS.Listen == "" {
				fmt.Fprintln(cmd.OutOrStdout(), words().T("login.unconfigured"))
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&at.config, "config", "c", defaultConfig, "configuration file")
	cmd.Flags().BoolVar(&random, "random", false, "make a password for this device and print it")
	return cmd
}

// askPassword reads a line from a pipe, or two equal ones from a person, who sees nothing of it.
func askPassword(in io.Reader, say io.Writer) (string, error) {
	lines := bufio.NewReader(in)
	read := func() (string, error) {
		line, err := lines.ReadString('\n')
		if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	if !isTerminal(in) {
		return read()
	}
	defer hide(in.(*os.File))()
	fmt.Fprint(say, words().T("password.ask"))
	first, err := read()
	if err != nil {
		return "", err
	}
	fmt.Fprint(say, "\n"+words().T("password.again"))
	second, err := read()
	fmt.Fprintln(say)
	if err == nil && first != second {
		err = errors.New("the two are not equal: try again")
	}
	return first, err
}

// hide turns the terminal's echo off until the returned function is called.
func hide(f *os.File) (show func()) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	_ = unix.IoctlSetTermios(fd, unix.TCSETS, &quiet) // then the password is seen; better than none
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }
}

func certificateCommand() *cobra.Command {
	var at local
	cmd := &cobra.Command{
		Use:   "certificate",
		Short: "Show the fingerprint of the HTTPS page's certificate, as text and as QR code",
		Long: "Show the SHA-256 fingerprint of the certificate, to compare with what the browser shows before its warning is\n" +
			"accepted. A self-made certificate is made if there is none yet.",
		Example: "  sudo lotusgate certificate",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, at.config)
			if err != nil {
				return err
			}
			h := cfg.Status.HTTPS
			pair, err := access.Certificate(daemon.AccessDir(cfg.Storage.Path), h.CertFile, h.KeyFile, cfg.Gateway.ID)
			if err != nil {
				return &failure{exitFailed, err}
			}
			code, err := access.DrawQR("SHA256 " + access.Fingerprint(pair))
			if err != nil {
				return &failure{exitFailed, err}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\nSHA256 %s\n", code, access.Fingerprint(pair))
			return nil
		},
	}
	cmd.Flags().StringVarP(&at.config, "config", "c", defaultConfig, "configuration file")
	return cmd
}
