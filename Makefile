# One command each. `make help` lists them.
VENV      := .venv
PY        := $(VENV)/bin/python
PYTHON    ?= python3
# On an ordinary Linux machine pip takes a CUDA build of torch (several GB).
# `make setup TORCH_INDEX=URL` names an index with CPU builds instead.
TORCH_INDEX ?=
PORT      ?= 8000
SHOP      ?= demo-shop
ONCE      ?=
STAMP     := $(VENV)/.penchant-setup

# Tests and the demo start many processes; where a machine keeps no bytecode each of them compiles all it loads.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help setup demo test test-fast lint types format bench docs lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## make .venv with everything, pinned

# uv makes no bytecode by itself: the learner and the trees load 1,100 modules (sklearn, scipy), 3 s with it, 7 without.
# torch first and by pip: its plain wheel is a CPU build on some machines and must not be replaced. Of its 2,300 modules
# a third are ever loaded: one import compiles those, in a third of the time; jinja2 comes with torch too.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Penchant needs Python 3.11 or newer; name one: make setup PYTHON=python3.12")'
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "setup: torch (about 200 MB to 2 GB, by machine)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $$(grep -E '^torch==' constraints.txt)
	@echo "setup: everything else"
	@$(PY) -m pip install --quiet --disable-pip-version-check $$(grep -E '^uv==' constraints.txt)
	@$(VENV)/bin/uv pip install --quiet --python $(PY) -c constraints.txt --compile-bytecode -e '.[demo,dev]'
	@$(PY) -c 'import torch, jinja2'
	@touch $(STAMP)

demo: setup ## a year of a grocery: import, train, evaluate, serve (ONCE=1 stops after the table)
	@$(VENV)/bin/penchant demo --shop $(SHOP) --port $(PORT) $(if $(ONCE),--once)

# Three at a time on two cores: a good part of the tests waits for processes to start and for the disk.
test: setup ## every test
	@$(PY) -m pytest -n 3 --dist loadfile

test-fast: setup ## without the slow ones and the browser
	@$(PY) -m pytest -n 3 --dist loadfile -m 'not slow and not browser'

lint: setup ## format check, lint, types
	@$(VENV)/bin/ruff format --check src tests bench
	@$(VENV)/bin/ruff check --no-cache src tests bench
	@$(VENV)/bin/pyright

format: setup ## put the code in form
	@$(VENV)/bin/ruff format src tests bench
	@$(VENV)/bin/ruff check --fix src tests bench

bench: setup ## measure the model on the demo's data, and the stages of a list
	@$(PY) bench/quality.py
	@$(PY) bench/recommend.py

docs: setup ## API reference as HTML under build/docs
	@$(VENV)/bin/pdoc --docformat google -o build/docs penchant '!penchant.testing'
	@echo "build/docs/index.html"

lock: ## make constraints.txt anew from pyproject.toml
	@scripts/lock.sh

clean: ## remove what setup and the demo made
	rm -rf $(VENV) $(SHOP) build
