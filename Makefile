# The list of what one can do here. Every target may be run twice; the second time is quick.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo lab lab-down test check bench test-kernels bpf install clean

PYTHON ?= python3
BIN := .venv/bin
CODE := netctl.py cli state bpf schemas inventory tests
PACKAGES := clang-19 llvm-19 libbpf-dev libbpf1 iproute2 nftables openssh-server openssh-client python3-venv \
            user-mode-linux kmod
QEMU_PACKAGES := qemu-system-x86 busybox-static kmod

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

install: .venv/installed bpf ## everything needed: Debian packages, the Python environment, the BPF objects

demo: install ## the advertisement: three hosts, an overlay and identity policy, with real packets
	@examples/demo $(BIN)/netctl

lab: install ## boot examples/three-hosts and leave it running, to play with
	$(BIN)/netctl lab up examples/three-hosts

lab-down: install ## take that lab down
	$(BIN)/netctl lab down examples/three-hosts

check: install ## format, lint, types, boundaries
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/basedpyright --warnings
	@# what the agent carries to a host must run on Python 3.9
	$(BIN)/vermin --quiet --no-tips --backport dataclasses --eval-annotations --target=3.9- --violations state bpf
	$(BIN)/pytest -q tests/test_boundaries.py

test: install ## everything, the same that CI runs
	$(BIN)/pytest tests

test-kernels: install ## the datapath and a two-host lab on Debian's 6.1 and 6.12 under QEMU (slow)
	@$(MAKE) --no-print-directory packages PACKAGES="$(QEMU_PACKAGES)"
	$(BIN)/python -m tests.kernels.qemu

bench: install ## the ratios, against the floor and against what people use instead
	$(BIN)/python tests/bench

bpf: packages
	@$(MAKE) --no-print-directory -C bpf

.PHONY: packages
packages:
	@missing=$$(for name in $(PACKAGES); do \
	    dpkg-query -W -f='$${Status}' $$name 2>/dev/null | grep -q 'ok installed' || echo $$name; done); \
	if [ -n "$$missing" ]; then echo "installing from Debian:" $$missing; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null </dev/null; fi

.venv/installed: requirements.lock pyproject.toml | packages
	@echo "making the Python environment in .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --no-build-isolation --no-deps -e .
	@touch $@

clean: ## remove what was built; keeps .venv
	$(MAKE) -C bpf clean
	rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
