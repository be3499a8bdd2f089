# Plain make: works with GNU make 3.81 (macOS). `make` alone lists the targets.
#
# .venv/.runtime  the venv with requirements.lock and requirements-build.lock: all that `make serve` needs
# .venv/.project  the project itself, editable
# .venv/.dev      requirements-dev.lock on top, for check, test and bench
# .venv/bench     a venv of its own with requirements-bench.lock: the faster loop that `make bench` measures, too
# .venv/record    a venv of its own with requirements-record.lock: what `simulator record` needs
# .venv/fuzz      another with requirements-fuzz.lock, .venv/supply with requirements-supply.lock

PYTHON = python3
RECORD_PYTHON = $(PYTHON)
# Installs when it is there (ten times faster), pip does otherwise; `make UV= ...` keeps to pip.
UV = uv
BACKEND = chip
ARGS =
# How many processes share the tests: auto is one for each core.
WORKERS = auto
# How long `make fuzz` looks for what breaks.
MINUTES = 10

BIN = .venv/bin
# Of another interpreter, with the mitmproxy that is for it: make test-record RECORD=.venv/record3.13 RECORD_PYTHON=python3.13
RECORD = .venv/record
RECORDER = $(RECORD)/.installed
CLIENTS = tests/clients/node_modules/.installed
FAST = .venv/bench
PEERS = bench/node_modules/.installed
FLOORS = simulator/core simulator/wire simulator/backends simulator/scenario simulator/cassette
LOCK_UV = uv==0.13.8

# The installer is the one that the venv was made with.
INSTALL = $(call INSTALL_IN,$(BIN))
INSTALL_RECORD = $(call INSTALL_IN,$(RECORD)/bin)
INSTALL_IN = if [ -x $(1)/pip ]; then \
		set -- $(1)/python -m pip install --quiet --disable-pip-version-check --no-input; \
	else \
		set -- $(or $(UV),uv) pip install --quiet --python $(1)/python; \
	fi; "$$@"

# Where it is set, as in many containers, each command that a test starts would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help serve record cassettes test test-slow test-record test-plain check docs format bench fuzz soak sbom audit lock docker clean clients peers

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

serve: .venv/.project ## a backend on its own port: BACKEND=chip|mia|...|all, ARGS="--seed 7"
	@exec $(BIN)/simulator serve $(BACKEND:%=--backend %) $(ARGS)

record: $(RECORDER) ## what a client and a server say, through mitmproxy: ARGS="--upstream https://... --out chat.yaml"
	@exec $(RECORD)/bin/simulator record $(ARGS)

cassettes: .venv/.dev $(RECORDER) clients ## the samples in cassettes/ anew, those that say something else now: ARGS="chip --force"
	@$(BIN)/python -m tests.record.samples $(ARGS)

test: .venv/.dev $(RECORDER) clients ## all tests but the slow ones, with branch coverage, on all cores; ARGS="-k outbox" runs some
	@if [ -n '$(subst ','\'',$(ARGS))' ]; then \
		$(BIN)/pytest -m "not slow" $(ARGS) || exit 1; \
		echo "Some tests only, one after another: coverage is not looked at."; \
	else \
		$(BIN)/pytest -m "not slow" -n $(WORKERS) --dist loadgroup --cov --cov-report= || exit 1; \
		echo; echo "Branch coverage of simulator (complete files are left out):"; \
		$(BIN)/coverage report || exit 1; \
		echo; echo "core, wire, backends, scenario and cassette have to be complete:"; \
		$(BIN)/coverage report --fail-under=100 --include="$$(printf '%s/*,' $(FLOORS))" || { \
			echo "The lines above need a test, both ways at a branch (12->15: never went from 12 to 15)." >&2; exit 1; }; \
	fi

test-slow: .venv/.dev $(RECORDER) clients ## the tests that take minutes
	$(BIN)/pytest -m slow $(ARGS)

test-plain: .venv/.dev $(RECORDER) clients ## the tests of serving over aiohttp's links, as with serve --links aiohttp
	SIMULATOR_TEST_LINKS=aiohttp $(BIN)/pytest -m "not slow" -n $(WORKERS) --dist loadgroup tests/serve $(ARGS)

test-record: .venv/.dev $(RECORDER) clients ## the tests of recording alone, slow ones too; RECORD_PYTHON=python3.13 RECORD=.venv/record3.13
	SIMULATOR_TEST_RECORD=$(RECORD) $(BIN)/pytest tests/record $(ARGS)

check: .venv/.dev $(RECORDER) ## format, lint, types, imports, spelling
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy simulator tests bench docs/generated
	$(BIN)/mypy --python-executable $(RECORD)/bin/python --cache-dir .mypy_cache/record simulator/mitm.py
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell
	@find simulator -name '*.py' -exec wc -l {} + | \
		awk '$$2 != "total" && $$1 > 400 { print "warning: " $$2 " has " $$1 " lines, more than 400" }' >&2

docs: .venv/.dev ## the documentation into build/docs; ARGS=serve shows it at http://127.0.0.1:8000 as you write
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs $(or $(ARGS),build --quiet --strict)
	@if [ -z "$(ARGS)" ]; then echo "build/docs/index.html"; fi

format: .venv/.dev ## format, and fix what ruff can fix
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: .venv/.dev $(RECORDER) clients peers ## benchmark against aiohttp, Node and Mockoon into bench/results (25 minutes); ARGS="--quick"
	@$(BIN)/python -m bench $(ARGS)

soak: .venv/.dev ## thousands of clients that behave badly, and what is left of them: MINUTES=10, ARGS="--seed 2 --clients 500"
	@$(BIN)/python -m tests.soak --minutes $(MINUTES) $(ARGS)

fuzz: .venv/.dev ## what breaks on anything at all: MINUTES=10, ARGS="--jobs 1 chip sockets"
	@mkdir -p .fuzz
	@if $(MAKE) -s .venv/fuzz/.installed >.fuzz/install.log 2>&1; then \
		exec .venv/fuzz/bin/python -m tests.fuzz --minutes $(MINUTES) $(ARGS); \
	else \
		exec $(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS); \
	fi

sbom: .venv/.dev .venv/supply/.installed ## what requirements.lock installs, as CycloneDX 1.6: build/simulator.cdx.json
	@.venv/supply/bin/python .ci/sbom.py requirements.lock $(BIN)/python build/simulator.cdx.json

audit: .venv/supply/.installed ## known vulnerabilities of all that is pinned; a report that fails nothing
	@.venv/supply/bin/python .ci/audit.py

lock: ## the locks anew from pyproject.toml; ARGS=--upgrade takes the newest versions
	@rm -rf .lock && $(PYTHON) -m venv .lock && .lock/bin/pip install --quiet --disable-pip-version-check $(LOCK_UV)
	@.lock/bin/uv pip compile $(LOCK_FLAGS) pyproject.toml -o requirements.lock
	@.lock/bin/uv pip compile $(LOCK_FLAGS) --group build -c requirements.lock -o requirements-build.lock
	@.lock/bin/uv pip compile $(LOCK_FLAGS) pyproject.toml --group dev -c requirements.lock -c requirements-build.lock \
		-o requirements-dev.lock
	@.lock/bin/uv pip compile $(LOCK_FLAGS) pyproject.toml --extra record -o requirements-record.lock
	@.lock/bin/uv pip compile $(LOCK_FLAGS) pyproject.toml --extra uvloop -c requirements.lock -o requirements-bench.lock
	@.lock/bin/uv pip compile $(LOCK_FLAGS) pyproject.toml --group fuzz -c requirements-dev.lock -o requirements-fuzz.lock
	@.lock/bin/uv pip compile $(LOCK_FLAGS) --group supply -c requirements-dev.lock -o requirements-supply.lock
	@rm -rf .lock

# Extras stay, since pip takes `coverage[toml]` for something that was not pinned when the lock says `coverage` alone.
LOCK_FLAGS = --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-strip-extras \
	--custom-compile-command "make lock" $(ARGS)

docker: ## the image chat-simulator
	docker build -t chat-simulator \
		--build-arg VERSION="$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' simulator/__init__.py)" \
		--build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" .

clean: ## remove what make and the tools made
	rm -rf .venv .lock dist build htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache .hypothesis .fuzz tests/clients/node_modules \
		bench/node_modules
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

# Apart, because mitmproxy's pins are tight: on Python 3.11 they would hold everything else back.
$(RECORDER): .venv/.project requirements-record.lock
	@rm -rf $(RECORD)
	@echo "Setting up $(RECORD), once"
	@if [ -n "$(UV)" ] && command -v "$(UV)" >/dev/null; then \
		"$(UV)" venv --quiet --python "$$(command -v $(RECORD_PYTHON))" $(RECORD); \
	else \
		$(RECORD_PYTHON) -m venv $(RECORD); \
	fi
	@$(INSTALL_RECORD) --require-hashes -r requirements-record.lock -r requirements-build.lock
	@$(INSTALL_RECORD) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/fuzz/.installed: .venv/.runtime requirements-fuzz.lock
	@$(call MAKE_VENV,.venv/fuzz)
	@$(call INSTALL_IN,.venv/fuzz/bin) --require-hashes -r requirements-fuzz.lock -r requirements-build.lock
	@$(call INSTALL_IN,.venv/fuzz/bin) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/supply/.installed: .venv/.runtime requirements-supply.lock
	@echo "Setting up .venv/supply, once"
	@$(call MAKE_VENV,.venv/supply)
	@$(call INSTALL_IN,.venv/supply/bin) --require-hashes -r requirements-supply.lock
	@touch $@

MAKE_VENV = rm -rf $(1); \
	if [ -n "$(UV)" ] && command -v "$(UV)" >/dev/null; then \
		"$(UV)" venv --quiet --python "$$(command -v $(PYTHON))" $(1); \
	else \
		$(PYTHON) -m venv $(1); \
	fi

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

# What the benchmark alone is held against. Without it the rows are left out, and the report says why.
peers:
	@$(MAKE) -s $(FAST)/.installed || echo "$(FAST) can't be made: the rows with uvloop are left out" >&2
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
		$(MAKE) -s $(PEERS) || echo "npm can't fetch Mockoon: its rows are left out" >&2; \
	fi

$(PEERS): bench/package.json bench/package-lock.json
	@cd bench && npm ci --no-progress --loglevel=error
	@touch $@

$(FAST)/.installed: .venv/.project requirements-bench.lock
	@rm -rf $(FAST)
	@echo "Setting up $(FAST), once"
	@if [ -n "$(UV)" ] && command -v "$(UV)" >/dev/null; then \
		"$(UV)" venv --quiet --python "$$(command -v $(PYTHON))" $(FAST); \
	else \
		$(PYTHON) -m venv $(FAST); \
	fi
	@$(call INSTALL_IN,$(FAST)/bin) --require-hashes -r requirements-bench.lock -r requirements-build.lock
	@$(call INSTALL_IN,$(FAST)/bin) --no-deps --no-build-isolation --editable .
	@touch $@
