# Every command for users and developers of edge-asl. `make setup` is implied by all others but `make try`.
BIN := .venv/bin
PINS := $(wildcard constraints/*.txt) constraints/setup.sh
# The word that the demo's hand spells: letters A to Y except J, which moves.
WORD ?= HELLO
# What `make try` reads with, its page's port, and a film or a folder of pictures in the place of this machine's camera.
MODEL ?= models/letters
PORT ?= 8080
CAMERA ?=
# Containers often set it. Python then compiles TensorFlow anew in every command, longer than it takes to import it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: try demo setup test test-builds test-host test-both check fix bench picture test-device test-deploy e2e e2e-picamera2 e2e-v4l2 e2e-systemd e2e-pi e2e-pi-all pins clean

try: .venv-try/.complete   ## read your hand: sets up the device program alone (a minute), opens the page on this machine's camera
	@[ -n "$(CAMERA)" ] || ls /dev/video* >/dev/null 2>&1 || \
	    echo "No camera here: plug one in at any time, or play a film: make try CAMERA=film.mp4" >&2
	.venv-try/bin/python -m edge_asl_device run $(MODEL) --open --port $(PORT) $(if $(CAMERA),--source "$(CAMERA)" --loop)

.venv-try/.complete: constraints/setup.sh $(wildcard host/edge_asl/deploy/environment/pins/litert-*.txt)
	constraints/setup.sh .venv-try runtime

demo: setup          ## draw hands, build a bundle, let the device program read a film; at a terminal, show the page
	$(BIN)/edge-asl demo --word "$(WORD)" --out out/demo
	@if [ "$(DEMO)" != headless ] && [ -t 1 ]; then exec $(BIN)/edge-asl-device run --demo out/demo; fi

setup: .venv/.complete   ## make .venv with the pinned packages and both distributions

.venv/.complete: $(PINS) pyproject.toml host/pyproject.toml device/pyproject.toml
	constraints/setup.sh .venv workspace device host

test: setup .venv-device/.complete   ## all tests but the slow ones; the device's in an environment of its own, beside the others (two cores)
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-both test-device test-host

BUILDS := tests/host/pipeline tests/host/training tests/host/search

test-builds: setup   ## the workstation's tests that train networks (a quarter of an hour)
	$(BIN)/pytest $(BUILDS)

test-host: setup     ## the workstation's other tests
	$(BIN)/pytest tests/host $(BUILDS:%=--ignore=%)

test-both: setup     ## the tests that need both programs, and the device's that another numpy, OpenCV or runtime could change
	$(BIN)/pytest -m "not whole_program and not deployment" \
	    tests/contract tests/device/cli tests/device/inference tests/deploy tests/end_to_end

test-deploy: setup   ## deployments over a real sshd, one device and many through Ansible (openssh-server; nine minutes)
	$(BIN)/pytest -m deployment tests/deploy

test-device: .venv-device/.complete  ## the device's tests with only its wheel and a runtime: no TensorFlow, no edge_asl
	.venv-device/bin/python -m pytest tests/contract tests/device

.venv-device/.complete: .venv/.complete $(shell find device -type f -not -name '*.pyc')
	rm -rf dist/device && $(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist/device ./device
	constraints/setup.sh .venv-device "$$($(BIN)/python constraints/device_kind.py)" dist/device/*.whl

e2e: e2e-picamera2 e2e-v4l2 e2e-systemd e2e-pi   ## the slow tests: real drivers, a real systemd, an emulated Pi (root, Debian)

e2e-picamera2:       ## real picamera2 on libcamera's virtual camera (mmdebstrap; builds a Debian root once)
	tests/e2e_picamera2/run.sh

e2e-v4l2: setup      ## the USB camera on the kernel's vivid driver, in a small virtual machine (qemu)
	tests/e2e_v4l2/run.sh $(BIN)/python

e2e-systemd: setup   ## the program's unit under a real systemd, in a virtual machine of Debian (qemu, mmdebstrap)
	tests/e2e_systemd/run.sh $(BIN)/python

e2e-pi: setup        ## deployments to an emulated aarch64 machine, two power cuts included (qemu, mmdebstrap; 13 minutes)
	tests/e2e_pi/run.sh $(BIN)/python

e2e-pi-all: setup    ## the same with a power cut and a kill at every step, on bookworm and trixie (hours)
	EDGE_ASL_PI=all tests/e2e_pi/run.sh $(BIN)/python
	EDGE_ASL_PI=all EDGE_ASL_RELEASE=trixie tests/e2e_pi/run.sh $(BIN)/python

check: setup         ## formatting, lint, types, generated documentation
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy
	$(BIN)/python docs/generate_cli.py --check && $(BIN)/python docs/generate_figures.py --check

fix: setup           ## format, apply ruff's fixes, regenerate docs/cli.md and the tables of docs/figures.md
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .
	$(BIN)/python docs/generate_cli.py && $(BIN)/python docs/generate_figures.py

bench: setup         ## the figures in docs/figures.md (needs EDGE_ASL_DATA and EDGE_ASL_WEIGHTS; a day)
	$(BIN)/python bench/all.py

picture: setup       ## the README's picture of the page (chromium)
	$(BIN)/python docs/draw_page.py

pins:                ## pin the newest versions in constraints/ (needs uv)
	constraints/update.sh

clean:               ## delete what the other targets made, models included
	rm -rf .venv .venv-device .venv-try dist out models/.work calibration_data/*/ .pytest_cache .mypy_cache .ruff_cache .hypothesis
