# Two commands on a fresh machine: `make demo` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
APT := ngircd inspircd atheme-services openssl chromium

.PHONY: demo test lint bench bench-jobs crash servers clean

demo: $(VENV)/ready-to-run
	@$(BIN)/chanops demo

test: $(VENV)/ready-to-test servers
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/ready-to-test
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/ready-to-run
	$(BIN)/python -m benchmarks $(ARGS)

bench-jobs: $(VENV)/ready-to-run
	$(BIN)/python -m benchmarks.jobs $(ARGS)

# Thousands of kills at random instants, judged by the simulated cloud's own record.
crash: $(VENV)/ready-to-test
	$(BIN)/python -m tests.crash $(ARGS)

# The real IRC servers of the tests. Without root, or elsewhere than Debian, their tests skip and say why.
servers:
	@.ci/servers $(APT)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/ready-to-run: setup.cfg pyproject.toml | $(VENV)/bin/python
	@echo "setting up $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/ready-to-test: setup.cfg pyproject.toml | $(VENV)/bin/python
	@echo "setting up $(VENV) with what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@ $(VENV)/ready-to-run

clean:
	rm -rf $(VENV) build dist modules/*.egg-info .mypy_cache .ruff_cache .pytest_cache
