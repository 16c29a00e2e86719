package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"lotusgate/gateway/config"
	"lotusgate/gateway/control"
	"lotusgate/gateway/support"
)

func bundleCommand() *cobra.Command {
	var at local
	var file string
	cmd := &cobra.Command{
		Use:   "support-bundle",
		Short: "Write one file for support: configuration without secrets, events, metrics, signals, board",
		Long: "Write one zip file that holds what is needed to understand this gateway from afar, and print what is in it.\n\n" +
			"Secrets are not in it: they live in files of their own, and comments and passwords in addresses are taken out.\n" +
			"Without a running daemon the file holds the configuration and facts of the board.",
		Example: "  lotusgate support-bundle --output gate.zip",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := at.client()
			defer client.Close()
			done := waiting(cmd.ErrOrStderr(), "support-bundle")
			body, err := client.Get(cmd.Context(), "/support.zip")
			done()
			if errors.Is(err, control.ErrNotRunning) {
				fmt.Fprintln(cmd.ErrOrStderr(), words().T("bundle.alone"))
				body, err = at.bundleAlone()
			}
			if err != nil {
				return &failure{exitFailed, err}
			}
			if err := os.WriteFile(file, body, 0o600); err != nil {
				return &failure{exitFailed, fmt.Errorf("write the bundle: %w: choose another file with --output", err)}
			}
			return contents(cmd, file, body)
		},
	}
	at.flags(cmd)
	cmd.Flags().StringVarP(&file, "output", "o", "lotusgate-support.zip", "file to write")
	return cmd
}

// bundleAlone holds what can be known without the daemon.
func (l *local) bundleAlone() ([]byte, error) {
	files := support.Config(l.config)
	storage := "/var/lib/lotusgate"
	if cfg, err := config.Load(l.config); err == nil {
		storage = cfg.Storage.Path
	} else {
		files = append(files, support.File{Name: "config-errors.txt", About: "what is wrong with the configuration", Data: []byte(err.Error())})
	}
	var b bytes.Buffer
	err := support.Write(&b, version, append(files, support.Board(storage)))
	return b.Bytes(), err
}

// contents prints what the file holds, so that nobody sends what he does not know.
func contents(cmd *cobra.Command, file string, body []byte) error {
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return &failure{exitFailed, fmt.Errorf("read the bundle back: %w", err)}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s, %d bytes\n", file, len(body))
	for _, f := range z.File {
		fmt.Fprintf(cmd.OutOrStdout(), "  %8d  %s\n", f.UncompressedSize64, f.Name)
	}
	return nil
}
