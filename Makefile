# The two commands are `make run` and `make test`; `make` alone lists the rest.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup run test check lock
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: .venv/installed ## Install everything and build the page

.venv/installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --only-binary :all: -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

run: setup ## Start the demo: three nodes, sample people
	$(BIN)/telemed demo

test: setup ## Run every test
	$(BIN)/pytest

check: setup ## Lint, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: ## Pin the Python packages anew
	for extra in "" "--extra dev"; do \
	  $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	    --extra build $$extra pyproject.toml -o requirements$${extra:+-dev}.lock; done
