"""Whose account an asserted identity could be."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import and_, exists, func, null, select, update
from sqlalchemy.dialects.postgresql import insert

from ostiary.adapters.db.prepared import Prepared
from ostiary.adapters.db.repositories.accounts import read_account
from ostiary.adapters.db.repositories.base import AnySelect, Repository, all_given, given
from ostiary.adapters.db.repositories.directory_rows import read_directory_user
from ostiary.adapters.db.repositories.domains import admitting
from ostiary.adapters.db.tables import accounts, connections, directory_users, domains, identities, members
from ostiary.domain.account import Account, email_domain
from ostiary.domain.directory import DirectoryUser
from ostiary.domain.membership import Member
from ostiary.domain.sign_in_policy import AccountCandidates, AssertedIdentity
from ostiary.services.ports.sign_in import LinkedIdentity

# Seeds of advisory locks; internal ids are always locked before e-mails, so that nobody waits in a circle.
_EMAILS, _INTERNAL_IDS = 0, 1


_INTERNAL_ID, _EMAIL = given(identities.c.internal_id), given(accounts.c.email)
_HERE = and_(
    identities.c.organization_id == given(identities.c.organization_id),
    identities.c.connection_id == given(identities.c.connection_id),
)
_LINKED = select(accounts).join(identities, identities.c.account_id == accounts.c.id)
# In the order in which they are written.
_HOLD = Prepared(
    select(
        func.pg_advisory_xact_lock(func.hashtextextended(_INTERNAL_ID, _INTERNAL_IDS)).label("internal_id"),
        func.pg_advisory_xact_lock(func.hashtextextended(_EMAIL, _EMAILS)).label("email"),
    )
)


_LINKED_ID = (
    select(identities.c.account_id)
    .where(_HERE, identities.c.internal_id == _INTERNAL_ID, identities.c.removed_at.is_(None))
    .scalar_subquery()
)
# Held in the order of their ids, so that nobody waits in a circle.
_LINKED_OR_BY_EMAIL = Prepared(
    select(accounts, (accounts.c.id == _LINKED_ID).label("is_linked"))
    .where((accounts.c.id == _LINKED_ID) | (accounts.c.email == _EMAIL))
    .order_by(accounts.c.id)
    .with_for_update(of=accounts, key_share=True)
)


def _held_account(statement: AnySelect) -> Prepared:
    return Prepared(statement.limit(1).with_for_update(of=accounts, key_share=True))


def _through_a_shared_domain() -> Prepared:
    ours, theirs = connections.alias("ours"), connections.alias("theirs")
    our_domain, their_domain = domains.alias("our_domain"), domains.alias("their_domain")
    organization_id, now = given(identities.c.organization_id), given(domains.c.override_until, "now")
    shares_a_domain = exists(
        select(our_domain.c.id)
        .join(their_domain, their_domain.c.name == our_domain.c.name)
        .where(
            our_domain.c.organization_id == organization_id,
            admitting(our_domain, now),
            their_domain.c.organization_id == theirs.c.organization_id,
            admitting(their_domain, now),
        )
    )
    same_connection = (theirs.c.organization_id == identities.c.organization_id) & (
        theirs.c.id == identities.c.connection_id
    )
    return _held_account(
        _LINKED.join(theirs, same_connection)
        .join(ours, ours.c.idp_tenant == theirs.c.idp_tenant)
        .where(
            ours.c.organization_id == organization_id,
            ours.c.id == given(identities.c.connection_id),
            theirs.c.id != given(identities.c.connection_id),
            identities.c.internal_id == _INTERNAL_ID,
            identities.c.removed_at.is_(None),
            shares_a_domain,
        )
        .order_by(identities.c.linked_at)
    )


_SAME_PROVIDER = _through_a_shared_domain()


def _link() -> Prepared:
    statement = insert(identities).values(all_given(c for c in identities.c if c.key != "removed_at"))
    return Prepared(
        statement.on_conflict_do_update(
            index_elements=[identities.c.organization_id, identities.c.connection_id, identities.c.internal_id],
            set_={
                "account_id": statement.excluded.account_id,
                "linked_at": statement.excluded.linked_at,
                "removed_at": null(),
            },
        )
    )


_LINK = _link()


class Identities(Repository):
    """Links between (connection, internal id) and accounts, in one organization."""

    async def candidates(
        self,
        organization_id: str,
        connection_id: str,
        identity: AssertedIdentity,
        proven_domains: frozenset[str],
        now: datetime,
    ) -> AccountCandidates:
        """The accounts an asserted identity could be, held against other sign-ins of the same person.

        `proven_domains` are those this organization has verified by their record (R33).
        """
        # Two first sign-ins of one person must not make two accounts (R63), be it by the same internal id, here or at
        # another organization's connection (R32), or by the same e-mail; nothing is there yet to lock.
        named = {
            "organization_id": organization_id,
            "connection_id": connection_id,
            "internal_id": identity.internal_id,
            "email": identity.email,
        }
        await self._execute(_HOLD, named)
        linked = by_email = None
        for row in await self._execute(_LINKED_OR_BY_EMAIL, named):
            account = read_account(row)
            linked = account if row.is_linked else linked
            by_email = account if account.email == identity.email else by_email
        if linked is not None:
            owns = email_domain(linked.email) in proven_domains and email_domain(identity.email) in proven_domains
            return AccountCandidates(linked=linked, by_email=by_email, owns_old_domain=owns)
        same_provider = await self._same_provider(named, now)
        found = same_provider or by_email
        if found is None:
            return AccountCandidates()
        facts = await self._first(_facts(organization_id, connection_id, identity.internal_id, found.id))
        assert facts is not None
        return AccountCandidates(
            same_provider=same_provider,
            by_email=by_email,
            by_email_has_other_id=facts.has_other_id,
            by_email_awaits=facts.awaits,
            link_was_removed=facts.was_removed,
        )

    async def _account(self, statement: Prepared, parameters: Mapping[str, object]) -> Account | None:
        row = await self._first(statement, parameters)
        return None if row is None else read_account(row)

    async def _same_provider(self, named: Mapping[str, object], now: datetime) -> Account | None:
        """The account another organization's connection to the same identity provider knows by this id (R30).

        Looks over all organizations, because R30 is about them; only a shared verified domain joins two.
        """
        return await self._account(_SAME_PROVIDER, {**named, "now": now})

    async def link(
        self, organization_id: str, connection_id: str, internal_id: str, account_id: str, at: datetime
    ) -> None:
        """Link, or relink after a removal."""
        values = {
            "organization_id": organization_id,
            "connection_id": connection_id,
            "internal_id": internal_id,
            "account_id": account_id,
            "linked_at": at,
        }
        await self._defer(_LINK, values)

    async def remove_links(self, organization_id: str, account_id: str, at: datetime) -> int:
        """Mark this organization's links to the account as removed (R35); answers how many."""
        result = await self._execute(
            update(identities)
            .where(
                identities.c.organization_id == organization_id,
                identities.c.account_id == account_id,
                identities.c.removed_at.is_(None),
            )
            .values(removed_at=at)
        )
        return result.rowcount

    async def of_account(self, organization_id: str, account_id: str) -> tuple[LinkedIdentity, ...]:
        """This organization's links to the account, oldest first."""
        rows = await self._execute(
            select(identities)
            .where(
                identities.c.organization_id == organization_id,
                identities.c.account_id == account_id,
                identities.c.removed_at.is_(None),
            )
            .order_by(identities.c.linked_at, identities.c.connection_id, identities.c.internal_id)
        )
        return tuple(LinkedIdentity(row.connection_id, row.internal_id, row.linked_at) for row in rows)

    async def directory_user(
        self, organization_id: str, member: Member | None, identity: AssertedIdentity
    ) -> DirectoryUser | None:
        """The directory's user: by the linked member, else by the asserted e-mail (R22), never by externalId."""
        users = select(directory_users).where(directory_users.c.organization_id == organization_id)
        row = None
        if member is not None:
            row = await self._first(users.where(directory_users.c.id == member.id))
        if row is None:
            row = await self._first(
                users.where(
                    (func.lower(directory_users.c.user_name) == identity.email)
                    | (func.lower(directory_users.c.email) == identity.email)
                )
                # The userName is unique, an e-mail need not be: the userName decides, then who has access.
                .order_by(
                    (func.lower(directory_users.c.user_name) == identity.email).desc(),
                    directory_users.c.active.desc(),
                    directory_users.c.id,
                )
                .limit(1)
            )
        return None if row is None else read_directory_user(row)


def _facts(organization_id: str, connection_id: str, internal_id: str, account_id: str) -> AnySelect:
    here = and_(identities.c.organization_id == organization_id, identities.c.connection_id == connection_id)
    of_account = identities.c.account_id == account_id
    return select(
        exists(
            select(identities.c.internal_id).where(
                here, of_account, identities.c.internal_id != internal_id, identities.c.removed_at.is_(None)
            )
        ).label("has_other_id"),
        exists(
            select(identities.c.internal_id).where(
                identities.c.organization_id == organization_id, of_account, identities.c.removed_at.is_not(None)
            )
        ).label("was_removed"),
        exists(
            select(members.c.id).where(
                members.c.organization_id == organization_id,
                members.c.account_id == account_id,
                members.c.awaiting_first_sso_sign_in,
            )
        ).label("awaits"),
    )
