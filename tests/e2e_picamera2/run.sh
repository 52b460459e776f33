#!/usr/bin/env bash
# run.sh [PYTEST OPTION…]: real picamera2 on libcamera's virtual camera, in a Debian root of its own.
#
# The root lies in $EDGE_ASL_RIGS (by default out/rigs) and is kept. Skipped, with the reason, where it cannot be
# made; with EDGE_ASL_NO_SKIP=1 that is a failure.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rig=picamera2
# shellcheck source=tests/rig.sh
source "$here/../rig.sh"
need_root
need_pc
need_tools "mmdebstrap util-linux" mmdebstrap unshare

root=$(rigs)/picamera2
"$here/root.sh" "$root"
cp "$here/virtual.yaml" "$root/usr/share/libcamera/pipeline/virtual/"
"$here/enter.sh" "$root" sh -euc '
    /opt/venv/bin/pip install --quiet --no-deps --no-build-isolation --force-reinstall /src/device
    cd /src/tests/e2e_picamera2
    LD_PRELOAD=/opt/memory.so PYTHONPATH=/src/tests/e2e_picamera2/stubs timeout 300 \
        /opt/venv/bin/python -m pytest -c /src/pyproject.toml -p no:cacheprovider check_picamera.py "$@"
' sh "$@"
