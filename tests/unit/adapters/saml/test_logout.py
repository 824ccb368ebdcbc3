"""Logout messages: read only where the connection's own certificate signed them, and written as others read them."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from lxml import etree

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.saml.logout import SamlLogout, read_logout
from ostiary.domain.assertion import NameId, Reason, ResponseRefused
from ostiary.domain.connection import Binding
from ostiary.domain.logout import PARTIAL_LOGOUT, LogoutRequest, LogoutResponse
from ostiary.services.saml_ports import IncomingMessage, LogoutToSend, ServiceProvider, Trust
from tests.support.logout_factory import (
    SLO_URL,
    Wish,
    answer,
    deflated,
    posted,
    redirected,
    request,
    signed_query,
)
from tests.support.saml_factory import (
    EMAIL_FORMAT,
    IDP_ENTITY_ID,
    NOW,
    SAML,
    SAMLP,
    SP_ENTITY_ID,
    SUCCESS,
    Element,
    Encrypting,
    Party,
    Signing,
    attacker,
    encrypt_element,
    form_value,
    idp,
    one,
    party,
    sign,
    trust,
)

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
BO = NameId("bo@acme.test", EMAIL_FORMAT)


def by_redirect(query: str, trusted: Trust | None = None) -> LogoutRequest | LogoutResponse:
    return read_logout(IncomingMessage(Binding.REDIRECT, query), trusted or trust())


def by_post(value: str, trusted: Trust | None = None) -> LogoutRequest | LogoutResponse:
    return read_logout(IncomingMessage(Binding.POST, value), trusted or trust())


def refused(query: str, trusted: Trust | None = None) -> Reason:
    with pytest.raises(ResponseRefused) as caught:
        by_redirect(query, trusted)
    return caught.value.reason


def refused_post(value: str) -> Reason:
    with pytest.raises(ResponseRefused) as caught:
        by_post(value)
    return caught.value.reason


GOOD = LogoutRequest(
    id="_logout1",
    issuer=IDP_ENTITY_ID,
    destination=SLO_URL,
    issued_at=NOW,
    not_on_or_after=NOW + timedelta(minutes=5),
    name_id=BO,
    session_indexes=("_session1",),
)


@pytest.mark.parametrize("relay_state", [None, "", "r + %/&=1"])
@pytest.mark.parametrize("lower_case", [False, True], ids=["%2F", "%2f"])
def test_a_redirected_request_is_read_whoever_wrote_its_query(relay_state: str | None, lower_case: bool) -> None:
    assert by_redirect(redirected(request(), relay_state=relay_state, lower_case=lower_case)) == GOOD


def test_a_posted_request_is_read() -> None:
    assert by_post(posted(request())) == GOOD


def test_a_request_without_session_or_end_is_read() -> None:
    said = by_redirect(redirected(request(Wish(session_indexes=(), not_on_or_after=None))))
    assert said == replace(GOOD, session_indexes=(), not_on_or_after=None)


def test_the_qualifiers_of_the_name_are_kept() -> None:
    message = request()
    name_id = one(message, "saml:NameID")
    name_id.set("NameQualifier", "https://idp")
    name_id.set("SPNameQualifier", "https://sp")
    said = by_redirect(redirected(message))
    assert isinstance(said, LogoutRequest)
    assert said.name_id == NameId("bo@acme.test", EMAIL_FORMAT, "https://idp", "https://sp")


@pytest.mark.parametrize("binding", [Binding.REDIRECT, Binding.POST])
def test_an_encrypted_name_is_read(binding: Binding) -> None:
    message = request()
    encrypt_element(one(message, "saml:NameID"), "EncryptedID", Encrypting(party("sp")))
    trusted = trust(decryption_keys=(party("sp").as_sp_key(),))
    content = redirected(message) if binding is Binding.REDIRECT else posted(message)
    assert read_logout(IncomingMessage(binding, content), trusted) == GOOD


@pytest.mark.parametrize(
    ("status", "everywhere"),
    [
        (f'<samlp:StatusCode Value="{SUCCESS}"/>', True),
        (
            f'<samlp:StatusCode Value="{SUCCESS}"><samlp:StatusCode Value="{PARTIAL_LOGOUT}"/></samlp:StatusCode>',
            False,
        ),
        ('<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"/>', False),
    ],
    ids=["success", "partial", "failure"],
)
def test_a_response_says_whether_it_ended_everywhere(status: str, everywhere: bool) -> None:
    for said in (by_redirect(redirected(answer("_r", status=status))), by_post(posted(answer("_r", status=status)))):
        assert isinstance(said, LogoutResponse)
        assert (said.in_response_to, said.everywhere) == ("_r", everywhere)


@pytest.mark.parametrize("bits", [256, 384, 512])
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_every_signature_method_on_the_list_holds(kind: str, bits: int) -> None:
    signer = idp() if kind == "rsa" else party("ec idp", kind="p256")
    query = redirected(request(), by=signer, algorithm=f"{MORE}{kind}-sha{bits}")
    assert by_redirect(query, trust(signer)) == GOOD


def test_sha1_holds_only_where_the_connection_allows_it() -> None:
    query = redirected(request(), algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1")
    assert refused(query) is Reason.ALGORITHM
    assert by_redirect(query, trust(allow_sha1=True)) == GOOD


@pytest.mark.parametrize(
    ("signer", "reason"),
    [
        (attacker(), Reason.SIGNATURE_INVALID),
        (party("expired idp", valid=(timedelta(days=-9), timedelta(days=-1))), Reason.SIGNATURE_INVALID),
    ],
    ids=["attacker", "unknown"],
)
def test_another_partys_signature_is_refused(signer: Party, reason: Reason) -> None:
    assert refused(redirected(request(), by=signer)) is reason
    assert refused_post(posted(request(), by=signer)) is Reason.CERTIFICATE_UNKNOWN


def test_an_expired_certificate_is_told_apart() -> None:
    expired = party("expired idp", valid=(timedelta(days=-9), timedelta(days=-1)))
    assert refused(redirected(request(), by=expired), trust(idp(), expired)) is Reason.CERTIFICATE_EXPIRED


def test_a_message_without_a_signature_is_refused() -> None:
    query = redirected(request())
    bare = query.partition("&SigAlg")[0]
    assert refused(bare) is Reason.SIGNATURE_MISSING
    assert refused(query.partition("&Signature")[0]) is Reason.SIGNATURE_MISSING
    assert refused_post(form_value(request())) is Reason.SIGNATURE_MISSING


def test_what_was_signed_cannot_be_changed() -> None:
    query = redirected(request(), relay_state="mine")
    assert refused(query.replace("RelayState=mine", "RelayState=yours")) is Reason.SIGNATURE_INVALID
    assert refused(query.replace("&RelayState=mine", "")) is Reason.SIGNATURE_INVALID
    other = redirected(request(Wish(name_id="ada@acme.test")), relay_state="mine")
    mixed = other.partition("&")[0] + "&" + query.partition("&")[2]
    assert refused(mixed) is Reason.SIGNATURE_INVALID


@pytest.mark.parametrize("name", ["SAMLRequest", "RelayState", "SigAlg", "Signature"])
def test_a_parameter_that_stands_twice_is_refused(name: str) -> None:
    assert refused(redirected(request(), relay_state="r") + f"&{name}=x") is Reason.MALFORMED


def test_a_request_and_a_response_together_are_refused() -> None:
    assert refused(redirected(request()) + "&SAMLResponse=x") is Reason.MALFORMED


@pytest.mark.parametrize("content", ["not base64!", "bm90IGRlZmxhdGVk"])
def test_what_is_no_deflated_message_is_refused(content: str) -> None:
    parameters = {"SAMLRequest": content, "SigAlg": f"{MORE}rsa-sha256"}
    assert refused(signed_query(parameters, idp())) is Reason.MALFORMED


def test_a_message_that_inflates_without_end_is_cut_off() -> None:
    parameters = {"SAMLRequest": deflated(b" " * 10_000_000), "SigAlg": f"{MORE}rsa-sha256"}
    assert refused(signed_query(parameters, idp())) is Reason.TOO_LARGE


def test_a_message_that_is_cut_off_is_refused() -> None:
    whole = deflated(etree.tostring(request()))
    parameters = {"SAMLRequest": whole[: len(whole) // 8 * 4], "SigAlg": f"{MORE}rsa-sha256"}
    assert refused(signed_query(parameters, idp())) is Reason.MALFORMED


def _without(path: str) -> Element:
    message = request()
    message.remove(one(message, path))
    return message


def _with(xml: str) -> Element:
    message = request()
    message.append(etree.fromstring(xml))
    return message


@pytest.mark.parametrize(
    "message",
    [
        _without("saml:Issuer"),
        _without("saml:NameID"),
        _with(f'<saml:NameID xmlns:saml="{SAML}">ada@acme.test</saml:NameID>'),
        _with(f'<saml:Assertion xmlns:saml="{SAML}" ID="_a" Version="2.0"/>'),
        _with('<x xmlns="urn:x"/>'),
        etree.fromstring(f'<samlp:Response xmlns:samlp="{SAMLP}" ID="_1" Version="2.0"/>'),
        etree.fromstring(f'<samlp:AuthnRequest xmlns:samlp="{SAMLP}" ID="_1" Version="2.0"/>'),
    ],
    ids=["no issuer", "no name", "two names", "an assertion", "another element", "a response", "another request"],
)
def test_another_shape_is_refused(message: Element) -> None:
    query = signed_query({"SAMLRequest": deflated(etree.tostring(message)), "SigAlg": f"{MORE}rsa-sha256"}, idp())
    assert refused(query) is Reason.STRUCTURE


def test_a_doctype_is_refused() -> None:
    document = b'<!DOCTYPE x [<!ENTITY e "x">]>' + etree.tostring(request())
    query = signed_query({"SAMLRequest": deflated(document), "SigAlg": f"{MORE}rsa-sha256"}, idp())
    assert refused(query) is Reason.FORBIDDEN_XML


def test_a_signed_request_wrapped_in_another_is_refused() -> None:
    signed = request()
    sign(signed, Signing())
    outer = request(Wish(id="_outer", name_id="ada@acme.test"))
    outer.insert(1, one(signed, "ds:Signature"))
    assert refused_post(form_value(outer)) is not None


# What we write.


def to_send(binding: Binding, **changes: object) -> LogoutToSend:
    key = party("sp").as_sp_key()
    sp = ServiceProvider(SP_ENTITY_ID, "https://sp.example/acs", SLO_URL, SP_ENTITY_ID, key)
    base = LogoutToSend("_ours", NOW, binding, "https://idp.example/slo?x=1", sp, relay_state="ost_rs_1")
    return replace(base, **changes)  # pyright: ignore[reportArgumentType]


def read_back(binding: Binding, url: str, form: tuple[tuple[str, str], ...]) -> LogoutRequest | LogoutResponse:
    """Our message, read by our own reader with our certificate."""
    trusted = trust(party("sp"))
    if binding is Binding.POST:
        return by_post(form[0][1], trusted)
    return by_redirect(urlsplit(url).query.removeprefix("x=1&"), trusted)


@pytest.mark.parametrize("binding", [Binding.REDIRECT, Binding.POST])
async def test_our_request_names_the_subject_as_the_identity_provider_did(binding: Binding) -> None:
    name_id = NameId("p-1", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", "https://idp", "https://sp")
    sent = await SamlLogout(BoundedThreads("saml")).request(to_send(binding, name_id=name_id, session_index="_s7"))
    said = read_back(binding, sent.url, sent.form)
    assert isinstance(said, LogoutRequest)
    assert (said.id, said.issuer, said.name_id, said.session_indexes) == ("_ours", SP_ENTITY_ID, name_id, ("_s7",))
    assert said.destination == "https://idp.example/slo?x=1"
    fields = dict(sent.form) or dict(parse_qsl(urlsplit(sent.url).query))
    assert fields["RelayState"] == "ost_rs_1"


@pytest.mark.parametrize("relay_state", [None, "theirs"])
@pytest.mark.parametrize("binding", [Binding.REDIRECT, Binding.POST])
async def test_our_response_answers_and_gives_the_relay_state_back(binding: Binding, relay_state: str | None) -> None:
    sent = await SamlLogout(BoundedThreads("saml")).response(
        to_send(binding, relay_state=relay_state), in_response_to="_theirs"
    )
    said = read_back(binding, sent.url, sent.form)
    assert isinstance(said, LogoutResponse)
    assert (said.in_response_to, said.everywhere) == ("_theirs", True)
    fields = dict(sent.form) or dict(parse_qsl(urlsplit(sent.url).query))
    assert fields.get("RelayState") == relay_state
