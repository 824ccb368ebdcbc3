"""An organization with a connection to an identity provider of the tests, and the people who sign in through it."""

import base64
import hashlib
import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from urllib.parse import parse_qs, urlsplit

from lxml import etree

from ostiary.domain.connection import Binding, Connection, NameIdFormat, Provider
from ostiary.domain.domain_name import DomainStatus
from ostiary.domain.organization import AddOn, Plan
from ostiary.domain.principal import OPERATOR
from ostiary.services.accounts import SignedIn
from ostiary.services.connection_sources import IdpSource
from ostiary.services.connections import ConnectionChange, ConnectionDraft
from ostiary.services.context import Caller
from ostiary.services.logout import LoggedOut
from ostiary.services.saml_ports import BrowserMessage, IncomingMessage
from ostiary.services.sign_in_arrival import Arrived
from ostiary.services.sign_in_start import SignInWish
from tests.support.house import House, Person
from tests.support.logout_factory import Wish, redirected, request
from tests.support.saml_factory import EMAIL_FORMAT, Party, Said, Signing, form_value, party, signed_response

REDIRECT_URI = "http://localhost:3000/callback"
VERIFIER = "a-code-verifier-of-forty-three-characters-1234"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()

_numbers = count(1)


def identity_provider(name: str = "acme idp") -> Party:
    """An identity provider whose certificate is valid today and for years."""
    return party(name, valid=(timedelta(days=-30), timedelta(days=3650)))


async def entitle(house: House, slug: str = "acme", plan: Plan = Plan.ENTERPRISE, *add_ons: AddOn) -> None:
    """The operator sets the plan."""
    await house.services.organizations.set_entitlements(
        Caller(OPERATOR), slug, plan=plan, add_ons=frozenset(add_ons), directory_held_back=False
    )


async def verified_domain(house: House, administrator: Person, name: str, slug: str = "acme") -> str:
    """A domain, taken as proven; answers its id."""
    domain = await house.services.domains.add(administrator.caller, slug, name)
    async with house.uow() as uow:
        await uow.domains.save(replace(domain, status=DomainStatus.VERIFIED, verified_at=house.clock.now()))
        await uow.commit()
    return domain.id


@dataclass(frozen=True, slots=True)
class Addressed:
    """From which identity provider an answer is, and to which service provider it goes."""

    idp_entity_id: str
    sp_entity_id: str
    acs_url: str


def good_answer(
    addressed: Addressed,
    now: datetime,
    request_id: str | None,
    email: str,
    internal_id: str | None = None,
    role: str | None = None,
) -> Said:
    """What an identity provider says of a person; without a `request_id` the sign-in began there."""
    number = next(_numbers)
    attributes = {"email": (email,), "firstName": (email.partition("@")[0],)}
    return Said(
        response_id=f"_response{number}",
        assertion_id=f"_assertion{number}",
        issuer=addressed.idp_entity_id,
        response_issuer=addressed.idp_entity_id,
        destination=addressed.acs_url,
        recipient=addressed.acs_url,
        in_response_to=request_id,
        confirmed_in_response_to=request_id,
        confirmed_until=now + timedelta(minutes=5),
        not_before=now - timedelta(minutes=5),
        not_on_or_after=now + timedelta(minutes=5),
        audiences=((addressed.sp_entity_id,),),
        name_id=internal_id or email,
        name_id_format=EMAIL_FORMAT if internal_id is None else NameIdFormat.PERSISTENT,
        attributes=attributes | ({"role": (role,)} if role is not None else {}),
    )


@dataclass(slots=True)
class Idp:
    """One connection of an organization, seen from its identity provider."""

    house: House
    slug: str
    connection: Connection
    party: Party
    entity_id: str

    async def depart(self, redirect_uri: str = REDIRECT_URI) -> tuple[str, str]:
        """Follow the organization's sign-in URL; answers the AuthnRequest's id and the relay state."""
        wish = SignInWish(redirect_uri, "s", CHALLENGE, connection_id=self.connection.id)
        departed = await self.house.services.sign_in_start.start(self.slug, wish)
        return read_request(departed.message.url)

    async def depart_test(self, administrator: Person) -> tuple[str, str]:
        """Begin a test sign-in and follow its URL."""
        start = self.house.services.sign_in_start
        url = await start.start_test(administrator.caller, self.slug, self.connection.id)
        message = await start.carry_test(self.slug, parse_qs(urlsplit(url).query)["flow"][0])
        return read_request(message.url)

    def says(self, request_id: str | None, email: str, internal_id: str | None = None, role: str | None = None) -> Said:
        """A good assertion about a person."""
        urls = self.house.services.urls
        addressed = Addressed(self.entity_id, urls.sp_entity_id(self.connection.id), urls.acs(self.connection.id))
        return good_answer(addressed, self.house.clock.now(), request_id, email, internal_id, role)

    def signed(self, said: Said) -> str:
        """The form value of a response that says so, signed by this identity provider."""
        return form_value(signed_response(said, what="assertion", how=Signing(by=self.party)))

    async def arrive(self, said: Said, relay_state: str | None) -> Arrived:
        """Post the response to the ACS."""
        return await self.house.services.sign_in_arrival.receive(self.connection.id, self.signed(said), relay_state)

    async def sign_in(self, email: str, internal_id: str | None = None, role: str | None = None) -> SignedIn:
        """A whole sign-in: to the identity provider, back, and the code exchanged."""
        request_id, relay_state = await self.depart()
        arrived = await self.arrive(self.says(request_id, email, internal_id, role), relay_state)
        assert arrived.code is not None
        return await self.house.services.sign_in_finish.exchange(arrived.code, VERIFIER)

    def logout(self, email: str, *session_indexes: str) -> IncomingMessage:
        """A good LogoutRequest about a person, by HTTP-Redirect."""
        now = self.house.clock.now()
        wish = Wish(
            id=f"_logout{next(_numbers)}",
            issuer=self.entity_id,
            destination=self.house.services.urls.slo(self.connection.id),
            issued_at=now,
            not_on_or_after=now + timedelta(minutes=5),
            name_id=email,
            session_indexes=session_indexes,
        )
        return IncomingMessage(Binding.REDIRECT, redirected(request(wish), by=self.party))

    async def log_out(self, email: str, *session_indexes: str) -> BrowserMessage | LoggedOut:
        """The identity provider logs a person out."""
        message = self.logout(email, *session_indexes)
        return await self.house.services.logout.receive(self.connection.id, message, None)

    async def offer_logout(self, administrator: Person) -> None:
        """The connection learns where sign-outs go on to."""
        source = IdpSource(
            entity_id=self.entity_id,
            sso_url="https://idp.acme.test/sso",
            slo_url="https://idp.acme.test/slo",
            certificates=(self.party.certificate_pem,),
        )
        update = self.house.services.connections.update
        await update(administrator.caller, self.slug, self.connection.id, ConnectionChange(idp=source))


def read_request(url: str) -> tuple[str, str]:
    """The AuthnRequest's id and the relay state in the address the browser is sent to."""
    query = parse_qs(urlsplit(url).query)
    request = etree.fromstring(zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15))
    return str(request.get("ID")), query["RelayState"][0]


async def connect(
    house: House,
    administrator: Person,
    slug: str = "acme",
    *,
    domains: tuple[str, ...] = ("acme.test",),
    name: str = "acme idp",
    provider: Provider = Provider.GENERIC_SAML,
    sso_url: str = "https://idp.acme.test/sso",
) -> Idp:
    """Entitle the organization, verify its domains, and give it an active connection."""
    await entitle(house, slug)
    domain_ids = tuple([await verified_domain(house, administrator, domain, slug) for domain in domains])
    known, entity_id = identity_provider(name), f"https://{name.replace(' ', '-')}.test/metadata"
    source = IdpSource(entity_id=entity_id, sso_url=sso_url, certificates=(known.certificate_pem,))
    connections = house.services.connections
    created = await connections.create(
        administrator.caller, slug, ConnectionDraft(name="IdP", provider=provider, idp=source)
    )
    change = ConnectionChange(domain_ids=domain_ids)
    await connections.update(administrator.caller, slug, created.connection.id, change)
    active = await connections.activate(administrator.caller, slug, created.connection.id)
    return Idp(house, slug, active.connection, known, entity_id)


async def enable(house: House, administrator: Person, slug: str = "acme") -> tuple[str, ...]:
    """Enable SSO without a test sign-in; answers the recovery codes."""
    enabled = await house.services.sso.enable(administrator.caller, slug, acknowledge_untested=True)
    return enabled.recovery_codes
