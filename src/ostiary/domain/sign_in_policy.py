"""What signing in with SSO means (R20–R35): whose account an assertion is, and whether it may enter."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ostiary.domain.account import Account, checked_email, email_domain
from ostiary.domain.assertion import NameId, Reason, ResponseRefused, VerifiedAssertion
from ostiary.domain.connection import AttributeMapping, NameIdFormat
from ostiary.domain.errors import DomainError, Kind
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Role

_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
EMAIL_ATTRIBUTES = (
    "email",
    "mail",
    "emailAddress",
    f"{_CLAIMS}emailaddress",
    "urn:oid:0.9.2342.19200300.100.1.3",
    "urn:oid:1.2.840.113549.1.9.1",
)
FIRST_NAME_ATTRIBUTES = ("firstName", "first_name", "givenName", f"{_CLAIMS}givenname", "urn:oid:2.5.4.42")
LAST_NAME_ATTRIBUTES = ("lastName", "last_name", "surname", "sn", f"{_CLAIMS}surname", "urn:oid:2.5.4.4")
ROLE_WORDS: Mapping[str, Role] = {
    "member": Role.MEMBER,
    "admin": Role.ADMINISTRATOR,
    "administrator": Role.ADMINISTRATOR,
}
MAX_INTERNAL_ID_LENGTH = 1024


class SignInRefused(Exception):
    """A believed assertion whose person may not enter: the API answers `error`, the trace keeps `hint`."""

    def __init__(self, error: DomainError, hint: str) -> None:
        super().__init__(error.detail)
        self.error = error
        self.hint = hint


@dataclass(frozen=True, slots=True)
class AssertedIdentity:
    """Who the identity provider says this is. `internal_id` is the person's stable id there (R30)."""

    internal_id: str
    email: str
    name: str
    role_values: tuple[str, ...]
    name_id: NameId | None
    session_index: str | None
    session_not_on_or_after: datetime | None


@dataclass(frozen=True, slots=True)
class AccountCandidates:
    """The accounts an asserted identity could be, as the repositories found them.

    `linked`: by (connection, internal id). `same_provider`: by internal id on another connection to the same identity
    provider (R30). `by_email`: same address; `by_email_has_other_id` when that account already has another internal id
    here, `by_email_awaits` when it is an awaiting administrator here. `link_was_removed`: relinking after a removal.
    `owns_old_domain`: this organization verified the domain of the linked account's present address (R33).
    """

    linked: Account | None = None
    same_provider: Account | None = None
    by_email: Account | None = None
    by_email_has_other_id: bool = False
    by_email_awaits: bool = False
    link_was_removed: bool = False
    owns_old_domain: bool = False


@dataclass(frozen=True, slots=True)
class AccountResolution:
    """What to do about the account: use the one named or make a new one (`account` None), link, rename, erase."""

    account: Account | None
    link: bool = False
    rename: bool = False
    erase_credentials: bool = False


def read_identity(assertion: VerifiedAssertion, mapping: AttributeMapping, role_attribute: str) -> AssertedIdentity:
    """The identity an accepted assertion asserts; raises `ResponseRefused` naming the attribute that is missing."""
    received = f"Attributes received: {', '.join(sorted(assertion.attributes)) or 'none'}."
    internal_id = _first(assertion.attributes, (mapping.id,)) if mapping.id else _internal_id_of(assertion)
    if not internal_id:
        raise ResponseRefused(
            Reason.MISSING_ATTRIBUTE,
            f"The assertion has no stable id for the person: send the attribute {mapping.id!r}. {received}"
            if mapping.id
            else "A transient NameID names nobody twice. Send a persistent or e-mail NameID, or map an id attribute. "
            + received,
        )
    if len(internal_id) > MAX_INTERNAL_ID_LENGTH:
        raise ResponseRefused(Reason.MISSING_ATTRIBUTE, f"The person's id is longer than {MAX_INTERNAL_ID_LENGTH}.")
    email = _email_of(assertion, mapping, received)
    first = _first(assertion.attributes, (mapping.first_name,) if mapping.first_name else FIRST_NAME_ATTRIBUTES)
    last = _first(assertion.attributes, (mapping.last_name,) if mapping.last_name else LAST_NAME_ATTRIBUTES)
    return AssertedIdentity(
        internal_id=internal_id,
        email=email,
        name=" ".join(part for part in (first, last) if part)[:200] or email,
        role_values=assertion.attributes.get(role_attribute, ()),
        name_id=assertion.name_id,
        session_index=assertion.session_index,
        session_not_on_or_after=assertion.session_not_on_or_after,
    )


def _email_of(assertion: VerifiedAssertion, mapping: AttributeMapping, received: str) -> str:
    name_id = assertion.name_id.value if assertion.name_id else ""
    found = _first(assertion.attributes, (mapping.email,) if mapping.email else EMAIL_ATTRIBUTES)
    if not found and "@" in name_id and not mapping.email:
        found = name_id
    try:
        return checked_email(found or "")
    except DomainError:
        wanted = f"send the attribute {mapping.email or 'email'!r}, or an e-mail NameID. {received}"
        what = f"{found[:320]!r} is no e-mail address" if found else "There is no e-mail address"
        raise ResponseRefused(Reason.MISSING_ATTRIBUTE, f"{what}: {wanted}") from None


def _internal_id_of(assertion: VerifiedAssertion) -> str | None:
    """The NameID as an internal id: an e-mail NameID counts lower-cased, a transient one not at all (R30)."""
    name_id = assertion.name_id
    return None if name_id is None or name_id.format == NameIdFormat.TRANSIENT else name_id.key


def _first(attributes: Mapping[str, tuple[str, ...]], names: tuple[str | None, ...]) -> str | None:
    for name in names:
        for value in attributes.get(name or "", ()):
            if value.strip():
                return value.strip()
    return None


def ensure_domain_allowed(identity: AssertedIdentity, allowed: frozenset[str]) -> None:
    """Refuse an e-mail address outside the connection's domains (R21)."""
    domain = email_domain(identity.email)
    if domain not in allowed:
        raise SignInRefused(
            DomainError(
                Kind.FORBIDDEN,
                "email_domain_not_allowed",
                "Your e-mail address is not in a domain this organization signs in from. Ask your administrator.",
            ),
            f"The e-mail domain is {domain}; this connection allows {', '.join(sorted(allowed)) or 'none'}. "
            "Verify the domain and put it on the connection, or change the person's address at the identity provider.",
        )


def resolve_account(identity: AssertedIdentity, candidates: AccountCandidates) -> AccountResolution:
    """Whose account this is, in the order of R35; raises `identity_conflict` where two answers are possible."""
    linked = candidates.linked
    if linked is not None:
        renamed = linked.email != identity.email
        address_free = candidates.by_email is None
        return AccountResolution(linked, rename=renamed and address_free and candidates.owns_old_domain)
    if candidates.same_provider is not None:
        if candidates.same_provider.email != identity.email:
            raise _identity_conflict(
                "Another organization of the same identity provider knows this internal id by another address. "
                "Give each person an internal id of their own."
            )
        return AccountResolution(candidates.same_provider, link=True, erase_credentials=candidates.link_was_removed)
    found = candidates.by_email
    if found is None:
        return AccountResolution(None, link=True)
    if candidates.by_email_has_other_id:
        raise _identity_conflict(
            f"{identity.email} already signs in here with another internal id. If the person was recreated at the "
            "identity provider, delete the member's old identity, then let them sign in again."
        )
    never_verified = found.email_verified_at is None and not candidates.by_email_awaits
    return AccountResolution(found, link=True, erase_credentials=never_verified or candidates.link_was_removed)


def _identity_conflict(hint: str) -> SignInRefused:
    return SignInRefused(
        DomainError(
            Kind.CONFLICT,
            "identity_conflict",
            "Your identity provider's user matches another person here. Ask your administrator.",
        ),
        hint,
    )


class Entry(StrEnum):
    """How a person enters: as the member they are, as the member the directory provisioned, or as a new one."""

    EXISTING = "existing"
    PROVISIONED = "provisioned"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class DirectoryStanding:
    """What the directory says of the person: unknown (None), or known and active or not."""

    enabled: bool
    user_active: bool | None = None


def decide_entry(member: Member | None, provisioned: Member | None, directory: DirectoryStanding) -> Entry:
    """Whether and how the person enters (R20, R22); raises `SignInRefused`.

    `member` is the account's own membership, `provisioned` one of the directory's not yet tied to an account.
    """
    if directory.enabled and directory.user_active is False:
        raise SignInRefused(
            DomainError(Kind.FORBIDDEN, "user_deactivated", "Your company's directory has switched your access off."),
            "The directory lists this person as inactive. Activate or assign them again at the identity provider.",
        )
    known = member or provisioned
    if known is not None and known.status is MemberStatus.SUSPENDED:
        raise SignInRefused(
            DomainError(
                Kind.FORBIDDEN, "membership_suspended", "Your membership is suspended. Ask an administrator of it."
            ),
            "The member is suspended. Reactivate them here, or at the identity provider if the directory keeps them.",
        )
    if member is not None:
        return Entry.EXISTING
    if provisioned is not None:
        return Entry.PROVISIONED
    if directory.enabled:
        raise SignInRefused(
            DomainError(
                Kind.FORBIDDEN,
                "user_not_provisioned",
                "Your account has not been provisioned yet. That can take some minutes; then try again.",
            ),
            "Directory Sync is on and the directory does not know this person. Assign them to the app at the identity "
            "provider; provisioning may still be running.",
        )
    return Entry.NEW


def ensure_domain_admits(
    identity: AssertedIdentity, admitted: frozenset[str], resolution: AccountResolution, entry: Entry
) -> None:
    """Refuse new members and new links from a domain whose record is lost for too long (R3, R20, R34).

    Members who signed in before are linked, and go on signing in.
    """
    domain = email_domain(identity.email)
    if domain in admitted or (entry is Entry.EXISTING and not resolution.link):
        return
    raise SignInRefused(
        DomainError(
            Kind.FORBIDDEN,
            "domain_verification_lapsed",
            "Your company has to prove its e-mail domain again before new people can sign in. Ask your administrator.",
        ),
        f"The TXT record of {domain} was lost, or support's word for it has run out. Publish the record and verify the "
        "domain; until then only members who signed in through this connection before can sign in.",
    )


def managed_by_at_entry(directory: DirectoryStanding) -> ManagedBy:
    """Who keeps a membership made at sign-in."""
    return ManagedBy.DIRECTORY if directory.enabled else ManagedBy.SSO


def role_at_sign_in(manage_roles: bool, values: tuple[str, ...]) -> tuple[Role | None, str | None]:
    """The role the assertion sets, and a warning for a word we do not know (R23); (None, None) leaves it as it is."""
    words = [value.strip().lower() for value in values if value.strip()]
    if not manage_roles or not words:
        return None, None
    roles = {ROLE_WORDS[word] for word in words if word in ROLE_WORDS}
    if not roles:
        return None, f"Unknown role {words[0]!r}: send member or administrator. The role was left as it is."
    return (Role.ADMINISTRATOR if Role.ADMINISTRATOR in roles else Role.MEMBER), None


def session_end(now: datetime, duration: timedelta, session_not_on_or_after: datetime | None) -> datetime:
    """When an SSO session ends: the organization's duration, never past SessionNotOnOrAfter (R24)."""
    end = now + duration
    return end if session_not_on_or_after is None else min(end, session_not_on_or_after)
