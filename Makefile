# `make demo` shows the template at work; `make test` proves it. Both need python3 (3.11 to 3.13), git and make.
PYTHON ?= python3
# A variable that holds the folder's name would be cut at its braces: stated once.
PROJECT := {{cookiecutter.project_slug}}
UV_VERSION := $(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements.lock)
PYTHON_VERSION := $(shell "$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
TOOLS := .venv-tools
UV := $(TOOLS)/bin/uv
RENEW := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-config \
	--no-emit-index-url --no-emit-find-links --upgrade

unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help demo test lint format lock docs bench install

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(TOOLS)/.installed ## bake the default project into build/, install it, run its whole pipeline
	rm -rf build/digits
	$(TOOLS)/bin/cookiecutter --no-input --output-dir build . python_version=$(PYTHON_VERSION)
	$(MAKE) --no-print-directory -C build/digits install UV="$(CURDIR)/$(UV)"
	$(MAKE) --no-print-directory -C build/digits run UV="$(CURDIR)/$(UV)"

test: install lint ## lint, then every test, three at a time: a quarter of what two would do on two cores is waiting
	.venv/bin/python -m pytest --numprocesses 3 --dist worksteal --durations 25

install: .venv/.installed ## the environment of the tests, from both lock files, into .venv

lint: install ## ruff and the type checker
	.venv/bin/ruff check --config pyproject.toml .
	.venv/bin/ruff format --check --config pyproject.toml .
	.venv/bin/pyrefly check --config pyproject.toml

format: install ## what ruff can mend by itself
	.venv/bin/ruff check --fix --config pyproject.toml .
	.venv/bin/ruff format --config pyproject.toml .

lock: $(TOOLS)/.installed ## renew the three lock files within the ranges of the two pyproject.toml
	.venv-tools/bin/python tests/bakes.py build/lock
	cd build/lock/digits && "$(CURDIR)/$(UV)" pip compile $(RENEW) --extra dev pyproject.toml -o "$(CURDIR)/$(PROJECT)/requirements.lock"
	cd build/lock/digits && "$(CURDIR)/$(UV)" pip compile $(RENEW) --extra dev --extra ray pyproject.toml \
		--constraint "$(CURDIR)/$(PROJECT)/requirements.lock" -o "$(CURDIR)/$(PROJECT)/requirements-ray.lock"
	"$(UV)" pip compile $(RENEW) --group tools --constraint "$(PROJECT)/requirements.lock" -o requirements.lock
	rm -rf build/lock

docs: install ## the site, into site/
	.venv/bin/zensical build

bench: install ## the benchmarks: minutes to hours, not part of the tests
	for benchmark in tests/benchmarks/*.py; do echo "$$benchmark"; .venv/bin/python "$$benchmark" || exit 1; done

.venv/.installed: requirements.lock $(PROJECT)/requirements.lock | $(TOOLS)/.installed
	test -x .venv/bin/python || "$(UV)" venv --quiet --python "$(PYTHON)" .venv
	"$(UV)" pip sync --python .venv/bin/python --require-hashes --compile-bytecode requirements.lock "$(PROJECT)/requirements.lock"
	@touch "$@"

$(TOOLS)/.installed: requirements.lock
	"$(PYTHON)" -m venv --clear $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	"$(UV)" pip install --quiet --python $(TOOLS)/bin/python --constraint requirements.lock cookiecutter
	@touch "$@"
