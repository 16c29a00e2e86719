package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  lotusgate version --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !asJSON {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "lotusgate", version)
				return err
			}
			v := struct {
				Version string            `json:"version"`
				Go      string            `json:"go"`
				OS      string            `json:"os"`
				Arch    string            `json:"arch"`
				Modules map[string]string `json:"modules"` // what is linked in
			}{version, runtime.Version(), runtime.GOOS, runtime.GOARCH, map[string]string{}}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, m := range info.Deps {
					v.Modules[m.Path] = m.Version
				}
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			return enc.Encode(v)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print version, Go release, platform and linked modules as JSON")
	return cmd
}
