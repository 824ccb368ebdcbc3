"""`ostiary demo`: the main story, played against a running `ostiary dev`, each step with its call and its answer."""

import json
import os
import sys
import time
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path

import httpx2
from scim2_client import SCIMClientException
from scim2_models import SCIMException

from ostiary.dev.directory_client import DirectoryClient
from ostiary.dev.narrator import Narrator, StoryBrokenError
from ostiary.dev.person import Carried, Pkce, code_in, log_in, sign_in_url
from ostiary.dev.runner import STATE_FILE

_PASSWORD = "correct horse battery"
_SECONDS_FOR_MAIL = 15


def play(url: str | None, until: int = 6) -> int:
    """Play the story up to an act; answers 0 at its end, 1 where a step failed, naming the step."""
    data_dir = Path(os.environ.get("OSTIARY_DATA_DIR", ".ostiary"))
    try:
        state = json.loads((data_dir / STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        print(
            f"There is no {data_dir / STATE_FILE} to read: start the service first, with `make run`.", file=sys.stderr
        )
        return 1
    with httpx2.Client(base_url=url or state["url"], timeout=30, trust_env=False) as http:
        try:
            _Story(Narrator(http), state, data_dir).play(until)
        except httpx2.ConnectError:
            print(f"Nothing answers at {http.base_url}: start the service first, with `make run`.", file=sys.stderr)
            return 1
        except (StoryBrokenError, SCIMClientException, SCIMException, httpx2.HTTPError) as error:
            print(f"\nThe story broke here: {error}", file=sys.stderr)
            return 1
    return 0


@dataclass(slots=True)
class _Story:
    """What the acts hand to one another."""

    tell: Narrator
    state: dict[str, str]
    data_dir: Path
    slug: str = "acme"
    domain: str = "acme.test"
    tokens: dict[str, str] = field(default_factory=dict[str, str])
    ids: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def org(self) -> str:
        return f"/v1/organizations/{self.slug}"

    def email(self, who: str) -> str:
        return f"{who.lower()}@{self.domain}"

    def play(self, until: int) -> None:
        self._choose_a_name()
        acts = [self._people, self._connection, self._enabling, self._signing_in, self._directory, self._disabling]
        for act in acts[:until]:
            act()
        if until < len(acts):
            self.tell.say(f"\n   It is your turn: open {self.state['url']}/sso/{self.slug} in a browser.")
        else:
            self.tell.say(
                "\n   That was the story. Every step left an audit event and every sign-in a trace: see /docs."
            )

    def _choose_a_name(self) -> None:
        """acme, or the first acme-2, acme-3, … that no earlier telling took."""
        operator = {"Authorization": f"Bearer {self.state['operator_token']}"}
        taken: set[str] = set()
        cursor: str | None = ""
        while cursor is not None:
            query = f"?limit=200{f'&cursor={cursor}' if cursor else ''}"
            page = self.tell.http.get(f"/v1/operator/organizations{query}", headers=operator).raise_for_status().json()
            taken |= {organization["slug"] for organization in page["data"]}
            cursor = page["next_cursor"]
        number = 1
        while self.slug in taken or self._has_account("Ada"):
            number += 1
            self.slug, self.domain = f"acme-{number}", f"acme-{number}.test"

    def _has_account(self, who: str) -> bool:
        """Whether a telling that was broken off left an account, though no organization."""
        body = {"email": self.email(who), "password": _PASSWORD}
        return self.tell.http.post("/v1/auth/sign-in", json=body).status_code != 401

    def _sign_up(self, who: str) -> None:
        body = {"email": self.email(who), "password": _PASSWORD, "name": who}
        answer = self.tell.call(who, "POST", "/v1/auth/sign-up", body, expect=201, show=("user.id", "user.email"))
        self.tokens[who] = answer["token"]

    def _people(self) -> None:
        """Act 1."""
        tell = self.tell
        tell.act(1, "A company begins: people, a team, a database")
        self._sign_up("Ada")
        named = {"name": self.slug.capitalize(), "slug": self.slug}
        tell.call("Ada", "POST", "/v1/organizations", named, token=self.tokens["Ada"], expect=201, show=("id", "plan"))
        path = f"/v1/operator/organizations/{self.slug}/entitlements"
        operator = self.state["operator_token"]
        tell.call("operator", "PUT", path, {"plan": "enterprise"}, token=operator, show=("plan", "sso_entitled"))
        for who in ("Bo", "Cy"):
            invitation = {"email": self.email(who), "role": "member"}
            tell.call("Ada", "POST", f"{self.org}/invitations", invitation, token=self.tokens["Ada"], expect=201)
            self._sign_up(who)
            token = {"token": self._mailed_token(self.email(who), "ost_inv_")}
            tell.call(who, "POST", "/v1/invitations/accept", token, token=self.tokens[who])
        found = tell.call("Ada", "GET", f"{self.org}/members", token=self.tokens["Ada"])["data"]
        self.ids.update((member["user"]["name"], member["id"]) for member in found)
        tell.check(set(self.ids) == {"Ada", "Bo", "Cy"}, "Ada, Bo and Cy are members")
        self._credential_of_cy()

    def _credential_of_cy(self) -> None:
        tell, ada = self.tell, self.tokens["Ada"]
        team = tell.call("Ada", "POST", f"{self.org}/teams", {"name": "data"}, token=ada, expect=201, show=("id",))
        tell.call("Ada", "PUT", f"{self.org}/teams/{team['id']}/members/{self.ids['Cy']}", token=ada, expect=204)
        database = tell.call(
            "Ada", "POST", f"{self.org}/databases", {"name": "orders"}, token=ada, expect=201, show=("id",)
        )
        path = f"{self.org}/databases/{database['id']}"
        tell.call("Ada", "PUT", f"{path}/administrators/{self.ids['Cy']}", token=ada, expect=204)
        credential = tell.call(
            "Cy",
            "POST",
            f"{path}/credentials",
            {"name": "app"},
            token=self.tokens["Cy"],
            expect=201,
            show=("username",),
        )
        self.ids.update(username=credential["username"], secret=credential["secret"])

    def _mailed_token(self, to: str, prefix: str) -> str:
        """The secret in the newest mail to the address, once the worker has sent it."""
        deadline = time.monotonic() + _SECONDS_FOR_MAIL
        while time.monotonic() < deadline:
            for path in sorted((self.data_dir / "mail").glob("*.eml"), reverse=True):
                mail = message_from_bytes(path.read_bytes(), policy=policy.default)
                words = str(mail.get_content()).split() if to in str(mail["To"]) else []
                if found := [word for word in words if word.startswith(prefix)]:
                    self.tell.say(f"(the invitation was mailed to {to}: {path.name})")
                    return found[0]
            time.sleep(0.1)
        raise StoryBrokenError(f"No mail to {to} arrived in {self.data_dir / 'mail'} within {_SECONDS_FOR_MAIL} s.")

    def _connection(self) -> None:
        """Act 2."""
        tell, ada = self.tell, self.tokens["Ada"]
        tell.act(2, "Ada proves the domain and connects the identity provider")
        domain = tell.call(
            "Ada",
            "POST",
            f"{self.org}/domains",
            {"name": self.domain},
            token=ada,
            expect=201,
            show=("txt_record.name",),
        )
        record = domain["txt_record"]
        verify = f"{self.org}/domains/{domain['id']}/verify"
        tell.call("Ada", "POST", verify, token=ada, expect=409, show=("code",))
        published = httpx2.put(
            f"{self.state['idp_url']}/dns/{record['name']}", json={"txt": [record["value"]]}, trust_env=False
        )
        tell.show("DNS", "PUT", f"{record['name']} TXT", None, published.status_code, {})
        tell.check(published.is_success, "the record is published")
        tell.call("Ada", "POST", verify, token=ada, show=("name", "status"))
        body = {
            "name": "Development IdP",
            "domain_ids": [domain["id"]],
            "idp": {"metadata_url": f"{self.state['idp_url']}/metadata"},
        }
        connection = tell.call(
            "Ada", "POST", f"{self.org}/connections", body, token=ada, expect=201, show=("status", "sp.acs_url")
        )
        path = f"{self.org}/connections/{connection['id']}"
        test = tell.call("Ada", "POST", f"{path}/test", token=ada, show=("sign_in_url",))
        tell.say("Ada       opens the sign_in_url and logs in at the IdP, whose answer her browser carries back")
        back = log_in(test["sign_in_url"], self.email("Ada")).post()
        trace = back.json()
        said = {name: trace.get(name) for name in ("outcome", "code", "email")}
        tell.show("browser", "POST", "/saml/conn_…/acs", None, back.status_code, said)
        for step in trace.get("steps", ()):
            tell.say(f"            {'✓' if step['passed'] else '✗'} {step['name']}: {step['detail'][:88]}")
        tell.check(trace.get("outcome") == "succeeded", "the test sign-in passed")
        tell.call("Ada", "POST", f"{path}/activate", token=ada, show=("status", "tested"))

    def _enabling(self) -> None:
        """Act 3."""
        tell, ada = self.tell, self.tokens["Ada"]
        tell.act(3, "Ada previews what enabling single sign-on would do, then does it")
        counts = ("members_removed", "team_memberships_removed", "administrators_kept", "credentials_kept")
        preview = tell.call("Ada", "POST", f"{self.org}/sso/preview", token=ada, show=counts)
        enabled = tell.call(
            "Ada", "POST", f"{self.org}/sso/enable", token=ada, show=("sso.enabled", "effects.members_removed")
        )
        tell.check(enabled["effects"] == preview, "the effects are what the preview said")
        tell.check(len(enabled["recovery_codes"]) == 10, "ten recovery codes came along, shown this once")
        for who in ("Bo", "Cy"):
            tell.call(who, "GET", self.org, token=self.tokens[who], expect=404, show=("code",))
        invitation = {"email": self.email("Eve"), "role": "member"}
        tell.call("Ada", "POST", f"{self.org}/invitations", invitation, token=ada, expect=409, show=("code",))
        secret = {"username": self.ids["username"], "secret": self.ids["secret"]}
        answer = tell.call("anyone", "POST", "/v1/credentials/verify", secret, show=("active",))
        tell.check(answer["active"], "Cy is gone, the credential Cy made still works")
        tell.call("Ada", "GET", f"{self.org}/members", token=ada, show=("data.0.user.email",))
        tell.check(True, "Ada still works with her old session, until she first signs in with SSO")

    def _at_the_idp(self, who: str) -> tuple[Carried, Pkce, str]:
        """Follow the sign-in URL and log in; what comes back is not handed in yet."""
        pkce, state = Pkce.new(), f"state-of-{who}"
        url = sign_in_url(f"{self.state['url']}/sso/{self.slug}", pkce, state)
        self.tell.say(f"{who:<9} opens /sso/{self.slug}?redirect_uri=…&code_challenge=… and logs in at the IdP")
        return log_in(url, self.email(who)), pkce, state

    def _hand_in(self, who: str, carried: Carried, pkce: Pkce, state: str) -> str:
        back = carried.post()
        self.tell.show(who, "POST", "/saml/conn_…/acs", None, back.status_code, {"location": "…?code=…&state=…"})
        body = {"code": code_in(back, state), "code_verifier": pkce.verifier}
        show = ("session.kind", "session.expires_at", "user.email")
        return str(self.tell.call(who, "POST", "/v1/auth/token", body, show=show)["token"])

    def _refused(self, what: str, carried: Carried, reason: str) -> None:
        """An answer that must not be believed, and the trace that says why."""
        back = carried.post()
        problem = back.json()
        self.tell.show("attacker", "POST", "/saml/conn_…/acs", {"SAMLResponse": what}, back.status_code, problem)
        path = f"{self.org}/sign-ins/{problem['trace_id']}"
        trace = self.tell.call("Ada", "GET", path, token=self.tokens["Ada"], show=("outcome", "code"))
        self.tell.check(back.status_code == 403 and trace["code"] == reason, f"the trace says why: {trace['hint']}")

    def _signing_in(self) -> None:
        """Act 4."""
        tell = self.tell
        tell.act(4, "Bo and Ada sign in through the identity provider")
        tell.call("Bo", "POST", "/v1/auth/discover", {"email": self.email("Bo")}, show=("methods.0.sign_in_url",))
        carried, pkce, state = self._at_the_idp("Bo")
        self._refused("Bo's, with another address", carried.tampered("bo@", "ada@"), "signature_invalid")
        self.tokens["Bo"] = self._hand_in("Bo", carried, pkce, state)
        self._refused("Bo's, once more", carried, "assertion_replayed")
        members = tell.call("Bo", "GET", f"{self.org}/members?q=bo@", token=self.tokens["Bo"], show=("data.0.role",))
        bo = members["data"][0]
        self.ids["Bo"] = bo["id"]
        tell.check(bo["role"] == "member" and bo["teams"] == [], "Bo is a member again, in no team")
        old = self.tokens["Ada"]
        self.tokens["Ada"] = self._hand_in("Ada", *self._at_the_idp("Ada"))
        tell.call("Ada", "GET", self.org, token=old, expect=403, show=("code", "sign_in_url"))
        body = {"email": self.email("Ada"), "password": _PASSWORD}
        tell.call("Ada", "POST", "/v1/auth/sign-in", body, expect=403, show=("code",))
        tell.check(True, "from now on Ada's password opens nothing here")

    def _directory(self) -> None:
        """Act 5."""
        tell, ada = self.tell, self.tokens["Ada"]
        tell.act(5, "The directory takes over")
        enabled = tell.call(
            "Ada",
            "POST",
            f"{self.org}/directory/enable",
            token=ada,
            show=("effects.teams_cleared", "directory.enabled"),
        )
        with DirectoryClient.connected(enabled["directory"]["scim_base_url"], enabled["token"]) as directory:
            self._push(directory)

    def _push(self, directory: DirectoryClient) -> None:
        """What the identity provider's directory sends, by a SCIM client of its own kind."""
        tell, ada = self.tell, self.tokens["Ada"]
        people: dict[str, str] = {}
        for who in ("Dee", "Bo"):
            people[who] = directory.create_user(self.email(who))
            body = {"userName": self.email(who)}
            tell.show("IdP", "POST", "/scim/v2/Users", body, directory.status, {"id": people[who]})
        tell.check(people["Bo"] == self.ids["Bo"], "Bo was not duplicated: the directory took the member over")
        group_id = directory.create_group("platform", list(people.values()))
        body = {"displayName": "platform", "members": 2}
        tell.show("IdP", "POST", "/scim/v2/Groups", body, directory.status, {"id": group_id})
        team = tell.call("Ada", "GET", f"{self.org}/teams", token=ada, show=("data.0.name", "data.0.managed_by"))
        tell.check(team["data"][0]["id"] == group_id, "the pushed group is the team of the same id")
        members = tell.call(
            "Ada", "GET", f"{self.org}/members?team_id={group_id}", token=ada, show=("data.1.user.email",)
        )
        tell.check(len(members["data"]) == 2, "Bo and Dee are in it")
        tell.call("Bo", "GET", "/v1/me", token=self.tokens["Bo"], show=("email",))
        directory.deactivate(people["Bo"])
        body = {"op": "replace", "active": False}
        tell.show("IdP", "PATCH", f"/scim/v2/Users/{people['Bo']}", body, directory.status, {})
        tell.call("Bo", "GET", "/v1/me", token=self.tokens["Bo"], expect=401, show=("code",))
        tell.check(True, "Bo's session ended within that request")

    def _disabling(self) -> None:
        """Act 6."""
        tell, ada = self.tell, self.tokens["Ada"]
        tell.act(6, "Ada switches single sign-on off again")
        tell.call("Ada", "POST", f"{self.org}/sso/disable/preview", token=ada, show=("members_without_account",))
        tell.call(
            "Ada", "POST", f"{self.org}/sso/disable", token=ada, show=("sso.enabled", "effects.directory_disabled")
        )
        body = {"email": self.email("Ada"), "password": _PASSWORD}
        again = tell.call("Ada", "POST", "/v1/auth/sign-in", body, show=("session.kind",))
        invitation = {"email": self.email("Eve"), "role": "member"}
        tell.call(
            "Ada", "POST", f"{self.org}/invitations", invitation, token=again["token"], expect=201, show=("status",)
        )
        tell.check(True, "passwords and invitations work again")
        events = tell.call("Ada", "GET", f"{self.org}/audit-events?limit=200", token=again["token"])["data"]
        actions = sorted({event["action"] for event in events})
        tell.say(f"{len(events)} audit events: {', '.join(actions)}")
