# What one does with nbkeep from a clone. `make` alone lists it. Everything works without a terminal and twice.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
MAKEFLAGS += --no-print-directory
.PHONY: help setup up down status test lint format system docs bench bench-start bench-seen bench-memory bench-state bench-meter bench-quota bench-dashboard bench-gateway bench-scan bench-export bench-save screenshots

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## ?/\1\t/' | awk -F '\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

setup:  ## Install what the clone needs into the clone
	@bash scripts/setup.sh

up: setup  ## Set everything up, start nbkeep and print its address
	@bash scripts/system.sh --check || true
	@$(BIN)/nbkeep image build base
	@$(BIN)/nbkeep up $(ARGS)

down:  ## Stop all sessions and nbkeep
	@$(BIN)/nbkeep down $(ARGS)

status:  ## Show what runs
	@$(BIN)/nbkeep status

test:  ## Run every check and every test
	@bash scripts/setup.sh tests
	@bash scripts/system.sh --check || true
	@bash scripts/check.sh lint
	@bash scripts/check.sh tests

lint: setup  ## Check style, types and the rooms' borders
	@bash scripts/check.sh lint

format: setup  ## Put Python files into form
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

system:  ## Install the operating system's packages (as root), or say which
	@bash scripts/system.sh

docs: setup  ## Build the documentation as a site, in site/
	@bash scripts/setup.sh docs
	@$(BIN)/python docs/generate.py
	@$(BIN)/mkdocs build --strict

bench-%: setup
	@$(BIN)/python benchmarks/bench_$*.py

bench: setup  ## Print the figures of benchmarks/ (bench-start: of one of them)
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

bench-start: setup  ## Print the time from a request to the first result
	@$(BIN)/python benchmarks/bench_start.py

bench-seen: setup  ## Print the time from a click to what a person sees in the browser
	@$(BIN)/python benchmarks/bench_seen.py

bench-memory: setup  ## Print what an idle session takes of the machine's memory
	@$(BIN)/python benchmarks/bench_memory.py

bench-state: setup  ## Print the times to save and restore a kernel's variables
	@$(BIN)/python benchmarks/bench_state.py

bench-meter: setup  ## Print what the meter takes of a processor, and how long the report of a month does
	@$(BIN)/python benchmarks/bench_meter.py

bench-quota: setup  ## Print how long a quota's decision takes beside a million intervals
	@$(BIN)/python benchmarks/bench_quota.py

bench-dashboard: setup  ## Print how long the dashboard takes, and how well alarms find what is wrong
	@$(BIN)/python benchmarks/bench_dashboard.py

bench-gateway: setup  ## Print what the way out costs in time and memory
	@$(BIN)/python benchmarks/bench_gateway.py

bench-scan: setup  ## Print how well and how fast secrets and personal data are found, beside other scanners
	@$(BIN)/python benchmarks/bench_scan.py

bench-export: setup  ## Print how long an export takes beside nbconvert
	@$(BIN)/python benchmarks/bench_export.py

bench-save: setup  ## Print how soon after a save its author knows what was found
	@$(BIN)/python benchmarks/bench_save.py

screenshots: setup  ## Make the README's pictures from a running nbkeep
	@$(BIN)/python scripts/screenshots.py
