"""What enabling and disabling SSO do, in a handful of set-based statements."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ostiary.adapters.db.repositories.base import AnySelect, Repository
from ostiary.adapters.db.tables import (
    all_database_administrators,
    credentials,
    database_administrators,
    directories,
    invitations,
    members,
    one_time_codes,
    recovery_codes,
    recovery_links,
    sessions,
    team_members,
)
from ostiary.domain.account import SessionKind, email_domain
from ostiary.domain.invitation import InvitationStatus
from ostiary.domain.membership import MemberStatus, Role
from ostiary.domain.sso_policy import DORMANT_AFTER, AdministratorOutlook, DisablementEffects, EnablementEffects


def _count(table: Any, *conditions: ColumnElement[bool]) -> Any:
    return select(func.count()).select_from(table).where(*conditions).scalar_subquery()


def _members_in(organization_id: str, roles: frozenset[Role]) -> ColumnElement[bool]:
    return (members.c.organization_id == organization_id) & members.c.role.in_(sorted(roles))


class Sso(Repository):
    """Set-based statements over one organization."""

    async def enablement_effects(
        self, organization_id: str, removed_roles: frozenset[Role], allowed_domains: frozenset[str], now: datetime
    ) -> EnablementEffects:
        """What enabling would do now; under the exclusive lock this is what it does (R6)."""
        removed = _members_in(organization_id, removed_roles)
        kept = (members.c.organization_id == organization_id) & members.c.role.not_in(sorted(removed_roles))
        row = await self._first(_effects(organization_id, removed, kept, now))
        assert row is not None
        kept_rows = await self._execute(select(members.c.id, members.c.email).where(kept).order_by(members.c.id))
        return EnablementEffects(
            members_removed=row.members_removed,
            team_memberships_removed=row.team_memberships_removed,
            database_administrators_revoked=row.database_administrators_revoked,
            invitations_revoked=row.invitations_revoked,
            administrators_kept=row.administrators_kept,
            credentials_kept=row.credentials_kept,
            administrators=tuple(
                AdministratorOutlook(kept_row.id, kept_row.email, email_domain(kept_row.email) in allowed_domains)
                for kept_row in kept_rows
            ),
        )

    async def apply_enablement(self, organization_id: str, removed_roles: frozenset[Role], now: datetime) -> None:
        """Remove the members of those roles, mark the others as awaiting, revoke invitations (R10–R17).

        Team memberships and database roles go with the members by foreign key; password sessions stay, because what
        opens the organization is the membership (R17).
        """
        await self._execute(delete(members).where(_members_in(organization_id, removed_roles)))
        await self._execute(
            update(members).where(members.c.organization_id == organization_id).values(awaiting_first_sso_sign_in=True)
        )
        await self._execute(
            update(invitations).where(_pending(organization_id, now)).values(status=InvitationStatus.REVOKED)
        )

    async def disablement_effects(
        self, organization_id: str, now: datetime, keep_session: str | None
    ) -> DisablementEffects:
        """What disabling would do now (R56, R57)."""
        row = await self._first(
            select(
                _count(sessions, *_sso_sessions(organization_id, keep_session)).label("sessions_ended"),
                select(directories.c.enabled)
                .where(directories.c.organization_id == organization_id)
                .scalar_subquery()
                .label("directory_enabled"),
            )
        )
        assert row is not None
        affected = await self._execute(
            select(members.c.id, members.c.account_id)
            .where(
                members.c.organization_id == organization_id,
                members.c.account_id.is_(None)
                | (
                    (members.c.status == MemberStatus.ACTIVE)
                    & members.c.awaiting_first_sso_sign_in.is_(False)
                    & (members.c.last_signed_in_at.is_(None) | (members.c.last_signed_in_at <= now - DORMANT_AFTER))
                ),
            )
            .order_by(members.c.id)
        )
        rows = affected.all()
        return DisablementEffects(
            directory_disabled=bool(row.directory_enabled),
            sessions_ended=row.sessions_ended,
            members_without_account=tuple(found.id for found in rows if found.account_id is None),
            dormant_member_ids=tuple(found.id for found in rows if found.account_id is not None),
        )

    async def apply_disablement(
        self, organization_id: str, keep_session: str | None, suspend_member_ids: Sequence[str]
    ) -> None:
        """End SSO sessions, remove members without an account, suspend those named (R56, R57)."""
        await self._execute(delete(sessions).where(*_sso_sessions(organization_id, keep_session)))
        await self._execute(delete(one_time_codes).where(one_time_codes.c.organization_id == organization_id))
        await self._execute(
            delete(members).where(members.c.organization_id == organization_id, members.c.account_id.is_(None))
        )
        await self._execute(
            update(members)
            .where(members.c.organization_id == organization_id)
            .values(
                awaiting_first_sso_sign_in=False,
                status=case(
                    (members.c.id.in_(suspend_member_ids), MemberStatus.SUSPENDED.value), else_=members.c.status
                ),
            )
        )


def _pending(organization_id: str, now: datetime) -> ColumnElement[bool]:
    """Invitations that could be accepted; those whose time has passed are nobody's loss."""
    return (
        (invitations.c.organization_id == organization_id)
        & (invitations.c.status == InvitationStatus.PENDING)
        & (invitations.c.expires_at > now)
    )


def _effects(organization_id: str, removed: ColumnElement[bool], kept: ColumnElement[bool], now: datetime) -> AnySelect:
    removed_ids = select(members.c.id).where(removed)
    return select(
        _count(members, removed).label("members_removed"),
        _count(members, kept).label("administrators_kept"),
        _count(
            team_members, team_members.c.organization_id == organization_id, team_members.c.member_id.in_(removed_ids)
        ).label("team_memberships_removed"),
        (
            _count(
                database_administrators,
                database_administrators.c.organization_id == organization_id,
                database_administrators.c.member_id.in_(removed_ids),
            )
            + _count(
                all_database_administrators,
                all_database_administrators.c.organization_id == organization_id,
                all_database_administrators.c.member_id.in_(removed_ids),
            )
        ).label("database_administrators_revoked"),
        _count(invitations, _pending(organization_id, now)).label("invitations_revoked"),
        _count(credentials, credentials.c.organization_id == organization_id, credentials.c.revoked_at.is_(None)).label(
            "credentials_kept"
        ),
    )


def _sso_sessions(organization_id: str, keep_session: str | None) -> list[ColumnElement[bool]]:
    conditions = [sessions.c.organization_id == organization_id, sessions.c.kind == SessionKind.SSO]
    if keep_session is not None:
        conditions.append(sessions.c.id != keep_session)
    return conditions


class RecoveryCodes(Repository):
    """Recovery codes of one organization (R62)."""

    async def replace(self, organization_id: str, secret_hashes: Sequence[bytes], at: datetime) -> None:
        """Void every code and store these."""
        await self._execute(delete(recovery_codes).where(recovery_codes.c.organization_id == organization_id))
        await self._execute(
            insert(recovery_codes),
            [
                {"organization_id": organization_id, "secret_hash": secret_hash, "created_at": at}
                for secret_hash in secret_hashes
            ],
        )

    async def consume(self, organization_id: str, secret_hash: bytes, at: datetime) -> bool:
        """Use an unused code up; False when there is none."""
        result = await self._execute(
            update(recovery_codes)
            .where(
                recovery_codes.c.organization_id == organization_id,
                recovery_codes.c.secret_hash == secret_hash,
                recovery_codes.c.used_at.is_(None),
            )
            .values(used_at=at)
        )
        return result.rowcount > 0


class RecoveryLinks(Repository):
    """Links support had mailed to administrators, at most one for each (R62)."""

    async def put(
        self, organization_id: str, member_id: str, secret_hash: bytes, at: datetime, expires_at: datetime
    ) -> None:
        """Store the member's link, in place of an older one."""
        link = {"secret_hash": secret_hash, "created_at": at, "expires_at": expires_at}
        statement = upsert(recovery_links).values(organization_id=organization_id, member_id=member_id, **link)
        await self._execute(
            statement.on_conflict_do_update(
                index_elements=[recovery_links.c.organization_id, recovery_links.c.member_id], set_=link
            )
        )

    async def find(self, secret_hash: bytes, now: datetime) -> tuple[str, str] | None:
        """The organization and the member of a living link: the secret says whose it is."""
        row = await self._first(
            select(recovery_links.c.organization_id, recovery_links.c.member_id).where(
                recovery_links.c.secret_hash == secret_hash, recovery_links.c.expires_at > now
            )
        )
        return None if row is None else (row.organization_id, row.member_id)

    async def consume(self, organization_id: str, member_id: str, secret_hash: bytes, now: datetime) -> bool:
        """Use the link up; False when there is none any more."""
        result = await self._execute(
            delete(recovery_links).where(
                recovery_links.c.organization_id == organization_id,
                recovery_links.c.member_id == member_id,
                recovery_links.c.secret_hash == secret_hash,
                recovery_links.c.expires_at > now,
            )
        )
        return result.rowcount > 0
