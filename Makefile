# make run   environment, then the main job on the embedded photographs (under ten minutes)
#            RUN_FLAGS="--first-steps 100 --steps 50 --qat-steps 20" are settings of hwrts run: shorter, and worse pictures
# make test  environment, then every check and test
# Both work from a fresh clone with nothing installed but Python 3.11 or newer, git and make.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
RUN = first
RUN_FLAGS =

# Hundreds of processes that tests start import the package: what one has compiled the others read.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test pytest quick quick-pytest slow targets oldest newest docs settings lint clean

# A run that is there already is continued: it was interrupted, or it is finished and only the report is new.
run: $(VENV)/.ready
	@if [ -f runs/$(RUN)/run.json ]; then $(BIN)/hwrts run --resume runs/$(RUN); \
	else $(BIN)/hwrts run --name $(RUN) $(RUN_FLAGS); fi

# A worker has one core, so one thread: more would wait for one another by spinning. Each begins with a half of the tests,
# in order, and then takes from the other what it has not begun: fixtures of a module are made once, seldom twice.
# Every fact is tried once; what repeats one (tests/repeats.py), and two of the notebooks, is for make slow.
test: $(VENV)/.ready
	$(MAKE) -j 2 lint pytest

pytest: $(VENV)/.ready
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal \
		--nbmake --nbmake-timeout=900 notebooks/first_network.ipynb tests

# While working on integers or on ONNX.
quick: $(VENV)/.ready
	$(MAKE) -j 2 lint quick-pytest

quick-pytest: $(VENV)/.ready
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto tests/test_layout.py tests/fixed_point tests/export

# All operators by all rules and shapes, two thousand random networks, the networks at full size, commands killed for real,
# on full disks and two at once, four hundred damages of each kind of file, every notebook. For every night; campaigns with
# larger numbers: docs/reliability.md.
slow: $(VENV)/.ready
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -m slow
	HWRTS_MUTATIONS=400 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto tests/cli/test_damaged_files.py
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --nbmake --nbmake-timeout=900 notebooks

# Exported files in the toolchains that take them, each in an environment of its own under build/targets (12 GB, 8 of
# them Acuity's; Rockchip's, of 6 GB, is made by `benchmarks/targets/environments rknn` alone). First a small network in
# each: version and codes of those that are there, and who is not.
targets: $(VENV)/.ready
	PYTHON=$(PYTHON) benchmarks/targets/environments
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -rPs tests/export/test_clients.py
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/export/tflite tests/export/test_targets.py tests/export/test_client_files.py \
		tests/cli/test_export_targets.py tests/cli/test_verify_client.py tests/cli/test_targets_howto.py -m "slow or not slow"

# The lowest versions of pyproject.toml, in build/oldest: whenever a bound changes.
oldest:
	PYTHON=$(PYTHON) .ci/oldest

# The newest versions that it allows, whatever constraints.txt says, in build/newest: once a night.
newest:
	PYTHON=$(PYTHON) .ci/newest

# The pages of docs/ and those that are made of the program, under build/docs. Nothing in them is fetched from elsewhere.
docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	PYTHONPATH=. NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# docs/settings.md says what the settings say of themselves.
settings: $(VENV)/.ready
	$(BIN)/python -m hwrts.settings_page > docs/settings.md

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/nbstripout --verify notebooks/*.ipynb

# The stamp is made last: an interrupted installation is done again.
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hwrts needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
