# make demo · make test · make lint: each installs what it needs into .venv first.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
WORKERS ?= 2
GENERATOR ?= ../shared/bench/gen.py
DATA ?= ../shared/data

.PHONY: demo test lint nightly benchmarks calibrate peers clean

demo: $(VENV)/.demo
	@$(BIN)/estimand demo lalonde

test: $(VENV)/.test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not nightly"

nightly: $(VENV)/.test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m nightly

lint: $(VENV)/.lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

benchmarks: $(VENV)/.test
	@$(BIN)/python benchmarks/startup.py
	@$(BIN)/python benchmarks/ipw.py
	@$(BIN)/python benchmarks/report.py
	@$(BIN)/python benchmarks/large.py
	@$(BIN)/python benchmarks/compile.py

calibrate: $(VENV)/.test
	@$(BIN)/estimand calibrate --rerun --publish

peers: $(VENV)/.test .venv-peers/.made
	@$(BIN)/python benchmarks/double_ml.py --peers .venv-peers/bin/python
	@$(BIN)/python benchmarks/did.py --peers .venv-peers/bin/python --large
	@$(BIN)/python benchmarks/matching.py --peers .venv-peers/bin/python
	@$(BIN)/python benchmarks/bootstrap.py --peers .venv-peers/bin/python
	@$(BIN)/python benchmarks/staggered.py --peers .venv-peers/bin/python
	@$(BIN)/python benchmarks/causal_forest.py --peers .venv-peers/bin/python --generator $(GENERATOR)
	@$(BIN)/python benchmarks/learners.py --peers .venv-peers/bin/python --generator $(GENERATOR)
	@$(BIN)/python benchmarks/pehe.py --peers .venv-peers/bin/python --data $(DATA)

clean:
	rm -rf $(VENV) .venv-peers estimand-out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed; set PYTHON=…"; exit 1; }
	@echo "Creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing estimand"
	@$(INSTALL) --editable ".[demo]"
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing estimand and what its tests need"
	@$(INSTALL) --editable ".[test]"
	@touch $@

$(VENV)/.lint: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing estimand and its linters"
	@$(INSTALL) --editable ".[test,lint]"
	@touch $@

.venv-peers/.made: $(VENV)/.made benchmarks/peers.txt
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/peers.txt
	@touch $@
