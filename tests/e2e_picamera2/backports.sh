#!/bin/sh
# backports.sh ROOT: before its first package, let the root take libcamera from the backports of the same mirror.
set -eu
list=$1/etc/apt/sources.list
backports=$(sed -n '/ trixie main/ { s/ trixie main/ trixie-backports main/p; q; }' "$list")
echo "$backports" >> "$list"
printf 'Package: *libcamera*\nPin: release n=trixie-backports\nPin-Priority: 900\n' > "$1/etc/apt/preferences.d/libcamera"
