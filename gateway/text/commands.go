package text

// commandTexts: what the command line says.
var commandTexts = []entry{
	{"wiring.stop", "（按中断键退出）", "(Ctrl-C ends)"},
	{"wiring.newest", "最近变化：{1}，{2}，{3}", "changed last: {1}, {2}, {3}"},
	{"bundle.alone", "网关没有运行，文件里只有配置和主机信息。", "No gateway runs: the file holds the configuration and the board only."},

	{"password.ask", "新密码（至少十个字符）：", "New password (ten characters or more): "},
	{"password.again", "再输一次：", "Once more: "},
	{"password.set", "密码已保存。", "The password is stored."},

	{"enrol.next", "私钥留在本机。请运营方的证书机构核对指纹并签发，再执行：{1}", "The key stays here. Have the operator's CA compare the fingerprint and sign the request, then run: {1}"},
	{"enrol.installed", "{1} 的证书已安装，有效期到 {2}。", "The certificate of {1} is installed and valid until {2}."},
	{"enrol.connects", "下次连接时生效。", "The next connection uses it."},
	{"enrol.entered", "已写入 {1}，重新启动网关后生效：{2}", "Entered into {1}; it takes effect with: {2}"},

	{"probe.gpio.read", "所有输入线都在读取", "every line is being read"},
	{"probe.gpio.down", "读不到输入线：{1}", "the lines cannot be read: {1}"},
	{"probe.gpio.down.next", "检查权限和内核设备，再看网关日志。", "Check permissions and the kernel's devices, then the gateway's log."},
	{"probe.gpio.none", "这台主机没有输入线：{1}", "this board has no lines: {1}"},
	{"probe.gpio.none.next", "内核要打开字符设备，用户要在对应的组里。", "The kernel needs its GPIO character device, and the user its group."},
	{"probe.gpio.unknown", "{2} 用的 {1} 在这台主机上不存在，或是别名", "{1}, used by {2}, is not on this board, or is another name of a line"},
	{"probe.gpio.unknown.next", "用内核给的名字，或启动网关后再查。", "Use the kernel's name of it, or start the gateway and probe again."},
	{"probe.gpio.used", "{1} 被别的程序占用：{2}", "{1} is held by another program: {2}"},
	{"probe.gpio.used.next", "停掉那个程序或内核功能，或换一根线。", "End that program or kernel function, or use another line."},
	{"probe.gpio.free", "{1} 根输入线可以使用", "{1} lines can be used"},

	{"probe.mqtt.none", "没有配置服务中心，事件只保存在本机", "no broker is configured: events are kept, nobody is told"},
	{"probe.mqtt.none.next", "在配置里填写服务器地址。", "Write mqtt.broker into the configuration."},
	{"probe.mqtt.connected", "已连接 {1}", "connected to {1}"},
	{"probe.mqtt.refused", "网关连不上 {1}：{2}", "the gateway is not connected to {1}: {2}"},
	{"probe.mqtt.name", "找不到主机 {1}：{2}", "no address for {1}: {2}"},
	{"probe.mqtt.name.next", "检查域名和域名服务器，或直接写地址。", "Check the name and the name server, or write the address itself."},
	{"probe.mqtt.dial", "连不上 {1}：{2}", "cannot reach {1}: {2}"},
	{"probe.mqtt.dial.next", "检查网线、路由、防火墙，以及服务器是否在运行。", "Check cable, route and firewall, and whether the broker runs."},
	{"probe.mqtt.tls", "与 {1} 的加密连接失败：{2}", "TLS with {1} failed: {2}"},
	{"probe.mqtt.tls.next", "检查证书文件、证书里的主机名和本机日期。", "Check the certificate files, the name in the certificate, and this machine's date."},
	{"probe.mqtt.reached", "能连到 {1}", "{1} can be reached"},

	{"probe.time.synced", "时钟已对时，现在是 {1}", "the clock is synchronised: {1}"},
	{"probe.time.free", "时钟没有对时，现在是 {1}", "nothing keeps the clock right: {1}"},
	{"probe.time.wrong", "日期不对：{1}", "the date is wrong: {1}"},
	{"probe.time.next", "配置对时服务，或加装带电池的时钟模块。", "Set up a time server (systemd-timesyncd, chrony), or fit a battery-backed clock."},

	{"probe.storage.writes", "{1} 可写，剩余 {2} 兆，上次写入 {3}", "{1} works, {2} MiB free, the last commit took {3}"},
	{"probe.storage.there", "{1} 存在，剩余 {2} 兆", "{1} is there, {2} MiB free"},
	{"probe.storage.degraded", "{1} 写不进去：{2}", "{1} cannot be written: {2}"},
	{"probe.storage.degraded.next", "检查空间和存储卡，坏卡要更换。", "Check its space and the card; a card that fails has to be replaced."},
	{"probe.storage.missing", "{1} 打不开：{2}", "{1} cannot be opened: {2}"},
	{"probe.storage.missing.next", "建好目录，并让网关的用户能写。", "Create the directory, and let the gateway's user write there."},
	{"probe.storage.volatile", "{1} 在内存里，断电就没了", "{1} is in memory: a power cut empties it"},
	{"probe.storage.volatile.next", "换成真正磁盘上的目录。", "Use a directory on a real disk as storage.path."},
	{"probe.storage.readonly", "{1} 是只读的", "{1} is mounted read only"},
	{"probe.storage.readonly.next", "重新挂载为可写；反复变只读说明存储卡坏了。", "Mount it writable; a card that turns read only again is broken."},
	{"probe.storage.full", "{1} 只剩 {2} 兆", "{1} has only {2} MiB free"},
	{"probe.storage.full.next", "清理磁盘，或把队列设小。", "Make room, or set smaller queues under storage."},
}
