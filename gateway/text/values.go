package text

import "lotusgate/gateway"

// Value is the state of a device as a word: Value("gate", "open"). An empty value means that it is not known.
func Value(kind, value string) gateway.Text {
	if value == "" {
		if t, ok := byKey[Key("value."+kind+".unknown")]; ok {
			return t
		}
		return Both("value.unknown")
	}
	return Word("value."+kind, value)
}

// Kind is the name of a device kind, a source kind included.
func Kind(kind string) gateway.Text { return Word("kind", kind) }

// values: the state words of docs/wire.md, per device kind; "unknown" is the null of the wire.
var values = []entry{
	{"value.unknown", "未知", "Unknown"},

	{"value.loop.occupied", "有车", "Occupied"},
	{"value.loop.clear", "无车", "Clear"},

	{"value.lane.clear", "空闲", "Clear"},
	{"value.lane.waiting", "车辆等候", "Vehicle waiting"},
	{"value.lane.passing", "车辆通行", "Vehicle passing"},

	{"value.bay.occupied", "有车", "Occupied"},
	{"value.bay.vacant", "空位", "Vacant"},

	{"value.gate.unknown", "位置未知", "Position unknown"},
	{"value.gate.closed", "已落杆", "Closed"},
	{"value.gate.opening", "正在抬杆", "Opening"},
	{"value.gate.open", "已抬杆", "Open"},
	{"value.gate.closing", "正在落杆", "Closing"},
	{"value.gate.stopped", "停在半途", "Stopped midway"},
	{"value.gate.obstructed", "落杆遇阻", "Obstructed"},
	{"value.gate.forced", "被强行抬杆", "Forced open"},
	{"value.gate.arm_off", "闸杆脱落", "Arm off"},
	{"value.gate.fault", "道闸故障", "Fault"},

	{"value.elevator.normal", "正常", "Normal"},
	{"value.elevator.fault", "电梯故障", "Fault"},
	{"value.elevator.alarm", "轿厢报警", "Alarm from the car"},
	{"value.elevator.entrapment_suspected", "疑似困人", "Entrapment suspected"},
	{"value.elevator.entrapment_confirmed", "电梯困人", "Passengers trapped"},
	{"value.elevator.service", "检修", "Being serviced"},
	{"lift_mode.inspection", "检修模式", "Inspection mode"},
	{"lift_mode.fire", "消防模式", "Fire mode"},

	{"value.camera.online", "在线", "Online"},
	{"value.camera.late", "心跳迟到", "Heartbeat late"},
	{"value.camera.offline", "离线", "Offline"},
	{"value.camera.stuck", "心跳卡死", "Heartbeat stuck"},
	{"value.camera.power_lost", "断电", "No power"},
	{"value.camera.hung_or_dark", "疑似死机", "Hung or dark"},

	{"value.camera.overcurrent", "过流", "Too much current"},
	{"value.camera.reboot_loop", "反复重启", "Restarts again and again"},
	{"value.camera_group.online", "在线", "Online"},
	{"value.camera_group.outage", "成组掉线", "Out"},

	{"value.input.idle", "未动作", "Idle"},
	{"value.input.active", "已动作", "Active"},
	{"value.input.short", "短路", "Shorted"},
	{"value.input.open", "断线", "Cut"},
	{"value.input.out_of_tolerance", "电阻异常", "Wrong resistance"},
	{"value.contact.raised", "已动作", "Raised"},
	{"value.contact.clear", "未动作", "Clear"},

	{"kind.loop", "地感线圈", "Loop"},
	{"kind.lane", "车道", "Lane"},
	{"kind.gate", "道闸", "Barrier"},
	{"kind.bay", "车位", "Bay"},
	{"kind.lot", "停车区", "Lot"},
	{"value.fire.clear", "正常", "Clear"},
	{"value.fire.alarm", "消防信号", "Fire signal"},
	{"value.fire.latched", "等待复位", "Waits for a reset"},

	{"kind.fire", "消防输入", "Fire input"},
	{"kind.elevator", "电梯", "Elevator"},
	{"kind.camera", "摄像机", "Camera"},
	{"kind.camera_group", "摄像机组", "Camera group"},
	{"kind.input", "监视输入", "Supervised input"},
	{"kind.contact", "触点", "Contact"},
	{"kind.counter", "计数器", "Counter"},

	{"quality.good", "数据可靠", "Reliable"},
	{"quality.stale", "数据过时", "Out of date"},
	{"quality.bad", "暂无数据", "No data"},

	{"severity.info", "提示", "Notice"},
	{"severity.warning", "注意", "Warning"},
	{"severity.major", "严重", "Major"},
	{"severity.critical", "紧急", "Critical"},

	{"direction.in", "进场", "In"},
	{"direction.out", "出场", "Out"},

	{"clock.synced", "已对时", "Synchronised"},
	{"clock.holdover", "守时中", "Holding over"},
	{"clock.unset", "未对时", "Not set"},

	{"queue.alarm", "告警队列", "Alarm queue"},
	{"queue.normal", "普通队列", "Normal queue"},

	{"span.ms", "{1} 毫秒", "{1} ms"},
	{"span.s", "{1} 秒", "{1} s"},
	{"span.m", "{1} 分钟", "{1} min"},
	{"span.h", "{1} 小时", "{1} h"},
	{"span.d", "{1} 天", "{1} d"},
	{"ago.s", "{1} 秒前", "{1} s ago"},
	{"ago.m", "{1} 分钟前", "{1} min ago"},
	{"ago.h", "{1} 小时前", "{1} h ago"},
	{"ago.d", "{1} 天前", "{1} d ago"},
}
