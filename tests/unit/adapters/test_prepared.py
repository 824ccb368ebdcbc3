"""What is prepared once is what SQLAlchemy would make of it each time."""

import importlib
import pkgutil
from functools import cache

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.sql.compiler import SQLCompiler

from ostiary.adapters.db import repositories
from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.base import given
from ostiary.adapters.db.tables import accounts, members


@cache
def prepared() -> dict[str, Prepared]:
    """Every statement that a repository prepared when it was imported."""
    found: dict[str, Prepared] = {}
    for module in pkgutil.iter_modules(repositories.__path__):
        for name, value in vars(importlib.import_module(f"{repositories.__name__}.{module.name}")).items():
            if isinstance(value, Prepared):
                found[f"{module.name}.{name}"] = value
    return found


def test_repositories_prepare_statements() -> None:
    assert len(prepared()) > 10


@pytest.mark.parametrize("name", sorted(prepared()))
def test_columns_are_those_that_the_database_answers(name: str) -> None:
    statement = prepared()[name]
    compiled = statement.compiled
    assert isinstance(compiled, SQLCompiler)
    assert list(statement.columns) == [column.keyname for column in compiled._result_columns]


@pytest.mark.parametrize(
    ("statement", "only_reads"),
    [
        (select(members.c.id), True),
        (select(members.c.id).where(members.c.email == given(members.c.email)), True),
        (select(members.c.id).with_for_update(), False),
        (select(members.c.id).with_for_update(read=True, key_share=True), False),
        (select(func.pg_advisory_xact_lock(1)), False),
        (select(members.c.id).add_cte(insert(accounts).values(id="x").cte("added")), False),
        (update(accounts).values(name="x"), False),
        (update(accounts).values(name="x").returning(accounts.c.id), False),
    ],
)
def test_only_what_surely_only_reads_runs_outside_a_transaction(statement: object, only_reads: bool) -> None:
    assert Prepared(statement).only_reads is only_reads  # type: ignore[arg-type]
