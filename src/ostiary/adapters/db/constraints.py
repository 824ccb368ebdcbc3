"""What the database refuses → DomainError: the one place where a violated constraint gets a meaning."""

from collections.abc import Generator
from contextlib import contextmanager

from asyncpg import PostgresError
from sqlalchemy.exc import DBAPIError

from ostiary.domain.errors import DomainError, Kind, invalid, not_found


def _missing(what: str) -> tuple[Kind, str, str, str | None]:
    absent = not_found(what)
    return absent.kind, absent.code, absent.detail, None


_MEANINGS: dict[str, tuple[Kind, str, str, str | None]] = {
    "uq_accounts_email": (
        Kind.CONFLICT,
        "email_taken",
        "There is an account with this e-mail address. Sign in, or reset its password.",
        "/email",
    ),
    "uq_organizations_slug": (
        Kind.CONFLICT,
        "slug_taken",
        "Another organization has this slug. Choose another one.",
        "/slug",
    ),
    "uq_members_organization_id_account_id": (
        Kind.CONFLICT,
        "already_member",
        "This account is a member of the organization already.",
        None,
    ),
    "uq_teams_manual_name": (Kind.CONFLICT, "team_name_taken", "There is a team with this name.", "/name"),
    "uq_databases_organization_id_name": (
        Kind.CONFLICT,
        "database_name_taken",
        "There is a database with this name.",
        "/name",
    ),
    "uq_service_accounts_name": (
        Kind.CONFLICT,
        "service_account_name_taken",
        "There is a service account with this name.",
        "/name",
    ),
    "uq_domains_organization_id_name": (
        Kind.CONFLICT,
        "domain_exists",
        "This organization has this domain already.",
        "/name",
    ),
    "uq_invitations_pending_email": (
        Kind.CONFLICT,
        "invitation_pending",
        "There is a pending invitation for this address. Revoke it to send another.",
        "/email",
    ),
    # The member whom two requests took over at the same moment (R49).
    "pk_directory_users": (
        Kind.CONFLICT,
        "user_name_taken",
        "The directory has this user already.",
        "/userName",
    ),
    "uq_directory_users_user_name": (
        Kind.CONFLICT,
        "user_name_taken",
        "The directory has a user with this userName.",
        "/userName",
    ),
    # A reference to what is not there, or went at the same moment.
    "fk_team_members_organization_id_team_id": _missing("team"),
    "fk_team_members_organization_id_member_id": _missing("member"),
    "fk_database_administrators_organization_id_database_id": _missing("database"),
    "fk_database_administrators_organization_id_member_id": _missing("member"),
    "fk_credentials_organization_id_database_id": _missing("database"),
}


# SQLSTATEs of a transaction that lost against another one: a deadlock, a lock not had in time, a serialization failure.
_LOST_RACES = frozenset({"40P01", "55P03", "40001"})
# SQLSTATEs of text PostgreSQL cannot hold: U+0000, in a text and in a JSON document.
_UNSTORABLE_TEXT = frozenset({"22021", "22P05"})


def translate(error: DBAPIError | PostgresError) -> DomainError | None:
    """The refusal that what the database refuses stands for; None where it stands for none and is a fault of ours."""
    cause: BaseException | None = error
    if isinstance(error, DBAPIError):
        # asyncpg's own exception, which names the constraint, is the cause of SQLAlchemy's.
        cause = error.orig.__cause__ if error.orig is not None else None
    if getattr(cause, "sqlstate", None) in _UNSTORABLE_TEXT:
        return invalid("invalid_text", "Text cannot hold the character U+0000. Leave it out.")
    if getattr(cause, "sqlstate", None) in _LOST_RACES:
        return DomainError(
            Kind.UNAVAILABLE,
            "too_many_changes_at_once",
            "Another change of the same thing was under way, and this one was taken back whole. Try again.",
            extra={"retry_after_seconds": 1},
        )
    meaning = _MEANINGS.get(str(getattr(cause, "constraint_name", "")))
    if meaning is None:
        return None
    kind, code, detail, pointer = meaning
    return DomainError(kind, code, detail, pointer=pointer)


@contextmanager
def translated() -> Generator[None]:
    """Raise what the database refuses inside the block as the DomainError it stands for."""
    try:
        yield
    except (DBAPIError, PostgresError) as error:
        refusal = translate(error)
        if refusal is None:
            raise
        raise refusal from error
