"""Logout messages: read from verified bytes, and written with pysaml2's typed elements (SAML core §3.7)."""
# pysaml2 declares no types of parameters.
# pyright: reportUnknownVariableType=false

import base64
from typing import cast

from saml2 import SamlBase, saml, samlp
from saml2 import xmldsig as ds
from saml2.pack import http_redirect_message

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.saml import guard
from ostiary.adapters.saml.crypto_backend import QuerySigner, signature_template, to_signed_xml, to_xml
from ostiary.adapters.saml.name_ids import reveal_name_id
from ostiary.adapters.saml.reader import read_name_id, read_status
from ostiary.adapters.saml.redirect import read_redirect
from ostiary.adapters.saml.signature import signature_of, verify_signature
from ostiary.adapters.saml.values import instant, optional_time, required_child, required_time, text_of
from ostiary.adapters.saml.xml import ISSUER, LOGOUT_REQUEST, NAME_ID, SESSION_INDEX, STATUS, Element
from ostiary.domain.assertion import STATUS_SUCCESS, Reason, ResponseRefused
from ostiary.domain.connection import Binding
from ostiary.domain.logout import LogoutRequest, LogoutResponse
from ostiary.services.saml_ports import BrowserMessage, IncomingMessage, LogoutToSend, Trust

_MAX_SESSION_INDEXES = 64


class SamlLogout:
    """The `SamlLogout` port; work on XML happens in a worker thread."""

    def __init__(self, threads: BoundedThreads) -> None:
        self._threads = threads

    async def read(self, message: IncomingMessage, trust: Trust) -> LogoutRequest | LogoutResponse:
        """The verified message; raises `ResponseRefused` for one that is not signed by the connection's certificate."""
        return await self._threads.run(read_logout, message, trust)

    async def request(self, logout: LogoutToSend) -> BrowserMessage:
        """A signed LogoutRequest for the browser to carry."""
        return await self._threads.run(_request, logout)

    async def response(self, logout: LogoutToSend, in_response_to: str) -> BrowserMessage:
        """A signed LogoutResponse that reports success."""
        return await self._threads.run(_response, logout, in_response_to)


def read_logout(message: IncomingMessage, trust: Trust) -> LogoutRequest | LogoutResponse:
    """What `SamlLogout.read` does, in the thread it is called from."""
    if message.binding is Binding.REDIRECT:
        root = guard.parse_logout(read_redirect(message.content, trust))
    else:
        posted = guard.parse_logout(guard.decode(message.content))
        signature = signature_of(posted)
        if signature is None:
            raise ResponseRefused(
                Reason.SIGNATURE_MISSING, "The message is not signed. Let the identity provider sign logout messages."
            )
        root = verify_signature(posted, signature, trust).element
    return _read_request(root, trust) if root.tag == LOGOUT_REQUEST else _read_response(root)


def _read_request(root: Element, trust: Trust) -> LogoutRequest:
    reveal_name_id(root, trust)
    indexes = tuple(index for element in root.findall(SESSION_INDEX) if (index := text_of(element)))
    if len(indexes) > _MAX_SESSION_INDEXES:
        raise ResponseRefused(Reason.STRUCTURE, f"The request names more than {_MAX_SESSION_INDEXES} sessions.")
    name_id = read_name_id(required_child(root, NAME_ID))
    if name_id is None:
        raise ResponseRefused(Reason.NAME_ID, "The request's NameID is empty.")
    return LogoutRequest(
        id=root.get("ID", ""),
        issuer=text_of(required_child(root, ISSUER)),
        destination=root.get("Destination"),
        issued_at=required_time(root, "IssueInstant"),
        not_on_or_after=optional_time(root, "NotOnOrAfter"),
        name_id=name_id,
        session_indexes=indexes,
    )


def _read_response(root: Element) -> LogoutResponse:
    status = read_status(required_child(root, STATUS))
    return LogoutResponse(
        id=root.get("ID", ""),
        issuer=text_of(required_child(root, ISSUER)),
        destination=root.get("Destination"),
        issued_at=required_time(root, "IssueInstant"),
        in_response_to=root.get("InResponseTo"),
        status_code=status.code,
        status_subcode=status.subcode,
    )


def _request(logout: LogoutToSend) -> BrowserMessage:
    name_id = logout.name_id
    assert name_id is not None
    message = samlp.LogoutRequest(
        id=logout.id,
        version="2.0",
        issue_instant=instant(logout.issued_at),
        destination=logout.url,
        issuer=saml.Issuer(text=logout.sp.entity_id),
        signature=_template(logout),
        name_id=saml.NameID(
            text=name_id.value,
            format=name_id.format,
            name_qualifier=name_id.name_qualifier,
            sp_name_qualifier=name_id.sp_name_qualifier,
        ),
        session_index=[samlp.SessionIndex(text=logout.session_index)] if logout.session_index else [],
    )
    return _carried(message, logout, "SAMLRequest")


def _response(logout: LogoutToSend, in_response_to: str) -> BrowserMessage:
    message = samlp.LogoutResponse(
        id=logout.id,
        version="2.0",
        issue_instant=instant(logout.issued_at),
        destination=logout.url,
        in_response_to=in_response_to,
        issuer=saml.Issuer(text=logout.sp.entity_id),
        signature=_template(logout),
        status=samlp.Status(status_code=samlp.StatusCode(value=STATUS_SUCCESS)),
    )
    return _carried(message, logout, "SAMLResponse")


def _template(logout: LogoutToSend) -> ds.Signature | None:
    # A redirect signs the query instead (SAML bindings §3.4.4.1).
    return signature_template(logout.id, logout.sp.key) if logout.binding is Binding.POST else None


def _carried(message: SamlBase, logout: LogoutToSend, kind: str) -> BrowserMessage:
    if logout.binding is Binding.POST:
        document = to_signed_xml(message, logout.sp.key)
        form = {kind: base64.b64encode(document).decode("ascii")}
        if logout.relay_state is not None:
            form["RelayState"] = logout.relay_state
        return BrowserMessage(Binding.POST, logout.url, tuple(form.items()))
    packed = http_redirect_message(
        to_xml(message).decode("utf-8"),
        logout.url,
        relay_state=logout.relay_state or "",
        typ=kind,
        sigalg=ds.SIG_RSA_SHA256,
        sign=True,
        backend=QuerySigner(logout.sp.key),
    )
    headers = cast("list[tuple[str, str]]", packed["headers"])
    return BrowserMessage(Binding.REDIRECT, dict(headers)["Location"])
