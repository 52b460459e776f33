#!/usr/bin/env bash
# disk.sh FOLDER RELEASE: a kiosk's disk (Debian bookworm or trixie for arm64, with systemd and sshd) and what boots it:
# FOLDER/disk (ext4), vmlinuz, initrd, id_test (the key that root and pi let in), host_key.pub (what sshd shows).
#
# Raspberry Pi OS is this Debian with another kernel and other firmware. Built anew only when this script or init.sh
# change (two minutes), else there at once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
release=$2
mkdir -p "$1"
folder=$(cd "$1" && pwd)
case $release in
    bookworm | trixie) ;;
    *) echo "disk: expected bookworm or trixie, found $release" >&2 && exit 1 ;;
esac
wanted=$(cat "$0" "$here/init.sh" <(echo "$release") | sha256sum)
[ "$(cat "$folder/.complete" 2>/dev/null)" = "$wanted" ] && exit

echo "pi: building a Debian disk in $folder; two minutes" >&2
# A build that was killed left /proc and /dev of its root mounted.
awk -v "root=$folder/root/" 'index($2, root) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount
rm -rf --one-file-system "$folder"
mkdir -p "$folder/fetched"
root=$folder/root
# Packages configure themselves with programs of their own, which this computer runs emulated.
arch-test arm64 >/dev/null || update-binfmts --enable qemu-aarch64
arch-test arm64 >/dev/null || { echo "disk: expected a kernel that runs arm64 programs through qemu-user-static" >&2; exit 1; }

# By which key sshd is known; three made under emulation would take twenty seconds.
own_key() {
    cat <<'HOOK'
mkdir -p "$1/etc/ssh"
touch "$1/etc/ssh/ssh_host_rsa_key" "$1/etc/ssh/ssh_host_ecdsa_key"
ssh-keygen -q -t ed25519 -N '' -C kiosk -f "$1/etc/ssh/ssh_host_ed25519_key"
HOOK
}
# Unpacked by this computer's own dpkg, which saves a minute, and set up by theirs, for which "all" means arm64. polkitd
# and dbus-user-session: a user's own services (systemctl --user, loginctl enable-linger) need them. Then what boots the
# disk, which is not installed: no initrd is built under emulation.
packages() {
    cat <<'HOOK'
set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
apt-get -q -q -y --download-only install \
    apt systemd-sysv libpam-systemd dbus dbus-user-session polkitd udev kmod openssh-server sudo python3 iproute2
dpkg --root="$1" --force-unsafe-io --force-depends --path-exclude='/usr/share/doc/*' --path-exclude='/usr/share/man/*' \
    --path-exclude='/usr/share/locale/*' --unpack "$1"/var/cache/apt/archives/*.deb
chroot "$1" dpkg --configure --pending
test -z "$(chroot "$1" dpkg --audit)"
cd "$FETCHED"
kernel=$(apt-cache depends linux-image-cloud-arm64 | sed -n 's/ *Depends: \(linux-image-[0-9][^ :]*\).*/\1/p' | head -n 1)
apt-get -q -q -o APT::Sandbox::User=root download "$kernel" busybox-static
HOOK
}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
keys=$(ls /usr/share/keyrings/debian-archive-keyring.* 2>/dev/null | head -n 1)
FETCHED=$folder/fetched mmdebstrap --quiet --mode=root --variant=essential --arch=arm64 ${keys:+--keyring="$keys"} \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='force-unsafe-io' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --essential-hook="$(own_key)" --customize-hook="$(packages)" \
    "$release" "$root" "deb $mirror $release main" >"$folder/log" 2>&1 || { tail -n 30 "$folder/log" >&2; exit 1; }

for package in "$folder"/fetched/linux-image-*.deb; do dpkg-deb -x "$package" "$folder/kernel"; done
dpkg-deb -x "$folder"/fetched/busybox-static_*.deb "$folder/busybox"
lib=$folder/kernel/usr/lib
[ -d "$lib/modules" ] || lib=$folder/kernel/lib
version=$(ls "$lib/modules")
cp "$folder"/kernel/boot/vmlinuz-* "$folder/vmlinuz"
cp -r "$lib/modules" "$root/usr/lib/"
depmod -b "$root" "$version"

# The initrd: what is needed to see the disk, and init.sh.
start=$folder/start
mkdir -p "$start"/{bin,modules,dev,proc,sys,root}
find "$folder/busybox" -path '*/bin/busybox' -type f -exec cp {} "$start/bin/" \;
ln -s busybox "$start/bin/sh"
for module in virtio_pci virtio_blk virtio_net ext4; do
    modprobe -d "$root" -S "$version" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
    cp "$file" "$start/modules/"
    basename "$file" >> "$start/modules/order"
done
install -m 755 "$here/init.sh" "$start/init"
(cd "$start" && find . | cpio --quiet -o -H newc | gzip -1) > "$folder/initrd"

# Whom sshd lets in.
ssh-keygen -q -t ed25519 -N '' -C 'tests only' -f "$folder/id_test"
rm "$root"/etc/ssh/ssh_host_{rsa,ecdsa}_key
cp "$root/etc/ssh/ssh_host_ed25519_key.pub" "$folder/host_key.pub"
printf 'UseDNS no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n' > "$root/etc/ssh/sshd_config.d/kiosk.conf"
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" \
    useradd --create-home --shell /bin/bash --groups adm,sudo,audio,video,plugdev pi
echo 'pi ALL=(ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/010_pi-nopasswd" # Raspberry Pi OS's own file
chmod 440 "$root/etc/sudoers.d/010_pi-nopasswd"
for home in root home/pi; do
    install -d -m 700 "$root/$home/.ssh"
    install -m 600 "$folder/id_test.pub" "$root/$home/.ssh/authorized_keys"
    chown -R --reference="$root/$home" "$root/$home/.ssh"
done

# What must not stand in a test's way: packages that look for updates, tables built at the first boot, a waiting shell;
# then what a kiosk does not use and an emulated processor starts for ten seconds, udev's events for old devices first.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-networkd.service \
    serial-getty@ttyAMA0.service getty@tty1.service \
    systemd-udev-trigger.service kmod-static-nodes.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount \
    sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount systemd-binfmt.service \
    proc-sys-fs-binfmt_misc.automount systemd-pstore.service \
    modprobe@{configfs,dm_mod,drm,efi_pstore,fuse,loop}.service systemd-update-utmp-runlevel.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
touch "$root"/{etc,var}/.updated # newer than /usr: systemd has no table to make anew at the first boot
mkdir -p "$root/var/log/journal" # journald keeps its lines across a power cut
tr -d - < /proc/sys/kernel/random/uuid > "$root/etc/machine-id"
echo kiosk > "$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 kiosk\n' > "$root/etc/hosts"
echo '/dev/vda / ext4 defaults,noatime 0 0' > "$root/etc/fstab" # init.sh has mounted it; ext4 replays its journal then
# -m 0: with a reserve for root, a disk would never be full for a program of root's.
truncate --size=4G "$folder/disk"
mkfs.ext4 -q -F -m 0 -d "$root" "$folder/disk"
rm -rf "$root" "$start" "$folder/kernel" "$folder/busybox" "$folder/fetched"
echo "$wanted" > "$folder/.complete"
