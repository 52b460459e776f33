#!/usr/bin/env bash
# machine.sh DISK SHARE: boot the disk, which runs SHARE/guest.sh and switches off. Exit status: the script's; 70 when
# there was none in half an hour.
#
# Emulated unless EDGE_ASL_ACCEL=kvm says otherwise: about ten times slower, but there wherever qemu is.
set -euo pipefail
disk=$1 share=$2
rm -f "$share/status"
cpu=max
[ "${EDGE_ASL_ACCEL:-}" = kvm ] && cpu=host
timeout --kill-after=5 1800 qemu-system-x86_64 -accel "${EDGE_ASL_ACCEL:-tcg,thread=multi}" -cpu "$cpu" -smp 2 -m 2048 \
    -nodefaults -no-reboot -display none -vga std -device virtio-keyboard-pci -serial stdio -nic none \
    -kernel "$disk/vmlinuz" -initrd "$disk/initrd" \
    -append "root=/dev/vda rw console=tty0 console=ttyS0 quiet loglevel=3 systemd.show_status=false panic=-1 edd=off" \
    -drive "file=$disk/disk,format=raw,if=virtio,snapshot=on" \
    -virtfs "local,path=$share,mount_tag=share,security_model=none" </dev/null || true
exit "$(cat "$share/status" 2>/dev/null || echo 70)"
