"""One valid request for each route, which every kind of caller sends.

To add a route, give it an `Ask` under its operation (REST) or under "METHOD /path" (everything else): what the body
holds, and which of the company's `things` its path names where the thing of the parameter's own name does not fit.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from ostiary.domain.access import PERMISSIONS, Standing
from ostiary.domain.operation import Operation
from tests.support.directory import bulk_of, group_document, patch_of, post_of, user_document
from tests.support.house import PASSWORD
from tests.support.sso import CHALLENGE, REDIRECT_URI, VERIFIER
from tests.support.walk_world import ACME, BOLTS

Things = Mapping[str, str]
Body = Callable[[Things], dict[str, Any]]
NEW_PASSWORD = "another sentence works too"


@dataclass(frozen=True, slots=True)
class Ask:
    """A valid request.

    `path` names the things for path parameters; `at` is the company whose things are named, where it is not the
    caller's home; `state` is SQL that makes the state in which it succeeds. `fails` says why no caller succeeds here.
    """

    body: Body | None = None
    path: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    form: Body | None = None
    cookies: Body | None = None
    at: str | None = None
    state: str | None = None
    fails: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, and the standings that suffice for it."""

    key: str
    method: str
    path: str
    allowed: frozenset[Standing]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of what the path names."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


def routes_of(app: FastAPI) -> Iterator[Route]:
    """Every route the application answers, in the contract or not."""
    for found in iter_route_contexts(app.routes):
        path = found.path or ""
        if path.startswith(("/static-offline-docs", "/docs", "/openapi.json")):
            continue
        # HEAD is GET's (`api/head.py`), whether its route names it or not.
        for method in sorted((found.methods or set()) - {"HEAD"}):
            # SCIM's routes are in no contract, and have none.
            operation = found.operation_id if path.startswith("/v1/") else None
            key = operation or f"{method} {path}"
            yield Route(key, method, path, _allowed(key, path))


def _allowed(key: str, path: str) -> frozenset[Standing]:
    if path.startswith("/v1/"):
        return PERMISSIONS.get(Operation(key), frozenset()) if key in set(Operation) else frozenset()
    return PERMISSIONS[Operation.PROVISION] if path.startswith("/scim/") else frozenset({Standing.ANYONE})


def _is(**fields: Any) -> Body:
    """A body without anything of the company in it."""
    return lambda _things: fields


_PENDING, _DRAFT = {"domain_id": "pending_domain_id"}, {"connection_id": "draft_connection_id"}
_TRIPPED = "UPDATE directories SET breaker_tripped_at = now() WHERE enabled"
_DELETED = "UPDATE organizations SET deleted_at = now()"
_NOT_OFFERED = "The service says that it does not offer this: 501, or 405."

_ACCOUNTS: dict[str, Ask] = {
    Operation.SIGN_UP: Ask(_is(email="new@elsewhere.test", password=PASSWORD, name="New")),
    Operation.SIGN_IN: Ask(lambda its: {"email": its["email"], "password": PASSWORD}, at=ACME),
    Operation.DISCOVER: Ask(lambda its: {"email": its["email"]}),
    Operation.EXCHANGE_CODE: Ask(lambda its: {"code": its["code"], "code_verifier": VERIFIER}, at=BOLTS),
    Operation.SIGN_OUT: Ask(),
    Operation.REQUEST_PASSWORD_RESET: Ask(lambda its: {"email": its["email"]}),
    Operation.CONFIRM_PASSWORD_RESET: Ask(lambda its: {"token": its["mailed reset"], "password": NEW_PASSWORD}),
    Operation.VERIFY_EMAIL: Ask(lambda its: {"token": its["mailed confirm"]}),
    Operation.RECOVER: Ask(
        lambda its: {
            "organization": its["org"],
            "email": its["email"],
            "recovery_code": its["recovery_code"],
            "password": PASSWORD,
        },
        at=BOLTS,
    ),
    Operation.REQUEST_RECOVERY_LINK: Ask(lambda its: {"organization": its["org"], "email": its["email"]}, at=BOLTS),
    Operation.RECOVER_BY_LINK: Ask(lambda its: {"token": its["recovery_link"]}, at=BOLTS),
    Operation.GET_ME: Ask(),
    Operation.UPDATE_ME: Ask(_is(name="Another")),
    Operation.LIST_MY_ORGANIZATIONS: Ask(),
    Operation.LIST_MY_SESSIONS: Ask(),
    Operation.REVOKE_MY_SESSION: Ask(),
    Operation.REVOKE_MY_OTHER_SESSIONS: Ask(),
    Operation.CHANGE_EMAIL: Ask(_is(email="another@elsewhere.test")),
    Operation.CONFIRM_EMAIL: Ask(lambda its: {"token": its["mailed change"]}),
    Operation.CHANGE_PASSWORD: Ask(_is(current=PASSWORD, new=NEW_PASSWORD)),
}

_ORGANIZATION: dict[str, Ask] = {
    Operation.CREATE_ORGANIZATION: Ask(_is(name="New", slug="brand-new")),
    Operation.GET_ORGANIZATION: Ask(),
    Operation.UPDATE_ORGANIZATION: Ask(_is(name="Another")),
    Operation.DELETE_ORGANIZATION: Ask(),
    Operation.RESTORE_ORGANIZATION: Ask(state=_DELETED),
    Operation.LIST_AUDIT_EVENTS: Ask(),
    Operation.EXPORT_AUDIT_EVENTS: Ask(),
    Operation.LIST_MEMBERS: Ask(),
    Operation.GET_MEMBER: Ask(),
    Operation.UPDATE_MEMBER: Ask(_is(role="administrator")),
    Operation.REMOVE_MEMBER: Ask(),
    Operation.REQUIRE_SSO_OF_MEMBER: Ask(path={"member_id": "founder_id"}),
    Operation.SUSPEND_MEMBER: Ask(),
    Operation.REACTIVATE_MEMBER: Ask(path={"member_id": "suspended_id"}),
    Operation.LIST_MEMBER_IDENTITIES: Ask(),
    Operation.DELETE_MEMBER_IDENTITIES: Ask(),
    Operation.CREATE_INVITATION: Ask(
        lambda its: {"email": "later@elsewhere.test", "role": "member", "team_ids": [its["team_id"]]}
    ),
    Operation.LIST_INVITATIONS: Ask(),
    Operation.RESEND_INVITATION: Ask(),
    Operation.REVOKE_INVITATION: Ask(),
    Operation.ACCEPT_INVITATION: Ask(lambda its: {"token": its["invitation_token"]}),
    Operation.CREATE_TEAM: Ask(_is(name="New")),
    Operation.LIST_TEAMS: Ask(),
    Operation.GET_TEAM: Ask(),
    Operation.UPDATE_TEAM: Ask(_is(name="Another")),
    Operation.DELETE_TEAM: Ask(),
    Operation.ADD_TEAM_MEMBER: Ask(),
    Operation.REMOVE_TEAM_MEMBER: Ask(path={"team_id": "other_team_id", "member_id": "databases_id"}),
    Operation.CREATE_DATABASE: Ask(_is(name="new")),
    Operation.LIST_DATABASES: Ask(),
    Operation.GET_DATABASE: Ask(),
    Operation.DELETE_DATABASE: Ask(),
    Operation.GRANT_DATABASE_ADMINISTRATOR: Ask(),
    Operation.REVOKE_DATABASE_ADMINISTRATOR: Ask(path={"member_id": "databases_id"}),
    Operation.CREATE_CREDENTIAL: Ask(_is(name="new")),
    Operation.LIST_CREDENTIALS: Ask(),
    Operation.LIST_ORGANIZATION_CREDENTIALS: Ask(),
    Operation.REVOKE_CREDENTIAL: Ask(),
    Operation.REVOKE_CREDENTIALS: Ask(lambda its: {"ids": [its["credential_id"]]}),
    Operation.VERIFY_CREDENTIAL: Ask(
        lambda its: {"username": its["credential_username"], "secret": its["credential_secret"]}
    ),
    Operation.CREATE_SERVICE_ACCOUNT: Ask(_is(name="New", role="administrator")),
    Operation.LIST_SERVICE_ACCOUNTS: Ask(),
    Operation.GET_SERVICE_ACCOUNT: Ask(),
    Operation.UPDATE_SERVICE_ACCOUNT: Ask(_is(role="administrator")),
    Operation.DELETE_SERVICE_ACCOUNT: Ask(),
    Operation.CREATE_SERVICE_ACCOUNT_TOKEN: Ask(_is(name="New", expires_at="2099-01-01T00:00:00Z")),
    Operation.LIST_SERVICE_ACCOUNT_TOKENS: Ask(),
    Operation.LIST_TOKENS: Ask(),
    Operation.REVOKE_TOKEN: Ask(path={"token_id": "service_token_id"}),
    Operation.REVOKE_TOKENS: Ask(lambda its: {"ids": [its["service_token_id"]]}),
    Operation.CREATE_WEBHOOK: Ask(lambda its: {"url": its["hook_url"], "event_types": ["member.*"]}),
    Operation.LIST_WEBHOOKS: Ask(),
    Operation.GET_WEBHOOK: Ask(),
    Operation.UPDATE_WEBHOOK: Ask(_is(event_types=["team.*"])),
    Operation.DELETE_WEBHOOK: Ask(),
    Operation.ROTATE_WEBHOOK_SECRET: Ask(_is(previous_expires_in_seconds=60)),
    Operation.TEST_WEBHOOK: Ask(),
    Operation.LIST_WEBHOOK_DELIVERIES: Ask(),
    Operation.GET_WEBHOOK_DELIVERY: Ask(),
    Operation.REDELIVER_WEBHOOK: Ask(),
}

_IDENTITY: dict[str, Ask] = {
    Operation.ADD_DOMAIN: Ask(lambda its: {"name": f"third.{its['org']}.test"}),
    Operation.LIST_DOMAINS: Ask(),
    Operation.GET_DOMAIN: Ask(path=_PENDING),
    Operation.VERIFY_DOMAIN: Ask(path=_PENDING),
    Operation.DELETE_DOMAIN: Ask(path=_PENDING),
    Operation.CREATE_CONNECTION: Ask(lambda its: {"name": "New", "provider": "okta", "domain_ids": [its["domain_id"]]}),
    Operation.LIST_CONNECTIONS: Ask(),
    Operation.GET_CONNECTION: Ask(path=_DRAFT),
    Operation.UPDATE_CONNECTION: Ask(
        lambda its: {"name": "Another", "domain_ids": [its["domain_id"]], "attribute_mapping": {"id": "uid"}},
        path=_DRAFT,
    ),
    Operation.DELETE_CONNECTION: Ask(path=_DRAFT),
    Operation.REFRESH_CONNECTION_METADATA: Ask(path=_DRAFT),
    Operation.GET_STAGED_METADATA: Ask(path=_DRAFT),
    Operation.APPLY_STAGED_METADATA: Ask(path=_DRAFT),
    Operation.DISCARD_STAGED_METADATA: Ask(path=_DRAFT),
    Operation.ROTATE_SP_KEY: Ask(_is(step="begin"), path=_DRAFT),
    Operation.TEST_CONNECTION: Ask(path=_DRAFT),
    Operation.ACTIVATE_CONNECTION: Ask(),
    Operation.DEACTIVATE_CONNECTION: Ask(),
    Operation.GET_SSO: Ask(),
    Operation.UPDATE_SSO: Ask(_is(session_duration_seconds=3600)),
    Operation.PREVIEW_SSO_ENABLEMENT: Ask(),
    Operation.ENABLE_SSO: Ask(_is(acknowledge_untested=True)),
    Operation.PREVIEW_SSO_DISABLEMENT: Ask(),
    Operation.DISABLE_SSO: Ask(lambda its: {"suspend_member_ids": [its["member_id"]]}),
    Operation.RENEW_RECOVERY_CODES: Ask(),
    Operation.GET_DIRECTORY: Ask(),
    Operation.UPDATE_DIRECTORY: Ask(_is(on_deactivate="suspend", breaker={"enabled": True})),
    Operation.PREVIEW_DIRECTORY_UPDATE: Ask(_is(manage_roles_via_directory=True)),
    Operation.PREVIEW_DIRECTORY_ENABLEMENT: Ask(),
    Operation.ENABLE_DIRECTORY: Ask(),
    Operation.DISABLE_DIRECTORY: Ask(),
    Operation.PREVIEW_REMOVE_UNMATCHED: Ask(),
    Operation.REMOVE_UNMATCHED: Ask(),
    Operation.CREATE_DIRECTORY_TOKEN: Ask(_is(expires_at="2099-01-01T00:00:00Z")),
    Operation.LIST_DIRECTORY_TOKENS: Ask(),
    Operation.REVOKE_DIRECTORY_TOKEN: Ask(),
    Operation.LIST_DIRECTORY_USERS: Ask(),
    Operation.LIST_DIRECTORY_GROUPS: Ask(),
    Operation.LIST_DIRECTORY_REQUESTS: Ask(),
    Operation.LIST_HELD_MEMBERS: Ask(),
    Operation.UNDO_BREAKER: Ask(state=_TRIPPED),
    Operation.CONFIRM_BREAKER: Ask(state=_TRIPPED),
    Operation.CREATE_SETUP_LINK: Ask(
        lambda its: {"intent": "domain", "expires_in": 3600, "domain_id": its["pending_domain_id"]}
    ),
    Operation.LIST_SETUP_LINKS: Ask(),
    Operation.GET_SETUP_LINK: Ask(),
    Operation.REVOKE_SETUP_LINK: Ask(),
    Operation.GET_SETUP: Ask(),
    Operation.LIST_SIGN_INS: Ask(),
    Operation.GET_SIGN_IN: Ask(),
}

_OPERATOR: dict[str, Ask] = {
    Operation.LIST_ALL_ORGANIZATIONS: Ask(),
    Operation.SET_ENTITLEMENTS: Ask(_is(plan="enterprise")),
    Operation.RESTORE_ORGANIZATION_BY_SUPPORT: Ask(_is(reason="A letter came."), state=_DELETED),
    Operation.ADD_DOMAIN_FOR_ORGANIZATION: Ask(_is(name="given.test", reason="A letter came.")),
    Operation.VOUCH_FOR_DOMAIN: Ask(_is(reason="A letter came."), path=_PENDING),
    Operation.RECOVER_ORGANIZATION: Ask(lambda its: {"member_id": its["founder_id"], "reason": "Locked."}, at=BOLTS),
}

_SIGNED_LOGOUT = "Asks for a sign-out that was begun, or a signed message; tests/e2e/saml proves it."
_BROWSERS: dict[str, Ask] = {
    "GET /healthz": Ask(),
    "GET /readyz": Ask(),
    "GET /metrics": Ask(fails="Asks for the operator's token alone; tests/e2e/test_metrics.py proves it."),
    "GET /sso/{org}": Ask(query={"redirect_uri": REDIRECT_URI, "state": "s", "code_challenge": CHALLENGE}, at=BOLTS),
    "GET /sso/{org}/test": Ask(query={"flow": "flow"}, at=BOLTS),
    "GET /sso/finish": Ask(
        query={"code": "browser_code"}, cookies=lambda its: {"ostiary_flow": its["flow_cookie"]}, at=BOLTS
    ),
    "POST /sso/finish": Ask(form=_is(code="none"), fails="Asks for a browser's origin; tests/e2e/saml proves it."),
    "GET /saml/{connection_id}/metadata": Ask(),
    "POST /saml/{connection_id}/acs": Ask(
        form=_is(SAMLResponse="bm9uZQ=="), fails="Asks for a signed assertion; tests/e2e/saml proves it."
    ),
    "GET /saml/{connection_id}/logout": Ask(query={"flow": "none"}, fails=_SIGNED_LOGOUT),
    "GET /saml/{connection_id}/slo": Ask(query={"SAMLRequest": "bm9uZQ=="}, fails=_SIGNED_LOGOUT),
    "POST /saml/{connection_id}/slo": Ask(form=_is(SAMLRequest="bm9uZQ=="), fails=_SIGNED_LOGOUT),
}

_SCIM: dict[str, Ask] = {
    "GET /scim/v2/Users": Ask(),
    "POST /scim/v2/Users": Ask(lambda its: user_document(f"new@{its['org']}.test")),
    "GET /scim/v2/Users/{user_id}": Ask(),
    "PUT /scim/v2/Users/{user_id}": Ask(lambda its: user_document(f"renamed@{its['org']}.test")),
    "PATCH /scim/v2/Users/{user_id}": Ask(_is(**patch_of({"op": "replace", "path": "active", "value": False}))),
    "DELETE /scim/v2/Users/{user_id}": Ask(),
    "GET /scim/v2/Groups": Ask(),
    "POST /scim/v2/Groups": Ask(lambda its: group_document("New", its["user_id"])),
    "GET /scim/v2/Groups/{group_id}": Ask(),
    "PUT /scim/v2/Groups/{group_id}": Ask(lambda its: group_document("Renamed", its["user_id"])),
    "PATCH /scim/v2/Groups/{group_id}": Ask(
        _is(**patch_of({"op": "replace", "path": "displayName", "value": "Patched"}))
    ),
    "DELETE /scim/v2/Groups/{group_id}": Ask(),
    "GET /scim/v2/ServiceProviderConfig": Ask(),
    "GET /scim/v2/ResourceTypes": Ask(),
    "GET /scim/v2/ResourceTypes/{name}": Ask(path={"name": "=User"}),
    "GET /scim/v2/Schemas": Ask(),
    "GET /scim/v2/Schemas/{schema_id}": Ask(path={"schema_id": "=urn:ietf:params:scim:schemas:core:2.0:User"}),
    **{f"GET /scim/v2{root}": Ask() for root in ("", "/")},
    **{f"POST /scim/v2{path}/.search": Ask(_is()) for path in ("", "/Users", "/Groups")},
    "POST /scim/v2/Bulk": Ask(lambda its: bulk_of(post_of(user_document(f"many@{its['org']}.test")))),
    **{f"{verb} /scim/v2/Me": Ask(fails=_NOT_OFFERED) for verb in ("GET", "POST", "PUT", "PATCH", "DELETE")},
}

ASKS: Mapping[str, Ask] = {**_ACCOUNTS, **_ORGANIZATION, **_IDENTITY, **_OPERATOR, **_BROWSERS, **_SCIM}
