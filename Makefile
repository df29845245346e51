# upcall: `make demo` shows it, `make test` proves it. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
XDIST ?= -n 2 --dist worksteal

.PHONY: help setup demo test test-all lint format bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("upcall needs Python 3.11 or newer; set PYTHON=python3.x" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[anthropic,openai,google,local,fastmcp,postgres]" --group dev
	@touch $@

setup: $(STAMP) ## the environment and the embedded model
	@$(BIN)/upcall model install smollm2

demo: setup ## the log archiver with a real model, offline, on both eras
	@$(BIN)/upcall demo

test: setup lint ## lint gate and test suite
	$(BIN)/python -m pytest $(XDIST) -m "not slow"

test-all: setup lint ## everything, the conformance suite and other slow checks included
	$(BIN)/python -m pytest $(XDIST)

lint: $(STAMP) ## ruff, mypy --strict, rooms and file lengths
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python scripts/check_rooms.py

format: $(STAMP) ## rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## upcall beside its peers, one run, ratios
	$(BIN)/python -m benchmarks

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
