# The project's commands; `make` alone lists them.

PYTHON := .venv/bin/python

# Taken as they are typed, so that a file may be called anything.
override VIDEO := $(value VIDEO)
override STYLE := $(value STYLE)
override OUT := $(value OUT)
export VIDEO STYLE OUT SEEDS MUTANTS

# Each file of tests is one process's: what its tests share is made once.
SHARED_OUT := --numprocesses=auto --dist=loadfile --no-loadscope-reorder

# Modules are compiled once, whatever the environment says: tests start hundreds of processes.
test quick: export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help setup demo run test bench check lint types quick bench-flicker pictures chaos fuzz lock sbom audit clean

help: ## List the commands
	@awk -F ': .*## ' '/^[a-z-]+: .*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what the project needs into .venv and node_modules
	@tools/setup

demo: setup ## Paint a video on this machine [VIDEO=file] [STYLE=name] [OUT=file]
	@$(PYTHON) -m tools.demo $${VIDEO:+"--video=$$VIDEO"} $${STYLE:+"--style=$$STYLE"} $${OUT:+"--out=$$OUT"}

run: setup ## Serve on this machine, page and API at http://127.0.0.1:7071, until Ctrl-C
	@$(PYTHON) -m emulator

test: setup ## Lint, check types and run all tests
	@$(MAKE) --no-print-directory --jobs=2 lint types
	$(PYTHON) -m pytest $(SHARED_OUT)

bench: setup ## Run the benchmarks on this machine; the results go to benchmarks/results
	@$(PYTHON) -m benchmarks

check: setup ## Lint, check types and run the quick tests
	@$(MAKE) --no-print-directory --jobs=2 types lint quick

quick: setup
	$(PYTHON) -m pytest --quick $(SHARED_OUT)

lint: setup
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	.venv/bin/lint-imports --no-cache

types: setup
	$(PYTHON) -m pyright --project pyproject.toml

bench-flicker: setup ## Measure how much painted videos flicker [CLIPS="files"]
	$(PYTHON) -m benchmarks.flicker $(CLIPS)

pictures: setup ## Make the pictures of docs/pictures anew [VIDEOS="files"]
	$(PYTHON) -m tools.film $(VIDEOS)
	$(PYTHON) -m tools.screenshots $(VIDEOS)

chaos: setup ## Break everything that a job stands on, by seeded schedules [SEEDS=50]
	@$(PYTHON) -m chaos --seeds $${SEEDS:-50}

fuzz: setup ## Send mutants of good videos through the whole way [MUTANTS=4000]
	@$(PYTHON) -m fuzz --mutants $${MUTANTS:-4000}

lock: setup ## Lock what the requirements*.in name, and what that needs, in requirements*.txt
	@tools/supply lock

sbom: setup ## Write what the project is built from to out/sbom.json
	@tools/supply sbom

audit: setup ## Ask the registries for known vulnerabilities of what it is built from
	@tools/supply audit

clean: ## Remove what was installed, made and kept
	rm -rf .venv node_modules *.egg-info .emulator .demo setup.log out .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
