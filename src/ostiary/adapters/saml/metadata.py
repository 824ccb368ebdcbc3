"""What an identity provider's metadata says: strict about what a sign-in trusts, lenient about how it is written."""

import ipaddress
from urllib.parse import urlsplit

from lxml import etree

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.saml.certificates import read_certificate
from ostiary.adapters.saml.xml import DSIG, METADATA, SAMLP, Element, local_name
from ostiary.domain.connection import Binding, Certificate, IdentityProvider
from ostiary.domain.errors import DomainError, invalid

MAX_METADATA_BYTES = 1024 * 1024
_MAX_URL_CHARACTERS = 2048
_MAX_CERTIFICATES = 16

_ENTITY = f"{{{METADATA}}}EntityDescriptor"
_ENTITIES = f"{{{METADATA}}}EntitiesDescriptor"
_IDP = f"{{{METADATA}}}IDPSSODescriptor"
_SP = f"{{{METADATA}}}SPSSODescriptor"
_X509_CERTIFICATE = f"{{{DSIG}}}KeyInfo/{{{DSIG}}}X509Data/{{{DSIG}}}X509Certificate"
# In the order of preference: a redirect needs no page of ours in between.
_BINDINGS = {
    "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect": Binding.REDIRECT,
    "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST": Binding.POST,
}


class SamlMetadataReader:
    """The `MetadataReader` port."""

    def __init__(self, threads: BoundedThreads) -> None:
        self._threads = threads

    async def read_metadata(self, xml: bytes, *, entity_id: str | None = None) -> IdentityProvider:
        """What `read_metadata` of this module does, in a worker thread: a megabyte takes its time."""
        return await self._threads.run(read_metadata, xml, entity_id)

    def read_certificate(self, text: str) -> Certificate:
        """What `read_certificate` of `certificates` does."""
        return read_certificate(text)


def read_metadata(xml: bytes, entity_id: str | None = None) -> IdentityProvider:
    """The identity provider described (SAML metadata §2.4.3); with several in the document the entity id chooses.

    Raises `invalid_metadata`, or `certificate_validation_failed` when no signing certificate in it can be used. A
    signature on the metadata is not looked at: what vouches for it is the administrator, or the https it came by. A
    logout address that is not https is left out, as sign-in does not need it.
    """
    entity = _choose(_entities(_parse(xml)), entity_id)
    descriptor = _descriptor(entity)
    sso = _endpoint(descriptor, "SingleSignOnService")
    if sso is None:
        raise _invalid("The identity provider has no SingleSignOnService with the HTTP-Redirect or HTTP-POST binding.")
    binding, sso_url = sso
    if not is_acceptable_url(sso_url):
        raise _invalid(f"The sign-in address {sso_url[:256]!r} is not https. Have it served by https.")
    slo = _endpoint(descriptor, "SingleLogoutService")
    return IdentityProvider(
        entity_id=_entity_id(entity),
        sso_url=sso_url,
        sso_binding=binding,
        slo_url=slo[1] if slo is not None and is_acceptable_url(slo[1]) else None,
        slo_binding=Binding.REDIRECT if slo is None else slo[0],
        slo_response_url=_slo_response_url(descriptor, slo),
        certificates=_certificates(descriptor),
    )


def is_acceptable_url(url: str) -> bool:
    """Whether a browser may be sent there with a SAML message: https, or http on this very machine."""
    if len(url) > _MAX_URL_CHARACTERS or any(character <= " " or character == "\x7f" for character in url):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
        parts.port  # noqa: B018 (raises for what is no port)
    except ValueError:
        return False
    if not host or parts.fragment or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parse(xml: bytes) -> Element:
    if len(xml) > MAX_METADATA_BYTES:
        raise _invalid(
            f"The metadata has {len(xml)} bytes; at most {MAX_METADATA_BYTES} are read. Give the metadata of the one "
            "identity provider, not that of a whole federation."
        )
    try:
        # Any byte order mark goes; whatever encoding is declared, the bytes must be UTF-8.
        document = xml.decode("utf-8-sig").encode("utf-8")
    except UnicodeDecodeError:
        raise _invalid("The metadata is not UTF-8. Save it as UTF-8, or give its address instead.") from None
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise _invalid("The metadata has a DOCTYPE or entities, which are not read. Remove them.")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(document.strip(), parser)
    except etree.XMLSyntaxError as error:
        raise _invalid(
            f"The metadata is not well-formed XML ({error.msg}). Give the XML itself, not the page it is shown on."
        ) from None


def _entities(root: Element) -> list[Element]:
    """The entities that are identity providers, however deep they are wrapped."""
    if root.tag not in {_ENTITY, _ENTITIES}:
        raise _invalid(f"This is a {local_name(root)[:64]}, not SAML 2.0 metadata, which begins with EntityDescriptor.")
    entities = list(root.iter(_ENTITY))
    providers = [entity for entity in entities if entity.find(_IDP) is not None]
    if providers:
        return providers
    if any(entity.find(_SP) is not None for entity in entities):
        raise _invalid("This metadata describes a service provider. Give the identity provider's.")
    raise _invalid("This metadata describes no identity provider: it has no IDPSSODescriptor.")


def _choose(entities: list[Element], entity_id: str | None) -> Element:
    named = ", ".join(_entity_id(entity) for entity in entities[:10])
    if entity_id is not None:
        chosen = [entity for entity in entities if _entity_id(entity) == entity_id]
        if not chosen:
            raise _invalid(f"The metadata does not describe {entity_id!r}; it describes {named}.")
    else:
        chosen = entities
    if len(chosen) > 1:
        raise _invalid(f"The metadata describes several identity providers; name one by its entity id: {named}.")
    return chosen[0]


def _entity_id(entity: Element) -> str:
    entity_id = entity.get("entityID", "").strip()
    if not entity_id or len(entity_id) > 1024:
        raise _invalid("An EntityDescriptor of the metadata has no entityID, or one of more than 1,024 characters.")
    return entity_id


def _descriptor(entity: Element) -> Element:
    for descriptor in entity.findall(_IDP):
        if SAMLP in descriptor.get("protocolSupportEnumeration", "").split():
            return descriptor
    raise _invalid("The identity provider does not support SAML 2.0, only older protocols.")


def _endpoint(descriptor: Element, name: str) -> tuple[Binding, str] | None:
    locations: dict[str, str] = {}
    for service in descriptor.findall(f"{{{METADATA}}}{name}"):
        locations.setdefault(service.get("Binding", ""), service.get("Location", "").strip())
    return next(((binding, locations[uri]) for uri, binding in _BINDINGS.items() if uri in locations), None)


def _slo_response_url(descriptor: Element, slo: tuple[Binding, str] | None) -> str | None:
    """Where answers go, if elsewhere than requests (§2.2.2)."""
    for service in descriptor.findall(f"{{{METADATA}}}SingleLogoutService"):
        if slo is not None and _BINDINGS.get(service.get("Binding", "")) is slo[0]:
            answers = service.get("ResponseLocation", "").strip()
            return answers if answers and is_acceptable_url(answers) else None
    return None


def _certificates(descriptor: Element) -> tuple[Certificate, ...]:
    """The signing certificates, expired ones among them; a key for no stated use is for signing too (§2.4.1.1)."""
    texts = [
        certificate.text or ""
        for key in descriptor.findall(f"{{{METADATA}}}KeyDescriptor")
        if key.get("use", "signing") == "signing"
        for certificate in key.findall(_X509_CERTIFICATE)
    ]
    if not texts:
        raise _invalid("The identity provider's metadata has no signing certificate. Add one to it.")
    if len(texts) > _MAX_CERTIFICATES:
        raise _invalid(f"The metadata has {len(texts)} signing certificates; at most {_MAX_CERTIFICATES} are kept.")
    usable: dict[str, Certificate] = {}
    refused: DomainError | None = None
    for text in texts:
        try:
            certificate = read_certificate(text)
        except DomainError as error:
            refused = error
        else:
            usable.setdefault(certificate.fingerprint_sha256, certificate)
    if refused is not None and not usable:
        raise refused
    return tuple(usable.values())


def _invalid(detail: str) -> DomainError:
    return invalid("invalid_metadata", detail)
