# One command for everything. `make quickstart` and `make test` are the README's two.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: quickstart smoke test test-fast test-rare lint format bench soak docs screenshots install clean

quickstart: $(VENV)/.installed
	$(BIN)/bestiary run quickstart

# Three phases of a few steps through the real driver: does everything work on this machine?
smoke: $(VENV)/.installed
	$(BIN)/bestiary run smoke

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not rare" $(PYTEST_FLAGS)

# What `make test` leaves out: one run over several processes, devices or threads, and populations.
# Nine tests that take three minutes of a core; run them before you hand in a change to any of that.
test-rare: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile -m rare $(PYTEST_FLAGS)

# The loop of daily work: all that is not marked as slow. The aim is a minute on two cores.
test-fast: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow" $(PYTEST_FLAGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Two hundred real runs, a hundred of their processes killed; an hour or more of two cores. With
# SOAK_FLAGS="--on ray --kills 20" the pilots are Ray's, and so on: `python -m tests.soak --help`.
soak: $(VENV)/.installed-dev
	$(BIN)/python -m tests.soak $(SOAK_FLAGS)

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

# The documentation as a site, in build/site; it opens from the disk.
docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo build/site/index.html

# The pictures of the documentation, docs/images, from records that come with Bestiary; needs Chromium.
screenshots: $(VENV)/.installed-dev
	$(BIN)/python -m tests.screenshots

install: $(VENV)/.installed-dev

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(VENV)/.installed $@

clean:
	rm -rf $(VENV) build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
