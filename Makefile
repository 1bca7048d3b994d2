# What a newcomer needs is `make run` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# The first interpreter that works, is 3.11 or newer and can make a venv, with its own pip where Debian's python3-venv is
# not there (a shim on PATH may do none of that).
FIND_PYTHON = for p in $(PYTHON) python3 python3.11 python3.12 python3.13 python3.14; do \
	if $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && \
	{ $$p -c 'import ensurepip' || $$p -m pip --version; } >/dev/null 2>&1; then echo $$p; exit; fi; done; \
	echo "Argus needs Python 3.11 or newer with pip or venv (Debian: apt-get install python3-pip, or python3-venv)" >&2; exit 1
TESTS ?= tests
# Of the whole, what takes no minutes; of a part, all but what `make test-faults` is for.
PICK = $(if $(filter tests,$(TESTS)),-m "not slow and not long")
# Files that take minutes, begun first so that none is left over for one process alone.
LONGEST := tests/upgrade tests/faults
PYTEST := $(BIN)/python -m pytest
CODE := core models tables agents argus simulation benchmarks grafana prometheus deploy tests
UV_COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: help setup run test test-slow test-faults soak last-version lint format types imports security audit coverage docs boards board-pictures schemas manifests bench lock kafka-jars clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 14

setup: $(VENV)/.installed ## sets up only: leaves .venv/bin/argus
	@:

run: setup ## sets up, then `argus up` (ARGS="--rate 100 ...")
	@exec $(BIN)/argus up $(ARGS)

test: $(VENV)/.installed-dev ## sets up, then the test suite but for `make test-slow` (TESTS=tests/core for all of a part)
	@$(PYTEST) -q --tb=native -n auto --maxprocesses 4 --dist loadfile $(PICK) $(TESTS)

test-slow: $(VENV)/.installed-dev ## stories on real processes that take many seconds or minutes each
	@$(PYTEST) -q --tb=native -m "slow and not long" -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
		$(LONGEST) $(filter-out $(LONGEST) tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/)))

test-faults: $(VENV)/.installed-dev ## tests/faults with its long stories, and 2,000 worlds of the simulator (ARGUS_CRASH_SEEDS)
	@ARGUS_CRASH_SEEDS=$${ARGUS_CRASH_SEEDS:-2000} $(PYTEST) -q --tb=native -m "" -n 2 --dist loadfile --timeout 3600 tests/faults tests/agents/test_crashes.py

soak: $(VENV)/.installed-dev kafka-jars ## half an hour under load, and the slopes of what a worker holds (SOAK_S=300 SOAK_MOST=1500)
	@$(BIN)/python -m tests.soak --seconds $${SOAK_S:-1800} --most $${SOAK_MOST:-3000}

last-version: ## keeps the worker of COMMIT for the tests of upgrades, as NAME
	@tests/upgrade/keep $(COMMIT) $(NAME)

lint: $(VENV)/.installed-dev ## ruff, rules and format
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)

format: $(VENV)/.installed-dev ## writes what `lint` asks for, where it can
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

types: $(VENV)/.installed-dev ## mypy, strict
	@$(BIN)/mypy

imports: $(VENV)/.installed-dev ## the direction of imports
	@$(BIN)/lint-imports --no-cache

security: $(VENV)/.installed-dev ## bandit, beside what ruff's S rules find
	@$(BIN)/bandit -q -r -c pyproject.toml $(filter-out tests,$(CODE))

audit: $(VENV)/.installed-dev ## known vulnerabilities in the lock files
	@$(BIN)/python .ci/audit.py requirements-dev.lock

coverage: $(VENV)/.installed-dev ## branches of core/, at least 95 %
	@$(PYTEST) -q --cov --cov-report=term-missing --cov-fail-under=95 tests/core

docs: setup ## writes the generated pages of docs/
	@$(BIN)/argus settings --markdown > docs/settings.md
	@$(BIN)/python -m argus.metrics > docs/metrics.md
	@$(BIN)/python -m prometheus > docs/alerts.md

boards: $(VENV)/.installed-dev ## writes Grafana's boards (grafana/boards) from grafana/*.py
	@$(BIN)/python -m grafana

board-pictures: $(VENV)/.installed-dev ## draws every board with the data of a house under attack (docs/images/boards); they show four minutes, so it takes five
	@ARGUS_BOARD_PICTURES=docs/images/boards $(PYTEST) -q tests/grafana/test_live.py

schemas: setup ## writes the stored copy of the record schemas (docs/schemas), refusing an incompatible change
	@$(BIN)/python -m argus.compat --write

manifests: setup ## writes what deploy/kubernetes has of prometheus/rules
	@$(BIN)/python deploy/rules.py

bench: setup ## the benchmarks
	@exec $(BIN)/argus bench $(ARGS)

lock: $(VENV)/.installed-dev ## compiles the lock files again (UPGRADE=--upgrade for newer versions)
	@$(UV_COMPILE) $(UPGRADE) --extra build pyproject.toml -o requirements.lock
	@$(UV_COMPILE) $(UPGRADE) --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

kafka-jars: ## Apache Kafka's jars for the broker tests, by Maven
	@if [ -x tests/kafka/fetch ]; then tests/kafka/fetch; fi

clean: ## removes what was built here; `data/` stays
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@python=$$($(FIND_PYTHON)); echo "Setting up $(VENV) with $$($$python --version)"; \
	if $$python -c 'import ensurepip' 2>/dev/null; then $$python -m venv $(VENV); exit; fi; \
	trap 'rm -rf $(VENV)' ERR; $$python -m venv --without-pip $(VENV); \
	sed -n '/^pip==/,/[^\\]$$/p' requirements-dev.lock > $(VENV)/pip.lock; \
	$$python -m pip --disable-pip-version-check -q --python $@ install --require-hashes --no-deps --only-binary :all: -r $(VENV)/pip.lock

# The locks are complete, so pip has nothing to resolve.
$(VENV)/.locked: requirements.lock | $(BIN)/python
	@echo "Installing $$(grep -c == $<) packages"
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r $<
	@touch $@

$(VENV)/.locked-dev: requirements-dev.lock | $(BIN)/python
	@echo "Installing $$(grep -c == $<) packages"
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r $<
	@touch $(VENV)/.locked $@

$(VENV)/.installed: pyproject.toml $(VENV)/.locked
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.locked-dev $(VENV)/.installed
	@touch $@
