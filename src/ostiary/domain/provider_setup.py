"""What is typed in at the identity provider, in the words of each product, so that nobody has to translate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ostiary.domain.connection import AttributeMapping, Connection, NameIdFormat, Provider

_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"


@dataclass(frozen=True, slots=True)
class OurSide:
    """What a connection is called by, and its addresses."""

    entity_id: str
    acs_url: str
    slo_url: str
    metadata_url: str


@dataclass(frozen=True, slots=True)
class SetupField:
    """A field of the product's form, and what to fill in."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class AttributeToSend:
    """An attribute of the assertion: its name, and where the product keeps the value."""

    name: str
    source: str


class SignedPart(StrEnum):
    """What a product signs by default; each is accepted from every product."""

    ASSERTION = "assertion"
    RESPONSE = "response"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class ProviderSetup:
    """What to do at the identity provider: its form, the NameID's format, the attributes, and what else to know."""

    fields: tuple[SetupField, ...]
    name_id_format: NameIdFormat
    attributes: tuple[AttributeToSend, ...]
    signs: SignedPart
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Preset:
    """A product's words: where it keeps e-mail address, first and last name (`sources`), and what they are sent as.

    An empty label leaves the field out: the product has none.
    """

    entity_id: str
    acs_url: str
    slo_url: str
    metadata_url: str
    sources: tuple[str, str, str]
    notes: tuple[str, ...]
    signs: SignedPart
    names: tuple[str, str, str] = ("email", "firstName", "lastName")
    more: Mapping[str, str] = field(default_factory=dict[str, str])


_PRESETS: Mapping[Provider, _Preset] = {
    Provider.OKTA: _Preset(
        entity_id="Audience URI (SP Entity ID)",
        acs_url="Single sign-on URL",
        slo_url="Single Logout URL",
        metadata_url="",
        signs=SignedPart.BOTH,
        sources=("user.email", "user.firstName", "user.lastName"),
        more={"SP Issuer": "entity_id"},
        notes=(
            "Okta signs response and assertion. Leave it so.",
            "For single logout, upload the certificate of `sp` as the signature certificate.",
        ),
    ),
    Provider.ENTRA: _Preset(
        entity_id="Identifier (Entity ID)",
        acs_url="Reply URL (Assertion Consumer Service URL)",
        slo_url="Logout Url (Optional)",
        metadata_url="",
        signs=SignedPart.ASSERTION,
        sources=("user.mail", "user.givenname", "user.surname"),
        names=(f"{_CLAIMS}emailaddress", f"{_CLAIMS}givenname", f"{_CLAIMS}surname"),
        notes=(
            "Entra signs the assertion alone, which is enough.",
            "These claims are there by default; users without a mail address send none, and cannot sign in.",
        ),
    ),
    Provider.GOOGLE: _Preset(
        entity_id="Entity ID",
        acs_url="ACS URL",
        slo_url="",
        metadata_url="",
        signs=SignedPart.ASSERTION,
        sources=("Primary email", "First name", "Last name"),
        notes=(
            "“Signed response” may be on or off: either the response or the assertion is signed.",
            "Switch the app on for the people who may use it; that takes up to a day to spread.",
        ),
    ),
    Provider.ONELOGIN: _Preset(
        entity_id="Audience (EntityID)",
        acs_url="ACS (Consumer) URL",
        slo_url="Single Logout URL",
        metadata_url="",
        signs=SignedPart.RESPONSE,
        sources=("Email", "First Name", "Last Name"),
        more={"Recipient": "acs_url"},
        notes=(
            "Give “ACS (Consumer) URL Validator” the ACS URL as a regular expression.",
            "“SAML signature element” may be Assertion, Response or Both; “SAML Signature Algorithm” must be SHA-256.",
            "Tick “Include in SAML assertion” for each parameter.",
        ),
    ),
    Provider.ADFS: _Preset(
        entity_id="Relying party trust identifier",
        acs_url="Relying party SAML 2.0 SSO service URL",
        slo_url="SAML Logout endpoint",
        metadata_url="Federation metadata address",
        signs=SignedPart.ASSERTION,
        sources=("E-Mail-Addresses", "Given-Name", "Surname"),
        names=(f"{_CLAIMS}emailaddress", f"{_CLAIMS}givenname", f"{_CLAIMS}surname"),
        notes=(
            "Add a rule that transforms E-Mail Address into Name ID with the format Email: AD FS sends none by itself.",
            "AD FS encrypts with AES-CBC as soon as it can: leave `want_assertions_encrypted` off.",
        ),
    ),
    Provider.KEYCLOAK: _Preset(
        entity_id="Client ID",
        acs_url="Assertion Consumer Service POST Binding URL",
        slo_url="Logout Service Redirect Binding URL",
        metadata_url="",
        signs=SignedPart.RESPONSE,
        sources=("email", "firstName", "lastName"),
        more={"Valid redirect URIs": "acs_url"},
        notes=(
            "Set “Name ID format” to email, and switch “Sign documents” or “Sign assertions” on.",
            "Add a “User Property” mapper for each attribute.",
        ),
    ),
    Provider.PINGONE: _Preset(
        entity_id="Entity ID",
        acs_url="ACS URLs",
        slo_url="SLO Endpoint",
        metadata_url="Import from URL",
        signs=SignedPart.ASSERTION,
        sources=("Email Address", "Given Name", "Family Name"),
        notes=("Sign the assertion, the response, or both.", "Map saml_subject to Email Address."),
    ),
    Provider.JUMPCLOUD: _Preset(
        entity_id="SP Entity ID",
        acs_url="ACS URL",
        slo_url="",
        metadata_url="",
        signs=SignedPart.ASSERTION,
        sources=("email", "firstname", "lastname"),
        notes=(
            "Set “SAMLSubject NameID” to email, and sign the assertion, or assertion and response.",
            "Tick “Declare Redirect Endpoint”.",
        ),
    ),
    Provider.GENERIC_SAML: _Preset(
        entity_id="SP entity ID (audience)",
        acs_url="Assertion consumer service URL (HTTP-POST)",
        slo_url="Single logout service URL",
        metadata_url="SP metadata URL",
        signs=SignedPart.ASSERTION,
        sources=("the e-mail address", "the first name", "the last name"),
        notes=("Sign the assertion, the response, or both, with SHA-256.",),
    ),
}


def setup_of(connection: Connection, sp: OurSide) -> ProviderSetup:
    """What is to be done at the identity provider of this connection.

    What the connection itself asks for, a NameID format or attribute names, goes before what is usual for the product.
    """
    preset = _PRESETS[connection.provider]
    ours = {
        "entity_id": sp.entity_id,
        "acs_url": sp.acs_url,
        "slo_url": sp.slo_url,
        "metadata_url": sp.metadata_url,
    }
    labels = {
        preset.entity_id: "entity_id",
        preset.acs_url: "acs_url",
        preset.slo_url: "slo_url",
        preset.metadata_url: "metadata_url",
        **preset.more,
    }
    return ProviderSetup(
        fields=tuple(SetupField(label, ours[which]) for label, which in labels.items() if label),
        name_id_format=connection.name_id_format or NameIdFormat.EMAIL,
        attributes=_attributes(preset, connection.attribute_mapping),
        signs=preset.signs,
        notes=preset.notes,
    )


def _attributes(preset: _Preset, mapping: AttributeMapping) -> tuple[AttributeToSend, ...]:
    asked = (mapping.email, mapping.first_name, mapping.last_name)
    usual = tuple(
        AttributeToSend(name or default, source)
        for name, default, source in zip(asked, preset.names, preset.sources, strict=True)
    )
    if mapping.id is None:
        return usual
    return (AttributeToSend(mapping.id, "an id that never changes"), *usual)
