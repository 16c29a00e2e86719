// Package sim is the whole life of a gateway in one goroutine on virtual time: the field of package district with its truth,
// the gateway itself (core, interlock, actuators, outbox, checkpoint, intake, uplink, as daemon.Stepped opens them), the
// disk below it and the network beside it, a broker, a center, and everything that goes wrong with them. Oracles that know
// the truth say what the gateway owed and did not keep.
//
// One seed decides everything: the same seed gives the same world to the last byte, which Result.Sum proves.
//
// In a share of the worlds the gateway reads lines and buses itself, through its drivers: register-true chips on buses whose
// transfers take their time, pins behind a queue of edges. There they fail, too.
//
// What it leaves out: goroutines, sockets, paho and the kernel. Those have the tests of gateway/faults and of the virtual
// machine.
package sim
