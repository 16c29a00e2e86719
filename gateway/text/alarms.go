package text

import "lotusgate/gateway"

// Alarm is the title of an alarm, without the device's name: the "text" of the wire's alarm payload. An alarm that is
// named by its cause has a title per cause, or else that of its type.
func Alarm(a gateway.Alarm) gateway.Text {
	if a.Text != "" {
		return same(a.Text) // the site's own words
	}
	return ofAlarm("alarm.", a)
}

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
	{"alarm.loop.fault", "地感线圈故障", "Loop fault"},
	{
		"advice.loop.fault", "到检测器处看指示灯，按说明书复位；排除前该线圈的有车信号不可信。",
		"Look at the detector's lights and reset it as its manual says; until then do not believe what this loop says.",
	},
	{"alarm.loop.fault.max_presence", "线圈一直有车", "Loop has been occupied for very long"},
	{
		"advice.loop.fault.max_presence", "先看线圈上是否停着车；没有车时复位检测器，并检查线圈接线和检测器供电。",
		"See whether a vehicle stands there; if not, reset the detector and check the loop's wires and the detector's supply.",
	},
	{"alarm.loop.fault.no_activity", "线圈长时间没有车", "Loop has seen nobody for very long"},
	{
		"advice.loop.fault.no_activity", "车道正常通车时，开车压一下线圈试验；没有反应时检查检测器和接线。",
		"If the lane is in use, drive over the loop to test it; if nothing happens, check detector and wires.",
	},
	{"alarm.loop.fault.erratic", "线圈信号反复跳变", "Loop flickers"},
	{
		"advice.loop.fault.erratic", "调低检测器灵敏度，错开相邻线圈的频率，再检查端子和引线是否松动。",
		"Lower the detector's sensitivity, set neighbouring loops to other frequencies, then look for loose terminals and feeders.",
	},
	{"alarm.loop.fault.detector", "检测器报告故障", "The detector reports a fault"},
	{"alarm.loop.fault.open", "线圈断线", "Loop wire is broken"},
	{
		"advice.loop.fault.open", "在检测器端子上量线圈电阻：不通时查接头和路面切槽，必要时重做线圈。",
		"Measure the loop at the detector's terminals: without continuity look at joints and the slot in the road; a new loop may be needed.",
	},
	{"alarm.loop.fault.short", "线圈短路", "Loop is shorted"},
	{
		"advice.loop.fault.short", "检查引线绝缘和接头是否进水，必要时重做线圈。",
		"Check the feeder's insulation and the joints for water; a new loop may be needed.",
	},
	{"alarm.loop.fault.excessive_change", "线圈电感突变", "Loop changed too much"},
	{
		"advice.loop.fault.excessive_change", "看线圈附近是否新放了金属物，路面是否开裂；移开后复位检测器。",
		"Look for metal that was put near the loop or cracks in the road; then reset the detector.",
	},
	{"alarm.loop.fault.detector_power", "检测器断电", "The detector has no power"},
	{
		"advice.loop.fault.detector_power", "检查检测器的供电和保险。",
		"Check the detector's supply and fuse.",
	},
	{"alarm.lane.vehicle_waiting", "车辆在道闸前等候", "A vehicle waits at the barrier"},
	{
		"advice.lane.vehicle_waiting", "看车主是否需要帮助；必要时用对讲联系并远程抬杆。",
		"See whether the driver needs help; talk over the intercom and open from afar if need be.",
	},
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
	{"alarm.gate.fault.relay_readback", "继电器没有按命令动作", "A relay did not do what it was told"},
	{
		"advice.gate.fault.relay_readback", "查继电器的接线和供电；读回与命令不符时网关不再相信它。车辆被困时先手动抬杆放行。",
		"Check wiring and supply of the relay: what it reads back is not what it was told. If a vehicle is stuck, raise the arm by hand first.",
	},
	{"alarm.gate.arm_off", "闸杆脱落", "The arm is off"},
	{
		"advice.gate.arm_off", "看录像是否被撞，到现场装回闸杆。装回前不会落杆。",
		"See on the cameras whether somebody drove into it, and put it back. Nothing closes before that.",
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
	{"alarm.gateway.power_lost", "市电中断，靠后备电源工作", "Mains lost: the cabinet runs on its backup"},
	{
		"advice.gateway.power_lost", "查配电箱和漏电保护；后备电源通常只能撑一小时左右。",
		"Look at the breaker and the residual-current device; a backup lasts about an hour as a rule.",
	},
	{"alarm.gateway.cabinet_opened", "机柜门打开", "The cabinet door is open"},
	{
		"advice.gateway.cabinet_opened", "没有人报修时，看录像并到现场确认。",
		"If nobody has announced work there, look at the cameras and go and see.",
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
	{"alarm.elevator.fault_raised.safety_circuit", "安全回路断开", "Safety circuit open"},
	{"alarm.elevator.fault_raised.door_close", "关门故障", "Doors do not close"},
	{"alarm.elevator.fault_raised.door_open", "开门故障", "Doors do not open"},
	{"alarm.elevator.fault_raised.outside_zone", "停在门区外", "Stopped outside a door zone"},
	{"alarm.elevator.fault_raised.unintended_movement", "轿厢意外移动", "Unintended car movement"},
	{"alarm.elevator.fault_raised.run_time_limiter", "运转时间限制器动作", "Motor run-time limiter"},
	{"alarm.elevator.fault_raised.position_lost", "楼层位置丢失", "Floor position lost"},
	{"alarm.elevator.fault_raised.restart_prevention", "防止再运行", "Restart prevented"},
	{"alarm.elevator.fault_raised.out_of_service", "停止服务", "Out of service"},
	{"alarm.elevator.fault_raised.main_power", "主电源断开", "Main supply is off"},
	{"alarm.elevator.fault_raised.emergency_power", "应急电源运行", "On emergency power"},
	{"alarm.elevator.fault_raised.earthquake", "地震模式", "Earthquake mode"},
	{"alarm.elevator.fault_raised.bottom_overrun", "蹲底", "Overrun at the bottom"},
	{"alarm.elevator.fault_raised.top_overrun", "冲顶", "Overrun at the top"},
	{"alarm.elevator.alarm_button", "轿厢报警", "Alarm from the car"},
	{
		"advice.elevator.alarm_button", "立即用对讲与轿厢通话。报警要在电梯处或由中心确认后才能结束。",
		"Talk to the car over the intercom at once. The alarm ends at the lift, or by the center after it was acknowledged.",
	},
	{"alarm.elevator.entrapment_suspected", "疑似困人", "Entrapment suspected"},
	{
		"advice.elevator.entrapment_suspected", "用对讲问轿厢里有没有人，并查看轿厢摄像机。",
		"Ask over the intercom whether anyone is in the car, and look at its camera.",
	},
	{"alarm.elevator.entrapment_confirmed", "电梯困人", "Passengers trapped"},
	{
		"advice.elevator.entrapment_confirmed", "安抚乘客，立即拨打 96333 并通知维保单位，不要扒门。",
		"Reassure the passengers, call 96333 and the maintenance company at once; do not force the doors.",
	},
	{"alarm.elevator.test_overdue", "轿厢报警测试逾期", "Test call is overdue"},
	{
		"advice.elevator.test_overdue", "做一次报警测试：按轿厢按钮，听对讲，查备用电池。",
		"Make a test call: press the button in the car, listen to the intercom, check the battery.",
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
	{"alarm.camera.power_lost", "摄像机断电", "Camera has no power"},
	{
		"advice.camera.power_lost", "检查摄像机电源、保险和接头。",
		"Check the camera's supply, fuse and plugs.",
	},
	{"alarm.camera.hung_or_dark", "摄像机疑似死机", "Camera hung or dark"},
	{
		"advice.camera.hung_or_dark", "看有没有画面；没有时断电重启摄像机。电流只说明供电，不说明画面。",
		"See whether there is a picture; if not, restart the camera by its supply. Current tells of power, not of a picture.",
	},
	{"alarm.camera.overcurrent", "摄像机过流", "Camera draws too much current"},
	{
		"advice.camera.overcurrent", "检查摄像机和线缆是否进水、短路；加热器或云台卡住时也会这样。",
		"Look for water or a short in camera and cable; a heater or a blocked drive does this, too.",
	},
	{"alarm.camera.reboot_loop", "摄像机反复重启", "Camera restarts again and again"},
	{
		"advice.camera.reboot_loop", "多为供电不足：在摄像机端量电压，换粗线或换电源；仍不行时换摄像机。",
		"Mostly a weak supply: measure the voltage at the camera, take thicker wire or another supply; else replace the camera.",
	},
	{"alarm.camera.group_outage", "摄像机成组掉线", "A group of cameras is out"},
	{
		"advice.camera.group_outage", "先查这一组共用的电源和交换机，不必逐台检查。",
		"Check the supply and the switch that this group shares, not camera by camera.",
	},
	{"alarm.contact.raised", "触点动作", "Contact raised"},
	{
		"advice.contact.raised", "到现场查看触点所接的设备。",
		"Look at what the contact is wired to.",
	},
	{"alarm.input.tamper", "线路异常", "Wire is not in order"},
	{
		"advice.input.tamper", "查这根线和末端电阻；该输入保持原来的状态，但不可信。",
		"Check the wire and the resistors at its end; the input keeps its last state, which cannot be believed.",
	},
	{"alarm.input.tamper.short", "线路短路", "Wire is shorted"},
	{"alarm.input.tamper.open", "线路断开", "Wire is cut"},
	{"alarm.input.tamper.out_of_tolerance", "线路电阻异常", "Wire has a wrong resistance"},
	{"alarm.input.chattering", "输入信号反复跳变", "Input chatters"},
	{
		"advice.input.chattering", "压紧端子，检查触点和引线；安静一分钟后自动恢复，其间该输入不可信。",
		"Tighten the terminals, check contact and wire; a quiet minute clears it, until then do not believe this input.",
	},
	{"alarm.bus.fault", "采集模块故障", "Input module fault"},
	{
		"advice.bus.fault", "检查模块的供电和接线；恢复后自动消除。",
		"Check the module's supply and wiring; it clears by itself once it answers.",
	},
	{"alarm.gateway.confirmation_stalled", "服务中心一直没有确认收到事件", "The center does not confirm that it has the events"},
	{
		"advice.gateway.confirmation_stalled", "事件都存在本机。联系服务中心：检查接收程序是否运行，服务器的权限规则是否丢弃了本网关的消息。",
		"Events are kept here. Call the service center: is its intake running, does an access rule of the broker drop this gateway's messages?",
	},
	{"alarm.gateway.watermark_rejected", "服务中心的确认号与本机记录不符", "The center's watermark contradicts the local record"},
	{
		"advice.gateway.watermark_rejected", "事件都存在本机。多半是换过或恢复过存储卡，或两台网关用了同一编号：联系服务中心核对后清除旧的确认号。",
		"Events are kept here. Most likely the card was replaced or restored, or two gateways share one id: have the service center check and clear the old watermark.",
	},
	{"alarm.gateway.storage_degraded", "本机存储异常，断电会丢失事件", "Local storage has failed: a power cut would lose events"},
	{
		"advice.gateway.storage_degraded", "先别断电。检查存储卡是否写满、变成只读或损坏，尽快更换。",
		"Do not cut the power. See whether the storage card is full, read-only or worn out, and replace it soon.",
	},
}
