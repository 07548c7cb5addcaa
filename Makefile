# Two commands matter: `make demo` and `make test`. Both make .venv when it is not there.
# What the demo has made already (data, conversion) is not made again; each call starts a new study.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
DEMO := demo
DEMO_FRAMES ?= 300
DEMO_TRIALS ?= 8
MINUTES ?= 10

# The installation leaves compiling to the first import. Where nothing may be written then, every process would
# compile mmdet3d anew: 10 s a trial.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow test-browser faults fuzz check audit format schemas reference bench clean

help:  ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP)  ## make .venv and install everything into it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Python 3.11 is needed, found " + sys.version.split()[0] + "; set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv (2-4 minutes the first time)"
	@$(BIN)/pip install --quiet --no-compile --disable-pip-version-check --progress-bar off \
		--constraint constraints.txt --editable '.[tune,detector,dev]'
	@touch $@

demo: setup  ## small synthetic data set, conversion, study, leaderboard
	@test -d $(DEMO)/data || $(BIN)/bevfusion demo_data --out $(DEMO)/data --frames $(DEMO_FRAMES)
	@ls $(DEMO)/results/dataset_convert-*/kitti_person_infos_train.pkl >/dev/null 2>&1 || \
		$(BIN)/automl run --action dataset_convert --data $(DEMO)/data --results-dir $(DEMO)/results
	@$(BIN)/automl run --model bevfusion --profile tiny --space quick --data $(DEMO)/data \
		--trials $(DEMO_TRIALS) --seed 1 --results-dir $(DEMO)/results --yes

test: setup  ## the whole default test suite
	@$(BIN)/python -m pytest

test-slow: setup  ## what needs longer: full default spec, whole studies of the detector
	@$(BIN)/python -m pytest -m slow

test-browser: setup  ## MLflow's pages and the report in a real browser: apt-get install chromium
	@$(BIN)/pip install --quiet --disable-pip-version-check --progress-bar off \
		--constraint constraints.txt --editable '.[browser]'
	@$(BIN)/python -m pytest -m browser tests/browser

faults: setup  ## studies struck by kills, full disks, hanging servers: 200 rounds, or as many as half an hour holds
	@$(BIN)/python -m tests.faults

fuzz: setup  ## damaged files for every reader of outside input, new ones each time; MINUTES=60
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

check: setup  ## lint, types, import rules, dependencies, generated files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pip check --disable-pip-version-check
	@$(BIN)/python .ci/dependencies.py
	@$(BIN)/bevfusion schema --check
	@$(BIN)/python docs/reference.py --check

audit:  ## known holes in the pinned dependencies; asks the network
	@test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && .venv-audit/bin/pip install --quiet pip-audit; }
	@.venv-audit/bin/pip-audit --no-deps --disable-pip --requirement constraints.txt

format: setup  ## format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

schemas: setup  ## write schemas/ and the spec templates from the dataclasses
	@$(BIN)/bevfusion schema

reference: setup  ## write docs/reference/ from the code
	@$(BIN)/python docs/reference.py

bench: setup  ## the measurements behind the figures in the docs
	@for script in benchmarks/*.py; do $(BIN)/python $$script; done

clean:  ## remove the environment and the demo
	rm -rf .venv $(DEMO)
