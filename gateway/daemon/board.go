package daemon

import (
	"net"
	"os"
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

// permanentMAC of the first interface whose address the kernel took from the hardware (addr_assign_type 0).
func permanentMAC() string {
	interfaces, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range interfaces {
		b, err := os.ReadFile("/sys/class/net/" + i.Name + "/addr_assign_type")
		if err == nil && strings.TrimSpace(string(b)) == "0" && len(i.HardwareAddr) == 6 && i.Flags&net.FlagLoopback == 0 {
			return i.HardwareAddr.String()
		}
	}
	return ""
}
