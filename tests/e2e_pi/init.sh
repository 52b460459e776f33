#!/bin/sh
# The machine's first program: mounts the disk, gives the network card its address, and hands over to systemd.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
while read -r module; do $b insmod "/modules/$module"; done < /modules/order
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -b /dev/vda ] && break
    $b sleep 0.2
done
# As a Raspberry Pi mounts its card.
$b mount -t ext4 -o rw,noatime /dev/vda /root || exec /bin/sh
# The address is qemu's (its user network); it stays when the cable is pulled.
$b ifconfig lo 127.0.0.1 up
$b ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
$b route add default gw 10.0.2.2
$b mount --move /dev /root/dev
$b umount /sys
$b umount /proc
exec $b switch_root /root /sbin/init
