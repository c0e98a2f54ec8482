# make demo and make test set everything up on a fresh machine; nothing else is needed first.

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
PEERS := implicit irspack cmfrec pyspark
BIN := $(VENV)/bin
SOURCES := setup.py pyproject.toml $(wildcard wrmf/*.pyx wrmf/*.pxd wrmf/*.h)

.PHONY: demo test lint bench clean

demo: $(VENV)/.built
	$(BIN)/wrmf demo --out demo

test: $(VENV)/.built
	$(BIN)/python -m pytest

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint wrmf
	$(BIN)/mypy

# Timings beside other libraries, in an environment of their own; everything with FULL=1.
bench: $(BENCH_VENV)/.built
	$(BENCH_VENV)/bin/python -m benchmarks.speed $(if $(FULL),--full)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or later is needed; name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "On Debian: apt-get install python3-venv python3-dev gcc"; \
	  rm -rf $(VENV); exit 1; }

$(VENV)/.built: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]' || \
	  { echo "The build needs a C compiler and Python's headers; on Debian: apt-get install gcc python3-dev"; exit 1; }
	@touch $@

$(VENV)/.lint: $(VENV)/.built
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[lint]'
	@touch $@

# A library that cannot be installed here is left out; the results say so.
$(BENCH_VENV)/.built: $(SOURCES)
	$(MAKE) $(BENCH_VENV)/bin/python VENV=$(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]' || \
	  for peer in $(PEERS); do $(BENCH_VENV)/bin/python -m pip install --quiet \
	  --disable-pip-version-check $$peer || echo "$$peer could not be installed"; done
	@touch $@

clean:
	rm -rf $(VENV) $(BENCH_VENV) .cache build demo *.egg-info wrmf/*.so wrmf/_als.c
