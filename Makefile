# Everything a newcomer needs: `make run`, then `make demo` in a second terminal; `make test` and `make check` before a change.
# Portable on purpose: GNU make 3.81 (macOS) and a POSIX shell.

PY := .venv/bin/python
# Says what went wrong in one line, and stops.
MAKEFLAGS += --no-print-directory

.PHONY: help
help:
	@echo 'make run            the service, a database and a development identity provider on this machine'
	@echo 'make demo           plays the main story against the running service'
	@echo 'make test           every test that needs no more than PyPI (at most 10 minutes)'
	@echo 'make test-external  the tests that need SimpleSAMLphp, PHP and Chromium'
	@echo 'make test-long      long property profiles and big sizes'
	@echo 'make check          format, lint, types, import contracts, migrations, OpenAPI, Dockerfile, pins'
	@echo 'make migration m="add a table"   a new migration from what the tables say'
	@echo 'make openapi        writes openapi/ostiary.yaml again'
	@echo 'make lock           writes requirements/*.txt again (make lock UPGRADE=1 takes newer releases)'
	@echo 'make bench          benchmarks'
	@echo 'make clean          removes the environment and all caches; .ostiary/ (your data) stays'

# The environment: what `ostiary dev` needs, and what tests and checks need besides.
.venv/dev: requirements/dev.txt requirements/uv.txt pyproject.toml scripts/environment.sh
	@sh scripts/environment.sh dev

.venv/test: requirements/test.txt requirements/uv.txt pyproject.toml scripts/environment.sh
	@sh scripts/environment.sh test

.PHONY: run demo
run: .venv/dev
	@exec .venv/bin/ostiary dev

demo: .venv/dev
	@exec .venv/bin/ostiary demo
