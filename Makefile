# Needs git, make and Python >= 3.11 (with its venv module); everything else goes into .venv.

PYTHON ?= python3
# Where the environment is made; another one for another Python: make test VENV=.cache/venv-3.12
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
# `make lock UPGRADE=--upgrade` looks for newer versions; without it the locked ones stay.
UPGRADE ?=
# Of `make simulate`: the first seed, for how long or how many, and how many at a time.
SEED ?= 1
SECONDS ?= 600
COUNT ?=
JOBS ?= 1
# A file's tests share what they start, so a file stays on one processor.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile
# In the order of their names the short fault runs, which take longest and mostly wait, begin at once.
IN_ORDER := --numprocesses 2 --dist loadfile --no-loadscope-reorder
LOCK := $(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 \
        --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help venv demo score bench test coverage test-rest test-worlds test-kafka test-sms test-debian simulate chaos graceful recovery upgrade soak fuzz lint lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

venv: $(VENV)/.installed ## make .venv with the locked dependencies and skyfence itself

$(VENV)/.installed: requirements/dev.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo >&2 \
	  "make: skyfence needs Python >= 3.11, '$(PYTHON)' is not: name another, as in make PYTHON=python3.12"; \
	  exit 1; }
	@echo "installing into $(VENV): a minute or two, once"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

demo: $(VENV)/.installed ## run the demonstration: its own broker and Valkey, recordings in, alerts out
	@$(BIN)/skyfence demo

bench: $(VENV)/.installed ## time the engine alone beside a naive detector, some minutes
	$(BIN)/python bench/speed.py

score: $(VENV)/.installed ## the figures of docs/score.md: score.json and score.png, two hours on two processors
	$(BIN)/skyfence score --long --hours 720 --scenes 36 --json --chart docs/score.png > docs/score.json.part
	mv docs/score.json.part docs/score.json

test: lint ## run the linters, then all tests, a file at a time on each of up to four processors
	$(BIN)/pytest -m "not worlds" $(PARALLEL)

coverage: $(VENV)/.installed ## run the tests without servers, with branch coverage and its floor, which only rises
	$(BIN)/pytest -m "not integration and not worlds" --ignore=tests/scenarios $(PARALLEL) --cov --cov-report=term

test-rest: $(VENV)/.installed ## run the tests that `coverage` leaves out: scenarios, and those with servers
	$(BIN)/pytest -m integration $(PARALLEL)
	$(BIN)/pytest -m "not integration" tests/scenarios $(PARALLEL)

test-worlds: $(VENV)/.installed ## play some simulated worlds with fixed seeds, and those that need a mend without it
	$(BIN)/pytest -m worlds tests/simulation --numprocesses auto --maxprocesses 4

test-kafka: $(VENV)/.installed .cache/kafka/.fetched ## test on Apache Kafka, with a short fault run; needs Java 17 and Maven
	SKYFENCE_TEST_KAFKA=1 $(BIN)/pytest $(IN_ORDER) tests/kafka

test-sms: $(VENV)/.installed ## test SMS through Kannel, killed, away and throttled; needs Debian's kannel and kannel-extras
	@PATH="$$PATH:/usr/sbin" command -v bearerbox > /dev/null || { \
	  echo >&2 "make: Kannel is needed: apt-get install kannel kannel-extras"; exit 1; }
	SKYFENCE_TEST_SMS=1 $(BIN)/pytest tests/sms

test-debian: ## test as a newcomer on a bare Debian 13 with its Python 3.13; needs root and debootstrap
	tests/debian/run.sh

simulate: $(VENV)/.installed ## play worlds with faults in made-up time: make simulate SECONDS=600, or SEED=17 COUNT=1
	$(BIN)/python tests/simulation/run.py --seed $(SEED) $(if $(COUNT),--count $(COUNT),--seconds $(SECONDS)) --jobs $(JOBS)

chaos: $(VENV)/.installed .cache/kafka/.fetched ## the long fault run: 200 kills, networks cut, clocks set, about an hour
	$(BIN)/python tests/chaos/run.py --kills 200

graceful: $(VENV)/.installed .cache/kafka/.fetched ## restart workers amid backlogs of 100,000 reports, some minutes
	$(BIN)/python tests/chaos/run.py --graceful 3 --backlog 100000

recovery: $(VENV)/.installed .cache/kafka/.fetched ## time how soon a killed worker judges 100,000 tracks again
	$(BIN)/python tests/chaos/recovery.py

upgrade: $(VENV)/.installed .cache/kafka/.fetched ## upgrade from an earlier release amid a raid; needs the repository's history
	$(BIN)/python tests/chaos/upgrade.py

soak: $(VENV)/.installed .cache/kafka/.fetched ## ten times the demonstration's rate for twenty minutes: is memory flat?
	$(BIN)/python tests/chaos/soak.py

fuzz: $(VENV)/.installed ## a million damaged messages for all that reads any: some minutes
	$(BIN)/python tests/fuzz/run.py

.cache/kafka/.fetched: tests/kafka/pom.xml
	@command -v java > /dev/null && command -v mvn > /dev/null || { \
	  echo >&2 "make: Apache Kafka needs java (17 or later) and mvn"; exit 1; }
	@rm -rf .cache/kafka # jars of two versions do not mix
	mvn --quiet --batch-mode --file tests/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$(CURDIR)/.cache/kafka"
	@touch $@

lint: $(VENV)/.installed ## check style, types and the rules of who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: $(VENV)/.installed ## write requirements/*.txt anew from pyproject.toml
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) --extra dev -c requirements/runtime.txt pyproject.toml -o requirements/dev.txt
	printf 'editables\nhatchling\n' | $(LOCK) -c requirements/dev.txt - -o requirements/build.txt

clean: ## remove .venv and everything that was generated
	rm -rf .venv .cache dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
