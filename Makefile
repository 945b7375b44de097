# Everything from a fresh machine with Python 3.11, pip, git and make.
PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin

.PHONY: demo test page screenshots check coverage constraints clean help

help: ## say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /	/'

demo: $(VENV)/.demo-ready ## set up and run the main job: wait for a clean grid, export a VM, report
	$(BIN)/hypercarbon demo

test: $(VENV)/.test-ready ## set up and run the tests, with coverage
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --cov --cov-report=term

check: $(VENV)/.test-ready ## style, types and the import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

page: frontend/node_modules/.package-lock.json ## build the charts of the Carbon page (needs node), and check its scripts
	cd frontend && npm run --silent build && npm run --silent check

screenshots: $(VENV)/.test-ready page ## take the pictures of the documentation anew (needs chromium)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --group browser
	$(BIN)/python -m tests.browser.screenshots docs/images

frontend/node_modules/.package-lock.json: frontend/package.json frontend/package-lock.json
	cd frontend && npm ci --silent --ignore-scripts

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --upgrade pip

$(VENV)/.demo-ready: $(BIN)/pip pyproject.toml $(CONSTRAINTS)
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable .
	touch $@

$(VENV)/.test-ready: $(VENV)/.demo-ready
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[postgres,plot,parquet,pdf]' --group test --group check
	touch $@

constraints: ## resolve anew what the tests run with (needs uv)
	uv pip compile pyproject.toml --all-extras --group test --group chaos --group check --upgrade \
	  --python-version 3.11 --no-header --no-annotate --no-emit-index-url -o constraints.txt
	echo 'apache-airflow==3.3.0' | uv pip compile pyproject.toml --all-extras --group test --group chaos --group check --upgrade \
	  --python-version 3.11 --no-header --no-annotate --no-emit-index-url -c - -o constraints-airflow-3.3.0.txt

clean: ## remove the environment and what tools left behind
	rm -rf $(VENV) .venv-* build dist .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
