"""Who may do what: one table.

A *standing* is what a caller is to the organization a request speaks of. The table lists, for each operation, the
standings that suffice. An operation missing from it is refused to everybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ostiary.domain.account import SessionKind
from ostiary.domain.errors import DomainError, Kind, forbidden, unauthenticated
from ostiary.domain.membership import Role
from ostiary.domain.operation import Operation
from ostiary.domain.principal import CredentialKind, Principal
from ostiary.domain.setup_link import SetupIntent


class Standing(StrEnum):
    """What a caller is, seen from one organization."""

    ANYONE = "anyone"
    SIGNED_IN = "signed_in"
    PASSWORD_SESSION = "password_session"
    MEMBER = "member"
    DATABASE_ADMINISTRATOR = "database_administrator"
    ADMINISTRATOR = "administrator"
    SERVICE_MEMBER = "service_member"
    SERVICE_ADMINISTRATOR = "service_administrator"
    RECOVERY = "recovery"
    SETUP_SSO = "setup_sso"
    SETUP_DIRECTORY = "setup_directory"
    SETUP_DOMAIN = "setup_domain"
    DIRECTORY = "directory"
    OPERATOR = "operator"


_ANYONE = frozenset({Standing.ANYONE})
_SIGNED_IN = frozenset({Standing.SIGNED_IN})
_PASSWORD_SESSION = frozenset({Standing.PASSWORD_SESSION})
# What a service account must not do: make more of its kind, or hand out what is meant for people.
_PEOPLE_ADMINISTRATING = frozenset({Standing.ADMINISTRATOR})
_ADMINISTRATORS = frozenset({Standing.ADMINISTRATOR, Standing.SERVICE_ADMINISTRATOR})
_MEMBERS = _ADMINISTRATORS | {Standing.MEMBER, Standing.SERVICE_MEMBER}
_DATABASE_ADMINISTRATORS = _ADMINISTRATORS | {Standing.DATABASE_ADMINISTRATOR}
_REPAIRERS = _ADMINISTRATORS | {Standing.RECOVERY}
_OPERATOR = frozenset({Standing.OPERATOR})

PERMISSIONS: Mapping[Operation, frozenset[Standing]] = {
    Operation.SIGN_UP: _ANYONE,
    Operation.SIGN_IN: _ANYONE,
    Operation.DISCOVER: _ANYONE,
    Operation.EXCHANGE_CODE: _ANYONE,
    Operation.REQUEST_PASSWORD_RESET: _ANYONE,
    Operation.CONFIRM_PASSWORD_RESET: _ANYONE,
    Operation.VERIFY_EMAIL: _ANYONE,
    Operation.RECOVER: _ANYONE,
    Operation.REQUEST_RECOVERY_LINK: _ANYONE,
    Operation.RECOVER_BY_LINK: _ANYONE,
    Operation.VERIFY_CREDENTIAL: _ANYONE,
    Operation.SIGN_OUT: _SIGNED_IN | {Standing.RECOVERY},
    Operation.GET_ME: _SIGNED_IN,
    Operation.UPDATE_ME: _SIGNED_IN,
    Operation.LIST_MY_ORGANIZATIONS: _SIGNED_IN,
    Operation.LIST_MY_SESSIONS: _SIGNED_IN,
    Operation.REVOKE_MY_SESSION: _SIGNED_IN,
    Operation.REVOKE_MY_OTHER_SESSIONS: _SIGNED_IN,
    Operation.CHANGE_PASSWORD: _PASSWORD_SESSION,
    Operation.CHANGE_EMAIL: _PASSWORD_SESSION,
    Operation.CONFIRM_EMAIL: _ANYONE,
    Operation.CREATE_ORGANIZATION: _PASSWORD_SESSION,
    Operation.ACCEPT_INVITATION: _PASSWORD_SESSION,
    Operation.GET_ORGANIZATION: _MEMBERS,
    Operation.UPDATE_ORGANIZATION: _ADMINISTRATORS,
    Operation.DELETE_ORGANIZATION: _PEOPLE_ADMINISTRATING,
    Operation.RESTORE_ORGANIZATION: _PEOPLE_ADMINISTRATING,
    Operation.RESTORE_ORGANIZATION_BY_SUPPORT: _OPERATOR,
    Operation.LIST_MEMBERS: _MEMBERS,
    Operation.GET_MEMBER: _MEMBERS,
    Operation.UPDATE_MEMBER: _ADMINISTRATORS,
    Operation.REMOVE_MEMBER: _ADMINISTRATORS,
    Operation.REQUIRE_SSO_OF_MEMBER: _ADMINISTRATORS,
    Operation.SUSPEND_MEMBER: _ADMINISTRATORS,
    Operation.REACTIVATE_MEMBER: _ADMINISTRATORS,
    Operation.LIST_MEMBER_IDENTITIES: _ADMINISTRATORS,
    Operation.DELETE_MEMBER_IDENTITIES: _ADMINISTRATORS,
    Operation.CREATE_INVITATION: _ADMINISTRATORS,
    Operation.LIST_INVITATIONS: _ADMINISTRATORS,
    Operation.RESEND_INVITATION: _ADMINISTRATORS,
    Operation.REVOKE_INVITATION: _ADMINISTRATORS,
    Operation.CREATE_TEAM: _ADMINISTRATORS,
    Operation.LIST_TEAMS: _MEMBERS,
    Operation.GET_TEAM: _MEMBERS,
    Operation.UPDATE_TEAM: _ADMINISTRATORS,
    Operation.DELETE_TEAM: _ADMINISTRATORS,
    Operation.ADD_TEAM_MEMBER: _ADMINISTRATORS,
    Operation.REMOVE_TEAM_MEMBER: _ADMINISTRATORS,
    Operation.CREATE_DATABASE: _ADMINISTRATORS,
    Operation.LIST_DATABASES: _MEMBERS,
    Operation.GET_DATABASE: _MEMBERS,
    Operation.DELETE_DATABASE: _ADMINISTRATORS,
    Operation.GRANT_DATABASE_ADMINISTRATOR: _ADMINISTRATORS,
    Operation.REVOKE_DATABASE_ADMINISTRATOR: _ADMINISTRATORS,
    Operation.CREATE_CREDENTIAL: _DATABASE_ADMINISTRATORS,
    Operation.LIST_CREDENTIALS: _DATABASE_ADMINISTRATORS,
    Operation.LIST_ORGANIZATION_CREDENTIALS: _ADMINISTRATORS,
    Operation.REVOKE_CREDENTIAL: _DATABASE_ADMINISTRATORS,
    Operation.REVOKE_CREDENTIALS: _ADMINISTRATORS,
    Operation.CREATE_SERVICE_ACCOUNT: _PEOPLE_ADMINISTRATING,
    Operation.LIST_SERVICE_ACCOUNTS: _ADMINISTRATORS,
    Operation.GET_SERVICE_ACCOUNT: _ADMINISTRATORS,
    Operation.UPDATE_SERVICE_ACCOUNT: _PEOPLE_ADMINISTRATING,
    Operation.DELETE_SERVICE_ACCOUNT: _PEOPLE_ADMINISTRATING,
    Operation.CREATE_SERVICE_ACCOUNT_TOKEN: _PEOPLE_ADMINISTRATING,
    Operation.LIST_SERVICE_ACCOUNT_TOKENS: _ADMINISTRATORS,
    Operation.LIST_TOKENS: _ADMINISTRATORS,
    Operation.REVOKE_TOKEN: _ADMINISTRATORS,
    Operation.REVOKE_TOKENS: _ADMINISTRATORS,
    Operation.ADD_DOMAIN: _ADMINISTRATORS | {Standing.SETUP_DOMAIN},
    Operation.LIST_DOMAINS: _ADMINISTRATORS,
    Operation.GET_DOMAIN: _ADMINISTRATORS | {Standing.SETUP_DOMAIN},
    Operation.VERIFY_DOMAIN: _ADMINISTRATORS | {Standing.SETUP_DOMAIN},
    Operation.DELETE_DOMAIN: _ADMINISTRATORS,
    Operation.CREATE_CONNECTION: _ADMINISTRATORS | {Standing.SETUP_SSO},
    Operation.LIST_CONNECTIONS: _REPAIRERS,
    Operation.GET_CONNECTION: _REPAIRERS | {Standing.SETUP_SSO},
    Operation.UPDATE_CONNECTION: _REPAIRERS | {Standing.SETUP_SSO},
    Operation.DELETE_CONNECTION: _ADMINISTRATORS,
    Operation.REFRESH_CONNECTION_METADATA: _REPAIRERS | {Standing.SETUP_SSO},
    Operation.GET_STAGED_METADATA: _REPAIRERS | {Standing.SETUP_SSO},
    Operation.APPLY_STAGED_METADATA: _REPAIRERS | {Standing.SETUP_SSO},
    Operation.DISCARD_STAGED_METADATA: _REPAIRERS | {Standing.SETUP_SSO},
    Operation.ROTATE_SP_KEY: _ADMINISTRATORS,
    Operation.TEST_CONNECTION: _ADMINISTRATORS | {Standing.SETUP_SSO},
    Operation.ACTIVATE_CONNECTION: _REPAIRERS,
    Operation.DEACTIVATE_CONNECTION: _REPAIRERS,
    Operation.GET_SSO: _REPAIRERS,
    Operation.UPDATE_SSO: _ADMINISTRATORS,
    Operation.PREVIEW_SSO_ENABLEMENT: _ADMINISTRATORS,
    Operation.ENABLE_SSO: _ADMINISTRATORS,
    Operation.PREVIEW_SSO_DISABLEMENT: _REPAIRERS,
    Operation.DISABLE_SSO: _REPAIRERS,
    Operation.RENEW_RECOVERY_CODES: _PEOPLE_ADMINISTRATING,
    Operation.GET_DIRECTORY: _ADMINISTRATORS | {Standing.SETUP_DIRECTORY},
    Operation.UPDATE_DIRECTORY: _ADMINISTRATORS | {Standing.SETUP_DIRECTORY},
    Operation.PREVIEW_DIRECTORY_UPDATE: _ADMINISTRATORS,
    Operation.PREVIEW_DIRECTORY_ENABLEMENT: _ADMINISTRATORS,
    Operation.ENABLE_DIRECTORY: _ADMINISTRATORS,
    Operation.DISABLE_DIRECTORY: _REPAIRERS,
    Operation.CREATE_DIRECTORY_TOKEN: _ADMINISTRATORS,
    Operation.LIST_DIRECTORY_TOKENS: _ADMINISTRATORS,
    Operation.REVOKE_DIRECTORY_TOKEN: _ADMINISTRATORS,
    Operation.LIST_DIRECTORY_USERS: _ADMINISTRATORS,
    Operation.LIST_DIRECTORY_GROUPS: _ADMINISTRATORS,
    Operation.LIST_DIRECTORY_REQUESTS: _ADMINISTRATORS,
    Operation.CREATE_SETUP_LINK: _PEOPLE_ADMINISTRATING,
    Operation.LIST_SETUP_LINKS: _ADMINISTRATORS,
    Operation.GET_SETUP_LINK: _ADMINISTRATORS,
    Operation.REVOKE_SETUP_LINK: _ADMINISTRATORS,
    Operation.GET_SETUP: frozenset({Standing.SETUP_SSO, Standing.SETUP_DIRECTORY, Standing.SETUP_DOMAIN}),
    Operation.PREVIEW_REMOVE_UNMATCHED: _ADMINISTRATORS,
    Operation.REMOVE_UNMATCHED: _ADMINISTRATORS,
    Operation.LIST_HELD_MEMBERS: _ADMINISTRATORS,
    Operation.UNDO_BREAKER: _ADMINISTRATORS,
    Operation.CONFIRM_BREAKER: _ADMINISTRATORS,
    Operation.LIST_SIGN_INS: _REPAIRERS,
    Operation.GET_SIGN_IN: _REPAIRERS,
    Operation.LIST_AUDIT_EVENTS: _ADMINISTRATORS,
    Operation.EXPORT_AUDIT_EVENTS: _ADMINISTRATORS,
    Operation.CREATE_WEBHOOK: _ADMINISTRATORS,
    Operation.LIST_WEBHOOKS: _ADMINISTRATORS,
    Operation.GET_WEBHOOK: _ADMINISTRATORS,
    Operation.UPDATE_WEBHOOK: _ADMINISTRATORS,
    Operation.DELETE_WEBHOOK: _ADMINISTRATORS,
    Operation.ROTATE_WEBHOOK_SECRET: _ADMINISTRATORS,
    Operation.TEST_WEBHOOK: _ADMINISTRATORS,
    Operation.LIST_WEBHOOK_DELIVERIES: _ADMINISTRATORS,
    Operation.GET_WEBHOOK_DELIVERY: _ADMINISTRATORS,
    Operation.REDELIVER_WEBHOOK: _ADMINISTRATORS,
    Operation.SET_ENTITLEMENTS: _OPERATOR,
    Operation.LIST_ALL_ORGANIZATIONS: _OPERATOR,
    Operation.ADD_DOMAIN_FOR_ORGANIZATION: _OPERATOR,
    Operation.VOUCH_FOR_DOMAIN: _OPERATOR,
    Operation.RECOVER_ORGANIZATION: _OPERATOR,
    Operation.PROVISION: frozenset({Standing.DIRECTORY}),
}


_BY_INTENT: Mapping[SetupIntent, Standing] = {
    SetupIntent.SSO: Standing.SETUP_SSO,
    SetupIntent.DIRECTORY: Standing.SETUP_DIRECTORY,
    SetupIntent.DOMAIN: Standing.SETUP_DOMAIN,
}


def standings_of_setup_link(intent: SetupIntent) -> frozenset[Standing]:
    """What the bearer of a living setup link is to the link's organization (R7)."""
    return frozenset({_BY_INTENT[intent]})


def standings_of_service_account(role: Role) -> frozenset[Standing]:
    """What a service account is to its organization: by its role alone, whatever single sign-on asks of people (R1)."""
    if role is Role.ADMINISTRATOR:
        return frozenset({Standing.SERVICE_MEMBER, Standing.SERVICE_ADMINISTRATOR})
    return frozenset({Standing.SERVICE_MEMBER})


def operations_open_to(standings: frozenset[Standing]) -> frozenset[Operation]:
    """The operations for which one of the standings suffices."""
    return frozenset(operation for operation, sufficing in PERMISSIONS.items() if sufficing & standings)


def standings_without_organization(principal: Principal | None) -> frozenset[Standing]:
    """What the caller is where no organization is named: nobody, a signed-in account, the operator."""
    if principal is None:
        return _ANYONE
    if principal.kind is CredentialKind.OPERATOR_TOKEN:
        return _ANYONE | _OPERATOR
    if principal.kind is CredentialKind.SESSION:
        return _ANYONE | _of_session(principal.session_kind)
    if principal.setup_intent is not None:
        return _ANYONE | standings_of_setup_link(principal.setup_intent)
    if principal.kind is CredentialKind.SERVICE_ACCOUNT_TOKEN:
        return _ANYONE
    return _ANYONE | {Standing.DIRECTORY}


def _of_session(kind: SessionKind | None) -> frozenset[Standing]:
    if kind is SessionKind.RECOVERY:
        return frozenset({Standing.RECOVERY})
    return _SIGNED_IN | _PASSWORD_SESSION if kind is SessionKind.PASSWORD else _SIGNED_IN


def ensure_permitted(operation: Operation, standings: frozenset[Standing], principal: Principal | None) -> None:
    """Refuse unless one of the standings suffices: 401 to callers without a credential, else 403 `forbidden` (R1)."""
    if PERMISSIONS.get(operation, frozenset()) & standings:
        return
    if principal is None:
        raise unauthenticated("authentication_required", "Send a session or token as 'Authorization: Bearer …'.")
    raise forbidden("forbidden", "Your role does not allow this. Ask an administrator of the organization.")


@dataclass(frozen=True, slots=True)
class OrganizationView:
    """What the look-up of a caller in an organization found; `member_*` are None for those who are no member."""

    organization_id: str
    sign_in_url: str
    sso_required: bool = False
    is_member: bool = False
    is_suspended: bool = False
    is_administrator: bool = False
    is_database_administrator: bool = False


def standings_in(principal: Principal, view: OrganizationView) -> frozenset[Standing]:
    """What the caller is in the organization (R12, R17, R27).

    Raises 404 for strangers, who may not even know that it exists; 403 `sso_required` for a member with the wrong
    kind of session; 403 `membership_suspended`.
    """
    stranger = DomainError(Kind.NOT_FOUND, "organization_not_found", "There is no such organization for you.")
    if principal.kind is not CredentialKind.SESSION:
        raise stranger
    bound_here = principal.organization_id == view.organization_id
    if principal.session_kind is SessionKind.RECOVERY:
        if not bound_here or not view.is_administrator or view.is_suspended:
            raise stranger
        return frozenset({Standing.RECOVERY})
    if not view.is_member:
        raise stranger
    if view.is_suspended:
        raise forbidden("membership_suspended", "Your membership is suspended. Ask an administrator of it.")
    is_sso = principal.session_kind is SessionKind.SSO
    if is_sso and not bound_here and not view.sso_required:
        raise forbidden(
            "password_sign_in_required",
            "This session was opened by another organization's single sign-on. Sign in here with your password.",
        )
    if view.sso_required and not bound_here:
        raise forbidden(
            "sso_required",
            "This organization is opened by signing in through it. Follow sign_in_url.",
            sign_in_url=view.sign_in_url,
        )
    standings = {Standing.SIGNED_IN, Standing.MEMBER}
    if view.is_administrator:
        standings.add(Standing.ADMINISTRATOR)
    if view.is_database_administrator:
        standings.add(Standing.DATABASE_ADMINISTRATOR)
    return frozenset(standings)
