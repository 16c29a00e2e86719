// Package uplink carries what the gateway knows to the MQTT broker: retained status, meta, states and alarms, and every
// event of the outbox. It is the only sender and the only user of paho.
//
// Promises:
//   - A record is confirmed only after the broker's PUBACK for it; the outbox owns all retries. When anything about a
//     connection is in doubt, the connection is dropped and Outbox.Rewind is called; what was not confirmed is sent
//     again on the next one, under the same event id.
//   - paho is a dumb pipe: one client per connection, no reconnect, no session, no store. With paho's own reconnect a
//     publish is reported as delivered without any PUBACK (paho issue 563).
//   - A connection that is dropped says no DISCONNECT, so that the broker publishes the will; only an end in order says
//     goodbye.
//   - An unreachable broker is normal: Run keeps trying, 50 ms to 30 s apart, and never gives up.
//   - A record that connections die of is found, sent alone, and named as poison; a link that breaks, or a rule that forbids
//     everything, makes no poison of good records (suspects).
//   - A renewed client certificate is used within seconds, and nothing is in flight when the connection changes.
//   - With AckByCenter, what the center does not confirm is sent once more when it stalls.
//   - Retained topics carry the newest truth of the hub, never a backlog, with one publish in flight per topic.
//
// It does not: store anything, decide what an alarm is or whether a command or a watermark may be believed, or, without
// AckByCenter, wait for the subscribers of an event (PUBACK is the broker's word, not the center's).
//
// One goroutine, the one that calls Run, owns all state here. paho's goroutines only fill channels.
package uplink
