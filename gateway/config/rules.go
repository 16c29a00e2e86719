package config

// rule is what is fixed about the value of one key. A key that config.go has and this table does not is a failing test.
type rule struct {
	like     string   // an example, "key: value"; a key that must be there has one
	def      string   // default, as it would be written; "" = none, or one that depends on other keys (defaults.go)
	min, max string   // inclusive, as they would be written
	words    []string // all that is allowed
	refs     []string // sections: the value is an id in one of them
	form     form     // anything else
}

// form checks one text by itself. It reports what is wrong through c.
type form func(c *checker, path, text string)

// Sections whose keys are ids, in the order of config.go.
const (
	buses     = "buses"
	chips     = "chips"
	points    = "points"
	inputs    = "inputs"
	loops     = "loops"
	lanes     = "lanes"
	gates     = "gates"
	elevators = "elevators"
	cameras   = "cameras"
	groups    = "camera_groups"
	bays      = "bays"
	lots      = "lots"
	contacts  = "contacts"
	counters  = "counters"
	fires     = "fires"
)

func sections() []string {
	return []string{buses, chips, points, inputs, loops, lanes, gates, elevators, cameras, groups, bays, lots, contacts, counters, fires}
}

// maxEntries of one section; the largest gateway of the reference district has about 220 points.
const maxEntries = 1024

// rules by path, with * for ids and for the positions of a list. Nothing writes to it.
var rules = map[string]rule{
	"gateway.site":     {like: "site: lianhua", form: checkID},
	"gateway.id":       {like: "id: park-01", form: checkID},
	"gateway.label":    {form: checkLabel},
	"gateway.labels.*": {form: checkLabel},
	"gateway.night":    {form: checkNight},

	"mqtt.broker":          {form: checkBroker},
	"mqtt.prefix":          {def: "lotusgate/v1", form: checkPrefix},
	"mqtt.client_id":       {form: checkClientID},
	"mqtt.username_file":   {form: checkFile},
	"mqtt.password_file":   {form: checkSecretFile},
	"mqtt.ca_file":         {form: checkFile},
	"mqtt.cert_file":       {form: checkFile},
	"mqtt.key_file":        {form: checkSecretFile},
	"mqtt.format":          {def: "cloudevents", words: []string{FormatCloudEvents, FormatCompact}},
	"mqtt.home_assistant":  {form: checkPrefix},
	"mqtt.ack":             {def: "puback", words: []string{AckBroker, AckCenter}},
	"mqtt.window":          {def: "64", min: "1", max: "1024"},
	"mqtt.keep_alive":      {def: "20s", min: "5s", max: "20m"},
	"mqtt.ack_timeout":     {def: "15s", min: "1s", max: "5m"},
	"mqtt.event_labels.*":  {form: checkLabel},
	"mqtt.backlog_per_sec": {def: "0", min: "0", max: "100000"},
	"mqtt.stall":           {def: "10m", min: "1s", max: "24h"},
	"mqtt.heartbeat":       {min: "0s", max: "1h"},

	"storage.path":   {like: "path: /var/lib/lotusgate", form: checkStoragePath},
	"storage.alarm":  {def: "16MiB", min: "4MiB", max: "16GiB"},
	"storage.normal": {def: "64MiB", min: "4MiB", max: "16GiB"},
	"storage.record": {def: "32MiB", min: "4MiB", max: "16GiB"},

	"status.listen":          {form: checkListen},
	"status.https.listen":    {form: checkListen},
	"status.https.cert_file": {form: checkFile},
	"status.https.key_file":  {form: checkSecretFile},

	"control.socket": {def: "/run/lotusgate/control.sock", form: checkSocket},
	"control.group":  {def: "lotusgate-operators", form: checkID},

	"buses.*.device": {like: "device: /dev/i2c-1", form: checkBusDevice},
	"buses.*.speed":  {def: "100kHz", min: "10kHz", max: "1MHz"},

	"chips.*.kind":           {like: "kind: mcp23017", words: kinds()},
	"chips.*.bus":            {like: "bus: i2c-1", refs: []string{buses}},
	"chips.*.address":        {like: "address: 0x20"}, // range by kind
	"chips.*.interrupt":      {form: checkLine},
	"chips.*.interrupt_b":    {form: checkLine},
	"chips.*.poll":           {min: "5ms", max: "1m"},
	"chips.*.reference":      {},                     // by kind
	"chips.*.supply.nominal": {like: "nominal: 12V"}, // range by kind
	"chips.*.supply.shunt":   {like: "shunt: 100mohm", min: "1mohm", max: "10ohm"},
	"chips.*.supply.max":     {like: "max: 2A", min: "10mA", max: "50A"},

	"points.*.label":    {form: checkLabel},
	"points.*.line":     {form: checkLine},
	"points.*.chip":     {refs: []string{chips}},
	"points.*.pin":      {}, // by kind of chip
	"points.*.active":   {def: "low", words: levels()},
	"points.*.bias":     {words: biases()},
	"points.*.settle":   {min: "0s", max: "1s"},
	"points.*.debounce": {min: "0s", max: "1s"},
	"points.*.budget":   {min: "0", max: "6000"},

	"loops.*.label":               {form: checkLabel},
	"loops.*.labels.*":            {form: checkLabel},
	"loops.*.input":               {like: "input: entry-a-in", refs: []string{points}},
	"loops.*.output":              {def: "presence", words: []string{string(OutputPresence), string(OutputPulse)}},
	"loops.*.fail":                {words: []string{string(FailSafe), string(FailSecure)}},
	"loops.*.fault":               {refs: []string{points}},
	"loops.*.fault_means":         {def: "detector", words: faultMeanings()},
	"loops.*.fault_codes.*.means": {like: "means: open", words: faultMeanings()},
	"loops.*.fault_codes.*.min":   {like: "min: 40ms", min: "1ms", max: "1m"},
	"loops.*.fault_codes.*.max":   {like: "max: 60ms", min: "1ms", max: "1m"},
	"loops.*.blank":               {def: "10s", min: "0s", max: "1m"},
	"loops.*.max_presence":        {def: "10m", min: "0s", max: "255m"}, // NTCIP 1202: minutes in one byte
	"loops.*.no_activity":         {def: "12h", min: "0s", max: "168h"},
	"loops.*.erratic":             {def: "30", min: "0", max: "255"},
	"loops.*.healthy":             {def: "1m", min: "1s", max: "1h"},

	"lanes.*.label":      {form: checkLabel},
	"lanes.*.labels.*":   {form: checkLabel},
	"lanes.*.direction":  {like: "direction: in", words: directions()},
	"lanes.*.one_way":    {def: "true"},
	"lanes.*.a":          {like: "a: entry-a", refs: []string{loops}},
	"lanes.*.b":          {refs: []string{loops}},
	"lanes.*.gap":        {def: "3s", min: "0s", max: "30s"},
	"lanes.*.jitter":     {def: "50ms", min: "0s", max: "1s"},
	"lanes.*.waiting":    {def: "60s", min: "0s", max: "1h"},
	"lanes.*.u_turn":     {def: "60s", min: "0s", max: "1h"},
	"lanes.*.authorise":  {refs: []string{points}},
	"lanes.*.credit_for": {def: "2m", min: "5s", max: "1h"},
	"lanes.*.spacing_mm": {def: "0", min: "0", max: "20000"},
	"lanes.*.free_exit":  {def: "false"},
	"lanes.*.when_away":  {words: []string{string(AwayNone), string(AwayOpen), string(AwayHold)}},

	"gates.*.label":                {form: checkLabel},
	"gates.*.labels.*":             {form: checkLabel},
	"gates.*.lane":                 {refs: []string{lanes}},
	"gates.*.open_limit":           {like: "open_limit: eg-open", refs: []string{points}},
	"gates.*.closed_limit":         {like: "closed_limit: eg-closed", refs: []string{points}},
	"gates.*.travel":               {def: "5s", min: "500ms", max: "1m"},
	"gates.*.safety.*":             {refs: []string{points, loops, inputs}},
	"gates.*.outputs.open.line":    {form: checkLine},
	"gates.*.outputs.open.chip":    {refs: []string{chips}},
	"gates.*.outputs.open.pin":     {}, // by kind of chip
	"gates.*.outputs.open.active":  {def: "high", words: levels()},
	"gates.*.outputs.close.line":   {form: checkLine},
	"gates.*.outputs.close.chip":   {refs: []string{chips}},
	"gates.*.outputs.close.pin":    {},
	"gates.*.outputs.close.active": {def: "high", words: levels()},
	"gates.*.outputs.stop.line":    {form: checkLine},
	"gates.*.outputs.stop.chip":    {refs: []string{chips}},
	"gates.*.outputs.stop.pin":     {},
	"gates.*.outputs.stop.active":  {def: "high", words: levels()},

	"gates.*.outputs.open.guard":  {def: "kernel", words: guards()},
	"gates.*.outputs.close.guard": {def: "kernel", words: guards()},
	"gates.*.outputs.stop.guard":  {def: "kernel", words: guards()},
	"gates.*.pulse":               {def: "500ms", min: "200ms", max: "2s"},
	"gates.*.maintain":            {def: "false"},
	"gates.*.max_hold":            {def: "0s", min: "0s", max: "24h"},
	"gates.*.on_trip":             {def: "open", words: []string{string(TripOpens), string(TripStops)}},
	"gates.*.clear":               {def: "1s", min: "200ms", max: "1m"},
	"gates.*.exclusive":           {def: "false"},
	"gates.*.held_open":           {def: "0s", min: "0s", max: "24h"},
	"gates.*.manual":              {refs: []string{points}},
	"gates.*.force":               {refs: []string{points}},
	"gates.*.arm":                 {refs: []string{points}},
	"gates.*.on_power_fail":       {def: "none", words: []string{string(PowerFailNothing), string(PowerFailOpens)}},
	"gates.*.closing.after_pass":  {min: "0s", max: "5m"},
	"gates.*.closing.no_pass":     {def: "0s", min: "0s", max: "1h"},
	"gates.*.closing.idle":        {def: "0s", min: "0s", max: "1h"},

	"fires.*.label":    {form: checkLabel},
	"fires.*.labels.*": {form: checkLabel},
	"fires.*.input":    {like: "input: fire-in", refs: wires()},
	"fires.*.gates.*":  {refs: []string{gates}},

	"service.lockout":       {refs: []string{points}},
	"service.button":        {refs: []string{points}},
	"service.mains":         {refs: []string{points}},
	"service.cabinet":       {refs: []string{points}},
	"service.beeper.line":   {like: "line: GPIO5", form: checkLine},
	"service.beeper.active": {def: "high", words: levels()},
	"service.window":        {def: "10m", min: "1m", max: "4h"},

	"commands.auth":             {def: "jws", words: []string{string(AuthJWS), string(AuthNone)}},
	"commands.per_minute":       {def: "60", min: "1", max: "6000"},
	"commands.keys.*.file":      {like: "file: /etc/lotusgate/center.pub"}, // by alg
	"commands.keys.*.alg":       {def: "EdDSA", words: []string{"EdDSA", "ES256", "HS256"}},
	"commands.keys.*.devices.*": {}, // by what there is
	"commands.keys.*.actions.*": {form: checkAction},
	"commands.local.devices.*":  {}, // by what there is
	"commands.local.actions.*":  {form: checkAction},

	"elevators.*.label":        {form: checkLabel},
	"elevators.*.labels.*":     {form: checkLabel},
	"elevators.*.fault":        {like: "fault: car-1-fault", refs: wires()},
	"elevators.*.faults.*":     {refs: wires()},
	"elevators.*.alarm_button": {refs: wires()},
	"elevators.*.door_zone":    {refs: wires()},
	"elevators.*.door_closed":  {refs: wires()},
	"elevators.*.moving":       {refs: wires()},
	"elevators.*.inspection":   {refs: wires()},
	"elevators.*.fire_mode":    {refs: wires()},
	"elevators.*.supply":       {refs: wires()},
	"elevators.*.presence":     {refs: wires()},
	"elevators.*.alarm_end":    {refs: wires()},
	"elevators.*.test":         {refs: wires()},
	"elevators.*.raise_after":  {def: "1s", min: "0s", max: "10m"},
	"elevators.*.clear_after":  {def: "1s", min: "0s", max: "1h"},
	"elevators.*.filter":       {def: "10s", min: "0s", max: "1m"},
	"elevators.*.override":     {def: "30s", min: "0s", max: "2m"},
	"elevators.*.out_of_zone":  {def: "15s", min: "5s", max: "10m"},
	"elevators.*.in_zone":      {def: "90s", min: "15s", max: "1h"},
	"elevators.*.test_every":   {def: "72h", min: "1h", max: "744h"},

	"elevator_codes.*": {form: checkLabel},

	"cameras.*.label":     {form: checkLabel},
	"cameras.*.labels.*":  {form: checkLabel},
	"cameras.*.heartbeat": {refs: []string{points}},
	"cameras.*.period":    {def: "60s", min: "1s", max: "1h"},
	"cameras.*.supply":    {refs: []string{points}},

	"camera_groups.*.label":     {form: checkLabel},
	"camera_groups.*.labels.*":  {form: checkLabel},
	"camera_groups.*.cameras.*": {refs: []string{cameras}},
	"camera_groups.*.window":    {min: "1s", max: "1h"},

	"bays.*.label":       {form: checkLabel},
	"bays.*.labels.*":    {form: checkLabel},
	"bays.*.input":       {like: "input: bay-001-in", refs: []string{points, loops}},
	"bays.*.raise_after": {def: "5s", min: "0s", max: "10m"},
	"bays.*.clear_after": {def: "5s", min: "0s", max: "10m"},

	"lots.*.label":        {form: checkLabel},
	"lots.*.labels.*":     {form: checkLabel},
	"lots.*.capacity":     {min: "1", max: "100000"},
	"lots.*.bays.*":       {refs: []string{bays}},
	"lots.*.lanes.*":      {refs: []string{lanes}},
	"lots.*.full_at":      {def: "0", min: "0", max: "100000"},
	"lots.*.available_at": {min: "1", max: "100000"},
	"lots.*.drift":        {def: "5", min: "0", max: "1000"},
	"lots.*.drift_after":  {def: "15m", min: "1m", max: "24h"},
	"lots.*.sign.line":    {like: "line: GPIO5", form: checkLine},
	"lots.*.sign.active":  {def: "high", words: levels()},

	"inputs.*.label":          {form: checkLabel},
	"inputs.*.labels.*":       {form: checkLabel},
	"inputs.*.point":          {like: "point: fire-adc", refs: []string{points}},
	"inputs.*.contact":        {def: "closes", words: []string{"closes", "opens"}},
	"inputs.*.tolerance":      {def: "10s", min: "1s", max: "1m"},
	"inputs.*.bands.short":    {def: "120", min: "1", max: "999"},
	"inputs.*.bands.closed.*": {min: "1", max: "999"},
	"inputs.*.bands.parted.*": {min: "1", max: "999"},
	"inputs.*.bands.open":     {def: "900", min: "1", max: "999"},

	"contacts.*.label":       {form: checkLabel},
	"contacts.*.labels.*":    {form: checkLabel},
	"contacts.*.input":       {like: "input: pump-room-in", refs: wires()},
	"contacts.*.severity":    {def: "warning", words: []string{"info", "warning", "major", "critical"}},
	"contacts.*.text":        {form: checkLabel},
	"contacts.*.raise_after": {def: "1s", min: "0s", max: "1h"},
	"contacts.*.clear_after": {def: "1s", min: "0s", max: "1h"},

	"counters.*.label":    {form: checkLabel},
	"counters.*.labels.*": {form: checkLabel},
	"counters.*.input":    {like: "input: water-in", refs: []string{points}},
	"counters.*.every":    {def: "1m", min: "1s", max: "24h"},
}

func levels() []string { return []string{string(ActiveLow), string(ActiveHigh)} }
func guards() []string {
	return []string{string(GuardKernel), string(GuardOneShot), string(GuardWatchdog)}
}
func biases() []string     { return []string{string(BiasUp), string(BiasDown), string(BiasNone)} }
func directions() []string { return []string{"in", "out"} }

// wires are what a device can read: a point, or a supervised input.
func wires() []string { return []string{points, inputs} }

// faultMeanings are what a detector can tell through its fault contact: device.LoopCause words.
func faultMeanings() []string {
	return []string{"detector", "open", "short", "excessive_change", "detector_power"}
}
