"""The mails we write: plain text, one per occasion, the link last."""

from datetime import datetime, timedelta

from ostiary.domain.connection import Connection
from ostiary.domain.connection_warnings import told
from ostiary.domain.directory_token import DirectoryToken
from ostiary.domain.domain_name import EmailDomain
from ostiary.domain.idp_metadata import MetadataChange
from ostiary.domain.invitation import Invitation
from ostiary.domain.organization import Organization
from ostiary.domain.webhook import DisabledReason, Webhook
from ostiary.services.ports.world import Mail


def verify_email(to: str, base_url: str, token: str) -> Mail:
    """Proves an address at sign-up."""
    return Mail(
        to,
        "Confirm your e-mail address",
        "Welcome. Confirm that this address is yours with the token below (POST /v1/auth/verify-email at "
        f"{base_url}). It works once, for 24 hours.\n\n{token}\n",
    )


def reset_password(to: str, base_url: str, token: str) -> Mail:
    """Lets a person who can read this mailbox set a new password."""
    return Mail(
        to,
        "Reset your password",
        "Somebody, you we hope, asked for a new password. Set it with the token below "
        f"(POST /v1/auth/password-reset/confirm at {base_url}). It works once, for 30 minutes. If it was not you, "
        f"do nothing.\n\n{token}\n",
    )


def invitation(organization: Organization, invited: Invitation, invited_by: str, base_url: str, token: str) -> Mail:
    """Carries the secret of an invitation."""
    return Mail(
        invited.email,
        f"Join {organization.name}",
        f"{invited_by} invites you to {organization.name} as {invited.role}. Sign in or sign up with this address, "
        f"then accept with the token below (POST /v1/invitations/accept at {base_url}) before "
        f"{invited.expires_at:%d %B %Y, %H:%M} UTC.\n\n{token}\n",
    )


def leave_address(to: str, wanted: str, base_url: str, token: str) -> Mail:
    """Asks the present address whether the account may leave it."""
    return Mail(
        to,
        "Change your e-mail address?",
        f"Somebody, you we hope, wants to sign in as {wanted} instead of by this address. If it was you, agree with "
        f"the token below (POST /v1/auth/confirm-email at {base_url}); the new address is asked too. It works for 24 "
        f"hours. If it was not you, change your password now: whoever it was is signed in as you.\n\n{token}\n",
    )


def take_address(to: str, present: str, base_url: str, token: str) -> Mail:
    """Asks the wanted address whether the account may take it."""
    return Mail(
        to,
        "Confirm your new e-mail address",
        f"{present} wants to sign in by this address from now on. If that is you, agree with the token below "
        f"(POST /v1/auth/confirm-email at {base_url}); the present address is asked too. It works for 24 hours. If it "
        f"is not you, do nothing.\n\n{token}\n",
    )


def address_is_taken(to: str) -> Mail:
    """Tells the owner of an account that somebody wanted its address."""
    return Mail(
        to,
        "Your e-mail address was asked for",
        "Somebody wanted to change the address of another account to this one. There is an account with it already, so "
        "nothing was changed. If it was you, sign in to this account, or reset its password.\n",
    )


def address_changed(to: str, new_email: str, organization_name: str) -> Mail:
    """Tells the old address that an identity provider renamed the person (R33)."""
    return Mail(
        to,
        "Your e-mail address was changed",
        f"The identity provider of {organization_name} changed your sign-in address to {new_email}. If that is wrong, "
        "ask your administrator.\n",
    )


def recovery_link(to: str, organization_name: str, base_url: str, token: str) -> Mail:
    """The mailed half of a recovery, for an administrator who does not know the password (R62)."""
    return Mail(
        to,
        f"Repair single sign-on of {organization_name}",
        f"Send the token below with one of your recovery codes to POST /v1/auth/recover at {base_url}. It works once, "
        f"for 30 minutes. If you did not ask for it, do nothing.\n\n{token}\n",
    )


def recovery_used(to: str, organization_name: str, who: str) -> Mail:
    """Tells every administrator that a recovery code was used (R62)."""
    return Mail(
        to,
        f"A recovery code of {organization_name} was used",
        f"{who} used a recovery code to repair single sign-on of {organization_name}. The session lasts 15 minutes. If "
        "nobody you trust did this, renew the recovery codes and look at the audit events now.\n",
    )


def support_recovery_link(to: str, organization_name: str, base_url: str, reason: str, token: str) -> Mail:
    """Support's way in for one administrator; it needs nothing else (R62)."""
    return Mail(
        to,
        f"Repair single sign-on of {organization_name}",
        f"Support sends you this because you are locked out ({reason}). Send the token below to "
        f"POST /v1/auth/recover/by-link at {base_url}. It works once, for two hours, and opens a session of 15 minutes "
        f"that can only repair single sign-on. If you did not ask for it, tell support now.\n\n{token}\n",
    )


def support_recovery_begun(to: str, organization_name: str, for_whom: str, reason: str) -> Mail:
    """Tells every administrator that support had a link mailed (R62)."""
    return Mail(
        to,
        f"Support lets {for_whom} repair {organization_name}",
        f"Support has mailed {for_whom} a link to repair single sign-on of {organization_name}. The reason given: "
        f"{reason}. If nobody of you asked for this, tell support now.\n",
    )


def support_recovery_used(to: str, organization_name: str, who: str) -> Mail:
    """Tells every administrator that support's link was used (R62)."""
    return Mail(
        to,
        f"Support's recovery link of {organization_name} was used",
        f"{who} used the link support had mailed to repair single sign-on of {organization_name}. The session lasts 15 "
        "minutes. If nobody you trust did this, tell support now.\n",
    )


def domain_failing(to: str, organization_name: str, domain: EmailDomain) -> Mail:
    """Warns an administrator that a domain's record is gone (R3)."""
    return Mail(
        to,
        f"The DNS record of {domain.unicode_name} is missing",
        f"We looked for the TXT record that proves {domain.unicode_name} for {organization_name} and did not find it. "
        f"Publish it again before {domain.fails_at:%d %B %Y, %H:%M} UTC: after that nobody new can sign in from "
        f"this domain. Members still can.\n\n{_record(domain)}",
    )


def domain_lapsed(to: str, organization_name: str, domain: EmailDomain) -> Mail:
    """Tells an administrator that a domain admits nobody new any more (R3)."""
    return Mail(
        to,
        f"{domain.unicode_name} admits no new users",
        f"The TXT record that proves {domain.unicode_name} for {organization_name} is still missing. From now on "
        "nobody new can sign in from this domain, and it is not offered at sign-in. Members still sign in. Publish the "
        f"record to mend it.\n\n{_record(domain)}",
    )


def domain_vouched_for(to: str, organization_name: str, domain: EmailDomain) -> Mail:
    """Tells an administrator that support took a domain as proven (R3)."""
    return Mail(
        to,
        f"Support vouches for {domain.unicode_name}",
        f"Support has taken {domain.unicode_name} as a domain of {organization_name} until "
        f"{domain.override_until:%d %B %Y, %H:%M} UTC, without its DNS record. Publish the record before then. If "
        f"nobody of you asked for this, tell support now.\n\n{_record(domain)}",
    )


def webhook_disabled(to: str, organization_name: str, webhook: Webhook) -> Mail:
    """Tells an administrator that a receiver is not told of events any more."""
    why = (
        "It answered with status 410, which asks us to stop."
        if webhook.disabled_reason is DisabledReason.GONE
        else "It has taken nothing for five days."
    )
    return Mail(
        to,
        f"A webhook of {organization_name} was switched off",
        f"{organization_name} sends events to the address below no longer. {why} Mend the receiver, then switch the "
        f"webhook {webhook.id} on again; events it missed can be delivered again for 30 days.\n\n{webhook.url}\n",
    )


def organization_deleted(to: str, organization: Organization, by: str, base_url: str) -> Mail:
    """Tells an administrator that the organization was deleted, until when it can be had back, and how."""
    path = f"{base_url}/v1/organizations/{organization.slug}/restore"
    return Mail(
        to,
        f"{organization.name} was deleted",
        f"{by} deleted {organization.name}. Nobody can sign in to it or use anything of it, database credentials and "
        f"tokens included. Until {organization.purged_at:%d %B %Y, %H:%M} UTC an administrator can have it back as it "
        f"was: sign in with your password, then POST {path}. Support can restore it too. After that it is gone for "
        "good.\n",
    )


def organization_restored(to: str, organization: Organization) -> Mail:
    """Tells an administrator that the organization is back."""
    return Mail(
        to,
        f"{organization.name} was restored",
        f"{organization.name} is no longer deleted: members, teams, databases, credentials, tokens and single sign-on "
        "are as they were. Everybody signs in again.\n",
    )


def _record(domain: EmailDomain) -> str:
    return f"Name: {domain.txt_name}\nValue: {domain.txt_value}\n"


def directory_token_ends(
    to: str, organization: Organization, token: DirectoryToken, base_url: str, *, has_ended: bool
) -> Mail:
    """Tells an administrator that the identity provider's token ends, or has ended."""
    path = f"{base_url}/v1/organizations/{organization.slug}/directory/tokens"
    used = f"was last used on {token.last_used_at:%d %B %Y}" if token.last_used_at else "was never used"
    if has_ended:
        what = "has expired. A directory that still sends it changes nothing here: people who leave keep their access"
    else:
        what = f"expires on {token.expires_at:%d %B %Y, %H:%M} UTC. From then on people who leave keep their access"
    return Mail(
        to,
        f"A directory token of {organization.name} {'has expired' if has_ended else 'expires soon'}",
        f"The token {token.id} of the directory of {organization.name} {what}, and people who join get none. It "
        f"{used}. If your identity provider uses it, make another one (POST {path}) and enter it there. If not, revoke "
        f"it (DELETE {path}/{token.id}).\n",
    )


def breaker_tripped(
    to: str, organization: Organization, departures: int, members: int, window: timedelta, base_url: str
) -> Mail:
    """Tells an administrator that the directory takes away so many that it may be a mistake."""
    path = f"{base_url}/v1/organizations/{organization.slug}/directory/breaker"
    minutes = int(window.total_seconds()) // 60
    return Mail(
        to,
        f"The directory of {organization.name} is taking away many members",
        f"Within {minutes} minutes the directory took away {departures} of {members} members of {organization.name}. "
        "Whoever it takes from now on is suspended: they have no access, and nothing of theirs is deleted. See who "
        f"that is (GET {path}/members). If it is a mistake, mend it at the identity provider, then give them their "
        f"access back (POST {path}/undo). If it is right, let them be removed (POST {path}/confirm).\n",
    )


def metadata_staged(
    to: str, organization: Organization, connection: Connection, changes: tuple[MetadataChange, ...], base_url: str
) -> Mail:
    """Tells an administrator of changed metadata that is not taken over by itself."""
    path = f"{base_url}/v1/organizations/{organization.slug}/connections/{connection.id}/staged-metadata"
    return Mail(
        to,
        f"The metadata of {connection.name} waits for you",
        f"The identity provider of {connection.name}, by which {organization.name} signs in, publishes new metadata. "
        f"It changes {told(changes)}. Nothing of it was taken over: if you did not expect it, somebody may want to "
        f"sign in as you. Ask who runs the identity provider, look at it (GET {path}), then take it over "
        f"(POST {path}/apply) or not (POST {path}/discard).\n",
    )


def certificates_expiring(
    to: str, organization: Organization, connection: Connection, days: int, ends: datetime, base_url: str
) -> Mail:
    """Warns an administrator of the end of the identity provider's last certificate, or tells of it."""
    path = f"{base_url}/v1/organizations/{organization.slug}/connections/{connection.id}"
    when = f"expires on {ends:%d %B %Y, %H:%M} UTC" if days else f"expired on {ends:%d %B %Y, %H:%M} UTC"
    left = f" in {days} day{'s' * (days != 1)}" if days else ""
    source = (
        f"Renew it there; we read the metadata every day (POST {path}/refresh-metadata reads it now)."
        if connection.metadata_url
        else f"Renew it there, and give us the new one as well (PATCH {path}, idp)."
    )
    return Mail(
        to,
        f"Sign-in to {organization.name} stops{left}" if days else f"Nobody can sign in to {organization.name}",
        f"The last signing certificate of {connection.name}, the identity provider of {organization.name}, {when}. "
        f"{'From then on nobody can sign in through it' if days else 'Nobody can sign in through it any more'}. "
        f"{source}\n",
    )
