package text

import (
	"time"

	"lotusgate/gateway"
)

// Event is one line of the history, without the device's name.
func Event(e gateway.Event) gateway.Text {
	key := Key("event." + string(e.Type))
	if _, ok := byKey[key]; !ok {
		return same(string(e.Type))
	}
	return Both(key, eventArgs(e)...)
}

// eventArgs are what the sentence of e's type may mention, in the order of its placeholders.
func eventArgs(e gateway.Event) []any {
	switch d := e.Data.(type) {
	case gateway.LoopData:
		return []any{ms(d.OccupiedMS)}
	case gateway.LoopFaultData:
		return []any{Alarm(gateway.Alarm{Type: gateway.LoopFault, Name: d.Cause})}
	case gateway.ArrivalData:
		return []any{direction(d.Direction)}
	case gateway.PassData:
		return []any{direction(d.Direction), d.Count}
	case gateway.WaitingData:
		return []any{ms(d.WaitedMS)}
	case gateway.TailgatingData:
		return []any{direction(d.Direction), d.Count}
	case gateway.UTurnData:
		return []any{ms(d.AfterMS)}
	case gateway.BackedOutData:
		return []any{direction(d.Direction)}
	case gateway.RetractionData:
		return []any{direction(d.Direction), d.Count}
	case gateway.BayData:
		return []any{ms(d.OccupiedMS)}
	case gateway.OccupancyData:
		return []any{d.Free, d.Capacity}
	case gateway.CorrectionData:
		return []any{d.From, d.To}
	case gateway.DriftData:
		return []any{d.Drift, d.Lanes, d.Bays}
	case gateway.MovementData:
		return []any{Word("cause", string(d.Cause))}
	case gateway.GateFaultData:
		return []any{Alarm(gateway.Alarm{Type: gateway.GateFault, Name: d.Cause})}
	case gateway.ElevatorFaultData:
		return []any{Alarm(gateway.Alarm{Type: gateway.ElevatorFaultRaised, Name: d.AlarmCause()})}
	case gateway.EntrapmentData:
		return []any{ms(d.ForMS)}
	case gateway.ServiceModeData:
		return []any{Word("mode", d.Mode)}
	case gateway.TestOverdueData:
		return []any{ms(d.SinceMS)}
	case gateway.CommandData:
		what, who := Word("action", string(d.Action)), same(d.Issuer)
		if d.Action == "" { // it was no command at all
			what = Both("event.command.something")
		}
		if d.Issuer == "" {
			who = Both("event.command.somebody")
		}
		return []any{what, who, Word("reason", string(d.Reason))}
	case gateway.WindowData:
		return []any{ms(d.ForMS)}
	case gateway.CameraData:
		return []any{d.CurrentMA, d.UsualMA, d.Lost, d.Of}
	case gateway.ContactData:
		what := Both("event.contact.something")
		if d.Text != "" {
			what = same(d.Text)
		}
		return []any{what}
	case gateway.CounterData:
		return []any{d.By, d.Count}
	case gateway.TamperData:
		return []any{Alarm(gateway.Alarm{Type: gateway.InputTamper, Name: d.Cause})}
	case gateway.ChatteringData:
		return []any{d.Count}
	case gateway.AlarmActData:
		return []any{alarmNamed(d.Alarm), ms(d.ForMS)}
	case gateway.AlarmClearedData:
		return []any{alarmNamed(d.Alarm)}
	case gateway.BusFaultData:
		what, _ := Fault(d.Cause, sourceName(e.ID, d.Part))
		return []any{what, ms(d.ForMS)}
	case gateway.ChipResetData:
		return []any{d.Chip}
	case gateway.StartedData:
		return []any{d.Version}
	case gateway.ClockSteppedData:
		return []any{ms(d.ByMS).Abs()}
	case gateway.CorrectedData:
		if d.With != "" {
			return []any{d.Point + " ⇄ " + d.With}
		}
		return []any{d.Point}
	case gateway.ConfirmationData:
		return []any{d.Waiting}
	case gateway.DroppedData:
		var n uint64
		for _, r := range d.Ranges {
			n += r.To - r.From + 1
		}
		return []any{n, Word("drop", d.Cause)}
	}
	return nil
}

// alarmNamed is what an alarm is called that only its name tells of.
func alarmNamed(name string) gateway.Text {
	if t, ok := byKey[Key("alarmname."+name)]; ok {
		return t
	}
	for _, s := range gateway.Catalogue() {
		key := Key("alarm." + string(s.Type))
		switch s.Raises {
		case name:
		case gateway.Cause:
			key += Key("." + name)
		default:
			continue
		}
		if t, ok := byKey[key]; ok {
			return t
		}
	}
	return same(name)
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func direction(d gateway.Direction) gateway.Text { return Word("direction", string(d)) }

func sourceName(bus, part string) string {
	if part == "" {
		return bus
	}
	return part
}

// eventTexts: event.<type>. Placeholders are filled by eventArgs.
var eventTexts = []entry{
	{"event.loop.occupied", "线圈有车", "Loop occupied"},
	{"event.loop.cleared", "线圈空出，压线 {1}", "Loop cleared after {1}"},
	{"event.loop.fault", "线圈异常：{1}", "Loop fault: {1}"},
	{"event.loop.fault_cleared", "线圈恢复：{1}", "Loop works again: {1}"},

	{"event.lane.vehicle_arrived", "车辆到达（{1}）", "Vehicle arrived ({1})"},
	{"event.lane.vehicle_passed", "车辆通过（{1}），累计 {2} 辆", "Vehicle passed ({1}), {2} in total"},
	{"event.lane.vehicle_backed_out", "车辆退回，没有通过（{1}）", "Vehicle backed out ({1})"},
	{"event.lane.pass_retracted", "车辆通过后又退回（{1}），更正为 {2} 辆", "Vehicle came back ({1}), corrected to {2}"},
	{"event.lane.vehicle_waiting", "车辆已等候 {1}", "Vehicle has waited for {1}"},
	{"event.lane.tailgating", "跟车通过，未经授权（{1}），累计 {2} 辆", "Tailgating ({1}), {2} in total"},
	{"event.lane.u_turn", "{1}内掉头", "Turned round within {1}"},
	{"event.lane.wrong_way", "车辆逆行（{1}），累计 {2} 辆", "Wrong way ({1}), {2} in total"},

	{"event.bay.occupied", "车位停车", "Bay taken"},
	{"event.bay.vacated", "车位空出，停放 {1}", "Bay free after {1}"},

	{"event.lot.occupancy_changed", "余位 {1}，共 {2}", "{1} of {2} bays free"},
	{"event.lot.full", "车位已满，余位 {1}", "Full, {1} free"},
	{"event.lot.available", "有空位，余位 {1}", "Available again, {1} free"},
	{"event.lot.count_corrected", "场内车辆数由 {1} 更正为 {2}", "Vehicles inside corrected from {1} to {2}"},
	{"event.lot.count_drift", "车道与车位计数相差 {1}：车道 {2}，车位 {3}", "Counts differ by {1}: lanes say {2}, bays {3}"},

	{"event.gate.opening", "开始抬杆，原因：{1}", "Arm is rising because of: {1}"},
	{"event.gate.opened", "抬杆到位，原因：{1}", "Arm is up because of: {1}"},
	{"event.gate.closing", "开始落杆，原因：{1}", "Arm is coming down because of: {1}"},
	{"event.gate.closed", "落杆到位，原因：{1}", "Arm is down because of: {1}"},
	{"event.gate.obstructed", "落杆遇阻", "Arm met an obstacle"},
	{"event.gate.fault", "故障：{1}", "Fault: {1}"},
	{"event.gate.fault_cleared", "故障排除：{1}", "Fault gone: {1}"},

	{"event.gate.stopped", "命令停杆", "Arm was stopped by command"},
	{"event.gate.forced", "没有命令而抬杆", "Arm rose without a command"},
	{"event.gate.arm_off", "闸杆脱落", "The arm is off"},
	{"event.gate.held_open", "长时间没有落杆", "Open for long"},

	{"event.fire.opened", "消防信号，道闸全部抬起", "Fire signal: barriers open"},
	{"event.fire.cleared", "消防信号消失，等待复位", "Fire signal is over, waits for a reset"},
	{"event.fire.reset", "消防已复位", "Fire was reset"},

	{"event.lane.autonomy_entered", "与中心断联，开始自主放行", "Center out of reach: opens by itself"},
	{"event.lane.autonomy_left", "联络恢复，结束自主放行", "Center is back: no longer opens by itself"},

	{"event.command.accepted", "接受命令：{1}（{2}）", "Command accepted: {1} ({2})"},
	{"event.command.something", "无法识别的内容", "something"},
	{"event.command.somebody", "发送者未知", "sender unknown"},
	{"event.command.rejected", "拒绝命令：{1}（{2}）：{3}", "Command refused: {1} ({2}): {3}"},
	{"event.command.done", "命令完成：{1}（{2}）", "Command done: {1} ({2})"},
	{"event.command.failed", "命令失败：{1}（{2}）：{3}", "Command failed: {1} ({2}): {3}"},

	{"event.gateway.maintenance_opened", "检修时段开始", "Maintenance began"},
	{"event.gateway.maintenance_closed", "检修时段结束，历时 {1}", "Maintenance ended after {1}"},
	{"event.gateway.lockout_on", "检修钥匙锁定", "Key turned: locked"},
	{"event.gateway.lockout_off", "检修钥匙解除，历时 {1}", "Key turned back after {1}"},
	{"event.gateway.power_lost", "市电中断", "Mains lost"},
	{"event.gateway.power_restored", "市电恢复，中断 {1}", "Mains back after {1}"},
	{"event.gateway.cabinet_opened", "机柜门打开", "Cabinet door opened"},
	{"event.gateway.cabinet_closed", "机柜门关上，打开 {1}", "Cabinet door closed after {1}"},

	{"cause.command", "命令", "a command"},
	{"cause.rule", "本地规则", "a rule of the site"},
	{"cause.fire", "消防信号", "fire"},
	{"cause.safety", "落杆时下方有车或人", "something under the closing arm"},
	{"cause.manual_input", "现场手动", "somebody at the machine"},
	{"cause.unknown", "道闸自身或不明", "the barrier itself, or not known"},

	{"action.open", "抬杆", "open"},
	{"action.close", "落杆", "close"},
	{"action.stop", "停杆", "stop"},
	{"action.set_count", "校正车辆数", "set the count"},
	{"action.hold_open", "常开", "hold open"},
	{"action.release", "解除常开", "release"},
	{"action.identify", "闪灯定位", "identify"},
	{"action.ack_alarm", "确认报警", "acknowledge alarm"},
	{"action.shelve", "搁置报警", "shelve alarm"},
	{"action.reset_fire", "消防复位", "reset fire"},
	{"action.resend", "补发事件", "send events again"},
	{"action.refresh", "重发状态", "publish everything anew"},

	{"reason.malformed", "格式不对", "not a command"},
	{"reason.retained", "保留消息不执行", "retained messages are never obeyed"},
	{"reason.unknown_key", "密钥不认识", "unknown key"},
	{"reason.bad_signature", "签名不对", "bad signature"},
	{"reason.wrong_audience", "不是给本网关的", "meant for another gateway"},
	{"reason.wrong_session", "会话已过期", "of another session"},
	{"reason.duplicate", "编号已用过", "its number was used before"},
	{"reason.expired", "已过时", "too late"},
	{"reason.wrong_nonce", "随机数不对", "wrong nonce"},
	{"reason.not_allowed", "没有权限", "not allowed"},
	{"reason.rate_limited", "过于频繁", "too often"},
	{"reason.unknown_device", "没有这个设备", "no such device"},
	{"reason.unknown_action", "设备不支持", "the device does not do that"},
	{"reason.bad_args", "参数不对", "wrong arguments"},
	{"reason.starting", "正在启动", "starting"},
	{"reason.lockout", "检修钥匙已锁定", "locked by key"},
	{"reason.fire", "消防优先", "fire comes first"},
	{"reason.maintenance", "检修时段", "maintenance"},
	{"reason.no_presence", "没有人在设备旁按下检修按钮", "nobody has pressed the button at the machine"},
	{"reason.interlock", "安全条件不满足", "it is not safe"},
	{"reason.no_motion", "闸杆没有动", "the arm did not move"},
	{"reason.travel_timeout", "没有按时到位", "the arm did not arrive"},
	{"reason.relay_readback", "继电器没有动作", "the relay did not switch"},
	{"reason.superseded", "被后来的命令取代", "a later command took over"},
	{"reason.safety_trip", "落杆时有车或人", "something came under the arm"},
	{"reason.bus_lost", "通信中断", "the bus was lost"},
	{"reason.restarted", "网关重新启动", "the gateway was restarted"},
	{"reason.no_light", "没有可用的指示灯", "there is no LED to blink"},
	{"reason.not_kept", "本机没有保存这些事件", "these events are not kept here"},

	{"event.elevator.fault_raised", "{1}", "{1}"},
	{"event.elevator.fault_cleared", "已消除：{1}", "Gone: {1}"},
	{"event.elevator.alarm_button", "轿厢报警按钮", "Alarm button in the car"},
	{"event.elevator.alarm_filtered", "轿厢报警被过滤，门已打开", "Alarm filtered: the doors are open"},
	{"event.elevator.entrapment_suspected", "疑似困人", "Entrapment suspected"},
	{"event.elevator.entrapment_confirmed", "电梯困人", "Passengers trapped"},
	{"event.elevator.entrapment_ended", "困人解除，历时 {1}", "Entrapment ended after {1}"},
	{"event.elevator.service_mode_changed", "运行模式：{1}", "Service mode: {1}"},
	{"event.elevator.test_overdue", "已有 {1} 没有报警测试", "No test call for {1}"},
	{"mode.normal", "正常", "normal"},
	{"mode.inspection", "检修", "inspection"},
	{"mode.fire", "消防", "fire"},

	{"event.camera.online", "摄像机上线", "Camera is online"},
	{"event.camera.late", "摄像机心跳迟到", "Camera heartbeat is late"},
	{"event.camera.offline", "摄像机离线", "Camera is offline"},
	{"event.camera.heartbeat_stuck", "摄像机心跳信号卡死", "Camera heartbeat is stuck"},
	{"event.camera.power_lost", "摄像机断电", "Camera has no power"},
	{"event.camera.hung_or_dark", "摄像机疑似死机：电流 {1} 毫安，平时 {2} 毫安", "Camera hung or dark: {1} mA, usually {2} mA"},
	{"event.camera.overcurrent", "摄像机过流：{1} 毫安，平时 {2} 毫安", "Camera draws too much: {1} mA, usually {2} mA"},
	{"event.camera.reboot_loop", "摄像机反复重启", "Camera restarts again and again"},
	{"event.camera.group_outage", "摄像机成组掉线", "A group of cameras is out"},

	{"event.contact.something", "触点", "contact"},
	{"event.contact.raised", "动作：{1}", "Raised: {1}"},
	{"event.contact.cleared", "复位：{1}", "Cleared: {1}"},
	{"event.counter.advanced", "增加 {1}，累计 {2}", "Advanced by {1} to {2}"},

	{"event.input.tamper", "防拆报警：{1}", "Tamper: {1}"},
	{"event.input.tamper_cleared", "防拆恢复：{1}", "Tamper over: {1}"},
	{"event.input.chattering", "一分钟内跳变 {1} 次", "Changed {1} times within a minute"},
	{"event.alarm.acknowledged", "告警已确认：{1}", "Alarm acknowledged: {1}"},
	{"event.alarm.shelved", "告警搁置：{1}，{2}", "Alarm shelved: {1}, for {2}"},
	{"event.alarm.unshelved", "告警恢复显示：{1}", "Alarm back from the shelf: {1}"},
	{"event.alarm.cleared", "告警消除：{1}", "Alarm over: {1}"},
	{"alarmname.vehicle_waiting", "车辆等候", "waiting vehicle"},
	{"alarmname.alarm_button", "轿厢报警", "alarm from the car"},
	{"alarmname.test_overdue", "报警测试逾期", "overdue test call"},
	{"alarmname.chattering", "信号反复跳变", "chattering"},

	{"event.bus.fault", "{1}", "{1}"},
	{"event.bus.recovered", "已恢复：{1}（持续 {2}）", "Recovered: {1} (for {2})"},
	{"event.bus.chip_reset", "模块 {1} 掉电复位，已重新设置", "Module {1} had lost its settings and was set up again"},

	{"event.gateway.started", "网关启动，版本 {1}", "Gateway started, version {1}"},
	{"event.gateway.config_reloaded", "配置已重新读取", "The configuration was read again"},
	{"event.gateway.config_rejected", "新配置有误，沿用旧配置", "The new configuration has mistakes; the old one stays"},
	{"event.gateway.stopping", "网关停止", "Gateway is stopping"},
	{"event.gateway.clock_synced", "时钟已校准", "Clock was set"},
	{"event.gateway.clock_stepped", "系统时间被改动，跳变 {1}", "The system clock jumped by {1}"},
	{"event.gateway.events_dropped", "丢失 {1} 条事件：{2}", "{1} events were lost: {2}"},
	{"event.gateway.outbox_restored", "本机记录重新编号", "Local record began a new numbering"},
	{"event.gateway.confirmation_stalled", "服务中心没有确认，{1} 条事件仍存在本机", "The center confirms nothing; {1} events are kept here"},
	{"event.gateway.confirmation_resumed", "服务中心恢复确认", "The center confirms again"},
	{"event.gateway.watermark_rejected", "服务中心的确认号与本机不符", "The center confirmed what was never issued here"},
	{"event.gateway.config_corrected", "接线配置已更正：{1}", "Wiring was corrected in the configuration: {1}"},
	{"event.gateway.storage_degraded", "本机存储异常", "Local storage has failed"},
	{"event.gateway.storage_recovered", "本机存储恢复", "Local storage works again"},

	{"drop.evicted", "缓存已满", "the buffer was full"},
	{"drop.damaged", "存储数据损坏", "stored data were damaged"},
	{"drop.power_cut", "断电时没来得及保存", "the power went before they were saved"},
	{"drop.poison", "服务器拒收", "the broker refused them"},
	{"drop.oversize", "内容过大", "they were too large"},
	{"drop.storage", "本机存储异常", "local storage had failed"},
	{"drop.renumbered", "编号与其他设备重复，已换新编号", "another device used their numbers; they got new ones"},
}
