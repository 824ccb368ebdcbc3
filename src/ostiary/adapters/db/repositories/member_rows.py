"""Member rows ↔ members."""

from typing import Any

from sqlalchemy import Row

from ostiary.adapters.db.repositories.base import prefixed
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Provenance, Role, Source


def read_member(row: Row[Any], prefix: str = "") -> Member:
    """The member in a row whose member columns carry the prefix."""
    of = prefixed(row, prefix)
    return Member(
        id=of("id"),
        organization_id=of("organization_id"),
        account_id=of("account_id"),
        email=of("email"),
        name=of("name"),
        role=Role(of("role")),
        status=MemberStatus(of("status")),
        managed_by=ManagedBy(of("managed_by")),
        awaiting_first_sso_sign_in=of("awaiting_first_sso_sign_in"),
        joined_at=of("joined_at"),
        last_signed_in_at=of("last_signed_in_at"),
        provenance=Provenance(Source(of("membership_source")), of("membership_by"), of("membership_at")),
        role_provenance=Provenance(Source(of("role_source")), of("role_by"), of("role_at")),
    )


def member_values(member: Member) -> dict[str, Any]:
    """The row of a member."""
    return {
        "organization_id": member.organization_id,
        "id": member.id,
        "account_id": member.account_id,
        "email": member.email,
        "name": member.name,
        "role": member.role,
        "status": member.status,
        "managed_by": member.managed_by,
        "awaiting_first_sso_sign_in": member.awaiting_first_sso_sign_in,
        "joined_at": member.joined_at,
        "last_signed_in_at": member.last_signed_in_at,
        "membership_source": member.provenance.source,
        "membership_by": member.provenance.by,
        "membership_at": member.provenance.at,
        "role_source": member.role_provenance.source,
        "role_by": member.role_provenance.by,
        "role_at": member.role_provenance.at,
    }
