package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"lotusgate/gateway/intake"
)

func keyCommand() *cobra.Command {
	parent := &cobra.Command{Use: "key", Short: "Make keys that commands are signed with", Example: "  lotusgate key new center"}
	var alg, dir string
	create := &cobra.Command{
		Use:     "new NAME",
		Short:   "Make a key pair: NAME.key for the center alone, NAME.pub for the gateway",
		Example: "  lotusgate key new center\n  lotusgate key new guard --alg ES256 --dir /root/keys",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			forGateway, err := intake.NewKey(dir, args[0], alg)
			if err != nil {
				return &failure{exitFailed, err}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), `%s  keep this on the center; whoever has it may command
%s  copy this to the gateway, and add to its configuration:

commands:
  keys:
    %s: {file: /etc/lotusgate/%s, alg: %s, devices: ["*"], actions: ["*"]}
`, filepath.Join(dir, args[0]+".key"), forGateway, args[0], filepath.Base(forGateway), alg)
			return err
		},
	}
	create.Flags().StringVar(&alg, "alg", "EdDSA", "EdDSA, ES256, or HS256 (one secret for both sides)")
	create.Flags().StringVar(&dir, "dir", ".", "where the files are written; none is ever overwritten")
	parent.AddCommand(create)
	return parent
}
