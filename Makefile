# Plain make: works with GNU make 3.81 (macOS). `make` alone lists the targets.
#
# .venv/.runtime  the venv with requirements.lock and requirements-build.lock: all that `make serve` needs
# .venv/.project  the project itself, editable
# .venv/.dev      requirements-dev.lock on top, for check, test and bench

PYTHON = python3
# Installs when it is there (ten times faster), pip does otherwise; `make UV= ...` keeps to pip.
UV = uv
BACKEND = chip
ARGS =

BIN = .venv/bin
CLIENTS = tests/clients/node_modules/.installed
FLOORS = simulator/core simulator/wire simulator/backends simulator/scenario simulator/cassette
LOCK_UV = uv==0.13.8

# The installer is the one that the venv was made with.
INSTALL = if [ -x $(BIN)/pip ]; then \
		set -- $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input; \
	else \
		set -- $(or $(UV),uv) pip install --quiet --python $(BIN)/python; \
	fi; "$$@"

.PHONY: help serve test test-slow check format bench lock docker clean clients

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

serve: .venv/.project ## a backend on its own port: BACKEND=chip|mia|...|all, ARGS="--seed 7"
	@exec $(BIN)/simulator serve $(BACKEND:%=--backend %) $(ARGS)

test: .venv/.dev clients ## all tests but the slow ones, with branch coverage; ARGS="-k outbox" runs some
	@$(BIN)/coverage run -m pytest -m "not slow" $(ARGS)
	@if [ -n '$(subst ','\'',$(ARGS))' ]; then \
		echo "Some tests only: coverage is not looked at."; \
	else \
		echo; echo "Branch coverage of simulator (complete files are left out):"; \
		$(BIN)/coverage report || exit 1; \
		echo; echo "core, wire, backends, scenario and cassette have to be complete:"; \
		$(BIN)/coverage report --fail-under=100 --include="$$(printf '%s/*,' $(FLOORS))" || { \
			echo "The lines above need a test, both ways at a branch (12->15: never went from 12 to 15)." >&2; exit 1; }; \
	fi

test-slow: .venv/.dev clients ## the tests that take minutes
	$(BIN)/pytest -m slow $(ARGS)

check: .venv/.dev ## format, lint, types, imports, spelling
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy simulator tests bench
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell
	@find simulator -name '*.py' -exec wc -l {} + | \
		awk '$$2 != "total" && $$1 > 400 { print "warning: " $$2 " has " $$1 " lines, more than 400" }' >&2

format: .venv/.dev ## format, and fix what ruff can fix
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: .venv/.dev clients ## benchmark against bare aiohttp and Node; ARGS= for options
	@$(BIN)/python -m bench $(ARGS)

lock: ## the locks anew from pyproject.toml; ARGS=--upgrade takes the newest versions
	@rm -rf .lock && $(PYTHON) -m venv .lock && .lock/bin/pip install --quiet --disable-pip-version-check $(LOCK_UV)
	@.lock/bin/uv pip compile $(LOCK_FLAGS) pyproject.toml -o requirements.lock
	@.lock/bin/uv pip compile $(LOCK_FLAGS) --group build -c requirements.lock -o requirements-build.lock
	@.lock/bin/uv pip compile $(LOCK_FLAGS) pyproject.toml --group dev -c requirements.lock -c requirements-build.lock \
		-o requirements-dev.lock
	@rm -rf .lock

LOCK_FLAGS = --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(ARGS)

docker: ## the image chat-simulator
	docker build -t chat-simulator .

clean: ## remove what make and the tools made
	rm -rf .venv .lock dist build htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache .hypothesis tests/clients/node_modules
	find simulator tests bench -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# ---- setting up ----

.venv/.runtime: requirements.lock requirements-build.lock
	@command -v $(PYTHON) >/dev/null || { \
		echo "simulator needs Python 3.11 or newer, and there is no $(PYTHON): make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "simulator needs Python 3.11 or newer, and\
	 $(PYTHON) is %d.%d: make PYTHON=/path/to/python3.11" % sys.version_info[:2])'
	@rm -rf .venv
	@echo "Setting up .venv, once"
	@if [ -n "$(UV)" ] && command -v "$(UV)" >/dev/null; then \
		"$(UV)" venv --quiet --python "$$(command -v $(PYTHON))" .venv; \
	elif $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		$(PYTHON) -m venv .venv; \
	else \
		echo "$(PYTHON) has no venv module: apt install python3-venv" >&2; exit 1; \
	fi
	@$(INSTALL) --require-hashes -r requirements.lock -r requirements-build.lock
	@touch $@

.venv/.project: .venv/.runtime pyproject.toml
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# When the lock changes, a venv that already has the tools starts afresh, so that nothing stays that left the lock.
.venv/.dev: .venv/.project requirements-dev.lock
	@if [ -e $@ ] && [ requirements-dev.lock -nt $@ ]; then rm -rf .venv; $(MAKE) -s .venv/.project; fi
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

clients:
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
		$(MAKE) -s $(CLIENTS); \
	elif [ "$$CI" = true ]; then \
		echo "Node.js and npm are missing, and CI needs them for the tests marked node" >&2; exit 1; \
	else \
		echo "Node.js or npm is missing: the tests that need them (-m node) are skipped" >&2; \
	fi

$(CLIENTS): tests/clients/package.json tests/clients/package-lock.json
	@cd tests/clients && npm ci --no-progress --loglevel=error
	@touch $@
