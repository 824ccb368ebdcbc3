"""Credential → principal: bearer secrets and the session cookie, with the cross-site guard the cookie needs."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from ostiary.api.request_id import request_id_of
from ostiary.domain.errors import forbidden, unauthenticated
from ostiary.domain.principal import OPERATOR, CredentialKind, Principal
from ostiary.services import secrets
from ostiary.services.context import Caller, Client

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_SECRET_LENGTH = 256
_MAX_USER_AGENT_LENGTH = 400


class PrincipalLookup(Protocol):
    """Finds who a secret belongs to."""

    async def session(self, secret: str) -> Principal | None:
        """The caller behind a session secret."""
        ...

    async def service_account(self, secret: str) -> Principal | None:
        """The service account behind a token."""
        ...

    async def directory_by_service_account(self, secret: str) -> Principal | None:
        """The directory that an administrating service account may push to."""
        ...

    async def setup_link(self, secret: str) -> Principal | None:
        """The bearer of a setup link."""
        ...

    async def directory_token(self, secret: str) -> Principal | None:
        """The directory behind a SCIM bearer token."""
        ...


@dataclass(frozen=True, slots=True)
class SessionCookies:
    """The session cookie: its name, and the origins whose pages may change state with it.

    `secure` is off in development alone, where there is no https; the `__Host-` name goes with it.
    """

    secure: bool
    origins: frozenset[str]

    @property
    def name(self) -> str:
        """The cookie's name."""
        return "__Host-ostiary" if self.secure else "ostiary"

    def set_session(self, response: Response, token: str, expires_at: datetime) -> None:
        """Hand the browser a session; scripts never see it, and other sites' requests go without it."""
        response.set_cookie(
            self.name, token, expires=expires_at, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def drop_session(self, response: Response) -> None:
        """Have the browser forget its session."""
        response.delete_cookie(self.name, path="/", secure=self.secure, httponly=True, samesite="lax")


@dataclass(frozen=True, slots=True)
class Authenticator:
    """How requests prove who they are."""

    lookup: PrincipalLookup
    operator_token: str | None
    cookies: SessionCookies

    async def caller(self, request: Request) -> Caller:
        """The caller; anonymous where no credential came, 401 where one came that is not valid."""
        request_id = request_id_of(request)
        secret = _bearer(request)
        if secret is not None:
            return Caller(await self._principal(secret), request_id, client_of(request))
        cookie = request.cookies.get(self.cookies.name)
        if cookie is None:
            return Caller(None, request_id, client_of(request))
        if request.method not in _SAFE_METHODS and request.headers.get("origin") not in self.cookies.origins:
            raise forbidden(
                "origin_not_allowed",
                "A request that changes something with the session cookie must come from an allowed origin. Send the "
                "session as a bearer token instead, or have the operator allow the origin.",
            )
        principal = await self.lookup.session(cookie[:_MAX_SECRET_LENGTH])
        return Caller(principal, request_id, client_of(request))

    async def _principal(self, secret: str) -> Principal:
        principal = None
        if self.operator_token and hmac.compare_digest(secret.encode(), self.operator_token.encode()):
            principal = OPERATOR
        elif secret.startswith(secrets.SESSION):
            principal = await self.lookup.session(secret)
        elif secret.startswith(secrets.SERVICE_ACCOUNT):
            principal = await self.lookup.service_account(secret)
        elif secret.startswith(secrets.SETUP):
            principal = await self.lookup.setup_link(secret)
        if principal is None:
            raise unauthenticated("invalid_token", "This token is unknown, has expired or was revoked. Sign in again.")
        return principal

    async def directory(self, request: Request) -> Caller:
        """The directory behind a SCIM request's bearer token; raises 401 (R48)."""
        secret = _bearer(request)
        principal = None
        if secret is not None and secret.startswith(secrets.SCIM):
            principal = await self.lookup.directory_token(secret)
        elif secret is not None and secret.startswith(secrets.SERVICE_ACCOUNT):
            principal = await self.lookup.directory_by_service_account(secret)
        if principal is None or principal.kind is not CredentialKind.DIRECTORY_TOKEN:
            raise unauthenticated(
                "invalid_token",
                "Send the directory's token as 'Authorization: Bearer ost_scim_…', while Directory Sync is on. An "
                "administrator makes one at POST /v1/organizations/{org}/directory/tokens. The token of a service "
                "account does too, if that is an administrator.",
            )
        return Caller(principal, request_id_of(request))


def client_of(request: Request) -> Client:
    """Where the request came from; behind proxies the operator trusts, what they say of it."""
    user_agent = request.headers.get("user-agent")
    return Client(request.client.host if request.client else None, user_agent and user_agent[:_MAX_USER_AGENT_LENGTH])


def _bearer(request: Request) -> str | None:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return None
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret or len(secret) > _MAX_SECRET_LENGTH:
        raise unauthenticated("invalid_token", "Send the credential as 'Authorization: Bearer <token>'.")
    return secret
