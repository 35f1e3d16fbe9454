# make demo   installs, then turns a scan into denoised slices: one it simulates, or SCAN=path/to/scan.h5
# make test   lint, types, tests (the docs are checked by tests): everything that must hold before a change is kept
# make docs   builds the documentation as one site in SITE, which needs no network to be read
# make bench  prints speed figures beside what limits them, and keeps them as JSON in BENCH; takes its time
# make test-aarch64   the wheel on an emulated arm64 machine, compared with this one; downloads what it needs, and fills
#                     1.5 GB of FOLDER, if named, which is used again
# make test-small     the most memory that slices of 2560 x 2560 take under a limit of 1 GB: that of systemd, of a control
#                     group (below GROUP, if named, else below our own), or of ulimit

PYTHON ?= python3
BIN := .venv/bin
DEMO := demo
BENCH ?= bench
SITE ?= site
SCAN ?= $(DEMO)/simulated.h5
RECIPE ?= recipes/quickstart.yaml
# A scan given by the user is not written beside, so that trying it out leaves no traces there.
OUTPUT ?= $(DEMO)/$(basename $(notdir $(SCAN)))_rec

.PHONY: demo test lint types tests test-aarch64 test-small reference docs bench fuzz clean

demo: $(BIN)/.installed $(SCAN)
	@# Slices to look at (4) are no failure of the demo.
	$(BIN)/tomopy-edge run $(RECIPE) $(SCAN) --output $(OUTPUT) --overwrite || test $$? -eq 4

$(DEMO)/simulated.h5: | $(BIN)/.installed
	mkdir -p $(DEMO)
	$(BIN)/tomopy-edge simulate scan $@ --columns 1024 --rows 8 --angles 512 --counts 2000 --seed 7

test: lint types tests

lint: $(BIN)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(BIN)/.installed-test
	$(BIN)/mypy

tests: $(BIN)/.installed-test
	$(BIN)/pytest

# Both take minutes, and more than this checkout: neither is part of `make test`.
test-aarch64: $(BIN)/.installed-test
	$(BIN)/python tests/machines/aarch64.py $(FOLDER)

test-small: $(BIN)/.installed
	$(BIN)/python tests/machines/small.py $(if $(GROUP),--group $(GROUP))

# The pages that are made from the code; a test fails where they are not current.
reference: $(BIN)/.installed-test
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_hooks.py
	$(BIN)/python docs/make_report.py
	$(BIN)/python docs/make_api.py

# With -W a warning, such as a link that leads nowhere, is an error.
docs: $(BIN)/.installed-docs
	$(BIN)/sphinx-build -q -E -W --keep-going -c docs -d build/doctrees . $(SITE)
	@echo open $(SITE)/index.html

bench: $(BIN)/.installed-test
	mkdir -p $(BENCH)
	for script in startup fbp stages inference reading growth cluster forecast training; do \
	  $(BIN)/python benchmarks/$$script.py --json $(BENCH)/$$script.json || exit 1; done
	$(BIN)/python benchmarks/whole.py --fbp $(BENCH)/fbp.json --json $(BENCH)/whole.json

$(BIN)/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

$(BIN)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(BIN)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[cluster,compressed,docs,onnx,openvino,test,train,zarr]'
	touch $@ $(BIN)/.installed $(BIN)/.installed-docs

$(BIN)/.installed-docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

CASES = 100000
ROUNDS = 10
fuzz: $(BIN)/.installed-test
	for round in $$(seq $(ROUNDS)); do $(BIN)/pytest -q -m hypothesis --hypothesis-profile other || exit 1; done
	for target in recipes scans networks; do $(BIN)/python -m tests.fuzz --target $$target --cases $(CASES) || exit 1; done

clean:
	rm -rf .venv $(DEMO) $(SITE) build .mypy_cache .pytest_cache .ruff_cache .hypothesis
