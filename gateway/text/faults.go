package text

import "lotusgate/gateway"

// Fault says in words what a drivers.Fault word means for the named source, and what to do. Words that are not known
// count as "io".
func Fault(word, source string) (what, do gateway.Text) {
	if _, ok := byKey[Key("fault."+word)]; !ok {
		word = "io"
	}
	return Both(Key("fault."+word), source), Both(Key("repair." + word))
}

// faultTexts: fault.<word> names the source {1}; repair.<word> is the way out. Words are those of drivers.Fault.
var faultTexts = []entry{
	{"fault.missing", "{1}：找不到设备", "{1}: device not found"},
	{
		"repair.missing", "检查模块是否插好、供电是否正常；确认系统已启用这条总线，设备名与配置一致。",
		"Check that the module is plugged in and powered, that the system has this bus enabled, and that its name is as configured.",
	},
	{"fault.busy", "{1}：被其他程序占用", "{1}: held by another program"},
	{
		"repair.busy", "停掉占用引脚的程序，或在启动配置里关闭占用它的功能；释放后自动恢复。",
		"Stop the program that holds the pin, or disable the function that uses it in the boot configuration; it recovers by itself.",
	},
	{"fault.denied", "{1}：没有访问权限", "{1}: access denied"},
	{
		"repair.denied", "给网关程序的运行用户开放该设备的权限，然后重启服务。",
		"Give the gateway's user access to this device, then restart the service.",
	},
	{"fault.no_ack", "{1}：模块没有应答", "{1}: the module does not answer"},
	{
		"repair.no_ack", "检查模块供电、SDA 和 SCL 接线，再核对地址跳线与配置是否一致。",
		"Check the module's supply and its SDA and SCL wires, then compare the address jumpers with the configuration.",
	},
	{"fault.arbitration", "{1}：总线冲突", "{1}: bus collision"},
	{
		"repair.arbitration", "看同一总线上是否还接了别的控制器；缩短线缆，远离电机线。",
		"See whether another controller sits on the same bus; shorten the cable and keep it away from motor wires.",
	},
	{"fault.remote_io", "{1}：通信中断", "{1}: communication broke off"},
	{
		"repair.remote_io", "先看模块是否在位、供电和地址是否正确（树莓派上模块不在也报此错）；再压紧端子，检查屏蔽层接地，缩短线缆。",
		"First see that the module is there, powered and at its address: on a Raspberry Pi a missing one looks like this. Then tighten the terminals, check the shield's ground, shorten the cable.",
	},
	{"fault.timeout", "{1}：总线超时", "{1}: bus timed out"},
	{
		"repair.timeout", "SDA 或 SCL 可能被拉死：给模块断电重启；再逐个拔下模块，找出拉死总线的那个。",
		"SDA or SCL may be held low: power-cycle the module; then unplug one module after another to find the one that holds the bus.",
	},
	{"fault.mismatch", "{1}：与配置的型号不符", "{1}: not the configured part"},
	{
		"repair.mismatch", "核对芯片型号和地址；确认没有两个模块用同一个地址。",
		"Compare part and address; make sure that no two modules share one address.",
	},
	{"fault.io", "{1}：读写失败", "{1}: read or write failed"},
	{
		"repair.io", "检查接线和供电；反复出现时更换模块，并记下错误信息。",
		"Check wiring and supply; if it comes back, replace the module and note the error message.",
	},
	{"fault.reset", "{1}：掉电复位，正在重新设置", "{1}: lost its settings, being set up again"},
	{
		"repair.reset", "检查模块供电是否稳定、插头和端子是否松动。",
		"Check that the module's supply is steady and that plugs and terminals are tight.",
	},
	{"fault.hung", "{1}：总线被拉死，所有模块都读不到", "{1}: the bus is held, no module can be read"},
	{
		"repair.hung", "某个模块把 SDA 或 SCL 拉低了：逐个拔下模块，拔到哪个恢复，哪个就是坏的；再检查线缆是否压伤。",
		"A module holds SDA or SCL low: unplug one module after another; the one that sets the bus free is broken. Look for a crushed cable, too.",
	},
	{"fault.dead_bus", "{1}：开机以来总线上没有一个模块应答", "{1}: no module of this bus has answered since the start"},
	{
		"repair.dead_bus", "先看 SDA 和 SCL 是否接反，再查模块供电、公共地线和上拉电阻，最后核对总线名。",
		"See whether SDA and SCL are swapped; then check the modules' supply, their common ground and the pull-ups, and the name of the bus.",
	},
	{"fault.int_dead", "{1}：中断线没有信号，改为轮询", "{1}: the interrupt wire is silent, polling instead"},
	{
		"repair.int_dead", "检查模块的中断线是否断开或接错端子，有没有上拉电阻；修好前短脉冲可能漏记。",
		"See whether the module's interrupt wire is broken or on another terminal, and has a pull-up; until then short pulses may be missed.",
	},
	{"fault.int_stuck", "{1}：中断线一直为低，改为轮询", "{1}: the interrupt wire stays low, polling instead"},
	{
		"repair.int_stuck", "检查中断线是否碰地，或同一条线上的其他模块是否损坏；修好前短脉冲可能漏记。",
		"See whether the interrupt wire touches ground or another module on it is broken; until then short pulses may be missed.",
	},
	{"fault.read_back", "{1}：输出没有保持写入的状态", "{1}: the output does not hold what was written"},
	{
		"repair.read_back", "不要依赖这个继电器：检查模块供电和线缆；反复出现时更换模块。",
		"Do not rely on this relay: check the module's supply and cable; if it comes back, replace the module.",
	},
}
