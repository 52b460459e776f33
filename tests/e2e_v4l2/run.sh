#!/usr/bin/env bash
# run.sh PYTHON [PYTEST OPTION…]: the USB camera's class on JPEG from a stand-in, then on a real kernel driver in a
# virtual machine.
#
# The kernel is kept in $EDGE_ASL_RIGS (by default out/rigs). Skipped, with the reason, where the machine cannot be
# made; with EDGE_ASL_NO_SKIP=1 that is a failure. Needs no root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rig=v4l2
# shellcheck source=tests/rig.sh
source "$here/../rig.sh"
python=$1
shift
need_pc
need_tools "gcc libc6-dev qemu-system-x86 busybox-static cpio kmod" gcc qemu-system-x86_64 busybox cpio modprobe apt-get
apt-cache show linux-image-amd64 >/dev/null 2>&1 || skip "apt knows no linux-image-amd64, Debian's kernel with vivid"

rigs=$(rigs)
stand_in=$(mkdir -p "$rigs/jpeg" && cd "$rigs/jpeg" && pwd)
gcc -O2 -Wall -shared -fPIC -o "$stand_in/camera.so" "$here/jpeg_camera.c"
JPEG_CAMERA=$stand_in/video0 LD_PRELOAD=$stand_in/camera.so timeout 120 \
    "$python" -m pytest -p no:cacheprovider "$here/check_jpeg.py" "$@"
"$here/machine.sh" "$rigs/v4l2" "$python" -m pytest -p no:cacheprovider "$here/check_v4l2.py" "$@"
