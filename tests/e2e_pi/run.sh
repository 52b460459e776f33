#!/usr/bin/env bash
# run.sh PYTHON [PYTEST OPTION…]: checks against an emulated aarch64 machine with its own kernel, systemd and sshd, of
# which this computer is the workstation. A path among the options takes the place of all check_*.py.
#
# The disk is kept in $EDGE_ASL_RIGS (by default out/rigs); what a check writes to it is thrown away. Skipped, with the
# reason, if the machine cannot be made; with EDGE_ASL_NO_SKIP=1 that is a failure. EDGE_ASL_RELEASE=trixie takes the
# Debian after bookworm, EDGE_ASL_PI=all also runs the checks that take long.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rig=pi
# shellcheck source=tests/rig.sh
source "$here/../rig.sh"
python=$1
shift
need_root
need_tools "mmdebstrap arch-test binfmt-support qemu-user-static qemu-system-arm qemu-utils kmod cpio e2fsprogs \
openssh-client" mmdebstrap arch-test update-binfmts qemu-system-aarch64 qemu-img modprobe cpio mkfs.ext4 ssh setpriv

release=${EDGE_ASL_RELEASE:-bookworm}
disk=$(rigs)/pi-$release
"$here/disk.sh" "$disk" "$release"

checks=("$here"/check_*.py)
for option in "$@"; do [ -e "${option%%::*}" ] && checks=(); done
[ "${EDGE_ASL_PI:-}" = all ] || set -- -m "not thorough" "$@"
EDGE_ASL_PI_DISK=$disk "$python" -m pytest -p no:cacheprovider -s "${checks[@]}" "$@"
