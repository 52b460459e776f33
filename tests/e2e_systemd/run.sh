#!/usr/bin/env bash
# run.sh PYTHON [PYTEST OPTION…]: the units under a real systemd, in a virtual machine of Debian.
#
# The disk is kept in $EDGE_ASL_RIGS (out/rigs unless given); what a run writes to it is thrown away. A photograph of
# the kiosk's screen is left there, too. Skipped, with the reason, where the machine cannot be made; with
# EDGE_ASL_NO_SKIP=1 that is a failure. EDGE_ASL_RELEASE=bookworm takes the Debian before trixie.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
python=$1
shift
skip() {
    echo "systemd: skipped: $1" >&2
    exit "${EDGE_ASL_NO_SKIP:-0}"
}
export PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" = 0 ] || skip "needs root for a Debian root folder; try: sudo -E make e2e-systemd"
[ "$(uname -m)" = x86_64 ] || skip "was tried on x86-64 only, found $(uname -m)"
for tool in mmdebstrap mkfs.ext4 qemu-system-x86_64; do
    command -v "$tool" >/dev/null || skip "$tool is not installed; apt install mmdebstrap e2fsprogs qemu-system-x86"
done

rigs=${EDGE_ASL_RIGS:-$tree/out/rigs}
mkdir -p "$rigs"
release=${EDGE_ASL_RELEASE:-trixie}
disk=$(cd "$rigs" && pwd)/systemd-$release
"$here/disk.sh" "$disk" "$python" "$release"

share=$disk/share
rm -rf "$share"
mkdir -p "$share"
"$python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$share" "$tree/device"
cp -r "$here"/{guest.sh,sandbox.py,check_systemd.py} "$tree"/tests/{program.py,data} "$share"
printf '%s\n' "$@" > "$share/options"
"$here/machine.sh" "$disk" "$share"
