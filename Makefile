# `make demo` shows the product, `make test` proves it. Both work on a fresh clone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What the tests run for real. `make demo` needs none of it.
TEST_PACKAGES := chromium ffmpeg umockdev gir1.2-umockdev-1.0 python3-gi avahi-daemon iproute2 \
	nftables curl util-linux nodejs npm chromium-sandbox cage xwayland sway weston grim wlr-randr
LAB_PACKAGES := mmdebstrap gpg qemu-system-x86 e2fsprogs util-linux ffmpeg chromium

.PHONY: help demo test lab bench bench-hotplug bench-recovery chaos lint unit integration e2e \
	clean packages lab-packages

help:
	@echo "make demo    two sites on this machine, each showing the other (ARGS=\"--seconds 60\" …)"
	@echo "make test    lint, types, and all tests but the lab's (installs system packages as root)"
	@echo "make lab     a virtual machine with a real V4L2 device (as root)"
	@echo "make bench   latency and footprint, side by side with others"
	@echo "make bench-recovery  how soon the picture is back after each fault (as root)"
	@echo "make chaos   every fault in random order (ARGS=\"--seed 1 --minutes 30\" …; as root)"
	@echo "make bench-hotplug   plug, pull, recovery, replugs (ARGS=--lab: on a real USB bus, as root)"

demo: $(VENV)/.demo
	@exec $(BIN)/portal demo $(ARGS)

test: packages lint
	$(BIN)/pytest tests/unit tests/integration tests/e2e tests/faults -m "not long" --cov \
	  --cov-report=term:skip-covered $(ARGS)

lint: $(VENV)/.test node_modules/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	npx tsc --project tsconfig.json

unit integration e2e: $(VENV)/.test
	$(BIN)/pytest tests/$@ $(ARGS)

lab: lab-packages $(VENV)/.test
	$(BIN)/python -m tests.lab
	$(BIN)/pytest tests/lab $(ARGS)

bench: packages $(VENV)/.test
	$(BIN)/python -m bench $(ARGS)

bench-recovery: packages $(VENV)/.test
	$(BIN)/python -m bench.recovery $(ARGS)

chaos: packages $(VENV)/.test
	$(BIN)/pytest tests/faults -m long
	$(BIN)/python -m tests.faults.chaos $(ARGS)

bench-hotplug: packages $(VENV)/.test
	$(BIN)/python -m bench.hotplug $(ARGS)

clean:
	rm -rf $(VENV) node_modules .cache .coverage* .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with make PYTHON=…"; exit 1; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "install python3-venv first"; exit 1; }

$(VENV)/.demo: $(BIN)/python pyproject.toml
	@echo "installing portal into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --use-pep517 --editable \
	  "$$(command -v ffmpeg >/dev/null && echo . || echo '.[ffmpeg]')"
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --use-pep517 --editable '.[test,ffmpeg]'
	$(BIN)/portal media-server install
	@touch $@ $(VENV)/.demo

node_modules/.installed: package.json package-lock.json
	npm ci --silent --no-audit --no-fund
	@touch $@

packages:
	@./.ci/packages $(TEST_PACKAGES)

lab-packages:
	@./.ci/packages $(LAB_PACKAGES)
