# Sourced by the run.sh of each slow test, which sets `rig`. Exits with the reason if the machine cannot be made here (a
# failure with EDGE_ASL_NO_SKIP=1), and says where it is kept: $EDGE_ASL_RIGS, by default out/rigs.
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
    [ "$(uname -m)" = x86_64 ] || skip "has only been tried on x86-64, and this is $(uname -m)"
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
