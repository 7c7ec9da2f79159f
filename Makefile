# Everything a newcomer needs. Each target installs what it uses into .venv, from the locks.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests side by side: one more than there are processors, since many of them wait for a neighbour. More are slower: they
# throw each other out of the caches.
WORKERS ?= $(shell echo $$(($$(nproc) + 1)))

.PHONY: help install demo demo-browser test check lint types format run bench fuzz soak lock clean

help: ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: $(VENV)/dev ## the whole job on the stand-ins, no account needed
	@$(BIN)/python -m bot demo

demo-browser: $(VENV)/browser ## the same as a page with the real buttons
	@$(BIN)/python -m bot demo --browser

test: $(VENV)/dev ## every test, with the coverage that is asked for
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term

check: lint types test ## what CI runs

lint: $(VENV)/dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(VENV)/dev
	@$(BIN)/mypy

format: $(VENV)/dev ## put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

install: $(VENV)/run ## the command bursar, in .venv/bin
	@echo "$(BIN)/bursar is ready. Next: $(BIN)/bursar doctor"

run: $(VENV)/run ## the Discord bot, with the settings of .env
	@$(BIN)/python -m bot run

bench: $(VENV)/dev ## how fast, as ratios against floors measured in the same run
	@$(BIN)/python -m bench

fuzz: $(VENV)/fuzz ## hostile input, guided by coverage; SECONDS=60 for each target
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(TARGETS)

soak: $(VENV)/dev ## a million simulated runs, from a seed of today
	@$(BIN)/python -m tests.simulation --runs 1000000 --seed "$$(date +%y%m%d)000000"

lock: $(VENV)/dev ## resolve the dependencies anew
	@$(BIN)/python -m pip install -q uv
	@for set in ":requirements.lock" "--extra dev --extra demo:requirements-dev.lock" \
	            "--extra dev --extra demo --extra browser:requirements-browser.lock" \
	            "--extra dev --extra fuzz:requirements-fuzz.lock"; do \
	  $(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-strip-extras \
	    $${set%%:*} pyproject.toml -o $${set##*:}; \
	done

clean: ## remove what the targets above installed and made
	rm -rf $(VENV) .fuzz .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* build *.egg-info

# A virtual environment: Debian keeps what it needs in a package of its own.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Bursar needs Python 3.11 or later ($(PYTHON) is $$($(PYTHON) -V 2>&1))"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python cannot make virtual environments here; install that part with: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# The command `bursar`, for any folder. Nothing is built: what runs is the code in this one.
$(BIN)/bursar: $(VENV)/bin/python
	@$(BIN)/python -c 'import pathlib, sys, sysconfig; \
	  pathlib.Path(sysconfig.get_path("purelib"), "bursar.pth").write_text(sys.argv[1])' "$(CURDIR)"
	@printf '#!/bin/sh\nexec "$$(dirname "$$(readlink -f "$$0")")/python" -P -m bot "$$@"\n' > $@
	@chmod +x $@

$(VENV)/run: requirements.lock $(BIN)/bursar
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/dev: requirements-dev.lock $(BIN)/bursar
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/run

$(VENV)/fuzz: requirements-fuzz.lock $(BIN)/bursar
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-fuzz.lock
	@touch $@ $(VENV)/dev $(VENV)/run

$(VENV)/browser: requirements-browser.lock $(BIN)/bursar
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-browser.lock
	@touch $@ $(VENV)/dev $(VENV)/run
