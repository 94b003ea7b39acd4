# Two commands: `make run` starts everything, `make test` passes the tests. Both set up what they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: run test lint types contracts slow docs bench clean setup

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

setup: $(STAMP)

run: $(STAMP)            ## the whole of Steward: embedded broker and store, simulated campus, page
	$(BIN)/steward demo

test: $(STAMP)           ## the default suite: no server of yours, no network
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m 'not slow' $(ARGS)

slow: $(STAMP)           ## crash tests, long simulations
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m slow -o faulthandler_timeout=2700 $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports

docs: $(STAMP)
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) build dist site *.egg-info

.PHONY: wheel
wheel: $(STAMP)          ## build the wheel, install it into an empty environment, run the demo from it
	$(BIN)/python -m build --wheel --outdir dist . >/dev/null
	$(BIN)/python -m bench.wheel dist
