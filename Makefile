# Needs Python 3.11 and make, nothing else: each target sets up what it needs, once, and is quick ever after.
# `exec` so that one Ctrl-C reaches the supervisor itself.
.PHONY: demo run test soak lint bench assets setup clean
.SILENT:
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
SETUP := command -v python3 >/dev/null || { echo "Playhead needs Python 3.11 or newer: apt install python3 python3-venv"; exit 1; }; python3 scripts/setup.py

demo: ## everything embedded, with a shop of real producers and consumers
	$(SETUP) run && exec $(PY) -m dashboard.processes --demo

run: ## watch the clusters in playhead.yaml, or the one in KAFKA_BOOTSTRAP_SERVERS
	$(SETUP) run && exec $(PY) -m dashboard.processes

test: lint ## every check and test; pytest's summary comes last
	cd dashboard/frontend && PATH="$(CURDIR)/.venv/bin:$$PATH" npm test --silent
	browser=$$($(PY) scripts/browser.py) && PLAYHEAD_BROWSER="$$browser" exec $(PY) -m pytest

soak: ## faults for as long as they take: KILLS=100 processes killed at random moments, SEED=… for the same again
	$(SETUP) dev
	SOAK_KILLS="$(KILLS)" SOAK_SEED="$(SEED)" exec $(PY) -m pytest -m soak -s -k "$(ONLY)" tests/faults

lint: ## style, types, import contracts
	$(SETUP) dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check --quiet .
	$(PY) -m mypy
	.venv/bin/lint-imports
	.venv/bin/djlint templates --lint --quiet
	cd dashboard/frontend && PATH="$(CURDIR)/.venv/bin:$$PATH" npm run --silent check

bench: ## the benchmarks, a table each
	$(SETUP) dev
	for b in bench/[a-z]*.py; do $(PY) -m "bench.$$(basename "$$b" .py)" || exit 1; done

assets: ## the front end only
	$(SETUP) run

setup: ## everything that the other targets need
	$(SETUP) dev

clean: ## all that was made here; the data directory is left alone
	rm -rf .venv .stamp* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dashboard/static dashboard/frontend/node_modules
