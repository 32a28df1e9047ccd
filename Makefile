# The first target lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# Measured on Linux x86-64 by `make measure-setup`; the README repeats them.
DOWNLOAD_GB := 4.3
DISK_GB := 8.3
FREE_GB := 12
DEMO_LIBRARY := demo-library
# What the set-up installs beyond the core (see pyproject.toml).
EXTRAS := demo heif raw export train speech ocr mcp
# The hashes of the requirements decide what is installed; nothing of the person's pip settings may change it.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_PYTHON_DOWNLOADS := never
ifdef CI
export UV_NO_PROGRESS := 1
endif

.PHONY: help setup demo test test-long screenshots check bench charts requirements wheel clean measure-setup

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(VENV)/.run  ## make .venv with .venv/bin/vidi

$(VENV)/.installer: requirements/uv.txt
	@echo "vidi: the first set-up downloads about $(DOWNLOAD_GB) GB of packages and keeps about $(DISK_GB) GB on disk (in .venv and the installer's cache)."
	@free=$$(df -Pk . | awk 'NR==2 {print int($$4 / 1048576)}'); \
	  if [ "$$free" -lt $(FREE_GB) ]; then \
	    echo "vidi: $$free GB are free here, $(FREE_GB) GB are needed for the set-up; make room, or clone to another disk" >&2; exit 1; \
	  fi
	@python=; for candidate in python3.12 python3.11 python3; do \
	    if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then python=$$candidate; break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "vidi: no Python 3.11 or 3.12 with venv was found; install one (on Debian and Ubuntu: python3 and python3-venv)" >&2; exit 1; \
	  fi; \
	  "$$python" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.run: $(VENV)/.installer requirements/run.txt pyproject.toml
	$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/run.txt
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q retrieval indexer ui migrations
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/.run  ## set up, index the sample media, ask a few questions
	@$(BIN)/vidi --library $(DEMO_LIBRARY) demo

test: $(VENV)/.dev  ## set up, run the checks and the tests
	$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest

test-long: $(VENV)/.dev  ## the tests that take minutes (kill -9 again and again)
	$(BIN)/python -m pytest -m long --timeout 1800

screenshots: $(VENV)/.dev  ## the pictures of the README, of the page as it is
	mkdir -p docs/screenshots
	VIDI_SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest -q tests/end_to_end/test_page.py -k screenshots

check: $(VENV)/.dev  ## format, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## measure the figures into benchmarks/results, then draw the charts (CAPTIONS=folder with train.csv and dev.csv adds the starter's, IMAGES=CIFAR-10 as folder or zip the classifier's)
	$(BIN)/python -m benchmarks.run $(if $(CAPTIONS),--captions $(CAPTIONS)) $(if $(IMAGES),--images $(IMAGES))
	$(MAKE) --no-print-directory charts

charts: $(VENV)/.dev  ## draw the charts from benchmarks/results
	$(BIN)/python -m benchmarks.charts

wheel: $(VENV)/.dev  ## build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

requirements: $(VENV)/.installer  ## pin the requirements again
	cd requirements && for name in run dev; do \
	  ../$(BIN)/uv pip compile ../pyproject.toml --quiet --universal --python-version 3.11 $(foreach extra,$(EXTRAS),--extra $(extra)) --generate-hashes \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	    $$([ $$name = dev ] && echo "--group ../pyproject.toml:dev -c run.txt" || echo "build.in") -o $$name.txt; \
	done
	echo "uv" | $(BIN)/uv pip compile - --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements/uv.txt

measure-setup: $(VENV)/.run  ## print what the set-up keeps on disk
	@du -sh --apparent-size $(VENV)

clean:  ## remove what make made
	rm -rf $(VENV) build dist $(DEMO_LIBRARY) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
