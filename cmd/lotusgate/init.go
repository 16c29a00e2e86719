package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"lotusgate/gateway/config"
)

//go:embed init.yaml
var initTemplate string

// boardKind is what differs between boards in the file: the words in its comments.
type boardKind struct {
	flag, Name string
	Boot       string // file of the boot configuration
	clock      string // line for a clock that outlives a power cut
	clockNeeds string
	stretch    bool // its I²C controller corrupts clock stretching
}

const (
	bootFile    = "/boot/firmware/config.txt"
	ds3231      = "dtoverlay=i2c-rtc,ds3231"
	ds3231Needs = "a DS3231 on the same bus"
)

var boardKinds = [...]boardKind{
	{flag: "pi3", Name: "Raspberry Pi 3", Boot: bootFile, clock: ds3231, clockNeeds: ds3231Needs, stretch: true},
	{flag: "pi4", Name: "Raspberry Pi 4", Boot: bootFile, clock: ds3231, clockNeeds: ds3231Needs, stretch: true},
	{flag: "pi5", Name: "Raspberry Pi 5", Boot: bootFile, clock: "dtparam=rtc_bbat_vchg=3000000", clockNeeds: "a rechargeable cell at J5"},
	{flag: "zero2w", Name: "Raspberry Pi Zero 2 W", Boot: bootFile, clock: ds3231, clockNeeds: ds3231Needs, stretch: true},
}

// laneWires are lines of the 40 pin header for one lane. Relays are on lines that are pulled down while the board starts.
type laneWires struct{ A, B, Up, Down, Photo, Open, Close, Stop string }

var headerLanes = [...]laneWires{
	{"GPIO17", "GPIO27", "GPIO22", "GPIO23", "GPIO24", "GPIO16", "GPIO20", "GPIO21"},
	{"GPIO5", "GPIO6", "GPIO18", "GPIO19", "GPIO4", "GPIO12", "GPIO13", "GPIO26"},
}

// expanderPins can be inputs: GPA7 and GPB7 are outputs only (datasheet revision D).
var expanderPins = [...]string{
	"GPA0", "GPA1", "GPA2", "GPA3", "GPA4", "GPA5", "GPA6", "GPB0", "GPB1", "GPB2", "GPB3", "GPB4", "GPB5", "GPB6",
}

// expanders on the bus, each with an INT line of its own that no lane uses.
var expanders = [...]initChip{
	{"x1", "0x20", "GPIO25", "A2, A1, A0 to ground"},
	{"x2", "0x21", "GPIO9", "A0 to 3.3 V, A2 and A1 to ground"},
	{"x3", "0x22", "GPIO10", "A1 to 3.3 V, A2 and A0 to ground"},
	{"x4", "0x23", "GPIO11", "A1 and A0 to 3.3 V, A2 to ground"},
}

const maxContacts = len(expanders) * len(expanderPins)

// initOptions are the questions and their answers.
type initOptions struct {
	board, site, id, broker   string
	lanes, elevators, cameras int
	out                       string
	force, ask                bool
}

func initCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a commented configuration for a board and a set of devices",
		Long: "Write a commented configuration for a Raspberry Pi with lanes on its header and slow contacts on MCP23017\n" +
			"expanders, as docs/wiring.md draws it. On a terminal, what no flag says is asked.",
		Example: "  lotusgate init --ask --output /etc/lotusgate/lotusgate.yaml\n" +
			"  lotusgate init --board pi4 --site lianhua --id park-01 --broker mqtts://broker.lan:8883 --lanes 2 --elevators 4",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.ask || o.site == "" && isTerminal(cmd.InOrStdin()) {
				if err := o.questions(cmd.InOrStdin(), cmd.ErrOrStderr()); err != nil {
					return &failure{exitUsage, err}
				}
			}
			text, err := o.write()
			if err != nil {
				return err
			}
			if o.out == "" || o.out == "-" {
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			return o.save(cmd, text)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.board, "board", "pi4", "board: "+strings.Join(boardFlags(), ", "))
	f.StringVar(&o.site, "site", "", "id of the site: a-z, 0-9 and -")
	f.StringVar(&o.id, "id", "gate-01", "id of this gateway, unique within the site")
	f.StringVar(&o.broker, "broker", "", "mqtt://host:1883 or mqtts://host:8883; can be filled in later")
	f.IntVar(&o.lanes, "lanes", 1, "lanes with two loops and a barrier, 0 to 2: the entry, then the exit")
	f.IntVar(&o.elevators, "elevators", 0, "elevators with a fault contact")
	f.IntVar(&o.cameras, "cameras", 0, "cameras with a heartbeat contact")
	f.StringVarP(&o.out, "output", "o", "", "file to write (default: standard output)")
	f.BoolVar(&o.force, "force", false, "replace the file if it is there")
	f.BoolVar(&o.ask, "ask", false, "ask for everything, with the flags as proposals")
	return cmd
}

func boardFlags() []string {
	var list []string
	for _, b := range boardKinds {
		list = append(list, b.flag)
	}
	return list
}

// questions asks on out and reads answers from in; an empty one takes the proposal.
func (o *initOptions) questions(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	ask := func(question, proposal string) (string, error) {
		fmt.Fprintf(out, "%s [%s]: ", question, proposal)
		if !lines.Scan() {
			return "", errors.Join(errors.New("the answers ended early; use flags instead, see lotusgate init --help"), lines.Err())
		}
		if answer := strings.TrimSpace(lines.Text()); answer != "" {
			return answer, nil
		}
		return proposal, nil
	}
	for _, q := range []struct {
		question string
		text     *string
		number   *int
	}{
		{question: "Board (" + strings.Join(boardFlags(), ", ") + ")", text: &o.board},
		{question: "Id of the site (a-z, 0-9, -)", text: &o.site},
		{question: "Id of this gateway", text: &o.id},
		{question: "Broker (mqtts://host:8883, empty = later)", text: &o.broker},
		{question: "Lanes with loops and a barrier (0 to 2)", number: &o.lanes},
		{question: "Elevators", number: &o.elevators},
		{question: "Cameras with a heartbeat contact", number: &o.cameras},
	} {
		if q.text != nil {
			answer, err := ask(q.question, *q.text)
			if err != nil {
				return err
			}
			*q.text = answer
			continue
		}
		answer, err := ask(q.question, strconv.Itoa(*q.number))
		if err != nil {
			return err
		}
		if *q.number, err = strconv.Atoi(answer); err != nil {
			return fmt.Errorf("%s: %q is not a number", q.question, answer)
		}
	}
	return nil
}

// Parts of the file. Names of fields are those in init.yaml.
type (
	initFile struct {
		Site, ID, Label, Broker, File string
		TLS                           bool
		Board                         boardKind
		BootLines                     []string
		Chips                         []initChip
		Lanes                         []initLane
		Elevators, Cameras            []initContact
	}
	initChip struct{ ID, Address, Interrupt, Straps string }
	initLane struct {
		ID, Label, Direction string
		laneWires
	}
	initContact struct{ ID, Label, Chip, Pin string }
)

// write is the file's text. It is checked as any other: what comes out of init passes lotusgate check.
func (o *initOptions) write() ([]byte, error) {
	n := slices.IndexFunc(boardKinds[:], func(b boardKind) bool { return b.flag == o.board })
	contacts := o.elevators + o.cameras
	switch {
	case n < 0:
		return nil, &failure{exitUsage, fmt.Errorf("board %q: use one of %s", o.board, strings.Join(boardFlags(), ", "))}
	case o.site == "":
		return nil, &failure{exitUsage, errors.New("--site is missing: one word for the place, as in --site lianhua")}
	case o.lanes < 0 || o.lanes > len(headerLanes):
		return nil, &failure{exitUsage, fmt.Errorf("%d lanes: the header has lines for 0 to %d", o.lanes, len(headerLanes))}
	case o.elevators < 0 || o.cameras < 0 || contacts > maxContacts:
		return nil, &failure{exitUsage, fmt.Errorf("%d elevators and %d cameras: %d expanders have inputs for 0 to %d of both together", o.elevators, o.cameras, len(expanders), maxContacts)}
	}
	f := initFile{
		Site: o.site, ID: o.id, Label: "Gate cabinet of " + o.site, Broker: o.broker, File: o.out, Board: boardKinds[n],
		TLS: o.broker == "" || strings.HasPrefix(o.broker, "mqtts:") || strings.HasPrefix(o.broker, "wss:"),
	}
	if f.File == "" {
		f.File = defaultConfig
	}
	for i, wires := range headerLanes[:o.lanes] {
		lane := []initLane{{ID: "entry", Label: "Entry", Direction: "in"}, {ID: "exit", Label: "Exit", Direction: "out"}}[i]
		lane.laneWires = wires
		f.Lanes = append(f.Lanes, lane)
	}
	f.contacts(o.elevators, o.cameras)
	f.bootLines()

	var b bytes.Buffer
	if err := template.Must(template.New("init").Parse(initTemplate)).Execute(&b, f); err != nil {
		return nil, err
	}
	var bad config.Errors
	if _, err := config.Parse("init.yaml", b.Bytes()); errors.As(err, &bad) {
		return nil, &failure{exitUsage, errors.New("with these answers the file would not be right:\n" + bad.In(language()))}
	} else if err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// contacts gives a pin of an expander to each slow contact.
func (f *initFile) contacts(elevators, cameras int) {
	next := 0
	pin := func(id, label string) initContact {
		chip, pin := next/len(expanderPins), expanderPins[next%len(expanderPins)]
		next++
		if chip == len(f.Chips) {
			f.Chips = append(f.Chips, expanders[chip])
		}
		return initContact{id, label, f.Chips[chip].ID, pin}
	}
	for i := range elevators {
		f.Elevators = append(f.Elevators, pin(fmt.Sprintf("car-%d", i+1), fmt.Sprintf("Elevator %d", i+1)))
	}
	for i := range cameras {
		f.Cameras = append(f.Cameras, pin(fmt.Sprintf("cam-%02d", i+1), fmt.Sprintf("Camera %d", i+1)))
	}
}

// bootLines are what the boot configuration needs for this file.
func (f *initFile) bootLines() {
	add := func(why string, lines ...string) {
		f.BootLines = append(f.BootLines, append([]string{"# " + why}, lines...)...)
	}
	add("Lines of a program that died become inputs: relays fall off.", "dtparam=strict_gpiod")
	if len(f.Chips) > 0 {
		why := "The I2C bus, as fast as the chips allow."
		if f.Board.stretch {
			why = "The I2C bus; 100000 if a microcontroller is on it, because clock stretching is broken."
		}
		add(why, "dtparam=i2c_arm=on,i2c_arm_baudrate=400000")
	}
	var relays []string
	for _, l := range f.Lanes {
		for _, line := range []string{l.Open, l.Close, l.Stop} {
			relays = append(relays, strings.TrimPrefix(line, "GPIO"))
		}
	}
	if len(relays) > 0 {
		add("Relays stay off until the gateway holds them.", "gpio="+strings.Join(relays, ",")+"=ip,pd")
	}
	add("The date after a power cut: "+f.Board.clockNeeds+".", f.Board.clock)
	add("The board starts anew when the kernel hangs (RuntimeWatchdogSec=15 in systemd).", "dtparam=watchdog=on")
}

// save writes the file, readable by the daemon's group at most.
func (o *initOptions) save(cmd *cobra.Command, text []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if o.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(o.out, flags, 0o644)
	if errors.Is(err, os.ErrExist) {
		return &failure{exitUsage, fmt.Errorf("%s is there already: choose another --output, or --force", o.out)}
	}
	if err != nil {
		return &failure{exitUsage, err}
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return &failure{exitUsage, err}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "wrote %s\nnext: lotusgate check --config %s\n", o.out, o.out)
	return nil
}
