package main

import (
	"io"

	"github.com/spf13/cobra"

	"lotusgate/gateway/config"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration, for editors",
		Long: "Print the JSON Schema of the configuration. Editors with a YAML language server use it when the file begins with\n" +
			"  # yaml-language-server: $schema=/usr/share/lotusgate/lotusgate.schema.json\n" +
			"It finds misspelled keys and words; only lotusgate check finds wires that are used twice.",
		Example: "  lotusgate schema > lotusgate.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), config.Schema())
			return err
		},
	}
}
