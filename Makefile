# Two commands set everything up on a machine with Python 3.11 to 3.13 and make:
#   make demo    install, then the main job on simulated data
#   make test    install, then the tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint sizes docs page install clean

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

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo-stars build dist .pytest_cache .mypy_cache .ruff_cache
