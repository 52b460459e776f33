#!/usr/bin/env bash
# Pins the newest versions, one file per Python version, from host/, device/ and the dev group of pyproject.toml.
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
# Beside the device package only pytest and hypothesis, so that its tests can run there.
for minor in 11 12 13; do
    compile --python-version "3.$minor" constraints/device-litert.in --output-file "constraints/device-litert-py3$minor.txt"
done
compile --python-version 3.11 constraints/device-tflite.in --output-file constraints/device-tflite-py311.txt

# What `edge-asl deploy` sends to a device: no tests, and nothing that the program never imports. ai-edge-litert asks for five
# packages that its compiler and converter use; `ai_edge_litert.interpreter` imports numpy alone (tests/deploy/environment/test_layout.py
# runs it without them), and they would be 136 files and 4 MB more on aarch64.
unused=(backports-strenum flatbuffers ml-dtypes protobuf tqdm)
environment() {
    kind=$1 minor=$2 pins="host/edge_asl/deploy/environment/pins/$1-py3$2.txt"
    compile --only-binary :all: "${unused[@]/#/--no-emit-package=}" --python-version "3.$minor" \
        --python-platform aarch64-manylinux_2_36 "constraints/runtime-$kind.in" --output-file "$pins"
    # Resolved for one machine; the same versions must also have wheels for the other.
    for machine in aarch64 x86_64; do
        uv pip install --quiet --dry-run --no-deps --only-binary :all: --require-hashes --python-version "3.$minor" \
            --python-platform "$machine-manylinux_2_36" --target "$(mktemp --dry-run)" --requirements "$pins"
    done
}
for minor in 11 12 13; do environment litert "$minor"; done
environment tflite 11
