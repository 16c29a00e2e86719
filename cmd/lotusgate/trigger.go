package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/gateway"
	"lotusgate/gateway/text"
)

// commandAddress is where the daemon takes commands at its local socket.
const commandAddress = "/api/v1/command"

func triggerCommand() *cobra.Command {
	var at local
	var args gateway.Args
	cmd := &cobra.Command{
		Use:   "trigger DEVICE ACTION",
		Short: "Give the running daemon a command from here, and print what becomes of it",
		Long: "Give the running daemon a command over its local socket, and print what becomes of it, one reply a line. Who may do\n" +
			"that: root, the daemon's user, and the group that control.group names. What moves a barrier is accepted only while the\n" +
			"push button at the machine has opened the maintenance window; stop always. Every command is audited with user and\n" +
			"process.\n\n" +
			"Exit code 0: done; 1: rejected, failed, or no daemon runs.",
		Example: "  lotusgate trigger entry-gate open",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, what []string) error {
			client := at.client()
			defer client.Close()
			began, last := time.Now(), gateway.Reply{}
			err := client.Post(cmd.Context(), commandAddress, map[string]any{"device": what[0], "action": what[1], "args": args},
				func(line []byte) error {
					last = gateway.Reply{}
					if err := json.Unmarshal(line, &last); err != nil {
						return fmt.Errorf("the daemon's answer: %w", err)
					}
					said := sentence(last)
					if last.Reason != "" {
						said += " (" + words().Of(text.Word("reason", string(last.Reason))) + ")"
					}
					_, err := fmt.Fprintf(cmd.OutOrStdout(), "%8.3f s  %s\n", time.Since(began).Seconds(), said)
					return err
				})
			switch {
			case err != nil:
				return explain(err)
			case !last.Stage.Final():
				return &failure{exitFailed, fmt.Errorf("the daemon ended before it had said what became of the command")}
			case last.Stage != gateway.Done:
				return &failure{code: exitFailed}
			}
			return nil
		},
	}
	at.flags(cmd)
	argFlags(cmd, &args)
	return cmd
}
