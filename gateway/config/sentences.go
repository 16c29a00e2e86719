package config

import "lotusgate/gateway"

// sentence is what is wrong, and what is allowed or to be done. problem.go says what the braces stand for.
type sentence struct{ what, advice gateway.Text }

// nouns that stand in sentences, by the word that stands in Args.
var nouns = map[string]gateway.Text{
	"bus":           {EN: "bus", ZH: "总线"},
	"chip":          {EN: "chip", ZH: "芯片"},
	"point":         {EN: "point", ZH: "点位"},
	"loop":          {EN: "loop", ZH: "地感线圈"},
	"lane":          {EN: "lane", ZH: "车道"},
	"gate":          {EN: "gate", ZH: "道闸"},
	"elevator":      {EN: "elevator", ZH: "电梯"},
	"camera":        {EN: "camera", ZH: "摄像机"},
	"fire input":    {EN: "fire input", ZH: "消防输入"},
	"point or loop": {EN: "point or loop", ZH: "点位或地感线圈"},
	"mapping":       {EN: "a group of keys", ZH: "一组键"},
	"list":          {EN: "a list", ZH: "一个列表"},
	"value":         {EN: "a single value", ZH: "单个值"},
}

func say(en, zh, adviceEN, adviceZH string) sentence {
	return sentence{gateway.Text{EN: en, ZH: zh}, gateway.Text{EN: adviceEN, ZH: adviceZH}}
}

// sentences by code. Nothing writes to it. A test holds that each is used and complete in both languages.
var sentences = map[Code]sentence{
	// The file as text and as YAML.
	"too_large": say("the file is too large", "文件过大", "at most {1}", "最大 {1}"),
	"long_line": say("the line is too long", "此行过长", "at most {1} bytes", "最多 {1} 个字节"),
	"not_utf8": say("this is not UTF-8 text", "此处不是 UTF-8 文本",
		"save the file as UTF-8 (in Windows Notepad: Save as, Encoding UTF-8)", "请将文件另存为 UTF-8 编码（Windows 记事本：另存为，编码选 UTF-8）"),
	"control_character": say("the control character {0} stands here", "此处有控制字符 {0}", "remove it", "请删除"),
	"tab": say("a tab stands in the indentation", "缩进中有制表符 (Tab)",
		"YAML is indented with spaces only; two for each level", "YAML 只能用空格缩进，每级两个"),
	"syntax": say("not readable as YAML: {1}", "无法按 YAML 读取：{1}", "", ""),
	"indentation": say("the line does not fit to the lines around it", "此行与前后行的结构不符",
		"keys of one group begin in the same column; text with a colon and a space in it goes into quotes", "同一组的键必须左对齐；含“冒号加空格”的文字要加引号"),
	"no_space_after_colon": say("a space is missing after the colon", "冒号后缺少空格", "", ""),
	"open_quote":           say("the quote that opens here is never closed", "此处的引号没有结束", "", ""),
	"not_used": say("{0} (YAML {1}) is not used in this file", "本文件不使用 {0}（YAML {1}）",
		"write the value out; put text that begins with & * ! % ? or << into quotes", "请直接写出值；以 & * ! % ? 或 << 开头的文字要加引号"),
	"second_document": say("a second document begins here", "此处开始了第二个文档", "one file holds one document: remove the line ---", "一个文件只能有一个文档：请删除 --- 行"),
	"too_deep":        say("nested too deeply", "嵌套过深", "at most {1} levels", "最多 {1} 级"),
	"too_many_keys":   say("too many keys in one file", "文件中的键过多", "at most {1}", "最多 {1} 个"),

	// Keys and values.
	"not_a_mapping": say("keys are expected here, not {#1}", "此处应为一组键，而不是{#1}", `write "key: value" lines, indented by two more spaces`, "请另起行写“键: 值”，再缩进两个空格"),
	"not_a_list":    say("a list is expected here, not {#1}", "此处应为列表，而不是{#1}", "write [a, b], or each entry on its own line after a dash", "请写成 [a, b]，或每项一行并以短横线开头"),
	"not_a_value":   say("a single value is expected here, not {#1}", "此处应为单个值，而不是{#1}", "", ""),
	"unknown_key":   say(`there is no key "{0}" here`, "此处没有名为“{0}”的键", "allowed: {1}", "允许：{1}"),
	"duplicate_key": say(`the key "{0}" stands here twice`, "键“{0}”重复", "keep one of the two", "请只保留一个"),
	"missing_key":   say("this key is missing", "缺少此键", "add it, as in {1}", "请补上，例如 {1}"),
	"no_value":      say(`nothing stands behind "{0}:"`, "“{0}:”后面没有值", "write a value, or remove the line for the default", "请写上值；若用默认值请删除此行"),
	"too_many_entries": say("{0} entries are too many", "条目过多：{0} 个", "at most {1} in a section; a second gateway carries the rest",
		"每节最多 {1} 个，其余请用另一台网关"),
	"bad_duration":  say(`"{0}" is not a length of time`, "“{0}”不是时长", "a number with its unit: 20ms, 1.5s, 2m, 1h", "数字加单位：20ms、1.5s、2m、1h"),
	"bad_size":      say(`"{0}" is not a size`, "“{0}”不是容量", "a whole number with its unit: 512KiB, 64MiB, 1GiB", "整数加单位：512KiB、64MiB、1GiB"),
	"bad_frequency": say(`"{0}" is not a frequency`, "“{0}”不是频率", "a whole number with its unit: 100kHz, 400kHz, 1MHz", "整数加单位：100kHz、400kHz、1MHz"),
	"bad_number":    say(`"{0}" is not a whole number`, "“{0}”不是整数", "", ""),
	"bad_bool":      say(`"{0}" is neither true nor false`, "“{0}”既不是 true 也不是 false", "allowed: true, false", "允许：true、false"),
	"bad_address":   say(`"{0}" is not an I²C address`, "“{0}”不是 I²C 地址", "seven bits, in hexadecimal: 0x20", "七位地址，十六进制：0x20"),
	"out_of_range":  say("{0} is out of range", "{0} 超出范围", "allowed: {1} to {2}", "允许：{1} 至 {2}"),
	"unknown_word":  say(`"{0}" is not one of the allowed words`, "“{0}”不是允许的词", "allowed: {1}", "允许：{1}"),
	"bad_label":     say("a label is one line of text", "标签应为一行文字", "at most {1} characters, no line breaks", "最多 {1} 个字符，不含换行"),

	// Ids.
	"bad_id":      say(`"{0}" cannot be an id`, "“{0}”不能用作标识", "1 to 32 of a-z, 0-9 and - (it becomes part of MQTT topics)", "1 至 32 个 a-z、0-9 和 - （会成为 MQTT 主题的一部分）"),
	"reserved_id": say(`the id "{0}" is reserved`, "标识“{0}”为保留字", "take another word", "请换一个"),
	"id_taken": say(`the id "{0}" of this {#1} is the id of a {#2} already`, "此{#1}的标识“{0}”已被{#2}使用",
		"buses, chips, points and devices share one set of ids: rename one of the two", "总线、芯片、点位和设备共用一套标识：请改其中一个"),
	"unknown_id": say(`there is no {#1} "{0}"`, "没有名为“{0}”的{#1}", "there are: {2}", "已有：{2}"),
	"wrong_kind": say(`"{0}" is a {#1}; a {#2} is wanted here`, "“{0}”是{#1}，此处需要{#2}", "there are: {3}", "已有：{3}"),

	// Wiring.
	"bad_line":         say(`"{0}" is not the name of a line`, "“{0}”不是 GPIO 线名", "GPIO17, P1_11, or the name that the kernel gives the line (gpioinfo lists them)", "GPIO17、P1_11，或内核中的线名（可用 gpioinfo 查看）"),
	"line_spelling":    say(`a line "{0}" may not be found`, "可能找不到线“{0}”", "names of lines are taken to the letter", "线名区分大小写"),
	"line_taken":       say("the line {0} is in use already, by {1}", "线 {0} 已被 {1} 使用", "a line carries one signal: give one of the two another line", "一条线只接一个信号：请为其中一个换线"),
	"line_and_chip":    say(`the point "{0}" has a line and a pin of a chip`, "点位“{0}”同时写了线和芯片引脚", "a point is one wire: write either line, or chip and pin", "一个点位是一根线：只写 line，或只写 chip 和 pin"),
	"no_wire":          say(`the point "{0}" is wired to nothing`, "点位“{0}”没有接线", "write either line, or chip and pin", "请写 line，或写 chip 和 pin"),
	"pin_without_chip": say("the pin {0} belongs to no chip", "引脚 {0} 不属于任何芯片", "write the chip, too", "请同时写 chip"),
	"chip_without_pin": say("it is not said which pin of {0}", "没有写明是 {0} 的哪个引脚", "write the pin, too, as in pin: GPA0", "请同时写 pin，例如 pin: GPA0"),
	"bad_pin":          say(`an {1} has no pin "{0}"`, "{1} 没有引脚“{0}”", "allowed: GPA0 … GPA7, GPB0 … GPB7", "允许：GPA0 … GPA7、GPB0 … GPB7"),
	"pin_taken":        say("pin {0} of {1} is in use already, by {2}", "{1} 的引脚 {0} 已被 {2} 使用", "a pin carries one signal: give one of the two another pin", "一个引脚只接一个信号：请为其中一个换引脚"),
	"bad_bus_device":   say(`"{0}" is not the name of a bus`, "“{0}”不是总线名", "/dev/i2c-1 or I2C1 (ls /dev/i2c-* lists them)", "/dev/i2c-1 或 I2C1（可用 ls /dev/i2c-* 查看）"),
	"bus_taken":        say("{0} is in use already, by {1}", "{0} 已被 {1} 使用", "chips of one bus name the same bus", "同一总线上的芯片应写同一个 bus"),
	"address_range":    say("{0} is not an address that an {1} can have", "{1} 不可能有地址 {0}", "allowed: {2} to {3} (pins A2, A1, A0 of the chip)", "允许：{2} 至 {3}（由芯片 A2、A1、A0 引脚设定）"),
	"address_taken":    say("{0} on {1} is in use already, by {2}", "{1} 上的 {0} 已被 {2} 使用", "two chips that answer at once are both unreadable: set another address at A2, A1, A0", "两个芯片同时应答都无法读取：请用 A2、A1、A0 设另一个地址"),
	"no_pull_down":     say("an expander has no pull-downs", "扩展芯片没有下拉电阻", "allowed: up, none; or wire a resistor to ground and write none", "允许：up、none；或外接下拉电阻并写 none"),
	"no_debounce":      say("the kernel debounces native lines only", "内核消抖只适用于本机 GPIO 线", "remove the key; settle does it for a pin of a chip", "请删除此键；芯片引脚用 settle"),
	"same_loop":        say(`both loops of the lane are "{0}"`, "车道的两个地感线圈都是“{0}”", "without a second loop no direction can be told", "没有第二个线圈就无法判断方向"),
	"settle_differs": say("the loops of {0} settle differently: {1} after {2}, {3} after {4}", "{0} 的两个线圈稳定时间不同：{1} 为 {2}，{3} 为 {4}",
		"the order of the two decides the direction: give both points the same settle", "方向由两者先后决定：请给两个点位写相同的 settle"),
	"debounce_differs": say("the loops of {0} are debounced differently: {1} for {2}, {3} for {4}", "{0} 的两个线圈消抖时间不同：{1} 为 {2}，{3} 为 {4}",
		"the order of the two decides the direction: give both points the same debounce", "方向由两者先后决定：请给两个点位写相同的 debounce"),
	"point_taken":  say("the point {0} belongs to {1} already", "点位 {0} 已属于 {1}", "a wire tells of one thing: wire another point, or name the device that reads it", "一根线只表示一件事：请接另一个点位，或写读取它的设备"),
	"listed_twice": say("{0} stands in this list twice", "{0} 在列表中重复", "remove one", "请删除一个"),

	// The connection, storage and page.
	"bad_broker":      say(`"{0}" is not the address of a broker`, "“{0}”不是服务器地址", "mqtt://host:1883, or with TLS mqtts://host:8883", "mqtt://主机:1883，使用 TLS 时为 mqtts://主机:8883"),
	"secret_in_url":   say("a user name or password does not belong into the address", "地址中不能写用户名或密码", "put each into a file of its own, named by username_file and password_file", "请分别写入文件，并用 username_file 和 password_file 指明"),
	"bad_prefix":      say(`"{0}" cannot begin topics`, "“{0}”不能作为主题前缀", "words of A-Z, a-z, 0-9, _ and - with / between them, at most 128 characters", "由 A-Z、a-z、0-9、_、- 组成，中间用 / 分隔，最多 128 个字符"),
	"bad_client_id":   say(`"{0}" cannot be a client id`, "“{0}”不能用作客户端标识", "1 to 128 of A-Z, a-z, 0-9, dot, _ and -", "1 至 128 个 A-Z、a-z、0-9、点、_ 和 -"),
	"bad_listen":      say(`"{0}" is not an address to listen on`, "“{0}”不是监听地址", "host:port, as in 127.0.0.1:8080, or :8080 for every interface", "主机:端口，例如 127.0.0.1:8080；:8080 表示所有网口"),
	"not_absolute":    say(`"{0}" is not a full path`, "“{0}”不是完整路径", "begin with /, as in {1}", "请以 / 开头，例如 {1}"),
	"root_directory":  say("the root directory cannot hold the events", "不能用根目录存放事件", "a directory of its own, as in /var/lib/lotusgate", "请用单独的目录，例如 /var/lib/lotusgate"),
	"no_file":         say("there is no file {0}", "没有文件 {0}", "", ""),
	"unreadable_file": say("the file {0} cannot be read", "无法读取文件 {0}", "run the check as the user of the daemon, or as root", "请以守护进程的用户或 root 运行检查"),
	"odd_file":        say("{0} is not an ordinary small file", "{0} 不是普通小文件", "", ""),
	"open_file":       say("everybody can read {0} ({1})", "所有人都能读取 {0}（{1}）", "a secret is for the daemon only: chmod 640 {0}", "密钥只给守护进程：chmod 640 {0}"),
	"needs_key":       say("this key has no effect without {1}", "没有 {1} 时此键无效", "write both or none", "请两个都写或都不写"),
	"no_tls":          say("the address of the broker has no TLS, so this file would not be used", "服务器地址未使用 TLS，此文件不会被用到", "begin the address with mqtts://, or remove the file", "地址请以 mqtts:// 开头，或删除此键"),
	"no_certificate":  say("{0} holds no certificate", "{0} 中没有证书", "a PEM file: it has a line BEGIN CERTIFICATE", "应为 PEM 文件，含 BEGIN CERTIFICATE 行"),
	"bad_key_pair":    say("certificate and key do not work together: {1}", "证书与密钥不匹配：{1}", "", ""),

	// Commands.
	"bad_action": say(`"{0}" is no action`, "“{0}”不是动作", "allowed: {1}", "允许：{1}"),
	"bad_kid":    say(`"{0}" cannot be a key id`, "“{0}”不能用作密钥标识", "1 to 32 of a-z, 0-9 and -", "1 至 32 个 a-z、0-9 和 -"),
	"no_stop": say("there is a key switch, and {0} has no stop relay", "有检修钥匙，但 {0} 没有停杆继电器",
		"without one nothing of ours stops an arm that is coming down when the key is turned", "没有它，转动钥匙时正在下落的闸杆停不下来"),
	"no_safety": say("{0} has a close relay and no safety input", "{0} 有落杆继电器但没有安全输入",
		"CLOSE will be refused: name photocell and loop under safety", "落杆命令会被拒绝：请在 safety 下写上红外和地感"),
	"polled_safety": say("{0} is on a chip without an INT line: a car may be seen {1} late", "{0} 所在芯片没有 INT 线：发现车辆可能晚 {1}",
		"wire it to a native line, or wire INT", "请接到本机 GPIO 线，或接 INT"),
	"many_safety": say("{0} inputs for one gate are too many", "一个道闸的输入过多：{0} 个", "at most {1}", "最多 {1} 个"),
	"open_commands": say("whoever may publish to the broker may move the barriers", "能向服务器发布消息的人都能操作道闸",
		"auth: jws with a key of the center (lotusgate key new), or a broker that lets nobody else publish", "请用 auth: jws 和中心的密钥（lotusgate key new），或确保服务器不允许他人发布"),

	// Warnings.
	"output_only_pin":     say("{0} of an {1} is an output only (datasheet revision D)", "{1} 的 {0} 只能作输出（数据手册 D 版）", "as an input it may read wrong or disturb the bus: wire the signal to another pin", "作输入可能读错或干扰总线：请把信号接到其他引脚"),
	"loop_on_polled_chip": say("the loop {1} is on {0}, which has no INT line and is read every {2}", "线圈 {1} 接在 {0} 上，该芯片没有 INT 线，每 {2} 读取一次", "direction and short pulses need exact times: wire INT and write interrupt, or move the loop to a native line", "方向和短脉冲需要准确时间：请接 INT 并写 interrupt，或把线圈接到本机 GPIO 线"),
	"long_settle":         say("a pulse may be over before it counts: settle is {0}", "脉冲可能在生效前就结束：settle 为 {0}", "detectors make pulses from 50ms on, 15ms of it bounce: at most {1}", "检测器脉冲最短 50ms，其中抖动 15ms：最多 {1}"),
	"loop_in_two_lanes":   say("the loop {0} is part of {1}, too", "线圈 {0} 也属于 {1}", "each vehicle on it counts in both lanes", "其上的每辆车会在两条车道计数"),
	"line_of_bus":         say("on a Raspberry Pi {0} is part of the I²C bus 1", "在树莓派上 {0} 属于 I²C 总线 1", "take another line", "请换一条线"),
	"boot_line":           say("on a Raspberry Pi {0} may be high while it starts", "在树莓派上 {0} 启动时可能为高电平", "GPIO0 to GPIO8, GPIO14 and GPIO15 are no lines for relays: the gate could move", "GPIO0 至 GPIO8、GPIO14、GPIO15 不能接继电器：道闸可能误动作"),
	"not_durable":         say("what is in {0} is gone after a power cut", "{0} 中的内容断电即丢失", "a directory on a real disk, as in /var/lib/lotusgate", "请用真实磁盘上的目录，例如 /var/lib/lotusgate"),
	"clear_password":      say("the password goes over the network readable by all", "密码将以明文在网络上传送", "begin the address of the broker with mqtts://", "服务器地址请以 mqtts:// 开头"),
	"unused":              say(`no device uses the {#1} "{0}"`, "没有设备使用{#1}“{0}”", "", ""),
}
