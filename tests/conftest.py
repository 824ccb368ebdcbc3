"""What every test shares: the run's PostgreSQL, databases in it, a closed network and fixed seeds."""

import asyncio
import gc
import json
import os
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest

from tests.support import database, network

network.stay_inside()

# What the shell sets for other purposes must not decide how a test ends.
for _name in [
    name for name in os.environ if name.startswith(("OSTIARY_", "PG")) and not name.startswith("OSTIARY_TEST_")
]:
    del os.environ[_name]
os.environ["NO_PROXY"] = "*"

# The same examples in every run; `make test-long` looks further, each time elsewhere.
hypothesis.settings.register_profile("default", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("long", max_examples=2000, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("OSTIARY_TEST_PROFILE", "default"))

_run = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Where several workers share the run, start their server before them: they inherit its address."""
    config.stash[_run] = ExitStack()
    chosen = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    only_units = all(path.is_relative_to(config.rootpath / "tests" / "unit") for path in chosen)
    has_workers = bool(config.getoption("tx", None)) and not hasattr(config, "workerinput")
    if has_workers and not only_units and database.VARIABLE not in os.environ:
        address = config.stash[_run].enter_context(database.embedded_server())
        asyncio.run(database.make_template(address))
        os.environ[database.VARIABLE] = address
        config.stash[_run].callback(os.environ.pop, database.VARIABLE)


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: the garbage collector need not walk through it again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what this run started."""
    config.stash[_run].close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell `scripts/test.py` how many tests ended how: pytest counts subtests, which its JUnit report adds up."""
    if path := os.environ.get("OSTIARY_TEST_REPORT"):
        number = {key: len(reports) for key, reports in terminalreporter.stats.items()}
        failed = number.get("failed", 0) + number.get("error", 0)
        counted = {"passed": number.get("passed", 0), "failed": failed, "skipped": number.get("skipped", 0)}
        Path(path).write_text(json.dumps(counted))


@pytest.fixture(scope="session")
async def postgres() -> AsyncGenerator[str]:
    """The run's server: an address with {database} in it, with the migrated template there."""
    if address := os.environ.get(database.VARIABLE):
        yield address
    else:
        with database.embedded_server() as address:
            await database.make_template(address)
            yield address


@pytest.fixture(scope="session")
async def worker_database(postgres: str) -> AsyncGenerator[str]:
    """The address of this worker's migrated database, for servers that live over many tests.

    Rows of other tests come and go in it: look only at organizations of your own.
    """
    async with database.database(postgres, f"ostiary_{os.getpid()}") as url:
        yield url


@pytest.fixture(scope="session")
def broom(worker_database: str) -> database.Broom:
    """Empties this worker's database."""
    return database.Broom(worker_database)


@pytest.fixture
async def database_url(worker_database: str, broom: database.Broom) -> str:
    """The address of a migrated database without a row in it, in which commits are real.

    It is the worker's, emptied when the test begins.
    """
    await broom.sweep()
    return worker_database


@pytest.fixture
async def empty_database(postgres: str) -> AsyncGenerator[str]:
    """The address of a database that was never migrated, for this test alone."""
    async with database.database(postgres, f"empty_{os.getpid()}", template="template0") as url:
        yield url


@pytest.fixture
async def own_database(postgres: str) -> AsyncGenerator[str]:
    """The address of a migrated database for this test alone; takes a quarter of a second to make."""
    async with database.database(postgres, f"own_{os.getpid()}") as url:
        yield url
