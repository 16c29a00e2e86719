package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/gateway"
)

// Times of publishing what nobody answers.
const (
	confirmWait  = 10 * time.Second
	shortestBeat = time.Second
)

func watermarkCommand() *cobra.Command {
	var keys keyOptions
	var name string
	to := brokerOptions{wait: confirmWait}
	cmd := &cobra.Command{
		Use:   "watermark ID",
		Short: "Say, as a center, that every event up to this one is stored",
		Long: "Say, as a center, that everything up to the event of this id (epoch-run-number) is stored, for gateways with\n" +
			"mqtt.ack: watermark. With --broker it is published, retained, to <prefix>/<gateway>/watermark; without, printed.\n\n" +
			"The gateway lets go of what is covered: never say it of events that are not stored. A lower one than before is\n" +
			"ignored; one above what was issued begins a new epoch; one of another epoch, or with a key that may not, raises\n" +
			"watermark_rejected.",
		Example: "  lotusgate command watermark --gateway lianhua/park-01 --key center.key --broker mqtt://127.0.0.1:1883 k3v9q2-00000012-0000004700",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := gateway.ParseEventID(args[0])
			if err != nil {
				return &failure{exitUsage, err}
			}
			payload, err := keys.watermark(gateway.Watermark(id))
			if err == nil {
				err = to.confirm(cmd.Context(), cmd.OutOrStdout(), "/"+name+"/watermark", true, payload)
			}
			if err != nil {
				return &failure{exitFailed, err}
			}
			return nil
		},
	}
	f := cmd.Flags()
	keys.flags(cmd)
	f.StringVar(&name, "gateway", "", "site/gateway, as in lianhua/park-01")
	to.flags(cmd, "", "publish to mqtt://host:port or mqtts://host:port; default: print")
	if err := cmd.MarkFlagRequired("gateway"); err != nil {
		panic(err)
	}
	return cmd
}

func heartbeatCommand() *cobra.Command {
	var keys keyOptions
	var site string
	var every time.Duration
	to := brokerOptions{wait: confirmWait}
	cmd := &cobra.Command{
		Use:   "heartbeat",
		Short: "Say, as a center, that it is there",
		Long: "Say, as a center, that it is there, for gateways with mqtt.heartbeat. With --broker it is published, not retained,\n" +
			"to <prefix>/<site>/heartbeat, once or --every so often until it is interrupted; without, printed once.",
		Example: "  lotusgate command heartbeat --site lianhua --key center.key --broker mqtt://127.0.0.1:1883 --every 10s",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every != 0 && (to.broker == "" || every < shortestBeat) {
				return &failure{exitUsage, fmt.Errorf("--every needs --broker, and is at least %v", shortestBeat)}
			}
			for {
				payload, err := keys.heartbeat(gateway.Heartbeat{Site: site, At: time.Now().UTC()})
				if err == nil {
					err = to.confirm(cmd.Context(), cmd.OutOrStdout(), "/"+site+"/"+gateway.HeartbeatID, false, payload)
				}
				if err != nil {
					return &failure{exitFailed, err}
				}
				if every == 0 {
					return nil
				}
				select {
				case <-cmd.Context().Done():
					return nil
				case <-time.After(every):
				}
			}
		},
	}
	f := cmd.Flags()
	keys.flags(cmd)
	f.StringVar(&site, "site", "", "as in lianhua")
	f.DurationVar(&every, "every", 0, "again and again")
	to.flags(cmd, "", "publish to mqtt://host:port or mqtts://host:port; default: print")
	if err := cmd.MarkFlagRequired("site"); err != nil {
		panic(err)
	}
	return cmd
}

func (o *keyOptions) watermark(w gateway.Watermark) (string, error) {
	if o.key == "" {
		return unsigned(w), nil
	}
	s, err := o.signer()
	if err != nil {
		return "", err
	}
	return s.SignWatermark(w)
}

func (o *keyOptions) heartbeat(h gateway.Heartbeat) (string, error) {
	if o.key == "" {
		return unsigned(h), nil
	}
	s, err := o.signer()
	if err != nil {
		return "", err
	}
	return s.SignHeartbeat(h)
}

// confirm publishes one message and waits until the broker has it, or prints it where there is no broker.
func (b *brokerOptions) confirm(ctx context.Context, out io.Writer, topic string, retained bool, payload string) error {
	if b.broker == "" {
		_, err := fmt.Fprintln(out, payload)
		return err
	}
	client, err := b.dial()
	if err != nil {
		return err
	}
	defer client.Disconnect(250)
	ctx, cancel := context.WithTimeout(ctx, b.wait)
	defer cancel()
	if err := wait(ctx, client.Publish(strings.TrimSuffix(b.prefix, "/")+topic, 1, retained, payload)); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}
