# The two commands are `make run` and `make test`; `make` alone lists the rest.
PYTHON ?= python3
BIN := .venv/bin
PREFLIGHT := $(PYTHON) telemed/demo/preflight.py
WEB := $(wildcard web/package.json)

# What the tests use of the system, and where it shows that it is there.
TEST_PACKAGES := chromium coturn iproute2 postgresql fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji
TEST_FILES := /usr/bin/chromium /usr/bin/turnserver /usr/sbin/ip /usr/lib/postgresql \
  /usr/share/fonts/truetype/noto /usr/share/fonts/opentype/noto

# Browsers, nodes and networks share the cores badly: these tests run one after the other, the rest side by side.
PATIENT := tests/conformance tests/journey tests/networks tests/demo

# Whatever -j says: with a taken port `run` must end before `setup` begins to install.
.NOTPARALLEL:
.PHONY: help preflight preflight-run setup production compiled run test check conformance fuzz networks soak bench pictures lock system-packages
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

preflight:
	@$(PREFLIGHT) setup

preflight-run:
	@$(PREFLIGHT) run

# Everything below waits for the preflight, so that nothing is made on a machine that lacks something.
setup: preflight .venv/installed $(if $(WEB),web/dist/index.html) ## Install everything and build the page

.venv/installed: requirements-dev.lock pyproject.toml | preflight
	@echo "Installing the Python packages in .venv (about a minute) ..."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

production: ## Install only what a node needs to run (the Dockerfile's step)
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m signaling.compiled

web/node_modules/installed: web/package.json web/package-lock.json | preflight
	@echo "Installing the page's packages in web/node_modules ..."
	@cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

web/dist/index.html: web/node_modules/installed $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
	@echo "Building the page ..."
	@cd web && npm run --silent build
	@touch $@

compiled: setup ## The media path as machine code, where there is a C compiler; changed sources are interpreted until then
	@$(BIN)/python -m signaling.compiled

run: preflight-run setup ## Start the demo: three nodes on this machine
	@$(BIN)/telemed demo

test: compiled system-packages ## Run every test: Python, page, browser
	$(BIN)/pytest -n 2 --dist loadfile $(addprefix --ignore=,$(PATIENT))
	TELEMED_INTERPRETED=1 $(BIN)/pytest -n 2 --dist loadfile tests/signaling tests/fuzz
	$(BIN)/pytest $(PATIENT)
	$(if $(WEB),cd web && npm test)

check: setup ## Lint, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(if $(WEB),cd web && npm run check)

conformance: compiled system-packages ## The media server, then LiveKit's own, against LiveKit's clients
	$(BIN)/pytest tests/conformance
	tests/conformance/against_livekit

RUNS ?= 5
PROFILES ?= gprs edge slow3g 3g lossy4g
networks: compiled system-packages ## Calls over bad links beside LiveKit's server (an hour and a half; RUNS=1 PROFILES=edge)
	@$(BIN)/python -m tests.networks.compare --runs $(RUNS) --profiles $(PROFILES)
	@$(BIN)/python -m tests.networks.first_frame $(PROFILES)

MINUTES ?= 60
soak: compiled ## An hour of people joining and leaving the media server (MINUTES=10)
	@$(BIN)/python -m tests.soak --minutes $(MINUTES)

FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= stun headers descriptors reports connected descriptions signals joins access calls
fuzz: setup ## Hostile input to the media server, led by coverage: FUZZ_SECONDS for each of FUZZ_TARGETS
	for target in $(FUZZ_TARGETS); do \
	  TELEMED_INTERPRETED=1 $(BIN)/python -m tests.fuzz.guided $$target -max_total_time=$(FUZZ_SECONDS) || exit 1; done

bench: compiled ## The media server's cost beside LiveKit's and Janus (two hours; ONLY=visits-25,mesh-6 SERVERS=ours RUNS=1 PROFILE=1)
	@$(BIN)/python -m benchmarks --only "$(ONLY)" --servers "$(SERVERS)" --runs $(RUNS) $(if $(PROFILE),--profile)

pictures: setup system-packages ## Take the pictures of docs/pictures anew
	@mkdir -p docs/pictures && $(BIN)/python -m tests.journey.pictures docs/pictures

lock: ## Pin the Python packages anew
	for extra in "" "--extra dev"; do \
	  $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	    --extra build $$extra pyproject.toml -o requirements$${extra:+-dev}.lock; done

system-packages:
	@if ls -d $(TEST_FILES) >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing $(TEST_PACKAGES) (some minutes) ..."; \
	  apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $(TEST_PACKAGES) >/dev/null; \
	else echo "Skipped where missing: tests that need $(TEST_PACKAGES); install these as root to run them."; fi
