# Sourced by the slow layers' run.sh, which set `rig`: leaving, with the reason, where their machine cannot be made (with
# EDGE_ASL_NO_SKIP=1 that is a failure), and where it is kept: $EDGE_ASL_RIGS, out/rigs unless given.
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin

skip() {
    echo "$rig: skipped: $1" >&2
    exit "${EDGE_ASL_NO_SKIP:-0}"
}

need_root() {
    [ "$(id -u)" = 0 ] || skip "needs root for a Debian root folder; try: sudo -E make e2e-$rig"
}

need_pc() {
    [ "$(uname -m)" = x86_64 ] || skip "was tried on x86-64 only, found $(uname -m)"
}

# need_tools PACKAGES TOOL…
need_tools() {
    local packages=$1 tool
    shift
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "$tool is not installed; apt install --no-install-recommends $packages"
    done
}

rigs() {
    mkdir -p "${EDGE_ASL_RIGS:-$tree/out/rigs}" && cd "${EDGE_ASL_RIGS:-$tree/out/rigs}" && pwd
}
