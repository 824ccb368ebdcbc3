"""Letting an asserted person in: account, link, membership, role (R20–R23, R30–R35)."""

from dataclasses import dataclass, replace
from datetime import datetime

from ostiary.domain import ids
from ostiary.domain.account import Account
from ostiary.domain.connection import Connection
from ostiary.domain.directory import DirectoryUser
from ostiary.domain.membership import Member, MemberStatus, Provenance, Role, Source
from ostiary.domain.organization import Organization
from ostiary.domain.sign_in_policy import (
    AccountResolution,
    AssertedIdentity,
    DirectoryStanding,
    Entry,
    decide_entry,
    ensure_domain_admits,
    managed_by_at_entry,
    resolve_account,
    role_at_sign_in,
)
from ostiary.services import mails
from ostiary.services.context import Journal, Kit
from ostiary.services.ports.accounts import EmailTokenPurpose
from ostiary.services.ports.uow import UnitOfWork


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms an organization lets people in at the moment.

    E-mail domains: those the connection signs in, those that admit new people, those verified by their record. And
    whether a directory says who is there.
    """

    allowed: frozenset[str]
    admitted: frozenset[str]
    proven: frozenset[str]
    has_directory: bool


@dataclass(frozen=True, slots=True)
class Entered:
    """Who came in, and what an administrator should know about it."""

    account_id: str
    warnings: tuple[str, ...]


class EntryClerk:
    """Resolves whose account an identity is, and lets the member in, inside the caller's transaction."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def terms_of(self, uow: UnitOfWork, connection: Connection, now: datetime) -> Terms:
        """The terms now, held by the organization's lock (R3, R22)."""
        found, has_directory = await uow.domains.at_entry(connection.organization_id)
        return Terms(
            allowed=frozenset(
                domain.name for domain in found if domain.lets_members_in and domain.id in connection.domain_ids
            ),
            admitted=frozenset(domain.name for domain in found if domain.admits(now)),
            proven=frozenset(domain.name for domain in found if domain.permits_email_changes(now)),
            has_directory=has_directory,
        )

    async def outlook(
        self,
        uow: UnitOfWork,
        organization: Organization,
        connection: Connection,
        identity: AssertedIdentity,
        terms: Terms,
        now: datetime,
    ) -> str:
        """What a real sign-in would do, in a sentence; changes nothing (R4)."""
        resolution, member, provisioned, standing = await self._facts(
            uow, organization, connection, identity, terms, now
        )
        entry = decide_entry(member, provisioned, standing)
        ensure_domain_admits(identity, terms.admitted, resolution, entry)
        account = "a new account" if resolution.account is None else "the existing account"
        how = {
            Entry.EXISTING: "as the member they are",
            Entry.PROVISIONED: "as the member the directory provisioned",
            Entry.NEW: "as a new member",
        }[entry]
        return f"{identity.email} ({identity.name}) would sign in with {account}, {how}. Nothing was changed."

    async def enter(
        self,
        uow: UnitOfWork,
        journal: Journal,
        organization: Organization,
        connection: Connection,
        identity: AssertedIdentity,
        terms: Terms,
        now: datetime,
    ) -> Entered:
        """Let the person in; raises `SignInRefused`."""
        resolution, member, provisioned, standing = await self._facts(
            uow, organization, connection, identity, terms, now
        )
        entry = decide_entry(member, provisioned, standing)
        ensure_domain_admits(identity, terms.admitted, resolution, entry)
        account = await self._settle_account(uow, journal, organization, connection, identity, resolution, now)
        if entry is Entry.NEW or (known := member or provisioned) is None:
            entering = self._new_member(organization, connection, account, identity, standing, now)
            await uow.members.add(entering)
            await journal.write(
                "member.joined", "member", entering.id, after={"email": entering.email, "role": entering.role}
            )
        else:
            entering = replace(
                known,
                account_id=account.id,
                # What the directory wrote wins; where it is silent, the identity provider's profile does (R33, R42).
                email=known.email if standing.enabled else identity.email,
                name=known.name if standing.enabled else identity.name,
            )
        return await self._sign_in(uow, journal, organization, connection, identity, entering, now)

    async def _facts(
        self,
        uow: UnitOfWork,
        organization: Organization,
        connection: Connection,
        identity: AssertedIdentity,
        terms: Terms,
        now: datetime,
    ) -> tuple[AccountResolution, Member | None, Member | None, DirectoryStanding]:
        candidates = await uow.identities.candidates(organization.id, connection.id, identity, terms.proven, now)
        resolution = resolve_account(identity, candidates)
        account = resolution.account
        member = await uow.members.by_account(organization.id, account.id, lock=True) if account else None
        user = await uow.identities.directory_user(organization.id, member, identity) if terms.has_directory else None
        provisioned = await self._provisioned(uow, organization, identity, member, user)
        if user is not None and member is None and provisioned is None:
            # Waiting for the member's row, the directory may have taken the person away (R63).
            user = await uow.identities.directory_user(organization.id, None, identity)
        standing = DirectoryStanding(terms.has_directory, user.active if user is not None else None)
        return resolution, member, provisioned, standing

    async def _provisioned(
        self,
        uow: UnitOfWork,
        organization: Organization,
        identity: AssertedIdentity,
        member: Member | None,
        user: DirectoryUser | None,
    ) -> Member | None:
        """The member without an account whom the directory provisioned (R41), or had until it was disabled (R55)."""
        if member is not None:
            return None
        if user is None:
            return await uow.members.without_account(organization.id, identity.email)
        found = await uow.members.get(organization.id, user.id, lock=True)
        return found if found is not None and found.account_id is None else None

    async def _settle_account(
        self,
        uow: UnitOfWork,
        journal: Journal,
        organization: Organization,
        connection: Connection,
        identity: AssertedIdentity,
        resolution: AccountResolution,
        now: datetime,
    ) -> Account:
        account = resolution.account
        if account is None:
            account = Account(self._kit.ids.new(ids.ACCOUNT), identity.email, identity.name, now, email_verified_at=now)
            await uow.accounts.add(account)
        if resolution.erase_credentials:
            await uow.accounts.set_password(account.id, None)
            await uow.sessions.delete_of_account(account.id)
            for purpose in EmailTokenPurpose:
                await uow.email_tokens.delete_of_account(account.id, purpose)
        if resolution.rename:
            await uow.accounts.set_email(account.id, identity.email, now)
            await uow.outbox.mail(mails.address_changed(account.email, identity.email, organization.name))
            await journal.write(
                "account.email_changed",
                "account",
                account.id,
                before={"email": account.email},
                after={"email": identity.email},
            )
            account = replace(account, email=identity.email, email_verified_at=now)
        if account.email == identity.email and account.email_verified_at is None:
            await uow.accounts.mark_email_verified(account.id, now)
        if resolution.link:
            await uow.identities.link(organization.id, connection.id, identity.internal_id, account.id, now)
            await journal.write(
                "identity.linked",
                "account",
                account.id,
                after={"connection_id": connection.id, "email": identity.email},
            )
        return account

    def _new_member(
        self,
        organization: Organization,
        connection: Connection,
        account: Account,
        identity: AssertedIdentity,
        standing: DirectoryStanding,
        now: datetime,
    ) -> Member:
        given = Provenance(Source.SAML, connection.id, now)
        return Member(
            id=self._kit.ids.new(ids.MEMBER),
            organization_id=organization.id,
            account_id=account.id,
            email=identity.email,
            name=identity.name,
            role=Role.MEMBER,
            status=MemberStatus.ACTIVE,
            managed_by=managed_by_at_entry(standing),
            awaiting_first_sso_sign_in=False,
            joined_at=now,
            provenance=given,
            role_provenance=given,
        )

    async def _sign_in(
        self,
        uow: UnitOfWork,
        journal: Journal,
        organization: Organization,
        connection: Connection,
        identity: AssertedIdentity,
        member: Member,
        now: datetime,
    ) -> Entered:
        """Note the sign-in, end awaiting (R12), and set the role the assertion gives (R23)."""
        warnings: list[str] = []
        role, warning = role_at_sign_in(organization.sso.manage_roles, identity.role_values)
        if warning:
            warnings.append(warning)
        if role is not None and role is not member.role:
            demotes_last = (
                role is Role.MEMBER
                and await uow.members.count_active_administrators(organization.id, excluding=member.id) < 1
            )
            if demotes_last:
                warnings.append("The identity provider takes the role of the last administrator. It was kept (R61).")
                await journal.write("member.last_administrator_kept", "member", member.id, after={"role": member.role})
            else:
                await journal.write(
                    "member.role_changed", "member", member.id, before={"role": member.role}, after={"role": role}
                )
                member = replace(member, role=role, role_provenance=Provenance(Source.SAML, connection.id, now))
        signed_in = replace(member, awaiting_first_sso_sign_in=False, last_signed_in_at=now)
        await uow.members.save(signed_in)
        await journal.write("member.signed_in", "member", member.id, after={"connection_id": connection.id})
        assert signed_in.account_id is not None
        return Entered(signed_in.account_id, tuple(warnings))
