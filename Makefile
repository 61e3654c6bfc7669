# make demo    train a delay network on spoken digits, look at what it learned
# make test    everything that must hold: style, import contract, types, tests
# make bench   time and memory of a training step on this machine, compared with other libraries: about two minutes
# make docs    the site of the documentation in build/site; a broken link or reference is an error
#
# TORCH=torch==2.13.0 make ...   chooses the build of torch to install
# PYTHON=python3.12 make ...     chooses the interpreter (3.11 or later)

TORCH ?= torch
PYTHON ?= python3
ENV := .venv
BIN := $(ENV)/bin
# torch is named in every installation, or a dependency's dependency could bring another build of it
# Python compiles what it imports; compiling all 25,000 files of the packages takes a minute and more
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile

.PHONY: demo demo-short test bench docs clean

demo: $(ENV)/.core
	$(BIN)/python scripts/demo.py

# a few minutes less: a small data set and few epochs; its accuracy means nothing
demo-short: $(ENV)/.core
	$(BIN)/python scripts/demo.py --short

test: $(ENV)/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check

bench: $(ENV)/.dev
	$(BIN)/snnsim bench shd --batch-size 128

docs: $(ENV)/.docs
	NO_MKDOCS_2_WARNING=1 PATH="$(abspath $(BIN)):$$PATH" $(BIN)/mkdocs build --strict
	@echo "build/site/index.html"

$(ENV)/.python: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "snnsim needs Python 3.11 or later; choose one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(ENV)
	@touch $@

$(ENV)/.core: $(ENV)/.python
	@echo "installing into $(ENV) (torch requirement: $(TORCH)) ..."
	$(PIP) "$(TORCH)" --editable .
	@touch $@

# more than the core, so that the core is complete, too
$(ENV)/.dev: $(ENV)/.python
	@echo "installing into $(ENV) what the tests need (torch requirement: $(TORCH)) ..."
	$(PIP) "$(TORCH)" --editable ".[dev]"
	@touch $(ENV)/.core $@

$(ENV)/.docs: $(ENV)/.core
	@echo "installing what the documentation needs ..."
	$(PIP) "$(TORCH)" --editable ".[docs]"
	@touch $@

clean:
	rm -rf $(ENV)
