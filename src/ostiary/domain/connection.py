"""A SAML connection: an identity provider configured for one organization, and what makes it ready."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

from ostiary.domain.errors import conflict, invalid

DEFAULT_CLOCK_SKEW = timedelta(seconds=60)
MAX_CLOCK_SKEW = timedelta(minutes=5)


class Provider(StrEnum):
    """The product behind a connection; it picks presets, never trust."""

    OKTA = "okta"
    ENTRA = "entra"
    GOOGLE = "google"
    ONELOGIN = "onelogin"
    ADFS = "adfs"
    KEYCLOAK = "keycloak"
    PINGONE = "pingone"
    JUMPCLOUD = "jumpcloud"
    GENERIC_SAML = "generic_saml"


class ConnectionStatus(StrEnum):
    """draft: no usable IdP yet; testing: complete; active: people sign in through it; inactive: switched off."""

    DRAFT = "draft"
    TESTING = "testing"
    ACTIVE = "active"
    INACTIVE = "inactive"


class Binding(StrEnum):
    """How a SAML message travels through the browser (SAML bindings §3.4 and §3.5)."""

    REDIRECT = "redirect"
    POST = "post"


class KeyRotationStep(StrEnum):
    """The steps by which a connection gets another key of ours, so that no sign-in fails in between.

    begin: the new certificate is published beside the old one, which goes on signing; complete: the new key signs, the
    old one still decrypts for a while; cancel: the new key is dropped.
    """

    BEGIN = "begin"
    COMPLETE = "complete"
    CANCEL = "cancel"


class LoginHint(StrEnum):
    """How an identity provider is told whom the person says to be.

    none: not at all, as most ignore it and some fail; subject: in the AuthnRequest (SAML core §3.4.1); query: in its
    address.
    """

    NONE = "none"
    SUBJECT = "subject"
    QUERY = "query"


class NameIdFormat(StrEnum):
    """The NameID formats that may be asked for (SAML core §8.3)."""

    EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
    UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
    PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signing certificate of the identity provider.

    `der_base64` is the certificate as metadata carries it, without line breaks; times are UTC.
    """

    fingerprint_sha256: str
    not_before: datetime
    not_after: datetime
    der_base64: str

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether the certificate's lifetime covers the moment."""
        return self.not_before <= moment < self.not_after


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """What the identity provider says of itself: from metadata or by hand."""

    entity_id: str
    sso_url: str
    certificates: tuple[Certificate, ...]
    sso_binding: Binding = Binding.REDIRECT
    slo_url: str | None = None
    slo_binding: Binding = Binding.REDIRECT
    # Where answers to its LogoutRequests go, if not to slo_url (SAML metadata §2.2.2).
    slo_response_url: str | None = None

    def valid_certificates(self, moment: datetime) -> tuple[Certificate, ...]:
        """The certificates a signature may be checked with at the moment."""
        return tuple(certificate for certificate in self.certificates if certificate.is_valid_at(moment))

    def trusts_the_same_as(self, other: "IdentityProvider | None") -> bool:
        """Whether issuer, SSO URL and certificates are equal: a test sign-in stays proof only then (R4)."""
        return other is not None and (
            self.entity_id,
            self.sso_url,
            {certificate.fingerprint_sha256 for certificate in self.certificates},
        ) == (other.entity_id, other.sso_url, {certificate.fingerprint_sha256 for certificate in other.certificates})


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """The assertion's attribute names for what we read; None leaves it to the well-known names."""

    id: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of one organization.

    `idp_changed_at` is when issuer, SSO URL or certificates last changed, `tested_at` when a test sign-in last passed.
    """

    id: str
    organization_id: str
    name: str
    provider: Provider
    status: ConnectionStatus
    created_at: datetime
    idp: IdentityProvider | None = None
    metadata_url: str | None = None
    metadata_refreshed_at: datetime | None = None
    domain_ids: tuple[str, ...] = ()
    attribute_mapping: AttributeMapping = field(default_factory=AttributeMapping)
    name_id_format: NameIdFormat | None = None
    allow_idp_initiated: bool = False
    sign_requests: bool = True
    want_assertions_encrypted: bool = False
    allow_sha1: bool = False
    allow_aes_cbc: bool = False
    clock_skew: timedelta = DEFAULT_CLOCK_SKEW
    idp_changed_at: datetime | None = None
    tested_at: datetime | None = None
    # When the metadata is read next; since when and why it could not be; when the end of certificates is told next.
    metadata_due_at: datetime | None = None
    metadata_failing_since: datetime | None = None
    metadata_error: str | None = None
    expiry_warning_due_at: datetime | None = None
    # Which of our keys signs and is published, and which one is to follow it while that is being changed.
    sp_key_id: str | None = None
    next_sp_key_id: str | None = None

    @property
    def login_hint(self) -> LoginHint:
        """How its identity provider takes a login hint: Entra refuses requests that name a subject."""
        return _LOGIN_HINTS.get(self.provider, LoginHint.NONE)

    @property
    def is_draft(self) -> bool:
        """Whether it was never activated: nobody signs in through it, or did (R7)."""
        return self.status in (ConnectionStatus.DRAFT, ConnectionStatus.TESTING)

    def is_tested(self) -> bool:
        """Whether a test sign-in passed since issuer, SSO URL or certificates last changed (R4)."""
        return self.tested_at is not None and (self.idp_changed_at is None or self.tested_at >= self.idp_changed_at)

    def is_ready(self, now: datetime) -> bool:
        """Whether it has an issuer, an SSO URL and a currently valid certificate (R4)."""
        return self.idp is not None and bool(self.idp.valid_certificates(now))

    def carries_sso(self, now: datetime) -> bool:
        """Whether people can sign in through it now: active and ready (R4)."""
        return self.status is ConnectionStatus.ACTIVE and self.is_ready(now)


_LOGIN_HINTS = {
    Provider.ENTRA: LoginHint.QUERY,
    Provider.ADFS: LoginHint.QUERY,
    Provider.KEYCLOAK: LoginHint.SUBJECT,
}
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def identity_provider_tenant(provider: Provider, idp: IdentityProvider) -> str:
    """Which tenant of an identity provider this is, so that one person has one internal id in it (R30).

    Okta and OneLogin: the host of the SSO URL; Entra: the tenant's GUID; Google: the idpid; otherwise the entity id.
    """
    url = urlsplit(idp.sso_url)
    if provider in (Provider.OKTA, Provider.ONELOGIN) and url.hostname:
        return f"{provider}:{url.hostname}"
    if provider is Provider.ENTRA and (guid := _GUID.search(idp.entity_id.lower()) or _GUID.search(url.path.lower())):
        return f"{provider}:{guid.group()}"
    if provider is Provider.GOOGLE and (idpid := parse_qs(url.query).get("idpid")):
        return f"{provider}:{idpid[0]}"
    return idp.entity_id


def checked_endpoint(url: str, *, pointer: str) -> str:
    """An identity provider's address: https, or http on a loopback host; raises `invalid_endpoint`."""
    parts = urlsplit(url)
    loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if len(url) > 2048 or not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise invalid("invalid_endpoint", "Give the https:// address your identity provider shows.", pointer=pointer)
    return url


def ensure_can_activate(connection: Connection, now: datetime) -> None:
    """Refuse to activate a connection nobody could sign in through (R4); raises `connection_incomplete`."""
    if connection.idp is None:
        raise conflict(
            "connection_incomplete",
            "This connection has no identity provider yet. Give it a metadata URL, metadata XML, or the issuer, "
            "SSO URL and certificate by hand; then activate it.",
        )
    if not connection.idp.valid_certificates(now):
        raise conflict(
            "connection_incomplete",
            "No certificate of this identity provider is valid today. Refresh the metadata or add the current signing "
            "certificate; then activate it.",
        )
    if not connection.domain_ids:
        raise conflict(
            "connection_incomplete",
            "This connection has no domain, so nobody could sign in through it. Put a verified domain on it; then "
            "activate it.",
        )


def status_after_edit(connection: Connection) -> ConnectionStatus:
    """A draft becomes testing once it has an identity provider; every other status is left to activate/deactivate."""
    if connection.status is ConnectionStatus.DRAFT and connection.idp is not None:
        return ConnectionStatus.TESTING
    return connection.status


def ensure_key_waits(connection: Connection) -> str:
    """The key that is to follow; raises `no_key_rotation` where none is."""
    if connection.next_sp_key_id is None:
        raise conflict(
            "no_key_rotation",
            "No new key of this connection waits. Begin with step: begin, give the identity provider "
            "sp.next_certificate, then complete.",
        )
    return connection.next_sp_key_id
