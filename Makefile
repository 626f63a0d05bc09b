# Everything here starts from Python 3.11 or newer with its venv module, and nothing else.
# `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The first interpreter that is new enough.
PYTHON ?= $(shell for python in python3.11 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)

# Tests or files to run instead of all of them: make test ARGS="tests/unit -k session".
ARGS ?=
# Processes the tests are spread over. DSPy takes a second and 200 MB in each.
WORKERS ?= auto
# The language model of the demo; empty means its own, which needs no network.
LM ?=
# make lock UPGRADE=1 takes the newest versions, otherwise only what pyproject.toml asks for moves.
UPGRADE ?=

BIN := .venv/bin
PIP_FLAGS := --quiet --quiet --no-input

# litellm fetches a price list when it is imported, dspy caches in the home folder: neither here.
export LITELLM_LOCAL_MODEL_COST_MAP := True
export DSPY_CACHEDIR := $(CURDIR)/build/dspy-cache
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test check bench fuzz proto docs lock clean
.PHONY: check-format check-lint check-spelling check-types check-imports check-generated

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv-demo/.installed ## See the bridge at work (LM=openai/gpt-5-mini: with a real model)
	.venv-demo/bin/snakepit-bridge demo $(if $(LM),--lm '$(LM)')

test: .venv/.installed .venv-proto/.installed ## Run every test with coverage (ARGS="tests/unit -k ref" for some)
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses=$(WORKERS) --maxprocesses=4 $(ARGS) \
		|| { $(BIN)/coverage combine --quiet; $(BIN)/coverage report --fail-under=0 | tail -n 1; exit 1; }
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report $(if $(ARGS),--fail-under=0)

check: check-format check-lint check-spelling check-types check-imports check-generated ## Format, lint, spelling, types, import directions, generated code

check-format: .venv/.installed
	$(BIN)/ruff format --check .

check-lint: .venv/.installed
	$(BIN)/ruff check .

check-spelling: .venv/.installed
	$(BIN)/codespell

check-types: .venv/.installed
	$(BIN)/mypy

check-imports: .venv/.installed
	$(BIN)/lint-imports --no-logo

check-generated: .venv-proto/.installed
	.venv-proto/bin/python tools/proto.py --check

bench: .venv/.installed ## Measure (ARGS are handed to benchmarks)
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: .venv/.installed ## Breed hostile input (ARGS="tagged --seconds 60")
	$(BIN)/python -m fuzz $(ARGS)

proto: .venv-proto/.installed ## Regenerate snakepit_bridge/grpc/_generated from proto/
	.venv-proto/bin/python tools/proto.py

docs: .venv-docs/.installed ## Build the documentation into build/site
	.venv-docs/bin/zensical build --strict
	@echo "Open build/site/index.html"

lock: .venv-lock/.installed ## Refresh requirements/*.txt (UPGRADE=1: to the newest versions)
	$(call compile,dev) pyproject.toml requirements/build.in --extra dev --extra dspy --extra telemetry
	$(call compile,demo) pyproject.toml requirements/build.in --extra dspy --extra telemetry
	$(call compile,docs) pyproject.toml --extra docs
	$(call compile,proto) requirements/proto.in

clean: ## Remove everything made here, environments included
	rm -rf .venv .venv-* build dist .coverage .coverage.* *.egg-info \
	  .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments ------------------------------------------------------------

# Versions and hashes of everything come from the lock; the project itself is installed in place,
# by the build backend that the lock names.
.venv/.installed: requirements/dev.txt pyproject.toml
	$(call environment,.venv,requirements/dev.txt)
	$(call in-place,.venv)
	@touch $@

.venv-demo/.installed: requirements/demo.txt pyproject.toml
	$(call environment,.venv-demo,requirements/demo.txt)
	$(call in-place,.venv-demo)
	@touch $@

.venv-docs/.installed: requirements/docs.txt
	$(call environment,.venv-docs,requirements/docs.txt)
	@touch $@

.venv-proto/.installed: requirements/proto.txt
	$(call environment,.venv-proto,requirements/proto.txt)
	@touch $@

.venv-lock/.installed:
	$(call fresh,.venv-lock)
	@.venv-lock/bin/python -m pip install $(PIP_FLAGS) uv
	@touch $@

# $(call fresh,FOLDER): an empty virtual environment, unless there is one.
define fresh
@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed; say where: make PYTHON=…' >&2; exit 1; }
@test -x $(1)/bin/python || { echo 'Making $(1) …'; $(PYTHON) -m venv $(1); }
endef

# $(call environment,FOLDER,LOCK): a virtual environment that holds what the lock names.
define environment
$(fresh)
@echo 'Installing $(2) into $(1) …'
@$(1)/bin/python -m pip install $(PIP_FLAGS) --require-hashes --no-deps -r $(2)
endef

define in-place
@$(1)/bin/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation --editable .
@$(1)/bin/python -m pip check --quiet
endef

define compile
@echo 'Locking requirements/$(1).txt …'
@.venv-lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
  --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
  --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
  --output-file requirements/$(1).txt
endef
