package outbox_test

import (
	"context"
	"fmt"
	"os"

	"lotusgate/gateway/outbox"
)

func Example() {
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	opt := outbox.Options{Dir: dir, AlarmBytes: 16 << 20, NormalBytes: 64 << 20}

	o, err := outbox.Open(opt)
	if err != nil {
		panic(err)
	}
	for _, s := range []string{"arrived", "passed"} {
		o.Append(outbox.Normal, []byte(s))
	}
	o.Append(outbox.Alarm, []byte("barrier does not close"))

	<-o.Ready()
	for _, r := range o.Take(nil, 2) { // published now; only the alarm is acknowledged
		fmt.Println(r.ID.Run, r.ID.Number, r.Queue, string(r.Payload))
		if r.Queue == outbox.Alarm {
			o.Confirm(r.ID)
		}
	}
	if err := o.Sync(context.Background()); err != nil {
		panic(err)
	}
	if err := o.Close(); err != nil {
		panic(err)
	}

	o, err = outbox.Open(opt)
	if err != nil {
		panic(err)
	}
	defer o.Close()
	l := o.Ledger()
	fmt.Println("run", l.Run, "- of run", l.Unconfirmed[0].Run, "durable to", l.Unconfirmed[0].DurableTo)
	for _, r := range o.Take(nil, 10) {
		fmt.Println(r.ID.Run, r.ID.Number, r.Queue, string(r.Payload), "again:", r.Resent)
	}
	// Output:
	// 1 3 alarm barrier does not close
	// 1 1 normal arrived
	// run 2 - of run 1 durable to 3
	// 1 1 normal arrived again: true
	// 1 2 normal passed again: true
}
