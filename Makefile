# Everything a user or CI needs; `make help` lists it. Needs python 3.11+, pip, make, git.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup sweep test test-ray test-processes test-others test-slow check docs package ui bench gpu-check clean-setup

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: $(READY)  ## create .venv with pinned versions and install tunelab into it; a second call does nothing

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tunelab needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

sweep: setup  ## the main job: sweep California Housing into MLflow
	$(BIN)/tunelab sweep california_housing --trials 48 --time-budget 2m

test: setup  ## run the tests, three parts of them beside each other; free-form input is the same each time
	$(MAKE) --no-print-directory $(if $(filter output-sync,$(.FEATURES)),--output-sync) --jobs 3 test-ray test-processes test-others

test-ray: setup  # the longest part and the one that waits most: it goes first, the others take what it leaves
	$(BIN)/python -m pytest --hypothesis-profile ci --part ray

test-processes test-others: setup
	nice -n 5 $(BIN)/python -m pytest --hypothesis-profile ci --part $(@:test-%=%)

test-slow: setup  ## run the tests that kill, disturb and spread whole sweeps, and free-form input drawn afresh
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest tests/fuzz

check: setup  ## ruff, strict mypy, the layers of imports, the documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/build.py

docs: setup  ## build the documentation: docs/_build/html/index.html
	$(BIN)/python docs/build.py

package: setup  ## build the wheel into dist
	$(BIN)/python -m hatchling build --target wheel

ui: setup  ## open the MLflow UI on 127.0.0.1
	$(BIN)/tunelab ui

bench: setup  ## measure the speed of a sweep against its peers
	$(BIN)/tunelab bench speed

gpu-check: setup  ## check what works on this machine's GPU, and how fast: at most 6 minutes, gpu-check.json
	$(BIN)/python -m benchmarks.gpu_check

clean-setup:  ## remove .venv
	rm -rf .venv
