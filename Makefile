# Needs python3 (3.11 or newer) and make; everything else is installed into $(VENV).
#   make train ARGS="--help"            arguments for train_agent.py
#   make test  ARGS="tests/golden -x"   arguments for pytest
#   make PYTHON=python3.12 VENV=../v    another interpreter, another virtual environment

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
# Test processes. Each computes on one thread. Each takes a file at a time, those with slow tests first (tests/conftest.py):
# what is begun last is short, so that no process waits long for another at the end.
WORKERS ?= 2
PYTEST := -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# The torch release that constraints.txt pins.
TORCH ?= 2.13.0

# One thread: two threads on two shared cores made PPO 2 to 9 times slower.
export OMP_NUM_THREADS := 1
export MPLBACKEND := Agg

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := $(VENV)/bin
# A stamp newer than both files says that these extras are installed as they ask. `dev` includes `run`.
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
RUN_EXTRAS := agents,plots,data
DEV_EXTRAS := agents,plots,video,data,parquet,minari,explore,hub,docs,dev

.PHONY: help train test check bench bench-networks claims networks continual ecosystem docs pages constraints clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

train: $(RUN_STAMP) ## train the agent at its default settings (the main job)
	$(BIN)/python train_agent.py $(ARGS)

test: $(DEV_STAMP) ## run the whole test suite
	$(BIN)/python $(PYTEST) $(ARGS)

check: $(DEV_STAMP) ## format, lint, types, import direction, fast tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo
	$(BIN)/python $(PYTEST) -m "not slow" $(ARGS)

bench: $(RUN_STAMP) ## measure the environment's speed
	$(BIN)/python -m benchmarks $(ARGS)

bench-networks: $(RUN_STAMP) ## measure networks as landscapes, and rules as optimizers
	$(BIN)/python -m benchmarks.networks_speed $(ARGS)
	$(BIN)/python -m benchmarks.rule_optimizer $(ARGS)

claims: $(RUN_STAMP) ## every claim of the paper as numbers and pictures (ARGS="--claim NAME" for one)
	$(BIN)/python -m baselines.claims $(ARGS)

networks: $(RUN_STAMP) ## train networks by derived, tuned and learned rules, and by what people pick instead (ARGS=--write for docs/networks.md)
	$(BIN)/python -m baselines.networks.contest $(ARGS)
	$(BIN)/python -m baselines.networks $(ARGS)

continual: $(RUN_STAMP) ## loss of plasticity over 100 tasks, and what keeps it (ARGS=--write for docs/continual.md)
	$(BIN)/python -m baselines.continual $(ARGS)

ecosystem: $(RUN_STAMP) ## check other RL libraries, each in an environment of its own (ARGS=--write for docs/compatibility.md)
	$(BIN)/python -m tests.ecosystem $(ARGS)

docs: $(DEV_STAMP) ## build the documentation's site, docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

pages: $(RUN_STAMP) ## write the generated tables and pictures of docs/optimal-control.md
	$(BIN)/python -m docs.generate $(ARGS)

# Keeps the pins that still satisfy pyproject.toml; ARGS=--upgrade takes the newest releases instead. The CPU build's local
# tag is dropped, and with it what only a CUDA build of torch needs, so that the file holds on every machine. lock.txt has
# the same pins, with the hashes of all files that are theirs.
COMPILE := $(BIN)/pip-compile --quiet --strip-extras --unsafe-package pip --unsafe-package wheel \
    --no-header --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

constraints: $(DEV_STAMP) ## regenerate constraints.txt and lock.txt from pyproject.toml
	$(COMPILE) --all-extras --upgrade-package torch==$(TORCH) --annotation-style line \
	    --output-file constraints.txt $(ARGS) pyproject.toml
	sed -i.bak -e 's/^\(torch==[^+ ]*\)+[^ ]*/\1/' -e '/^nvidia-/d' -e '/^cuda-/d' -e '/^triton==/d' \
	    -e '/^#/d' -e '/^$$/d' constraints.txt
	rm -f lock.txt
	$(COMPILE) --generate-hashes --no-annotate --output-file lock.txt constraints.txt
	sed -i.bak -e 's/^\(torch==[^+ ]*\)+[^ ]*/\1/' -e '/^#/d' -e '/^$$/d' \
	    -e '/^nvidia-/,/[^\\]$$/d' -e '/^cuda-/,/[^\\]$$/d' -e '/^triton==/,/[^\\]$$/d' lock.txt
	rm constraints.txt.bak lock.txt.bak

clean: ## remove build outputs and caches (keeps runs/ and the virtual environment)
	rm -rf build dist docs/_build ./*.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name .git -prune -o -path './.venv' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- set-up -----------------------------------------------------------------------------------------------------

# Also taken when bin/python is a link to an interpreter that is gone; venv does not replace such links itself.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "landscape-gym needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	    echo "Name a newer one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "'$(PYTHON)' lacks the venv module. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@rm -f $(BIN)/python $(BIN)/python3 $(BIN)/python3.*
	$(PYTHON) -m venv $(VENV)

# The stamps go first and come back last: an interrupted installation leaves none. A virtual environment without pip
# (interrupted, or made by another tool) is given pip. $(1): extras, $(2): further options.
define install
	@rm -f $(RUN_STAMP) $(DEV_STAMP)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(2) -c constraints.txt -e '.[$(1)]'
endef

# --no-compile halves the time: Python compiles the modules that it imports when it first does so.
$(RUN_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(call install,$(RUN_EXTRAS),--no-compile)
	@touch $@

$(DEV_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(call install,$(DEV_EXTRAS))
	@touch $(RUN_STAMP) $@
