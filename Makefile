# Everything a newcomer types. Each target sets up what it needs; nothing else has to be installed.
VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= python3
HOME_DIR ?= demo
STAMP  := $(VENV)/.installed
BI_VENV  := .venv-bi
BI_STAMP := $(BI_VENV)/.installed
BENCH_VENV  := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.installed

# By file, the longest first (tests/conftest.py); skipped tests are told.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder -rs

export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false

.PHONY: setup demo ui bi bi-setup test test-all lint lock lock-bi lock-bench bench bench-setup bench-findings clean

setup: $(STAMP)

# uv reads the hash-pinned lock and compiles bytecode once, which halves every later start.
$(STAMP): requirements.txt requirements-setup.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip --quiet install --require-hashes -r requirements-setup.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements-setup.txt requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

demo: setup
	$(BIN)/avvik demo --home $(HOME_DIR)

ui: setup
	$(BIN)/avvik ui --home $(HOME_DIR)

# Superset on the published marts, in an environment of its own (0.9 GB, Python 3.11 or 3.12).
bi: setup bi-setup
	$(BIN)/avvik bi --home $(HOME_DIR)

bi-setup: $(BI_STAMP)

$(BI_STAMP): requirements-bi.txt | setup
	$(PYTHON) -m venv $(BI_VENV)
	$(BIN)/uv pip sync --quiet --python $(BI_VENV)/bin/python --require-hashes requirements-bi.txt
	touch $@

test: setup
	$(BIN)/python -m pytest $(PARALLEL) tests

# Everything that `make test` skips where it is not installed: Chromium, PostgreSQL, LibreOffice, Superset.
test-all: setup bi-setup
	.ci/install-test-programs
	$(BIN)/python -m pytest $(PARALLEL) tests

# Speed and memory, each as a ratio to a bare query or peer in the same run. Takes about half an hour; run it on a quiet machine.
bench: setup
	$(BIN)/python tests/bench/bench_sie.py 10 100
	$(BIN)/python tests/bench/bench_tables.py 10 100
	$(BIN)/python tests/bench/bench_people.py 10_000 60
	$(BIN)/python tests/bench/bench_run.py 1_000_000 10_000_000
	$(BIN)/python tests/bench/bench_findings.py --lines 1_000_000 10_000_000
	AVVIK_KILLS=20 $(BIN)/python -m pytest -s tests/test_kill.py

bench-findings: setup bench-setup
	$(BIN)/python tests/bench/bench_findings.py

# statsforecast, the peer that forecasts, needs an older pandas than avvik: an environment of its own.
bench-setup: $(BENCH_STAMP)

$(BENCH_STAMP): requirements-bench.txt | setup
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BIN)/uv pip sync --quiet --python $(BENCH_VENV)/bin/python --require-hashes --compile-bytecode requirements-bench.txt
	touch $@

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/sqlfluff lint dbt_project/models dbt_project/tests

lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-annotate --custom-compile-command 'make lock' --extra dev pyproject.toml -o requirements.txt

lock-bi: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-annotate --custom-compile-command 'make lock-bi' requirements-bi.in -o requirements-bi.txt

lock-bench: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-annotate --custom-compile-command 'make lock-bench' requirements-bench.in -o requirements-bench.txt

clean:
	rm -rf $(VENV) $(BI_VENV) $(BENCH_VENV) demo dbt_project/target
