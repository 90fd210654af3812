.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
FLASK := $(BIN)/flask --app wsgi
LANGUAGES := ru uk
# Processes that share the tests; each starts servers of its own.
WORKERS ?= 2
# Tests start hundreds of processes; with this set, each of them compiles the whole program anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test lint servers soak bench pages screenshots translations clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-14s %s\n", $$1, $$2}'

run: .venv/run ## Install, migrate, load the demo on first start, run web and worker on 127.0.0.1:8000
	@NPSAPP_DEMO=$${NPSAPP_DEMO:-1} exec $(BIN)/python -OO -m npsapp run-all

test: .venv/dev servers ## Install what tests need and pass all of them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: .venv/dev ## Ruff, mypy and the import contracts only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

servers: ## Install the programs tests drive (as root), or name what is missing
	@sh tests/servers.sh

soak: .venv/dev servers ## Kill processes for hours, KILLS=300 of each kind in each phase or for so many MINUTES, and print what did not hold
	$(BIN)/python -m tests.crashes.soak --kills $${KILLS:-300} --minutes $${MINUTES:-inf}

bench: .venv/dev servers ## Measure speed and memory beside their floors (BENCH=a,b,c,d,e,f,g,h,i DATABASE=sqlite,postgresql BENCH_SIZES=…)
	@PYTHONWARNINGS=ignore $(BIN)/python -m tests.benchmarks

pages: .venv/dev servers ## Look at every page on every screen with 0, 1 and 10,000 rows: an hour; PAGES="--width 360 --only /cases" narrows it
	$(BIN)/python -m tests.pages.check $(PAGES)

screenshots: .venv/dev servers ## Take README's pictures from the demo company
	$(BIN)/python -m tests.screenshots.take

translations: .venv/dev ## Collect new sentences and compile the translations
	$(BIN)/pybabel -q extract -F npsapp/translations/babel.cfg -k N_ -k lazy_gettext -k _l --no-location --sort-output \
		--project npsapp --version 1 -o npsapp/translations/messages.pot npsapp
	for language in $(LANGUAGES); do \
		$(BIN)/pybabel -q update -N --no-wrap -i npsapp/translations/messages.pot -d npsapp/translations -l $$language; done
	$(BIN)/pybabel -q compile -d npsapp/translations

.venv/python:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "npsapp needs Python's venv module. On Debian: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "npsapp needs Python 3.11 or newer; this is $$($(PYTHON) --version)"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run: .venv/python setup.cfg pyproject.toml constraints.txt
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/dev: .venv/python setup.cfg pyproject.toml constraints.txt
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,postgres,redis]'
	@touch $@ .venv/run

clean: ## Remove the virtual environment and caches; the instance folder stays
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis build npsapp.egg-info
