# Two commands set everything up on a machine with Python 3.11 to 3.13 and make:
#   make demo    install, then the main job on simulated data
#   make test    install, then the tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint sizes docs page hashes install clean

demo: install
	$(BIN)/skybind demo stars --out demo-stars

test: install lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: install
	$(BIN)/ruff check src tests benchmarks tools
	$(BIN)/ruff format --check src tests benchmarks tools
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/sizes.py

# the largest file, the longest functions, the most parameters
sizes:
	$(PYTHON) tools/sizes.py

# the pages that the program writes
docs: install
	$(BIN)/skybind config keys --markdown > docs/configuration.md
	$(BIN)/python tools/documents.py

# the explorer's page, from its sources (needs node)
page:
	cd explore-page && npm ci --no-audit --no-fund && npm run check && npm run build

# requirements.txt anew, after a change of what is installed
hashes:
	$(PYTHON) tools/hashes.py

install: $(VENV)/.installed

# HASHES=1: nothing but the files whose hashes are in requirements.txt, and PyTorch
PIP := $(BIN)/python -m pip install --quiet
$(VENV)/.installed: pyproject.toml constraints.txt requirements.txt
	$(PYTHON) -m venv $(VENV)
ifdef HASHES
	$(PIP) --no-deps --constraint constraints.txt torch
	$(PIP) --no-deps --require-hashes --requirement requirements.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
else
	$(PIP) --upgrade pip
	$(PIP) --constraint constraints.txt --editable '.[dev]'
endif
	touch $@

clean:
	rm -rf $(VENV) demo-stars build dist .pytest_cache .mypy_cache .ruff_cache
