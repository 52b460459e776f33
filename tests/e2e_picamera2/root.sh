#!/usr/bin/env bash
# root.sh FOLDER: a Debian trixie root with libcamera's virtual camera, picamera2 and the device's packages, in FOLDER.
#
# Raspberry Pi OS has libcamera in its own archive; Debian's backports have one with the "virtual" pipeline. Built
# anew only when this script or the packages change (four minutes), else there at once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
root=$1
pins=$tree/constraints/device-litert-py313.txt
wanted=$(cat "$0" "$here"/backports.sh "$here"/packages.txt "$here"/memory.c "$pins" | sha256sum)
[ "$(cat "$root/.complete" 2>/dev/null)" = "$wanted" ] && exit

echo "picamera2: building a Debian root in $root; a few minutes" >&2
rm -rf "$root"
mkdir -p "$root"
keys=$(ls /usr/share/keyrings/debian-archive-keyring.* 2>/dev/null | head -n 1)
mmdebstrap --quiet --mode=root --variant=minbase ${keys:+--keyring="$keys"} \
    --include=python3-libcamera,python3-venv,python3-dev,libcap-dev,gcc,libc6-dev \
    --setup-hook="$here/backports.sh \"\$1\"" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='force-unsafe-io' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    trixie "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
mkdir -p "$root/src" "$root/usr/share/libcamera/pipeline/virtual"
"$here/enter.sh" "$root" sh -euc '
    gcc -O2 -Wall -shared -fPIC -o /opt/memory.so /src/tests/e2e_picamera2/memory.c
    python3 -m venv --system-site-packages /opt/venv
    /opt/venv/bin/pip install --quiet --require-hashes -r /src/constraints/device-litert-py313.txt
    /opt/venv/bin/pip install --quiet -r /src/tests/e2e_picamera2/packages.txt
'
echo "$wanted" > "$root/.complete"
