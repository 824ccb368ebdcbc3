"""Invitations of one organization."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, select, update

from ostiary.adapters.db.repositories.base import Repository, page_of
from ostiary.adapters.db.tables import invitations
from ostiary.domain.invitation import Invitation, InvitationStatus
from ostiary.domain.membership import Role
from ostiary.services.paging import Page, PageRequest


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(
        id=row.id,
        organization_id=row.organization_id,
        email=row.email,
        role=Role(row.role),
        team_ids=tuple(row.team_ids),
        status=InvitationStatus(row.status),
        invited_by=row.invited_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _one(organization_id: str, invitation_id: str) -> ColumnElement[bool]:
    return (invitations.c.organization_id == organization_id) & (invitations.c.id == invitation_id)


class Invitations(Repository):
    """Invitations of one organization."""

    async def add(self, invitation: Invitation, secret_hash: bytes) -> None:
        """Store a new invitation; raises `invitation_pending`."""
        await self._execute(
            insert(invitations).values(
                organization_id=invitation.organization_id,
                id=invitation.id,
                email=invitation.email,
                role=invitation.role,
                team_ids=list(invitation.team_ids),
                status=invitation.status,
                secret_hash=secret_hash,
                invited_by=invitation.invited_by,
                created_at=invitation.created_at,
                expires_at=invitation.expires_at,
            )
        )

    async def by_secret(self, secret_hash: bytes) -> Invitation | None:
        """The invitation behind a secret: global (the secret says whose it is)."""
        row = await self._first(select(invitations).where(invitations.c.secret_hash == secret_hash))
        return None if row is None else _invitation(row)

    async def get(self, organization_id: str, invitation_id: str, *, lock: bool = False) -> Invitation | None:
        """The invitation, its row locked if asked."""
        statement = select(invitations).where(_one(organization_id, invitation_id))
        row = await self._first(statement.with_for_update(key_share=True) if lock else statement)
        return None if row is None else _invitation(row)

    async def list(self, organization_id: str, page: PageRequest) -> Page[Invitation]:
        """Invitations, newest first."""
        statement = select(invitations).where(invitations.c.organization_id == organization_id)
        if page.after is not None:
            statement = statement.where(invitations.c.id < page.after)
        rows = (await self._execute(statement.order_by(invitations.c.id.desc()).limit(page.limit + 1))).all()
        return page_of(rows, page, _invitation, lambda row: row.id)

    async def set_status(self, organization_id: str, invitation_id: str, status: InvitationStatus) -> None:
        """Remember what became of it."""
        await self._execute(update(invitations).where(_one(organization_id, invitation_id)).values(status=status))

    async def renew(self, invitation: Invitation, secret_hash: bytes) -> None:
        """Store its status and end, and another secret in place of the old; raises `invitation_pending`."""
        await self._execute(
            update(invitations)
            .where(_one(invitation.organization_id, invitation.id))
            .values(status=invitation.status, expires_at=invitation.expires_at, secret_hash=secret_hash)
        )

    async def expire(self, organization_id: str, email: str, now: datetime) -> None:
        """Mark the address's pending invitation as expired if its time has passed, so that another may be sent."""
        await self._execute(
            update(invitations)
            .where(
                invitations.c.organization_id == organization_id,
                invitations.c.email == email,
                invitations.c.status == InvitationStatus.PENDING,
                invitations.c.expires_at <= now,
            )
            .values(status=InvitationStatus.EXPIRED)
        )
