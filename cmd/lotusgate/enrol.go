package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"lotusgate/gateway/access"
	"lotusgate/gateway/config"
)

func enrolCommand() *cobra.Command {
	var path, output string
	var fresh bool
	cmd := &cobra.Command{
		Use:   "enrol",
		Short: "Make the gateway's key and ask for a certificate; install what the CA returns",
		Long: "Make the gateway's private key, if there is none, and write a certificate signing request (PEM) to standard output.\n" +
			"The key stays on this board. The fingerprint of the public key is shown as text and as QR code, for whoever signs to compare:\n" +
			"openssl req -in FILE -noout -pubkey | openssl pkey -pubin -outform der | sha256sum\n\n" +
			"With --new-key a second key waits until its certificate is installed, and the first one is used meanwhile.",
		Example: "  sudo lotusgate enrol --output park-01.csr\n  sudo lotusgate enrol install park-01.crt --ca broker-ca.crt",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := load(cmd, path)
			if err != nil {
				return err
			}
			csr, fingerprint, err := identityOf(cfg).Request(fresh)
			if err != nil {
				return &failure{exitFailed, err}
			}
			code, err := access.DrawQR("SHA256 " + fingerprint)
			if err != nil {
				return &failure{exitFailed, err}
			}
			if output == "" {
				_, err = cmd.OutOrStdout().Write(csr)
			} else {
				err = os.WriteFile(output, csr, 0o644)
			}
			if err != nil {
				return &failure{exitFailed, fmt.Errorf("write the request: %w", err)}
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s\nSHA256 %s\n%s\n", code, fingerprint, words().T("enrol.next", "lotusgate enrol install FILE"))
			return nil
		},
	}
	cmd.PersistentFlags().StringVarP(&path, "config", "c", defaultConfig, "configuration file")
	cmd.Flags().StringVarP(&output, "output", "o", "", "where the request is written; default standard output")
	cmd.Flags().BoolVar(&fresh, "new-key", false, "make a new key, which is used once its certificate is installed")
	cmd.AddCommand(enrolInstallCommand(&path))
	return cmd
}

func enrolInstallCommand(path *string) *cobra.Command {
	var ca string
	cmd := &cobra.Command{
		Use:   "install CERTIFICATE",
		Short: "Install the certificate that the CA has returned",
		Long: "Install a certificate (PEM; those between it and the root may follow it), after it was found to be for this gateway, for\n" +
			"its key, and for clients. A certificate that does not fit changes nothing. The first one is entered into the\n" +
			"configuration, as a drop-in.",
		Example: "  sudo lotusgate enrol install park-01.crt --ca broker-ca.crt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, *path)
			if err != nil {
				return err
			}
			certificate, err := os.ReadFile(args[0])
			var judge []byte
			if err == nil && ca != "" {
				judge, err = os.ReadFile(ca)
			}
			if err != nil {
				return &failure{exitUsage, err}
			}
			id := identityOf(cfg)
			leaf, err := id.Install(certificate, judge, date())
			if err != nil {
				return &failure{exitFailed, err}
			}
			out := cmd.OutOrStdout()
			fmt.Fprintln(out, words().T("enrol.installed", id.Name, leaf.NotAfter.Format(time.DateOnly)))
			if cfg.MQTT.KeyFile != "" && (ca == "" || cfg.MQTT.CAFile != "") {
				fmt.Fprintln(out, words().T("enrol.connects"))
				return nil
			}
			if ca == "" {
				id.CA = ""
			}
			file, err := config.Enrol(*path, id.Cert, id.Key, id.CA)
			if err != nil {
				return &failure{exitFailed, fmt.Errorf("the certificate is in %s, but not in the configuration: %w", id.Cert, err)}
			}
			fmt.Fprintln(out, words().T("enrol.entered", file, "systemctl restart lotusgate"))
			return nil
		},
	}
	cmd.Flags().StringVar(&ca, "ca", "", "what the broker's certificate is judged by (PEM); default: what the configuration says")
	return cmd
}

// identityOf is where the configuration has the identity, or where it is kept without one.
func identityOf(cfg *config.Config) access.Identity {
	id := access.Identity{Name: cfg.MQTT.ClientID, Key: cfg.MQTT.KeyFile, Cert: cfg.MQTT.CertFile, CA: cfg.MQTT.CAFile}
	dir := filepath.Join(cfg.Storage.Path, "identity")
	if id.Key == "" {
		id.Key, id.Cert = filepath.Join(dir, "gateway.key"), filepath.Join(dir, "gateway.crt")
	}
	if id.CA == "" {
		id.CA = filepath.Join(dir, "broker-ca.crt")
	}
	return id
}

// date is the time of day if the kernel's clock is set, else zero: a board without a clock begins in the past.
func date() time.Time {
	var t unix.Timex
	if state, err := unix.Adjtimex(&t); err != nil || state == unix.TIME_ERROR {
		return time.Time{}
	}
	return time.Now()
}
