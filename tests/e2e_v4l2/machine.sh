#!/usr/bin/env bash
# machine.sh FOLDER COMMAND…: run a command in a virtual machine of this computer's own files (read-only) whose
# kernel, Debian's, has "vivid": a V4L2 camera in software that can be told to drop frames and to vanish.
#
# FOLDER keeps the kernel between calls. Exit status: the command's; 70 when the machine gave none in eight minutes.
set -euo pipefail
cache=$(mkdir -p "$1" && cd "$1" && pwd)
shift

kernel_package() { apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ { print $2; exit }'; }

fetch_kernel() { # unpacked, not installed
    rm -rf "$cache/kernel" "$cache"/*.deb
    (cd "$cache" && apt-get download -q "$(kernel_package)" >&2)
    dpkg-deb -x "$cache"/linux-image-*.deb "$cache/kernel"
    rm "$cache"/linux-image-*.deb
    depmod -b "$cache/kernel" "$(ls "$cache/kernel/lib/modules")"
}

modules() { # in loading order
    for module in virtio_pci 9pnet_virtio 9p vivid; do
        modprobe -d "$cache/kernel" -S "$(ls "$cache/kernel/lib/modules")" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

make_initrd() {
    local root
    root=$(mktemp -d)
    mkdir -p "$root"/{bin,modules,computer,dev,proc,sys}
    cp "$(command -v busybox)" "$root/bin/busybox"
    ln -s busybox "$root/bin/sh"
    modules | while read -r file; do cp "$file" "$root/modules" && basename "$file" >> "$root/modules/order"; done
    cp "$here/init.sh" "$root/init"
    chmod +x "$root/init"
    (cd "$root" && find . | cpio --quiet -o -H newc) > "$cache/initrd"
    rm -rf "$root"
}

here=$(cd "$(dirname "$0")" && pwd)
[ -d "$cache/kernel/boot" ] || fetch_kernel
make_initrd
rm -rf "$cache/share"
mkdir "$cache/share"
printf '%q ' "$@" > "$cache/share/command"
pwd > "$cache/share/folder"
timeout --kill-after=5 500 qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -nodefaults -no-reboot \
    -display none -serial stdio -nic none \
    -kernel "$cache"/kernel/boot/vmlinuz-* -initrd "$cache/initrd" -append "console=ttyS0 loglevel=0 edd=off panic=-1" \
    -virtfs local,path=/,mount_tag=computer,security_model=none,readonly=on,multidevs=remap \
    -virtfs local,path="$cache/share",mount_tag=share,security_model=none </dev/null || true
exit "$(cat "$cache/share/status" 2>/dev/null || echo 70)"
