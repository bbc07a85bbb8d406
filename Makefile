# make demo    set up and run the demo: a map of a continent by a model that trains before your eyes
# make test    set up and run the default tests (under 5 minutes on two cores)
# make test-all  the same with those that take long (under 25 minutes)
# make test-lowest  the fast part with the lowest versions that pyproject.toml admits, in .venv-lowest
# make torture fifty kills, a siege of ten minutes, made-up files (under 30 minutes on two cores)
# make check   lint, format, types, import contract
# make docs    set up and build the pages of docs/ into site/
# make bench   set up and measure speed against the plain loop (under 10 minutes on two cores)
PYTHON ?= python3
BIN := .venv/bin
# Compiling every installed file takes minutes; Python compiles those in use when it first meets them,
# unless told not to.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile -c constraints.txt

LOWEST_EXTRAS := --extra demo --extra export --extra hub --extra onnx --extra serve --extra sketch \
	--extra telemetry --extra video

TORTURES := tests/serving/test_siege.py tests/training/test_torture.py \
	tests/training/test_faults_under_a_run.py tests/training/test_pairs_that_change.py \
	tests/training/test_stop.py tests/training/test_lock.py tests/training/test_divergence.py \
	tests/serving/test_hostile_clients.py tests/serving/test_decoding.py \
	tests/study/test_sessions.py $(shell find tests -name 'test_fuzzed_*.py')

.PHONY: demo setup test test-all test-lowest torture check docs bench clean

demo: .venv/demo-installed
	$(BIN)/diptych demo

setup: .venv/setup-installed

# As many processes as cores, each with one thread: many small tests are faster so.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto

test-all: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -m ""

# What old versions call that newer ones frown upon is no fault of ours.
test-lowest: .venv-lowest/installed
	OMP_NUM_THREADS=1 .venv-lowest/bin/pytest -n auto -W ignore::DeprecationWarning tests/networks tests/losses \
		tests/images tests/data tests/evaluation tests/translation tests/commands tests/by_ray tests/test_places.py tests/test_brought_folder.py tests/test_written_before.py \
		tests/training/test_train.py tests/training/test_checkpoint.py tests/serving/test_api.py tests/serving/test_watching.py \
		tests/export/test_onnx_export.py tests/test_config.py tests/test_header.py tests/test_model_file.py

torture: setup
	OMP_NUM_THREADS=1 DIPTYCH_KILLS=50 DIPTYCH_SIEGE=600 DIPTYCH_FUZZ=400 $(BIN)/pytest -m "" \
		--hypothesis-show-statistics $(TORTURES)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/docs-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html"

bench: setup
	$(BIN)/python benchmarks/step.py --batches 1 8 --rounds 3
	$(BIN)/python benchmarks/data_path.py --rounds 3
	$(BIN)/python benchmarks/translate.py --count 32 --rounds 3
	$(BIN)/python benchmarks/start.py

clean:
	rm -rf .venv .venv-lowest site

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("diptych needs Python 3.11 or newer; this is " + sys.version.split()[0] + " (make PYTHON=python3.12 ... names another)" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(PIP) --upgrade pip  # an older one takes half a minute longer to find what fits

.venv/demo-installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing diptych and what the demo needs into .venv (a minute or two, once) ..."
	$(PIP) -e '.[demo]'
	@touch $@

.venv/setup-installed: pyproject.toml constraints.txt requirements-dev.txt | $(BIN)/python
	@echo "Installing diptych and what the tests need into .venv (a few minutes, once) ..."
	$(PIP) -e '.[demo]' -r requirements-dev.txt
	@touch $@ .venv/demo-installed

# uv resolves what is asked for directly at its lowest, and finds for the rest what fits beside it.
.venv-lowest/installed: pyproject.toml | $(BIN)/python
	@echo "Installing the lowest versions that are admitted into .venv-lowest (minutes, once) ..."
	$(BIN)/python -m pip --disable-pip-version-check install --quiet uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-lowest
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --python .venv-lowest/bin/python \
		$(LOWEST_EXTRAS) pyproject.toml -o .venv-lowest/lowest.txt
	$(BIN)/uv pip install --quiet --python .venv-lowest/bin/python -r .venv-lowest/lowest.txt \
		httpx hypothesis pytest pytest-xdist
	$(BIN)/uv pip install --quiet --python .venv-lowest/bin/python --no-deps -e .
	@touch $@

.venv/docs-installed: requirements-docs.txt constraints.txt | $(BIN)/python
	@echo "Installing what the pages are built with into .venv (a minute, once) ..."
	$(PIP) -r requirements-docs.txt
	@touch $@
