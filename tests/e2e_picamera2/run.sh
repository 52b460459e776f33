#!/usr/bin/env bash
# run.sh [PYTEST OPTION…]: real picamera2 on libcamera's virtual camera, in a Debian root of its own.
#
# The root lies in $EDGE_ASL_RIGS (out/rigs unless given) and is kept. Skipped, with the reason, where it cannot be
# made; with EDGE_ASL_NO_SKIP=1 that is a failure.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
skip() {
    echo "picamera2: skipped: $1" >&2
    exit "${EDGE_ASL_NO_SKIP:-0}"
}
[ "$(id -u)" = 0 ] || skip "needs root for a Debian root folder; try: sudo -E make e2e-picamera2"
[ "$(uname -m)" = x86_64 ] || skip "libcamera's virtual camera was tried on x86-64 only, found $(uname -m)"
for tool in mmdebstrap unshare; do
    command -v "$tool" >/dev/null || skip "$tool is not installed; apt install mmdebstrap util-linux"
done

rigs=${EDGE_ASL_RIGS:-$here/../../out/rigs}
mkdir -p "$rigs"
root=$(cd "$rigs" && pwd)/picamera2
"$here/root.sh" "$root"
cp "$here/virtual.yaml" "$root/usr/share/libcamera/pipeline/virtual/"
"$here/enter.sh" "$root" sh -euc '
    /opt/venv/bin/pip install --quiet --no-deps --no-build-isolation --force-reinstall /src/device
    cd /src/tests/e2e_picamera2
    LD_PRELOAD=/opt/memory.so PYTHONPATH=/src/tests/e2e_picamera2/stubs timeout 300 \
        /opt/venv/bin/python -m pytest -c /src/pyproject.toml -p no:cacheprovider check_picamera.py "$@"
' sh "$@"
