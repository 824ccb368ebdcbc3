# Everything a newcomer needs: `make run`, then `make demo` in a second terminal; `make test` and `make check` before a change.
# Portable on purpose: GNU make 3.81 (macOS) and a POSIX shell.

PY := .venv/bin/python
MAKEFLAGS += --no-print-directory

.PHONY: help
help:
	@echo 'make run            the service, a database and a development identity provider on this machine'
	@echo 'make demo           plays the main story against the running service (make demo until=3: then it is your turn)'
	@echo 'make test           every test that needs no more than PyPI (at most 10 minutes); suites="unit e2e" picks'
	@echo 'make test-external  the tests that need SimpleSAMLphp, PHP, Chromium and xmlsec1'
	@echo 'make test-long      long property profiles and big sizes'
	@echo 'make check          format, lint, types, import contracts, migrations, OpenAPI, Dockerfile, pins'
	@echo 'make format         formats, and mends what the linter can mend'
	@echo 'make migration m="add a table"   a new migration from what the tables say'
	@echo 'make openapi        writes openapi/ostiary.yaml again'
	@echo 'make lock           writes requirements/*.txt again (make lock UPGRADE=1 takes newer releases)'
	@echo 'make bench          measures ours beside peers and limits (minutes); scenarios="acs scim" picks'
	@echo 'make clean          removes the environment and all caches; .ostiary/ (your data) stays'

# The environment: what `ostiary dev` needs, and what tests and checks need besides.
.venv/dev: requirements/dev.txt requirements/uv.txt pyproject.toml scripts/environment.sh
	@sh scripts/environment.sh dev

.venv/test: requirements/test.txt requirements/uv.txt pyproject.toml scripts/environment.sh
	@sh scripts/environment.sh test

# Peers to measure beside ours; nothing else needs them.
.venv/bench: requirements/bench.txt requirements/uv.txt pyproject.toml scripts/environment.sh
	@sh scripts/environment.sh bench

.PHONY: run
run: .venv/dev
	@exec .venv/bin/ostiary dev

.PHONY: demo
demo: .venv/dev
	@exec .venv/bin/ostiary demo $(if $(until),--until $(until))

.PHONY: test
test: .venv/test
	@exec $(PY) scripts/test.py $(suites)

.PHONY: test-external
test-external: .venv/test
	@exec $(PY) scripts/test.py external

.PHONY: test-long
test-long: .venv/test
	@exec $(PY) scripts/test.py long

# Each line is a check of its own; with -k (make -k check) all of them report.
.PHONY: check check-format check-lint check-types check-walls check-migrations check-openapi check-dockerfile check-pins
check: check-pins check-format check-lint check-walls check-dockerfile check-types check-migrations check-openapi
	@echo 'make check: all is well'

check-pins: .venv/test
	@$(PY) scripts/requirements.py check

check-format: .venv/test
	@$(PY) -m ruff format --check --quiet . || { echo 'Mend it with: make format'; exit 1; }

check-lint: .venv/test
	@$(PY) -m ruff check --quiet .

check-walls: .venv/test
	@.venv/bin/lint-imports --no-cache

check-dockerfile: .venv/test
	@.venv/bin/hadolint Dockerfile

check-types: .venv/test
	@$(PY) -m pyright --warnings

check-migrations: .venv/test
	@$(PY) scripts/alembic_here.py check

check-openapi: .venv/test
	@.venv/bin/ostiary openapi --check openapi/ostiary.yaml

.PHONY: format
format: .venv/test
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

.PHONY: migration
migration: .venv/test
	@test -n "$(m)" || { echo 'Say what it does: make migration m="add a table"'; exit 1; }
	@$(PY) scripts/alembic_here.py revision --autogenerate -m "$(m)" \
		--rev-id "$$(printf %04d $$(($$(ls migrations/versions/[0-9]*.py | wc -l) + 1)))"

.PHONY: openapi
openapi: .venv/dev
	@mkdir -p openapi
	@.venv/bin/ostiary openapi >openapi/ostiary.yaml.new
	@mv openapi/ostiary.yaml.new openapi/ostiary.yaml

.PHONY: lock
lock: .venv/test
	@if command -v uv >/dev/null 2>&1; then uv=uv; else uv=.venv/bin/uv; fi; \
		exec $(PY) scripts/requirements.py lock "$$uv" $(if $(UPGRADE),--upgrade)

.PHONY: bench
bench: .venv/bench
	@exec $(PY) -m benchmarks $(scenarios)

.PHONY: clean
clean:
	rm -rf .venv .hypothesis .pytest_cache .ruff_cache .schemathesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
