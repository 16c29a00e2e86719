#!/bin/bash
# Builds the test VM's kernel: User Mode Linux from Debian's newest linux-source-6.x, with ./config and ./i2cplug compiled in.
#
#   build.sh           build it unless it is in the cache; prints its path
#   build.sh --path    print its path and do nothing else
#
# The result is an ordinary program, `linux`, which needs neither root nor /dev/kvm. It is kept with its configuration and the
# version of its source in ${LOTUSGATE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/lotusgate}/vm-<hash of the three inputs>.
# Takes about 4 minutes on two cores, 150 MB of download and 1.5 GB of disk while it runs. A newer source package does not count
# as a change: remove the folder to rebuild. KERNEL_TARBALL=linux-6.x.tar.xz takes the source from there, for other distributions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

cache=${LOTUSGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lotusgate}
hash=$(cat build.sh config i2cplug/i2cplug.c | sha256sum | cut -c1-16) # kernel.go computes the same
out=$cache/vm-$hash
here=$PWD

say() { echo "vm kernel: $*" >&2; }
die() { say "$*"; exit 1; }

if [ "${1:-}" = --path ]; then echo "$out/linux"; exit; fi
[ $# -eq 0 ] || die "unknown argument $1; allowed: --path"
if [ -x "$out/linux" ]; then echo "$out/linux"; exit; fi
[ "$(uname -sm)" = "Linux x86_64" ] || die "User Mode Linux runs on x86-64 Linux only, this is $(uname -sm)"

mkdir -p "$cache"
exec 9>"$cache/vm.lock"
flock -n 9 || { say "another build is running, waiting for it"; flock 9; }
if [ -x "$out/linux" ]; then echo "$out/linux"; exit; fi
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
log=$work/log

# as_root COMMAND...: says what it runs, as root or through sudo.
as_root() {
	if [ "$(id -u)" = 0 ]; then say "$*"; "$@" >&2
	elif command -v sudo >/dev/null; then say "sudo $*"; sudo "$@" >&2
	else die "needs root for: $*"; fi
}
apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" 9>&-; }

missing=
need() { command -v "$1" >/dev/null || missing="$missing $2"; }
need gcc gcc; need make make; need flex flex; need bison bison; need bc bc; need xz xz-utils; need perl perl
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
if [ -n "$missing" ]; then
	command -v apt-get >/dev/null || die "missing:$missing; install them and run make vm again"
	apt update
	# shellcheck disable=SC2086 # a list of package names
	apt install -y --no-install-recommends $missing
fi

# fetch: prints nothing; leaves the source tarball's path in $tarball and its version in $version.
newest() { apt-cache search --names-only '^linux-source-6\.[0-9]+$' | cut -d' ' -f1 | sort -V | tail -1; }
fetch() {
	if [ -n "${KERNEL_TARBALL:-}" ]; then tarball=$(realpath "$KERNEL_TARBALL"); version=$(basename "$tarball"); return; fi
	command -v apt-get >/dev/null || die "needs Debian's linux-source package; elsewhere set KERNEL_TARBALL=linux-6.12.x.tar.xz"
	local package; package=$(newest)
	[ -n "$package" ] || { apt update; package=$(newest); }
	[ -n "$package" ] || die "no linux-source-6.x package found; add Debian's main archive to the apt sources"
	say "downloading $package"
	(cd "$work" && apt-get -q download "$package" >>"$log" 2>&1) ||
		{ apt update; (cd "$work" && apt-get -q download "$package" >>"$log" 2>&1); } || { cat "$log" >&2; die "cannot download $package"; }
	local deb; deb=$(echo "$work"/"$package"_*.deb)
	version=$(dpkg-deb -W --showformat='${Package} ${Version}' "$deb")
	tarball=$work/$package.tar.xz
	dpkg-deb --fsys-tarfile "$deb" | tar -xO "./usr/src/$package.tar.xz" >"$tarball"
	rm "$deb"
}
fetch
say "building $version in $work"

# What no option of ours can reach is left in the tarball, for unpacking is a good part of the whole; Kconfig files must stay.
mkdir "$work/source"
tar -xJf "$tarball" -C "$work/source" --strip-components=1 \
	--exclude='*/Documentation/*.[rty]*' --exclude='*/tools/testing/*' --exclude='*/arch/[a-t]*.[chS]' --exclude='*/boot/dts/*.dts*' \
	--exclude='*/sound/*.[ch]' --exclude='*/drivers/gpu/*.[ch]' --exclude='*/drivers/net/*/*.[ch]' --exclude='*/drivers/media/*.[ch]' \
	--exclude='*/drivers/staging/*.[ch]' --exclude='*/drivers/infiniband/*.[ch]' --exclude='*/drivers/scsi/*.[ch]'
rm -f "$work"/linux-source-*.tar.xz
cd "$work/source"

# edit FILE SED-SCRIPT LINE: changes a line and stops if the source has moved on.
edit() {
	sed -i "$2" "$1"
	grep -qxE "$3" "$1" || die "$1 is not as expected in $version; adapt the edits in build.sh"
}
# gpio-sim needs an interrupt number for each line; User Mode Linux has 64 in all.
edit arch/um/include/asm/irq.h 's/^\(#define NR_IRQS\s*\)UM_LAST_SIGNAL_IRQ$/\1(UM_LAST_SIGNAL_IRQ + 512)/' \
	'#define NR_IRQS\s+\(UM_LAST_SIGNAL_IRQ \+ 512\)'
# gpio-sim delivers an edge on the next tick: 1 ms, not 10.
edit arch/um/Kconfig '/^config HZ$/,/^$/s/default 100$/default 1000/' '\s*default 1000'
# The register state of a processor with AMX takes 11008 bytes, not 2696, and the host refuses to set a part of it. It lies on
# kernel stacks, which ./config enlarges. (Source from 6.13 on asks the host for the size.)
edit arch/x86/um/user-offsets.c 's/^\(\tDEFINE_LONGS(HOST_FP_SIZE, \)2696);$/\112288);/' '\s*DEFINE_LONGS\(HOST_FP_SIZE, 12288\);'
# A flush has no data, so the disk's thread finds nothing to do and answers it without telling the host.
edit arch/um/drivers/ubd_kern.c '/^\tif (op == REQ_OP_FLUSH)$/{n;s|segs = 0;|segs = 1; /* a flush, too, is something to do */|}' \
	'\s*segs = 1; /\* a flush, too, is something to do \*/'
cp "$here/i2cplug/i2cplug.c" drivers/i2c/busses/
echo 'obj-y += i2cplug.o' >>drivers/i2c/busses/Makefile

run() { "$@" >>"$log" 2>&1 9>&- || { tail -40 "$log" >&2; die "failed: $*"; }; }
run make ARCH=um KCONFIG_ALLCONFIG="$here/config" allnoconfig
while read -r option; do
	grep -qx "$option" .config || die "$option did not survive the configuration of $version; see its dependencies"
done < <(grep ^CONFIG_ "$here/config")
run make ARCH=um -j"$(nproc)" linux

strip linux
mkdir "$work/out"
cp linux .config "$work/out/"
mv "$work/out/.config" "$work/out/config"
echo "$version" >"$work/out/source"
rm -rf "$out"
mv "$work/out" "$out"
say "built $version in ${SECONDS} s"
echo "$out/linux"
