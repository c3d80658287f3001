# Two commands on a fresh machine: `make demo` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH_SSH := build/bench-ssh
PEERS := asyncssh ssh2-python parallel-ssh fabric ansible-core
APT := ngircd inspircd atheme-services openssl chromium openssh-server openssh-client slowhttptest newsboat sfeed rss2email postgresql
# Four for two cores: much of the time they wait for servers.
PYTEST := $(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder
# Of these, the tests that have a database are run on PostgreSQL too: all of them, and where the SQL is.
ON_POSTGRESQL := tests/services tests/web tests/plugins tests/phenny tests/test_cli_logs.py tests/test_cli_tokens.py
MOSTLY := $(wildcard tests/services/test_*.py) tests/services/jobs tests/plugins/test_history.py \
	tests/test_cli_logs.py tests/test_cli_tokens.py

# Many tests start the bot: what was compiled once is kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-postgresql lint bench bench-jobs bench-log bench-ssh crash servers clean

demo: $(VENV)/ready-to-run
	@$(BIN)/chanops demo

test: $(VENV)/ready-to-test servers
	$(PYTEST) $(ARGS)
	$(if $(ARGS),,$(PYTEST) --database postgresql $(MOSTLY))

test-postgresql: $(VENV)/ready-to-test servers
	$(PYTEST) --database postgresql $(ON_POSTGRESQL)

lint: $(VENV)/ready-to-test
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/ready-to-run
	$(BIN)/python -m benchmarks $(ARGS)

bench-jobs: $(VENV)/ready-to-run
	$(BIN)/python -m benchmarks.jobs $(ARGS)

# The log: how soon it is on disk and who reads along, what finds its lines, what takes in old ones (ten minutes).
bench-log: $(VENV)/ready-to-run
	@.ci/servers ripgrep wamerican
	$(BIN)/python -m benchmarks.log
	$(BIN)/python -m benchmarks.search
	$(BIN)/python -m benchmarks.imports

# Beside the other ways to run a command on many hosts, which live in an environment of their own.
bench-ssh: $(BENCH_SSH)/ready
	@.ci/servers gcc libc6-dev libssh-dev openssh-server openssh-client
	$(BENCH_SSH)/bin/python -m benchmarks.ssh $(ARGS)

# Thousands of kills at random instants, judged by the simulated cloud's own record.
crash: $(VENV)/ready-to-test
	$(BIN)/python -m tests.crash $(ARGS)

# The real servers of the tests. Without root, or elsewhere than Debian, their tests skip and say why.
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

$(BENCH_SSH)/ready: setup.cfg pyproject.toml
	@echo "setting up $(BENCH_SSH) with those that are measured …"
	@$(PYTHON) -m venv $(BENCH_SSH)
	@$(BENCH_SSH)/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	@for peer in $(PEERS); do \
		$(BENCH_SSH)/bin/python -m pip install --quiet --disable-pip-version-check $$peer || echo "without $$peer"; done
	@touch $@

clean:
	rm -rf $(VENV) build dist modules/*.egg-info .mypy_cache .ruff_cache .pytest_cache
