"""The metadata all tables share, and the column types of ids, hashes and times."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Dialect, ForeignKey, LargeBinary, MetaData, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from ostiary.domain import ids

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_NIL = UUID(int=0)


class TypeId(TypeDecorator[str]):
    """A TypeID in Python, its UUID in the database.

    Text that is no id of this prefix binds as the nil UUID, which no row has: a look-up of it finds nothing.
    """

    impl = Uuid
    cache_ok = True

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    def process_bind_param(self, value: str | None, dialect: Dialect) -> UUID | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The UUID of the TypeID."""
        return None if value is None else ids.decode(self.prefix, value) or _NIL

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The TypeID of the UUID."""
        return self.read(value)

    def read(self, value: UUID | None) -> str | None:
        """The TypeID of a UUID as the driver gives it."""
        return None if value is None else ids.encode(self.prefix, value)


def organization_id(*, primary_key: bool = True) -> Column[str]:
    """The leading column of every table of a tenant."""
    return Column(
        "organization_id",
        TypeId(ids.ORGANIZATION),
        ForeignKey("organizations.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


def moment(name: str, *, nullable: bool = False) -> Column[datetime]:
    """A point in time, stored with its zone."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def subject() -> Column[Any]:
    """A NameID: {key, value, format, name_qualifier, sp_name_qualifier}, `key` being what two mentions share."""
    return Column("subject", JSONB)


def hash_of_secret(name: str = "secret_hash") -> Column[bytes]:
    """The SHA-256 of a secret with 256 bits of its own randomness."""
    return Column(name, LargeBinary(32), nullable=False)
