# The guest's process 1. Boot puts before this text: $token, $programs, and the functions mirror_all, mount_disks and payload.
# It speaks to Boot through console lines that begin with the token: "up", and "exit STATUS" once everything is on its disk.

export PATH="${programs:+$programs:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/null >/dev/tty0 2>&1
stty -opost <&1 # as written: no carriage returns

fail() {
	echo "vm: $*"
	finish 125
}

# finish STATUS: by when Boot reads the last line nothing is left to write, and it ends the guest.
finish() {
	cd /
	kill -KILL -1 2>/dev/null # what the command left running
	for point in $disks; do umount "$point" 2>/dev/null || { sleep 0.1; umount "$point"; }; done
	sync
	stty -opost <&1 # waits until the console has taken all output
	echo "$token exit $1"
	while :; do sleep 60; done
}

# mirror ro|rw DIR: the host's DIR at the same path, even below /tmp or /run. A mount program that uses
# the kernel's newer interface wants the second spelling.
mirror() {
	mkdir -p "$2"
	mount -t hostfs -o "$1,$2" none "$2" 2>/dev/null || mount -t hostfs -o "$1,hostfs=$2" none "$2" || fail "cannot share $2"
}

# disk NUMBER DIR
disk() {
	mkdir -p "$2"
	mount -t ext4 "/dev/ubd$1" "$2" || fail "cannot mount the disk on $2"
	disks="$2 $disks"
}

disks=
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 1777 /dev/shm /run/lock
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t configfs configfs /sys/kernel/config
ip link set lo up
mirror_all
mount_disks
echo "$token up"
(payload)
finish $?
