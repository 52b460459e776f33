#!/bin/sh
# In the machine, as root: install the program, a bundle and the units as docs/operations.md says, then the checks.
set -eu
home=/var/lib/edge-asl
"$home"/environment/bin/pip install --quiet --no-deps --no-index --root-user-action=ignore /share/*.whl
mkdir -p "$home/releases/first" /etc/edge-asl /srv/camera
cp -r /share/data/bundle-v1 "$home/releases/first/bundle"
ln -s ../../environment "$home/releases/first/environment"
ln -s releases/first "$home/current"
cp /share/data/BALLY.mp4 /srv/camera/video.mp4
echo live > /srv/camera/state
useradd --create-home --shell /bin/sh kiosk
for unit in edge-asl.service edge-asl-kiosk.service; do
    "$home"/environment/bin/python -m edge_asl_device.systemd "$unit" > "/etc/systemd/system/$unit"
done
systemctl daemon-reload
cd /share
set --
while read -r option; do [ -z "$option" ] || set -- "$@" "$option"; done < /share/options
PYTHONDONTWRITEBYTECODE=1 "$home"/environment/bin/python -m pytest -c /dev/null --rootdir /share -p no:cacheprovider -ra \
    --color=no check_systemd.py "$@"
