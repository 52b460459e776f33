#!/usr/bin/env bash
# run.sh PYTHON [PYTEST OPTION…]: the USB camera's class on a real kernel driver, in a virtual machine.
#
# The kernel is kept in $EDGE_ASL_RIGS (out/rigs unless given). Skipped, with the reason, where the machine cannot be
# made; with EDGE_ASL_NO_SKIP=1 that is a failure. Needs no root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=$1
shift
skip() {
    echo "v4l2: skipped: $1" >&2
    exit "${EDGE_ASL_NO_SKIP:-0}"
}
[ "$(uname -m)" = x86_64 ] || skip "the machine runs this computer's programs and was tried on x86-64 only"
export PATH=$PATH:/usr/sbin:/sbin
for tool in qemu-system-x86_64 busybox cpio modprobe apt-get; do
    command -v "$tool" >/dev/null ||
        skip "$tool is not installed; apt install --no-install-recommends qemu-system-x86 busybox-static cpio kmod"
done
apt-cache show linux-image-amd64 >/dev/null 2>&1 || skip "apt knows no linux-image-amd64, Debian's kernel with vivid"

exec "$here/machine.sh" "${EDGE_ASL_RIGS:-$here/../../out/rigs}/v4l2" \
    "$python" -m pytest -p no:cacheprovider "$here/check_v4l2.py" "$@"
