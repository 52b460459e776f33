#!/bin/sh
# The machine's first process: load the modules, take the computer's files as root, run the command, switch off.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
# The camera is not the first video node: what shows pictures and what carries metadata come before it.
vivid="vid_out_nr=0 meta_cap_nr=1 meta_out_nr=2 vid_cap_nr=3"
# shellcheck disable=SC2086
while read -r module; do
    case $module in vivid.*) options=$vivid ;; *) options= ;; esac
    $b insmod "/modules/$module" $options
done < /modules/order
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro computer /computer
# Not on /tmp: the tree that is tested may lie there.
$b mount -t tmpfs tmpfs /computer/run
$b mkdir -p /computer/run/share /computer/run/tmp
$b mount -t 9p -o trans=virtio,version=9p2000.L share /computer/run/share
for place in /dev /proc /sys; do $b mount -o move "$place" "/computer$place"; done
$b mkdir -p /computer/dev/shm
$b mount -t tmpfs tmpfs /computer/dev/shm
$b ifconfig lo 127.0.0.1 up
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run/tmp TMPDIR=/run/tmp LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
$b chroot /computer /bin/sh -c 'cd "$(cat /run/share/folder)" && . /run/share/command; echo $? > /run/share/status'
$b sync
$b poweroff -f
