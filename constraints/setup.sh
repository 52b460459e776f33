#!/usr/bin/env bash
# setup.sh VENV KIND [PROJECT…]: makes a virtual environment with exactly the packages pinned in constraints/KIND-py3NN.txt,
# then installs the projects (folders are installed editable, wheels as they are). The kind `runtime` is what a device
# is sent, and sees the system's packages as there, picamera2 for one. Nothing in it builds: device/ is run as it lies.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 kind=$2
shift 2
python=${PYTHON:-python3}
version=$("$python" -c 'import sys; print("py%d%d" % sys.version_info[:2])')
pins=constraints/$kind seen=()
[ "$kind" != runtime ] || pins=host/edge_asl/deploy/environment/pins/litert seen=(--system-site-packages)
if [ ! -f "$pins-$version.txt" ]; then
    echo "setup: no pinned packages for $version, only $(echo "$pins"-py*.txt); set PYTHON, for example to python3.11" >&2
    exit 1
fi
projects=()
for project in "$@"; do
    if [ -d "$project" ]; then projects+=(-e "./$project"); else projects+=("$project"); fi
done
pins+=-$version.txt
! grep -q '^tensorflow==' "$pins" || slow='; TensorFlow takes a few minutes the first time'
echo "setup: installing $(grep -c '==' "$pins") packages into $venv${slow:-}" >&2
# Nothing is left to resolve: every package that is needed is named. Python compiles what it imports; of thousands of files in
# TensorFlow that is a fifth.
if command -v uv >/dev/null; then
    uv venv --quiet --clear "${seen[@]}" --python "$python" "$venv"
    export VIRTUAL_ENV="$PWD/$venv"
    install=(uv pip install --quiet)
else
    "$python" -m venv --clear "${seen[@]}" "$venv"
    install=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile)
fi
"${install[@]}" --no-deps --require-hashes -r "$pins"
if [ "$kind" = runtime ]; then
    echo "$PWD/device" > "$(echo "$venv"/lib/python3*/site-packages)/device.pth"
else
    "${install[@]}" --no-deps --no-build-isolation "${projects[@]}"
fi
touch "$venv/.complete"
