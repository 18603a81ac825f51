# `make run` and `make test` are all that is needed: Python 3.11 or newer, make and a package index, nothing installed before.
# Another Python: make run PY=python3.12

PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
PYTEST_ARGS ?= -n auto --maxprocesses 4 --dist loadfile
CONFIG ?= etc/nof0.yaml
SEEDS ?= 0-9999
VARIANTS ?= 0-39

# Inside a virtual environment the machine's "--user" habit would fail, and the notice about a newer pip is noise.
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

# An environment is bound to its folder and to its interpreter: after a move, or when that Python is gone, it is made anew.
ifneq ($(shell test -x $(BIN)/python && cat $(VENV)/.place 2>/dev/null || echo '$(CURDIR)'),$(CURDIR))
$(shell rm -f $(BIN)/python)
endif
ifeq ($(shell test -x $(BIN)/python && echo there),)
$(shell rm -f $(BIN)/python $(VENV)/.installed*)
endif

.DEFAULT_GOAL := help
.PHONY: help run test check fmt golden bench soak pins clean $(VENV)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.installed  ## start the arena and its API (CONFIG=etc/nof0.yaml)
	@exec $(BIN)/engine run --config $(CONFIG) --with-api

test: check  ## the whole gate: check, then pytest
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/.installed-dev  ## format, lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy engine api
	$(BIN)/lint-imports

fmt: $(VENV)/.installed-dev  ## format and fix what can be fixed
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

golden: $(VENV)/.installed-dev  ## write the golden files anew; look at the diff before you commit it
	$(BIN)/python -m pytest $(PYTEST_ARGS) --update-golden

bench: $(VENV)/.installed-bench  ## time against peers and floors, write docs/benchmarks.md
	$(BIN)/python -m benchmarks

soak: $(VENV)/.installed-dev  ## run simulated universes and the crash loop (SEEDS=0-9999 VARIANTS=0-39); failures go to tests/simulation/seeds/
	$(BIN)/engine simulate --seeds "$(SEEDS)" --crash-loop --variants $(VARIANTS) --jobs $$(nproc) --stories tests/simulation/seeds

pins: $(VENV)/.installed-dev  ## resolve requirements*.in anew into requirements*.txt
	$(PIP) install --quiet uv
	for name in requirements requirements-dev requirements-bench; do \
		$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
			$$name.in --output-file $$name.txt || exit 1; \
	done

clean:  ## remove the environment and the tools' caches; records and published files stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info build
	find engine api tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV): $(VENV)/.installed-dev

# Some distributions ship Python without ensurepip: then the interpreter's own pip fills an environment made without one.
$(BIN)/python:
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PY) is missing or older than Python 3.11; name another one: make PY=python3.12" >&2; exit 1; }
	@$(PY) -m venv --clear $(VENV) 2>/dev/null || \
		{ $(PY) -m venv --clear --without-pip $(VENV) && $(PY) -m pip --python $(BIN)/python install --quiet pip; } || \
		{ rm -rf $(VENV); echo "$(PY) can make no virtual environment; install its venv or pip package (python3-venv)" >&2; exit 1; }
	@echo '$(CURDIR)' > $(VENV)/.place

# One stamp per set of pins: touched last, so an interrupted installation is taken up again.
$(VENV)/.installed: requirements.txt pyproject.toml | $(BIN)/python
	$(PIP) install --quiet --require-hashes -r requirements.txt
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/.installed-bench: requirements-bench.txt $(VENV)/.installed-dev
	$(PIP) install --quiet --require-hashes -r requirements-bench.txt
	@touch $@
