package text

import "lotusgate/gateway"

// Alarm is the title of an alarm, without the device's name: the "text" of the wire's alarm payload. An alarm that is
// named by its cause has a title per cause, or else that of its type.
func Alarm(a gateway.Alarm) gateway.Text { return ofAlarm("alarm.", a) }

// Advice tells what to do about an alarm; empty when this version knows nothing better than its title.
func Advice(a gateway.Alarm) gateway.Text {
	t := ofAlarm("advice.", a)
	if t == same(a.Name) {
		return gateway.Text{}
	}
	return t
}

func ofAlarm(family string, a gateway.Alarm) gateway.Text {
	if t, ok := byKey[Key(family+string(a.Type)+"."+a.Name)]; ok {
		return t
	}
	if t, ok := byKey[Key(family+string(a.Type))]; ok {
		return t
	}
	return same(a.Name)
}

// alarmTexts: alarm.<type>[.<cause>] is the title, advice.<type>[.<cause>] what to do.
var alarmTexts = []entry{
	{"alarm.gate.fault", "道闸故障", "Barrier fault"},
	{
		"advice.gate.fault", "到现场查看道闸；车辆被困时先手动抬杆放行。",
		"Look at the barrier on site; if a vehicle is stuck, raise the arm by hand first.",
	},
	{"alarm.gate.fault.travel_timeout", "闸杆运行超时，没有到位", "The arm did not arrive in time"},
	{
		"advice.gate.fault.travel_timeout", "看闸杆是否被卡住；再查限位开关、电机和道闸供电。车辆被困时先手动抬杆放行。",
		"See whether the arm is blocked; then check limit switches, motor and the barrier's supply. If a vehicle is stuck, raise the arm by hand first.",
	},
	{"alarm.gate.fault.limit_conflict", "抬杆到位和落杆到位同时有信号", "Open and closed limit are active together"},
	{
		"advice.gate.fault.limit_conflict", "检查两个限位开关的接线：是否短路、进水或接错。排除前不要遥控落杆。",
		"Check the wiring of both limit switches for a short, water or a mix-up. Do not close by remote control before that.",
	},
	{"alarm.gate.fault.no_motion", "已发命令，闸杆没有动", "The relay was switched and the arm did not move"},
	{
		"advice.gate.fault.no_motion", "看道闸供电和急停按钮；再查继电器到道闸控制板的接线。车辆被困时先手动抬杆放行。",
		"Check the barrier's supply and its stop button, then the wire from the relay to its controller. If a vehicle is stuck, raise the arm by hand first.",
	},
	{"alarm.gate.forced", "道闸被强行抬起", "The barrier was forced open"},
	{
		"advice.gate.forced", "没有命令而闸杆抬起：查看录像，到现场确认闸杆和锁是否完好。",
		"The arm rose without a command: look at the cameras, then see on site whether arm and lock are whole.",
	},
	{"alarm.gate.held_open", "道闸长时间没有落杆", "The barrier has been open for long"},
	{
		"advice.gate.held_open", "看闸杆下是否有车或杂物，道闸是否被设为常开。",
		"See whether something stands below the arm, or whether the barrier is set to stay open.",
	},
	{"alarm.fire.opened", "消防信号：道闸保持抬起", "Fire signal: barriers stay open"},
	{
		"advice.fire.opened", "先确认火情。信号消失后，道闸仍保持抬起，直到有人下达消防复位命令。",
		"See to the fire first. Barriers stay open after the signal has ended, until somebody gives the command to reset it.",
	},
	{"alarm.lane.autonomy_entered", "与中心断联，车道自主放行", "The center is out of reach: the lane opens by itself"},
	{
		"advice.lane.autonomy_entered", "检查网络。恢复联络 30 秒后自动结束，不会自动落杆。",
		"Check the network. It ends 30 s after the center is back, and closes nothing.",
	},
	{"alarm.gateway.maintenance_opened", "检修时段：远程开关闸已暂停", "Maintenance: remote movement is suspended"},
	{
		"advice.gateway.maintenance_opened", "检修结束后自动恢复。消防和防砸仍然有效。",
		"It ends by itself. Fire and the opening on a trip still work.",
	},
	{"alarm.gateway.lockout_on", "检修钥匙已转到锁定，网关不动任何道闸", "The key is turned: the gateway moves nothing"},
	{
		"advice.gateway.lockout_on", "有人在设备旁作业。作业结束后由本人把钥匙转回。",
		"Somebody works at the machine. Whoever turned the key turns it back when done.",
	},
	{"alarm.elevator.fault_raised", "电梯故障", "Elevator fault"},
	{
		"advice.elevator.fault_raised", "先用对讲确认轿厢里有没有人。有人被困时立即拨打 96333 并通知维保单位，不要扒门。",
		"Ask over the intercom whether anyone is in the car. If so, call 96333 and the maintenance company at once; do not force the doors.",
	},
	{"alarm.camera.late", "摄像机心跳迟到", "Camera heartbeat is late"},
	{
		"advice.camera.late", "先观察几分钟；反复出现时检查摄像机的供电和网线。",
		"Wait a few minutes; if it comes back, check the camera's supply and network cable.",
	},
	{"alarm.camera.offline", "摄像机离线", "Camera is offline"},
	{
		"advice.camera.offline", "检查摄像机供电、网线和交换机指示灯，再查心跳线。修好后收到两次心跳自动恢复。",
		"Check supply, network cable and the switch's lights, then the heartbeat wire. Two good heartbeats clear this.",
	},
	{"alarm.camera.heartbeat_stuck", "摄像机心跳信号卡死", "Camera heartbeat is stuck"},
	{
		"advice.camera.heartbeat_stuck", "心跳线的电平一直不变：断电重启摄像机；仍不恢复时检查心跳线是否短路。",
		"The heartbeat wire never changes: restart the camera by its supply; if that does not help, look for a short on the wire.",
	},
	{"alarm.bus.fault", "采集模块故障", "Input module fault"},
	{
		"advice.bus.fault", "检查模块的供电和接线；恢复后自动消除。",
		"Check the module's supply and wiring; it clears by itself once it answers.",
	},
	{"alarm.gateway.storage_degraded", "本机存储异常，断电会丢失事件", "Local storage has failed: a power cut would lose events"},
	{
		"advice.gateway.storage_degraded", "先别断电。检查存储卡是否写满、变成只读或损坏，尽快更换。",
		"Do not cut the power. See whether the storage card is full, read-only or worn out, and replace it soon.",
	},
}
