#!/usr/bin/env bash
# enter.sh ROOT COMMAND…: run a command in the root, with this tree read-only at /src.
#
# The mounts live and die with a mount namespace of their own. env -i: a host's PIP_* settings name folders that
# the root lacks; those that say where packages come from are handed on.
set -euo pipefail
root=$1 tree=$(cd "$(dirname "$0")/../.." && pwd)
shift
settings=(PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PIP_ROOT_USER_ACTION=ignore
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CACHE_DIR=/var/cache/pip)
for name in PIP_INDEX_URL PIP_DEFAULT_TIMEOUT HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
    [ -z "${!name:-}" ] || settings+=("$name=${!name}")
done
# A workstation may trust authorities of its own.
certificates=${PIP_CERT:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}
[ ! -f "$certificates" ] || settings+=(PIP_CERT=/run/certificates.crt)
export root tree certificates
exec unshare --mount --pid --fork --kill-child -- sh -euc '
    mount --make-rprivate /
    mount --bind -o ro "$tree" "$root/src"
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/run"
    mount -t tmpfs tmpfs "$root/tmp"
    mount --rbind /dev "$root/dev"
    cp -L /etc/resolv.conf "$root/run/resolv.conf"; touch "$root/etc/resolv.conf"
    mount --bind "$root/run/resolv.conf" "$root/etc/resolv.conf"
    [ ! -f "$certificates" ] || cp -L "$certificates" "$root/run/certificates.crt"
    exec chroot "$root" /usr/bin/env -i "$@"
' sh "${settings[@]}" "$@"
