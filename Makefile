# `make` alone lists the targets. Everything runs in .venv; nothing needs root.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# DVC starts `brightfield` by name
export PATH := $(CURDIR)/$(BIN):$(PATH)

INSTALLED := $(BIN)/.installed
TRIALS ?= 40
WORKERS ?= 1
STUDIES_PORT ?= 8080
MLFLOW_PORT ?= 5000
DASHBOARD_PORT ?= 8501

.PHONY: help install formats repro test test-slow test-all bench starters docs tune studies dashboard mlflow champions lint format clean-mlflow

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## create .venv and install the locked dependencies

$(INSTALLED): pyproject.toml uv.lock
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { echo "error: Python 3.11 or 3.12 is needed, found '$(PYTHON)'. Name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@test -x $(BIN)/uv || { $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "installing the locked dependencies into .venv (about 7 GB; minutes on a slow line)"
	@$(BIN)/uv sync --frozen --inexact --compile-bytecode --quiet
	@touch $@

formats: $(INSTALLED) ## install the readers of microscopes' own files: ND2, CZI (its reader is under GPL-3) and LIF
	@$(BIN)/uv sync --frozen --inexact --extra formats --quiet

repro: $(INSTALLED) ## run the whole pipeline for all four tasks; make repro PROFILE=full trains more models, for longer
	@test -d .git || git init --quiet
	@test -z "$(PROFILE)" || brightfield profile $(PROFILE)
	@dvc repro
	@echo; brightfield champions
	@printf "\nLook further: make dashboard (compare models, try an image), make mlflow (every run).\n"

test: $(INSTALLED) ## run the fast tests, on all cores
	@python -m pytest -m "not slow" --numprocesses logical --maxprocesses 8

test-slow: $(INSTALLED) ## run the slow tests alone: a tiny pipeline, servers, the dashboard in a browser
	@python -m pytest -m slow --durations=15

test-all: $(INSTALLED) ## run every test, those in a browser and of the whole pipeline too
	@python -m pytest

bench: $(INSTALLED) ## measure what is promised into reports/bench: make bench, or make bench NAME=beads_simulation
	@python tests/benchmarks/run.py $(NAME)

starters: $(INSTALLED) ## train the models that come with Brightfield anew, hours: make starters TASK=bacteria
	@python -m brightfield.starters.making $(TASK)

docs: $(INSTALLED) ## build the documentation into site/index.html; nothing is fetched, and a warning is an error
	@python docs/generate.py
	@python -m sphinx --fail-on-warning --keep-going --quiet --jobs auto --doctree-dir .sphinx docs site
	@echo "site/index.html"

tune: $(INSTALLED) ## tune a model and prove it: make tune MODEL=rbc-convnet TRIALS=40 TIMEOUT=15m WORKERS=2
	@test -n "$(MODEL)" || { echo "error: name a model: make tune MODEL=rbc-convnet"; exit 1; }
	@brightfield tune $(MODEL) --trials $(TRIALS) --workers $(WORKERS) $(if $(TIMEOUT),--timeout $(TIMEOUT))

studies: $(INSTALLED) ## open all studies in Optuna's dashboard on http://127.0.0.1:8080
	@brightfield studies --port $(STUDIES_PORT)

dashboard: $(INSTALLED) ## open the dashboard on http://127.0.0.1:8501; with CHANGES=1 it may promote and roll back
	@streamlit run dashboard/app.py --server.address 127.0.0.1 --server.port $(DASHBOARD_PORT) -- $(if $(CHANGES),--allow-changes)

mlflow: $(INSTALLED) ## open the MLflow UI on http://127.0.0.1:5000
	@mlflow ui --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}" --host 127.0.0.1 --port $(MLFLOW_PORT) \
		--allowed-hosts "127.0.0.1:$(MLFLOW_PORT),localhost:$(MLFLOW_PORT)"

champions: $(INSTALLED) ## show the champion of every task
	@brightfield champions

lint: $(INSTALLED) ## check style, types and who imports whom
	@ruff format --check . && ruff check . && mypy && MYPYPATH=src:dashboard mypy --explicit-package-bases dashboard && lint-imports

format: $(INSTALLED) ## format the code
	@ruff format . && ruff check --fix .

clean-mlflow: $(INSTALLED) ## remove from disk what was deleted in MLflow
	@mlflow gc --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}"
