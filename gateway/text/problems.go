package text

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// Problem is one thing that needs somebody: what is wrong and what to do, a sentence each.
type Problem struct {
	ID       string // stable while it lasts: an alarm's key, "link", "clock", "storage", "source/<id>", …
	Severity gateway.Severity
	Own      bool         // the gateway itself is impaired, not merely something it watches
	Since    gateway.Mono // zero = not known
	What, Do gateway.Text
	Detail   string // what a driver or the network said, untranslated; may be empty
}

// SourceProblem begins the ID of a problem with a bus, a chip or the native lines; the source's id follows.
const SourceProblem = "source/"

// patience is how long a broken connection is only a warning, and a source that has not spoken yet only a notice:
// brokers restart, and so do we.
const patience = 30 * time.Second

// Problems tells everything that is wrong in v, the worst first, then the oldest. The page shows all of them;
// readiness and the MQTT status look at those that are Own.
func Problems(v *hub.View) []Problem { return inOrder(v, append(problems(v), deviceProblems(v)...)) }

// OwnProblems are those of Problems that are Own and at least as severe as least, without looking at the devices, whose
// states are never our own.
func OwnProblems(v *hub.View, least gateway.Severity) []Problem {
	return Own(inOrder(v, problems(v)), least)
}

// problems are all but those of devices.
func problems(v *hub.View) []Problem {
	var ps []Problem
	ps = append(ps, alarmProblems(v)...)
	ps = append(ps, sourceProblems(v)...)
	ps = append(ps, pointProblem(v)...)
	ps = append(ps, linkProblem(v)...)
	ps = append(ps, certificateProblem(v)...)
	ps = append(ps, storageProblem(v)...)
	ps = append(ps, clockProblem(v)...)
	return append(ps, boardProblems(v)...)
}

func inOrder(v *hub.View, ps []Problem) []Problem {
	if v.Gateway.ID == "" {
		return nil // still starting: nothing has been said yet, so nothing can be wrong
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Since, b.Since), strings.Compare(a.ID, b.ID))
	})
	return ps
}

// Own keeps the problems of the gateway itself that are at least as severe as least.
func Own(ps []Problem, least gateway.Severity) []Problem {
	var own []Problem
	for _, p := range ps {
		if p.Own && p.Severity >= least {
			own = append(own, p)
		}
	}
	return own
}

// alarmProblems are the standing alarms, but for those that a source or the storage tells better.
func alarmProblems(v *hub.View) []Problem {
	var ps []Problem
	for _, a := range v.Alarms {
		switch {
		case a.Type == gateway.BusFault && toldBySource(v, a),
			a.Type == gateway.StorageDegraded && v.Storage.Degraded != "":
			continue
		}
		p := Problem{
			ID: a.Key(), Severity: a.Severity, Since: a.Since,
			Own:  a.ID == gateway.GatewayID || a.Type == gateway.BusFault,
			What: named(deviceName(v, a.ID), Alarm(a)), Do: Advice(a),
		}
		if a.Type == gateway.BusFault {
			p.explain(v, a)
		}
		switch {
		case !a.ShelvedUntil.IsZero():
			p.Severity, p.What = gateway.Info, Both("problem.shelved", p.What)
		case !a.Acknowledged.IsZero():
			p.What = Both("problem.acknowledged", p.What)
		}
		ps = append(ps, p)
	}
	return ps
}

// explain takes the words of a bus alarm from the event that raised it, while the history still holds it.
func (p *Problem) explain(v *hub.View, a gateway.Alarm) {
	for _, e := range v.Events {
		d, ok := e.Data.(gateway.BusFaultData)
		if !ok || e.Type != a.Type || e.Event.ID != a.ID || d.AlarmCause() != a.Name {
			continue
		}
		name := sourceName(a.ID, d.Part)
		for _, wire := range v.Points {
			if wire.ID == d.Part {
				name = nameOf(wire.ID, wire.Label) + " · " + wire.Terminal
			}
		}
		p.What, p.Do = Fault(d.Cause, name)
		p.Detail = d.Error
		return
	}
}

// toldBySource tells whether a broken source stands for the bus alarm a; it knows the fault word, the alarm does not.
func toldBySource(v *hub.View, a gateway.Alarm) bool {
	return slices.ContainsFunc(v.Sources, func(s hub.Source) bool {
		return !s.OK && (s.ID == a.ID || gateway.BusFaultData{Part: s.ID}.AlarmCause() == a.Name)
	})
}

// deviceProblems are states that need a look although no alarm stands for the device.
func deviceProblems(v *hub.View) []Problem {
	var ps []Problem
	for _, d := range v.Devices {
		if _, ok := byKey[Key("state."+d.Kind+"."+d.State.Value)]; !ok || d.State.Quality != gateway.Good {
			continue // most of them: the key is not to be allocated
		}
		if slices.ContainsFunc(v.Alarms, func(a gateway.Alarm) bool { return a.ID == d.ID }) {
			continue
		}
		ps = append(ps, Problem{
			ID: d.ID + "/" + d.State.Value, Severity: gateway.Warning, Since: d.State.Since,
			What: named(deviceName(v, d.ID), Value(d.Kind, d.State.Value)), Do: Both(Key("state." + d.Kind + "." + d.State.Value)),
		})
	}
	return ps
}

func sourceProblems(v *hub.View) []Problem {
	var ps []Problem
	for _, s := range v.Sources {
		if s.OK || toldByBus(v, s) || toldByChips(v, s) {
			continue
		}
		name := s.ID
		if s.Where != "" {
			name += " · " + s.Where
		}
		p := Problem{ID: SourceProblem + s.ID, Severity: gateway.Major, Own: true, Since: s.Since, Detail: s.Error}
		p.What, p.Do = Fault(s.Fault, name)
		if s.Fault == "" { // it has not spoken yet
			p.What, p.Do = Both("problem.silent", name), Both("problem.silent.do")
			if v.At.Sub(s.Since) < patience {
				p.Severity = gateway.Info
			}
		}
		ps = append(ps, p)
	}
	return ps
}

// toldByBus tells whether the whole bus of a chip has the same fault: one sentence is enough.
func toldByBus(v *hub.View, s hub.Source) bool {
	return s.Bus != s.ID && slices.ContainsFunc(v.Sources, func(bus hub.Source) bool {
		return bus.ID == s.Bus && !bus.OK && (bus.Fault == s.Fault || s.Fault == "")
	})
}

// toldByChips tells whether the chips of a bus that has not spoken yet say why.
func toldByChips(v *hub.View, s hub.Source) bool {
	return s.Fault == "" && s.Bus == s.ID && slices.ContainsFunc(v.Sources, func(chip hub.Source) bool {
		return chip.Bus == s.ID && chip.Fault != ""
	})
}

// pointProblem is one problem for all wires that cannot be read although no source and no alarm says why.
func pointProblem(v *hub.View) []Problem {
	if slices.ContainsFunc(v.Sources, func(s hub.Source) bool { return !s.OK }) {
		return nil
	}
	var names []string
	since, n := gateway.Mono(0), 0
	for _, p := range v.Points {
		if p.Quality == gateway.Good || slices.ContainsFunc(v.Alarms, func(a gateway.Alarm) bool { return explains(a, p) }) {
			continue
		}
		n++
		since = gateway.Earliest(since, p.Since)
		if len(names) < 3 {
			names = append(names, nameOf(p.ID, p.Label))
		}
	}
	if n == 0 {
		return nil
	}
	some := gateway.Text{ZH: strings.Join(names, "、"), EN: strings.Join(names, ", ")}
	what := Both("problem.points", some)
	if n > len(names) {
		what = Both("problem.points.more", some, n)
	}
	return []Problem{{
		ID: "points", Severity: gateway.Major, Own: true, Since: since,
		What: what, Do: Both("problem.points.do"),
	}}
}

// explains tells whether an alarm says why a wire is not believed.
func explains(a gateway.Alarm, p hub.Point) bool {
	switch a.Type {
	case gateway.BusFault:
		return a.Name == gateway.BusFaultData{Part: p.ID}.AlarmCause()
	case gateway.InputChattering:
		return a.ID == p.ID
	}
	return false
}

func linkProblem(v *hub.View) []Problem {
	if v.Link.Connected && v.Link.Deaf {
		return []Problem{{
			ID: "deaf", Severity: gateway.Warning, Own: true, Since: v.Link.Since,
			What: Both("problem.deaf"), Do: Both("problem.deaf.do"),
		}}
	}
	if v.Link.Connected || v.Link.Broker == "" {
		return nil
	}
	since := v.Link.Since
	if since.IsZero() {
		since = v.Gateway.Started
	}
	p := Problem{
		ID: "link", Severity: gateway.Warning, Own: true, Since: since,
		What: Both("problem.link", v.Link.Broker), Do: Both(linkAdvice(v.Link.Error)), Detail: v.Link.Error,
	}
	if v.At.Sub(since) >= patience {
		p.Severity = gateway.Major
	}
	return []Problem{p}
}

// certificateSoon is how long before its end a certificate is spoken of: renewing one may need a signature from afar.
const certificateSoon = 30 * 24 * time.Hour

// certificateProblem tells that the gateway's own certificate ends soon, or has ended, as far as the date is known.
func certificateProblem(v *hub.View) []Problem {
	now, ends := v.Clock.Wall(v.At), v.Link.CertificateEnds
	if now.IsZero() || ends.IsZero() || ends.Sub(now) > certificateSoon {
		return nil
	}
	day := ends.Format(time.DateOnly)
	p := Problem{
		ID: "certificate", Severity: gateway.Warning, Own: true,
		What: Both("problem.certificate", day), Do: Both("problem.certificate.do"),
	}
	if ends.Before(now) {
		p.Severity, p.What = gateway.Major, Both("problem.certificate.ended", day)
	}
	return []Problem{p}
}

// linkAdvice picks the next step by what the last attempt said. The words are Go's and the MQTT library's; where none
// fits, the general advice holds.
func linkAdvice(err string) Key {
	err = strings.ToLower(err)
	for _, hint := range []struct {
		key   Key
		words []string
	}{
		{"problem.link.auth", []string{"not authorized", "user name or password", "identifier rejected"}},
		{"problem.link.plain", []string{"first record does not look like a tls"}},
		{"problem.link.tls", []string{"x509:", "tls:", "certificate"}},
		{"problem.link.name", []string{"no such host", "lookup "}},
		{"problem.link.refused", []string{"connection refused"}},
		{"problem.link.network", []string{"network is unreachable", "no route to host"}},
	} {
		for _, w := range hint.words {
			if strings.Contains(err, w) {
				return hint.key
			}
		}
	}
	return "problem.link.do"
}

func storageProblem(v *hub.View) []Problem { return append(degradedProblem(v), damagedProblem(v)...) }

// damagedProblem stands as long as the process that met the damage: somebody has to think about the card.
func damagedProblem(v *hub.View) []Problem {
	if v.Storage.Damaged == "" {
		return nil
	}
	return []Problem{{
		ID: "storage/damaged", Severity: gateway.Warning, Own: true, Since: v.Gateway.Started,
		What: Both("problem.damaged", v.Storage.Damaged), Do: Both("problem.damaged.do"),
	}}
}

func degradedProblem(v *hub.View) []Problem {
	if v.Storage.Degraded == "" {
		return nil
	}
	a := gateway.Alarm{ID: gateway.GatewayID, Type: gateway.StorageDegraded, Name: gateway.StorageDegraded.Name()}
	p := Problem{
		ID: "storage", Severity: gateway.Major, Own: true,
		What: Alarm(a), Do: Advice(a), Detail: v.Storage.Degraded,
	}
	for _, standing := range v.Alarms {
		if standing.Type == a.Type {
			p.Since = standing.Since
		}
	}
	return []Problem{p}
}

func clockProblem(v *hub.View) []Problem {
	if v.Clock.Quality != gateway.ClockUnset {
		return nil
	}
	return []Problem{{
		ID: "clock", Severity: gateway.Warning, Own: true, Since: v.Gateway.Started,
		What: Both("problem.clock"), Do: Both("problem.clock.do"),
	}}
}

// Limits of the board: at 80 °C a Raspberry Pi slows down, and a disk that is nearly full soon takes no events.
const (
	hot      = 80 // °C
	diskFull = 64 << 20
)

func boardProblems(v *hub.View) []Problem {
	var ps []Problem
	add := func(id string, what, do gateway.Text) {
		ps = append(ps, Problem{ID: id, Severity: gateway.Warning, Own: true, What: what, Do: do})
	}
	if v.Board.Undervoltage {
		add("power", Both("problem.power"), Both("problem.power.do"))
	}
	if v.Board.Temperature >= hot {
		add("heat", Both("problem.heat", int(v.Board.Temperature)), Both("problem.heat.do"))
	}
	if v.Board.DiskSize > 0 && v.Board.DiskFree < diskFull {
		add("disk", Both("problem.disk", int(v.Board.DiskFree>>20)), Both("problem.disk.do"))
	}
	return ps
}

func deviceName(v *hub.View, id string) string {
	if d, ok := v.Device(id); ok {
		return nameOf(id, d.Label)
	}
	for _, p := range v.Points {
		if p.ID == id {
			return nameOf(id, p.Label)
		}
	}
	if id == gateway.GatewayID {
		return ""
	}
	return id
}

func nameOf(id, label string) string {
	if label != "" {
		return label
	}
	return id
}

func named(name string, t gateway.Text) gateway.Text {
	if name == "" {
		return t
	}
	return gateway.Text{ZH: name + "：" + t.ZH, EN: name + ": " + t.EN}
}

var problemTexts = []entry{
	{
		"state.gate.stopped", "看闸杆是否被卡住；确认下方无人无车后再操作道闸。",
		"See whether the arm is blocked; make sure nobody is under it before moving it.",
	},
	{
		"state.gate.obstructed", "移开闸杆下的障碍物；确认下方无人无车后再操作道闸。",
		"Remove what is under the arm; make sure nobody is there before moving it.",
	},
	{"problem.shelved", "{1}（已搁置）", "{1} (shelved)"},
	{"problem.acknowledged", "{1}（已确认）", "{1} (acknowledged)"},
	{"problem.silent", "{1}：还没有读到数据", "{1}: nothing read yet"},
	{
		"problem.silent.do", "刚启动时稍等几秒；一直读不到时检查模块的供电和接线。",
		"Right after a start, wait a few seconds; if it stays so, check the module's supply and wiring.",
	},
	{"problem.points", "输入读不到：{1}", "Inputs cannot be read: {1}"},
	{"problem.points.more", "输入读不到：{1} 等共 {2} 路", "Inputs cannot be read: {1} and others, {2} in all"},
	{
		"problem.points.do", "稍等几秒；仍读不到时检查这些端子的接线和模块供电。",
		"Wait a few seconds; if they stay unreadable, check these terminals and the module's supply.",
	},
	{"problem.deaf", "服务器不让网关接收命令", "The broker does not let the gateway hear commands"},
	{
		"problem.deaf.do", "请服务中心允许网关读取自己名下的主题。事件照常上报。",
		"Ask the service center to let the gateway read below its own topic. Events are sent all the same.",
	},
	{"problem.certificate", "网关证书 {1} 到期", "The gateway's certificate ends on {1}"},
	{"problem.certificate.ended", "网关证书 {1} 已到期", "The gateway's certificate ended on {1}"},
	{
		"problem.certificate.do", "请服务中心签发新证书并装到网关，两秒内生效，不用重启。",
		"Have the service center sign a new one and install it; it is used within two seconds, without a restart.",
	},
	{"problem.link", "连不上服务中心：{1}", "The service center cannot be reached: {1}"},
	{
		"problem.link.do", "事件都存在本机，恢复后自动补发。检查网线、路由器和流量卡。",
		"Events are kept here and sent later. Check network cable, router and SIM card.",
	},
	{
		"problem.link.network", "事件都存在本机，恢复后自动补发。本机没有网络：检查网线、路由器和流量卡。",
		"Events are kept here and sent later. There is no network: check cable, router and SIM card.",
	},
	{
		"problem.link.name", "事件都存在本机，恢复后自动补发。域名解析失败：检查网络、DNS 和配置里的服务器名。",
		"Events are kept here and sent later. The name does not resolve: check network, DNS and the broker's name in the configuration.",
	},
	{
		"problem.link.refused", "事件都存在本机，恢复后自动补发。网络是通的，但服务器没有运行或端口不对：联系服务中心。",
		"Events are kept here and sent later. The network works, but the broker is down or the port is wrong: call the service center.",
	},
	{
		"problem.link.tls", "事件都存在本机，恢复后自动补发。证书校验失败：检查证书有效期、CA 文件和本机时间。",
		"Events are kept here and sent later. The certificate check fails: see expiry dates, CA file and the clock of this gateway.",
	},
	{
		"problem.link.plain", "事件都存在本机，恢复后自动补发。服务器的这个端口没有加密：核对端口和地址前缀。",
		"Events are kept here and sent later. The broker does not encrypt on this port: compare port and address scheme.",
	},
	{
		"problem.link.auth", "事件都存在本机，恢复后自动补发。服务器拒绝登录：核对用户名、密码和客户端编号。",
		"Events are kept here and sent later. The broker refuses the login: compare user name, password and client id.",
	},
	{"problem.power", "主板供电电压不足", "The board's supply voltage is too low"},
	{
		"problem.power.do", "换用 五伏三安以上的电源，缩短或加粗电源线；电压不足会写坏存储卡。",
		"Use a supply of 5.1 V and 3 A or more, and a shorter or thicker cable; undervoltage corrupts storage cards.",
	},
	{"problem.heat", "主板温度过高：{1} 度", "The board is too hot: {1} °C"},
	{
		"problem.heat.do", "检查机箱通风、遮阳和散热片；过热时主板会降速。",
		"Check ventilation, shade and heat sink of the cabinet; a hot board slows down.",
	},
	{"problem.disk", "存储空间只剩 {1} 兆字节", "Only {1} MiB of storage are left"},
	{
		"problem.disk.do", "删除不属于网关的文件，或换更大的存储卡；写满后断电会丢失事件。",
		"Delete files that are not the gateway's, or use a larger card; when it is full, a power cut loses events.",
	},
	{"problem.damaged", "启动时存储卡上有文件损坏：{1}", "Files on the card were damaged when the gateway started: {1}"},
	{
		"problem.damaged.do", "本机已重新开始记录并继续工作，其中部分旧事件可能丢失。若再次出现，请更换存储卡；重启后此提示消失。",
		"The gateway goes on with new files; some older events may be gone. Replace the card if this comes again; a restart takes this message away.",
	},
	{"problem.clock", "本机不知道现在的时间", "This gateway does not know the date"},
	{
		"problem.clock.do", "事件照常记录，对时后自动补上时间。接通网络或检查 NTP 服务器和时钟电池。",
		"Events are recorded and dated later. Connect the network, or check NTP server and clock battery.",
	},
}
