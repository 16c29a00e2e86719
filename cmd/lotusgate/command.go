package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/gateway"
	"lotusgate/gateway/intake"
)

// keyOptions are the flags of everything that a center signs.
type keyOptions struct{ key, kid string }

func (o *keyOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.key, "key", "", "private key of the center (NAME.key); without it nothing is signed, for auth: none")
	f.StringVar(&o.kid, "kid", "", "key id in the gateway's configuration (default: the name of the key file)")
}

func (o *keyOptions) signer() (*intake.Signer, error) {
	kid := o.kid
	if kid == "" {
		kid = strings.TrimSuffix(filepath.Base(o.key), ".key")
	}
	return intake.NewSigner(o.key, kid)
}

// orderOptions are the flags that command sign and command send share.
type orderOptions struct {
	keyOptions
	gateway string // site/id
	ttl     time.Duration
	args    gateway.Args
}

func (o *orderOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	o.keyOptions.flags(cmd)
	f.StringVar(&o.gateway, "gateway", "", "site/gateway, as in lianhua/park-01")
	f.DurationVar(&o.ttl, "ttl", 10*time.Second, "the command is worth nothing after that; 60s at most")
	argFlags(cmd, &o.args)
	if err := cmd.MarkFlagRequired("gateway"); err != nil {
		panic(err)
	}
}

// number reads a flag that may be left out.
func number(to **int64) func(string) error {
	return func(text string) error {
		n, err := strconv.ParseInt(text, 10, 64)
		*to = &n
		return err
	}
}

// argFlags are the arguments of commands.
func argFlags(cmd *cobra.Command, a *gateway.Args) {
	f := cmd.Flags()
	f.StringVar(&a.Ref, "ref", "", "open: echoed, so that a passage finds its payment")
	f.IntVar(&a.Passages, "passages", 0, "open: how many may pass")
	f.IntVar(&a.Seconds, "seconds", 0, "hold_open: how long; 0 = until release. shelve: how long; 0 = take back")
	f.StringVar(&a.Alarm, "alarm", "", "ack_alarm, shelve: its name, as in the topic of the alarm")
	f.BoolVar(&a.End, "end", false, "ack_alarm: it is over (elevators)")
	f.BoolVar(&a.Confirm, "confirm", false, "ack_alarm of entrapment_suspected: there is somebody")
	f.Func("value", "set_count: how many vehicles are inside", number(&a.Value))
	f.Func("expected", "set_count: only if the gateway still counts so many", number(&a.Expected))
}

// message is the request, signed if there is a key.
func (o *orderOptions) message(session, nonce, device, action string) (jti, payload string, err error) {
	now := time.Now()
	r := intake.Request{
		JTI: rand.Text(), IssuedAt: now.Unix(), Expires: now.Add(o.ttl).Unix(), Audience: "//" + o.gateway,
		Session: session, Nonce: nonce, Device: device, Action: gateway.Action(action), Args: o.args,
	}
	if o.key == "" {
		return r.JTI, unsigned(r), nil
	}
	s, err := o.signer()
	if err != nil {
		return "", "", err
	}
	payload, err = s.Sign(r)
	return r.JTI, payload, err
}

func commandCommand() *cobra.Command {
	parent := &cobra.Command{
		Use: "command", Short: "Sign and send commands, as a center does",
		Example: "  lotusgate command send --gateway lianhua/park-01 --key center.key entry-gate open",
	}
	parent.AddCommand(signCommand(), sendCommand(), watermarkCommand(), heartbeatCommand())
	return parent
}

func signCommand() *cobra.Command {
	var o orderOptions
	var session, nonce string
	cmd := &cobra.Command{
		Use:     "sign DEVICE ACTION",
		Short:   "Print a signed command: publish it to <root>/command/DEVICE, not retained",
		Example: "  lotusgate command sign --gateway lianhua/park-01 --session SESSION --key center.key entry-gate open",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, payload, err := o.message(session, nonce, args[0], args[1])
			if err != nil {
				return &failure{exitFailed, err}
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), payload)
			return err
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&session, "session", "", "session of the gateway's retained status")
	cmd.Flags().StringVar(&nonce, "nonce", "", "nonce of that status, if it has one")
	if err := cmd.MarkFlagRequired("session"); err != nil {
		panic(err)
	}
	return cmd
}

// errNotDone ends a command that the gateway did not carry out; what it said was printed.
var errNotDone = errors.New("not done")

func sendCommand() *cobra.Command {
	var o orderOptions
	s := sender{}
	cmd := &cobra.Command{
		Use:   "send DEVICE ACTION",
		Short: "Send a command and print what becomes of it",
		Long: "Send a command and print what becomes of it, one reply a line.\n\n" +
			"Exit code 0: done; 1: rejected, failed, or no last word within --wait.",
		Example: "  lotusgate command send --broker mqtt://127.0.0.1:1883 --gateway lianhua/park-01 --key center.key entry-gate open",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.device, s.out = args[0], cmd.OutOrStdout()
			s.root = s.prefix + "/" + o.gateway
			err := s.send(cmd.Context(), func(session, nonce string) (string, string, error) {
				return o.message(session, nonce, args[0], args[1])
			})
			if errors.Is(err, errNotDone) {
				return &failure{code: exitFailed}
			}
			if err != nil {
				return &failure{exitFailed, err}
			}
			return nil
		},
	}
	o.flags(cmd)
	f := cmd.Flags()
	s.flags(cmd, "mqtt://127.0.0.1:1883", "mqtt://host:port, mqtts://host:port")
	f.DurationVar(&s.wait, "wait", 30*time.Second, "for the last reply")
	f.StringVar(&s.session, "session", "", "quote this session instead of the gateway's own: it will be refused")
	f.BoolVar(&s.twice, "replay", false, "then send the very same bytes again: they are answered and move nothing")
	return cmd
}
