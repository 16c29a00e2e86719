// Package faults is the fault matrix: the whole daemon as a process of its own, under load, while brokers, links, disks
// and the power fail; and a center that keeps book of every number it hears. It holds tests only.
//
// A short form of each fault is part of go test. More of one: make campaign PART=broker-kill RUNS=200; the power cut
// needs the VM: make campaign PART=power-cut RUNS=500, and PART=vm is the program as it is shipped, on a kernel's GPIO and
// I²C with a car park behind them. Each fault ends with a line that begins with "reliability:",
// from which make reliability fills docs/reliability.md.
package faults
