# Each target sets up its own virtual environment from nothing and needs only Python >= 3.11:
#
#   make demo     the workflows on bundled real data, each ending with an HTML report
#   make test     the tests (the slow ones: make test PYTEST_FLAGS='-m slow')
#   make coverage  the kernel tests once more without compilation, and the lines that they reach
#   make lint     ruff, mypy, snakefmt and snakemake --lint
#   make bench    speed and memory against other programs, written to docs/benchmarks.md
#   make wheel    the wheel in dist/, with compiled kernels for the Python and the Numba of its environment
#   make docs     the documentation, in docs/_build/html
#   make clean    remove what the others made

PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo-results
DIST ?= dist
PYTEST_FLAGS ?= -m 'not slow'
PYTEST_WORKERS ?= 2

BIN := $(VENV)/bin
WORKFLOWS := $(patsubst %/workflow/Snakefile,%,$(wildcard workflows/*/workflow/Snakefile))

# Some tools call others by name: snakefmt calls shfmt.
export PATH := $(abspath $(BIN)):$(PATH)

EXTRAS_run := workflow,plots,fast
EXTRAS_test := $(EXTRAS_run),dev
EXTRAS_docs := $(EXTRAS_run),docs
EXTRAS_bench := $(EXTRAS_run),bench

.PHONY: demo test coverage lint lint-python lint-types lint-workflows bench docs wheel clean
.NOTPARALLEL:

demo: $(VENV)/installed-run
	$(BIN)/genem demo $(DEMO)

test: $(VENV)/installed-test
	$(BIN)/python -m pytest $(PYTEST_FLAGS) --numprocesses $(PYTEST_WORKERS) --dist loadfile

# Tracing takes a third of the time again, and compiled kernels are not seen: so on demand, with kernels in plain Python.
coverage: $(VENV)/installed-test
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -m 'kernel and not slow' --numprocesses $(PYTEST_WORKERS) --cov --cov-report=term:skip-covered

lint: lint-python lint-types lint-workflows

lint-python: $(VENV)/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lint-types: $(VENV)/installed-test
	$(BIN)/mypy

lint-workflows: $(VENV)/installed-test
	$(BIN)/snakefmt --check workflows
	set -e; for each in $(WORKFLOWS); do \
	  $(BIN)/snakemake --lint --snakefile $$each/workflow/Snakefile --directory $$each/.test; done

bench: $(VENV)/installed-bench
	$(BIN)/python -m tests.benchmarks --output docs/benchmarks.md

docs: $(VENV)/installed-docs
	rm -rf docs/api
	$(BIN)/python -m sphinx -W --keep-going -n -b html docs docs/_build/html

wheel: $(VENV)/installed-test
	rm -rf build
	GENEM_SHIP_KERNELS=1 $(BIN)/python -m build --wheel --no-isolation --outdir $(DIST) .

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info docs/_build docs/api htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache

# One stamp per set of extras, so that a second call starts at once.
$(VENV)/installed-%: pyproject.toml setup.py constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS_$*)]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "genem needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; call make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
