#!/usr/bin/env bash
# disk.sh FOLDER PYTHON RELEASE BROWSER: makes FOLDER/disk (Debian trixie or bookworm with the device's packages; with BROWSER=yes also
# a browser and what shows it), FOLDER/vmlinuz and FOLDER/initrd.
#
# Raspberry Pi OS is this Debian with another kernel and other firmware. It is rebuilt (two minutes) only when this script or the
# packages change.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
folder=$1 python=$2 release=$3 browser=$4
case $release in
    trixie) version=3.13 ;;
    bookworm) version=3.11 ;;
    *) echo "disk: expected trixie or bookworm, found $release" >&2 && exit 1 ;;
esac
pins=$tree/constraints/device-litert-py${version/./}.txt
wanted=$(cat "$0" "$here"/guest.service "$pins" <(echo "$browser") | sha256sum)
[ "$(cat "$folder/.complete" 2>/dev/null)" = "$wanted" ] && exit

echo "systemd: building a Debian disk in $folder; a few minutes" >&2
rm -rf "$folder"
mkdir -p "$folder"
root=$folder/root
screen=
[ "$browser" != yes ] || screen=,cage,seatd,chromium,grim,fonts-dejavu-core
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
keys=$(ls /usr/share/keyrings/debian-archive-keyring.* 2>/dev/null | head -n 1)
mmdebstrap --quiet --mode=root --variant=minbase ${keys:+--keyring="$keys"} \
    --include="systemd-sysv,dbus,udev,login,passwd,procps,kmod,linux-image-amd64,initramfs-tools,python3-venv,espeak-ng$screen" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='force-unsafe-io' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    "$release" "$root" "deb $mirror $release main"

# As docs/operations.md installs by hand: a virtual environment that sees the system's packages, then pip.
in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 chroot "$root" "$@"; }
in_root python3 -m venv --system-site-packages /var/lib/edge-asl/environment
"$python" -m pip install --quiet --require-hashes --no-deps --only-binary=:all: --python-version $version --implementation cp \
    --platform manylinux_2_17_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_28_x86_64 \
    --platform manylinux2014_x86_64 --platform any \
    --target "$root/var/lib/edge-asl/environment/lib/python$version/site-packages" -r "$pins"
in_root /var/lib/edge-asl/environment/bin/python -m compileall -q /var/lib/edge-asl/environment/lib || : # some carry files for other Pythons

# systemd-analyze looks whether what a unit starts is there.
[ "$browser" = yes ] || install -m 755 /dev/null "$root/usr/bin/cage"
# What would get in a test's way: packages that look for updates, a disk that is checked, a shell that waits.
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer \
    systemd-timesyncd.service serial-getty@ttyS0.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
cp "$here/guest.service" "$root/etc/systemd/system/"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../guest.service "$root/etc/systemd/system/multi-user.target.wants/guest.service"
echo kiosk > "$root/etc/hostname"
echo '127.0.0.1 localhost kiosk' > "$root/etc/hosts"
echo '/dev/vda / ext4 rw 0 1' > "$root/etc/fstab"
cp -L "$root"/boot/vmlinuz-* "$folder/vmlinuz"
cp -L "$root"/boot/initrd.img-* "$folder/initrd"
truncate --size=6G "$folder/disk"
mkfs.ext4 -q -F -d "$root" "$folder/disk"
rm -rf "$root"
echo "$wanted" > "$folder/.complete"
