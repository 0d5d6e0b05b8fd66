# Every task of the project. `make run` starts a node, `make test` is what has to pass; both set up what they need.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.stamp
# uv, where it is installed, only makes the same locked installation faster.
UV := $(shell command -v uv 2>/dev/null)
INSTALL := $(if $(UV),$(UV) pip install --python $(BIN)/python,$(BIN)/python -m pip install --disable-pip-version-check --no-input)
QUIET := $(if $(UV),--quiet,--quiet --quiet)
COMPILE = .venv/bin/uv pip compile --quiet --python-version 3.11 --no-header --no-emit-index-url --exclude-newer $(COOLDOWN)
COOLDOWN ?= $(shell date -u -d '7 days ago' +%Y-%m-%d)

.PHONY: help setup services clients run test pytest lint format soak soak-long bench demo docs rules lock clean
.DEFAULT_GOAL := help

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo "python3 >= 3.11 with the venv module is needed (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(INSTALL) $(QUIET) --require-hashes -r requirements.lock
	$(INSTALL) $(QUIET) --no-deps --no-build-isolation --editable .
	@touch $@

services: ## install the servers that tests start (PostgreSQL, nginx), Debian packages
	@tests/services/install.sh

clients: ## build the environments with unmodified Hugging Face clients
	@$(PYTHON) tests/services/clients.py
	@$(PYTHON) tests/services/pythons.py

setup: ## everything that tests need
	@$(MAKE) --no-print-directory -j3 $(STAMP) services clients

run: $(STAMP) ## start a node on http://127.0.0.1:8080 (ARGS="--port 9000" passes flags)
	@exec $(BIN)/hanse serve $(ARGS)

lint: $(STAMP) ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src tests bench demo
	$(BIN)/lint-imports

format: $(STAMP) ## rewrite the code in the house style
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

pytest: $(STAMP) ## the tests alone
	$(BIN)/pytest -n 2 --dist loadscope

test: setup lint pytest ## what has to pass: lint, unit, property, contract, web, client and docs tests

soak: setup ## minutes-long tests (faults, big models)
	$(BIN)/pytest -n 2 --dist worksteal -m soak

soak-long: setup ## longer than CI allows (HANSE_TEST_SEED=n gives what is drawn by chance another seed)
	$(BIN)/pytest -m long --timeout 7200

bench: $(STAMP) ## measure speed against its limits (docs/benchmarks.md)
	$(BIN)/python -m bench $(ARGS)

demo: setup ## a hostile mirror and what Hanse makes of it; three institutions, one dies, one lies and is caught
	$(BIN)/python -m demo

docs: setup ## write the tables in docs/ from the code and from a run of the client tests
	@mkdir -p .cache
	$(BIN)/pytest tests/compat -q -m "" -p tests.docs.results --client-results .cache/client-results.json
	$(BIN)/python -m tests.docs.tables .cache/client-results.json

rules: $(STAMP) ## compile the ruleset from src/hanse/rules/*.toml and write what docs/ says about code
	$(BIN)/python -m tests.docs.tables

lock: $(STAMP) ## resolve again, to releases at least a week old
	$(COMPILE) --generate-hashes pyproject.toml requirements.in -o requirements.lock
	cd tests/compat && for name in hub2 hub1 hub0 hub034 harness; do \
	  ../../$(COMPILE) --no-annotate requirements-$$name.in -o requirements-$$name.txt || exit 1; done
	cd tests/interop && ../../$(COMPILE) --no-annotate requirements-signing.in -o requirements-signing.txt
	cd tests/compat && for name in torch scan; do echo "torch ; python_version < '3'" | \
	  ../../$(COMPILE) --no-annotate --override - requirements-$$name.in -o requirements-$$name.txt || exit 1; done

clean: ## remove everything that was built (not the node's data)
	rm -rf .venv .venv-clients .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build bench-results
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
