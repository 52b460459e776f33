#!/usr/bin/env bash
# setup.sh VENV KIND [PROJECT…]: makes a virtual environment with exactly the packages pinned in constraints/KIND-py3NN.txt,
# then installs the projects (folders are installed editable, wheels as they are).
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 kind=$2
shift 2
python=${PYTHON:-python3}
version=$("$python" -c 'import sys; print("py%d%d" % sys.version_info[:2])')
pins="constraints/$kind-$version.txt"
if [ ! -f "$pins" ]; then
    echo "setup: no pinned packages for $version, only $(echo constraints/"$kind"-py*.txt); set PYTHON, for example to python3.11" >&2
    exit 1
fi
projects=()
for project in "$@"; do
    if [ -d "$project" ]; then projects+=(-e "./$project"); else projects+=("$project"); fi
done
echo "setup: installing $(grep -c '==' "$pins") packages into $venv; TensorFlow takes a few minutes the first time" >&2
if command -v uv >/dev/null; then
    uv venv --quiet --clear --python "$python" "$venv"
    export VIRTUAL_ENV="$PWD/$venv"
    uv pip install --quiet --require-hashes -r "$pins"
    uv pip install --quiet --no-deps --no-build-isolation "${projects[@]}"
else
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pins"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation "${projects[@]}"
fi
touch "$venv/.complete"
