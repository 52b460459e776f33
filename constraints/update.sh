#!/usr/bin/env bash
# Writes the pinned versions anew, one file per Python version, from host/, device/ and the dev group of pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
    uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
        --no-emit-package edge-asl --no-emit-package edge-asl-device "$@"
}
for minor in 11 12 13; do
    compile --python-version "3.$minor" constraints/workspace.in --group pyproject.toml:dev \
        --output-file "constraints/workspace-py3$minor.txt"
done
# pytest and hypothesis stand beside the device package so that its tests can run there; nothing else does.
for minor in 11 12 13; do
    compile --python-version "3.$minor" constraints/device-litert.in --output-file "constraints/device-litert-py3$minor.txt"
done
compile --python-version 3.11 constraints/device-tflite.in --output-file constraints/device-tflite-py311.txt
