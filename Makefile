# make demo and make test set everything up on a fresh machine; nothing else is needed first.

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
ARM_VENV ?= .venv-aarch64
CASES ?= 100000
KILLS ?= 100
PEERS := $(shell sed -n 's/^bench = //p' pyproject.toml | grep -o '"[a-z][^"[]*"')
BIN := $(VENV)/bin
PIP := -m pip install --quiet --disable-pip-version-check
KERNELS := $(wildcard wrmf/kernels/*.h wrmf/kernels/*.c)
SOURCES := setup.py pyproject.toml $(wildcard wrmf/*.pyx wrmf/*.pxd) $(KERNELS)

.PHONY: demo test test-clang fuzz sanitize faults docs lint format bench wheel aarch64 clean

demo: $(VENV)/.built
	$(BIN)/wrmf demo --out demo

test: $(VENV)/.built
	$(BIN)/python -m pytest

# The kernels and what depends on them, built by clang in an environment of its own.
test-clang:
	CC=clang $(MAKE) .venv-clang/.built VENV=.venv-clang
	.venv-clang/bin/python -m pytest tests/numerics tests/model

# Random cases of every target, in child processes; CASES of each. They take hours.
fuzz: $(VENV)/.built
	WRMF_FUZZ_CASES=$(CASES) $(BIN)/python -m pytest tests/fuzz

# Builds with sanitizers, gcc and clang, in folders of their own.
sanitize: $(VENV)/.built
	.ci/sanitize $(CURDIR)/$(BIN)/python

# Kills processes that save and search at random moments, KILLS of each; and fits many times.
faults: $(VENV)/.built
	WRMF_KILLS=$(KILLS) WRMF_FITS=200 $(BIN)/python -m pytest tests/faults

# The site, in docs/_build/html; warnings are errors.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -b html -W --keep-going -j auto docs docs/_build/html

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint wrmf
	$(BIN)/clang-format --dry-run -Werror $(KERNELS)
	$(BIN)/biome check
	$(BIN)/mypy

format: $(VENV)/.lint
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(KERNELS)
	$(BIN)/biome check --write

# Timings beside other libraries, in an environment of their own; everything with FULL=1.
bench: $(BENCH_VENV)/.built
	$(BENCH_VENV)/bin/python -m benchmarks.speed $(if $(FULL),--full)

# The source distribution and a manylinux wheel, into dist, tested in clean environments; for other
# Pythons, too, by PYTHONS="python3.12 python3.13".
wheel:
	.ci/wheel .venv-wheel $(or $(PYTHONS),$(PYTHON))

# The kernels cross-compiled for aarch64, and their tests run under emulation.
aarch64:
	PYTHON=$(PYTHON) .ci/aarch64 $(ARM_VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or later is needed; name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "On Debian: apt-get install python3-venv python3-dev gcc"; \
	  rm -rf $(VENV); exit 1; }

$(VENV)/.built: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python $(PIP) --editable '.[test]' || \
	  { echo "The build needs a C compiler and Python's headers; on Debian: apt-get install gcc python3-dev"; exit 1; }
	@touch $@

$(VENV)/.lint: $(VENV)/.built
	$(BIN)/python $(PIP) --editable '.[lint]'
	@touch $@

$(VENV)/.docs: $(VENV)/.built
	$(BIN)/python $(PIP) --editable '.[docs]'
	@touch $@

# A library that cannot be installed here is left out; the results say so.
$(BENCH_VENV)/.built: $(SOURCES)
	$(MAKE) $(BENCH_VENV)/bin/python VENV=$(BENCH_VENV)
	$(BENCH_VENV)/bin/python $(PIP) --editable '.[test]'
	$(BENCH_VENV)/bin/python $(PIP) --editable '.[bench]' || \
	  for peer in $(PEERS); do $(BENCH_VENV)/bin/python $(PIP) \
	  $$peer || echo "$$peer could not be installed"; done
	@touch $@

clean:
	rm -rf .venv* .cache build demo docs/_build docs/api *.egg-info wrmf/*.so wrmf/_*.c
