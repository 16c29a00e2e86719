package daemon

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// boardIdentity tells one board from another, so that a card moved or cloned to another board starts a new ledger. It
// is never /etc/machine-id, which is cloned with the card. Empty when the board says nothing about itself.
func boardIdentity() string {
	for _, path := range []string{
		"/proc/device-tree/serial-number",    // Raspberry Pi and most device-tree boards
		"/sys/class/dmi/id/product_uuid",     // PCs; readable by root only
		"/sys/devices/soc0/serial_number",    // some SoC drivers
		"/sys/class/dmi/id/board_serial",     // readable by root only
		"/sys/firmware/devicetree/base/uuid", // rare
	} {
		if b, err := os.ReadFile(path); err == nil {
			if s := strings.Trim(string(b), "\x00 \n"); s != "" {
				return s
			}
		}
	}
	return permanentMAC()
}

// permanentMAC of the first interface whose address the kernel took from the hardware (addr_assign_type 0). It is read
// from files, because the daemon has no right to a netlink socket.
func permanentMAC() string {
	const dir = "/sys/class/net"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	first, mac := 0, ""
	for _, e := range entries {
		read := func(name string) string {
			b, err := os.ReadFile(filepath.Join(dir, e.Name(), name))
			if err != nil {
				return ""
			}
			return strings.TrimSpace(string(b))
		}
		index, err := strconv.Atoi(read("ifindex"))
		const ethernet = "1" // ARPHRD_ETHER, which wireless interfaces are, too; loopback is 772
		if err == nil && read("addr_assign_type") == "0" && read("type") == ethernet && (mac == "" || index < first) {
			first, mac = index, read("address")
		}
	}
	return mac
}
