#!/usr/bin/env bash
# run.sh PYTHON [PYTEST OPTION…]: the units under a real systemd, in a virtual machine of Debian.
#
# The disk is kept in $EDGE_ASL_RIGS (by default out/rigs); what a run writes to it is thrown away. A photograph of
# the kiosk's screen is left there, too. Skipped, with the reason, where the machine cannot be made; with
# EDGE_ASL_NO_SKIP=1 that is a failure. EDGE_ASL_RELEASE=bookworm takes the Debian before trixie. EDGE_ASL_BROWSER=yes also
# runs the browser's checks: emulated, Chromium has not come up within ten minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rig=systemd
# shellcheck source=tests/rig.sh
source "$here/../rig.sh"
python=$1
shift
need_root
need_pc
need_tools "mmdebstrap e2fsprogs qemu-system-x86" mmdebstrap mkfs.ext4 qemu-system-x86_64

release=${EDGE_ASL_RELEASE:-trixie}
browser=${EDGE_ASL_BROWSER:-no}
disk=$(rigs)/systemd-$release
"$here/disk.sh" "$disk" "$python" "$release" "$browser"
[ "$browser" = yes ] || set -- -k "not kiosk and not browser" "$@"

share=$disk/share
rm -rf "$share"
mkdir -p "$share"
"$python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$share" "$tree/device"
cp -r "$here"/{guest.sh,sandbox.py,check_systemd.py} "$tree"/tests/{program.py,data} "$share"
printf '%s\n' "$@" > "$share/options"
"$here/machine.sh" "$disk" "$share"
