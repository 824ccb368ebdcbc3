"""Random steps of a directory over HTTP: every answer is what a model of two dictionaries says.

Users and groups are created, replaced, patched and deleted, with userNames in any case, members who are not there yet
or no longer, and expected versions; lists are filtered and paged between the steps (RFC 7644, R41-R45, R49).
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from itertools import count
from typing import Any, ClassVar, TypeVar

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ostiary import bootstrap
from ostiary.domain.directory_breaker import Breaker
from tests.support.directory import GROUP, USER, directory_sync, patch_of
from tests.support.house import House, bearer, open_house
from tests.support.scim_model import Group, Model, Payload

T = TypeVar("T")

NAMES = st.sampled_from(["bo", "Bo", "BO", "cy", "Cy", "dee", "eli"])
TITLES = st.sampled_from(["Lead", "lead", "Tester"])
LABELS = st.sampled_from(["Alpha", "Beta", "alpha"])
WHICH = st.integers(0, 5)
NOBODY = "mem_01jd0000000000000000000000"
_numbers = count(1)


def told(resource: Payload) -> Payload:
    """What an answer says, as the model tells it."""
    rest = {key: value for key, value in resource.items() if key not in ("schemas", "meta")}
    if resource["schemas"] == [GROUP]:
        return {**rest, "members": {member["value"] for member in resource.get("members", [])}}
    assert resource["schemas"] == [USER]
    return {**rest, "groups": {(group["value"], group["display"]) for group in resource.get("groups", [])}}


class ScimMachine(RuleBasedStateMachine):
    """One directory and its client."""

    runner: ClassVar[asyncio.Runner]
    house: ClassVar[House]
    app: ClassVar[Any]
    # What was answered, and how often.
    answers: ClassVar[Counter[str]] = Counter()

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def found(self) -> None:
        self.model = Model()
        self.gone: list[str] = [NOBODY]
        self.seen: dict[str, tuple[str, Payload]] = {}
        self._await(self._found())
        self.create_user("bo", None, None)
        self.create_group("Alpha", [1, "cy"])

    async def _found(self) -> None:
        slug = f"scim-model-{next(_numbers)}"
        ada = await self.house.person(f"ada@{slug}.test")
        await self.house.organization(ada, slug)
        sync = await directory_sync(self.house, slug, breaker=Breaker(enabled=False))
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(self.app),
            base_url="http://ostiary.test/scim/v2",
            headers={**bearer(sync.token), "Content-Type": "application/scim+json"},
        )
        # The founder is listed too, until a directory writes about them (R49): the model takes them over.
        listed = (await self.client.get("/Users")).json()["Resources"]
        (ada_id,) = [user["id"] for user in listed]
        document = {"userName": ada.email, "active": True}
        answer = await self.client.put(f"/Users/{ada_id}", json={"schemas": [USER], **document})
        assert answer.status_code == 200, answer.text
        self.model.put_user(ada_id, document)
        self.ada = ada_id

    def teardown(self) -> None:
        if hasattr(self, "client"):
            self._await(self.client.aclose())

    def _ask(
        self, method: str, path: str, body: Payload | None = None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        answer = self._await(self.client.request(method, path, json=body, headers=headers))
        self.answers[f"{method} {answer.status_code}"] += 1
        assert answer.status_code < 500, answer.text
        return answer

    def _user(self, which: int) -> str:
        """A user, or now and then somebody who is not there."""
        there = sorted(one for one in self.model.users if one != self.ada)
        return there[which % len(there)] if there and which else self.gone[-1]

    def _group(self, which: int) -> str | None:
        there = sorted(self.model.groups)
        return there[which % len(there)] if there else None

    def _answered(self, answer: httpx2.Response, expected: Payload, version: int, status: int = 200) -> None:
        """A resource came back as the model has it."""
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert told(body) == expected
        assert body["meta"]["version"] == answer.headers["etag"]
        assert answer.headers["etag"].removeprefix('W/"').partition("-")[0].rstrip('"') == str(version)
        kind = "Groups" if body["schemas"] == [GROUP] else "Users"
        assert body["meta"]["location"] == f"http://ostiary.test/scim/v2/{kind}/{body['id']}"
        self.seen[f"/{kind}/{body['id']}"] = answer.headers["etag"], expected

    def _refused(self, answer: httpx2.Response, status: int, scim_type: str | None = None) -> None:
        assert answer.status_code == status, answer.text
        assert answer.json().get("scimType") == scim_type

    def _write(self, path: str, write: Callable[[], httpx2.Response], done: Callable[[httpx2.Response], None]) -> None:
        """A write to what is there, or 404."""
        answer = write()
        known = path.rpartition("/")[2]
        if known not in self.model.users and known not in self.model.groups:
            self._refused(answer, 404)
        else:
            done(answer)

    # Users.

    @rule(name=NAMES, title=st.none() | TITLES, active=st.none() | st.booleans())
    def create_user(self, name: str, title: str | None, active: bool | None) -> None:
        document: Payload = {"userName": name, **({"title": title} if title else {})}
        sent = {"schemas": [USER], **document, **({} if active is None else {"active": active})}
        answer = self._ask("POST", "/Users", sent)
        if self.model.named(name) is not None:
            self._refused(answer, 409, "uniqueness")
            return
        user_id = answer.json()["id"]
        assert user_id not in self.model.users
        self.model.put_user(user_id, {**document, "active": active is not False})
        self._answered(answer, self.model.shown_user(user_id), 1, 201)

    @rule(which=WHICH, name=NAMES, title=st.none() | TITLES, active=st.none() | st.booleans(), stale=st.booleans())
    def replace_user(self, which: int, name: str, title: str | None, active: bool | None, stale: bool) -> None:
        user_id = self._user(which)
        document: Payload = {"userName": name, **({"title": title} if title else {})}
        sent = {"schemas": [USER], **document, **({} if active is None else {"active": active})}

        def done(answer: httpx2.Response) -> None:
            before = self.model.users[user_id]
            if stale:
                self._refused(answer, 412)
            elif self.model.named(name) not in (None, user_id):
                self._refused(answer, 409, "uniqueness")
            else:
                kept = before.document["active"] if active is None else active
                self.model.put_user(user_id, {**document, "active": kept})
                self._answered(answer, self.model.shown_user(user_id), self.model.users[user_id].version)

        self._write(user_id, lambda: self._ask("PUT", f"/Users/{user_id}", sent, self._match(user_id, stale)), done)

    @rule(
        which=WHICH,
        name=st.none() | NAMES,
        title=st.sampled_from(["", "Lead", "lead"]) | st.none(),
        active=st.none() | st.booleans(),
    )
    def patch_user(self, which: int, name: str | None, title: str | None, active: bool | None) -> None:
        user_id = self._user(which)
        sent: list[Payload] = []
        if name is not None:
            sent.append({"op": "replace", "path": "userName", "value": name})
        if title is not None:
            removal = {"op": "remove", "path": "title"}
            sent.append({"op": "add", "value": {"title": title}} if title else removal)
        if active is not None:
            sent.append({"op": "Replace", "path": "active", "value": str(active)})
        if not sent:
            self._refused(self._ask("PATCH", f"/Users/{user_id}", patch_of()), 400, "invalidSyntax")
            return

        def done(answer: httpx2.Response) -> None:
            document = dict(self.model.users[user_id].document)
            if name is not None and self.model.named(name) not in (None, user_id):
                self._refused(answer, 409, "uniqueness")
                return
            document |= {} if name is None else {"userName": name}
            document |= {} if active is None else {"active": active}
            document |= {"title": title} if title else {}
            if title == "":
                document.pop("title", None)
            self.model.put_user(user_id, document)
            self._answered(answer, self.model.shown_user(user_id), self.model.users[user_id].version)

        self._write(user_id, lambda: self._ask("PATCH", f"/Users/{user_id}", patch_of(*sent)), done)

    @rule(which=WHICH, stale=st.booleans())
    def delete_user(self, which: int, stale: bool) -> None:
        user_id = self._user(which)

        def done(answer: httpx2.Response) -> None:
            if stale:
                self._refused(answer, 412)
                return
            assert answer.status_code == 204, answer.text
            self.model.delete_user(user_id)
            self.gone.append(user_id)
            self._refused(self._ask("GET", f"/Users/{user_id}"), 404)

        self._write(
            user_id, lambda: self._ask("DELETE", f"/Users/{user_id}", headers=self._match(user_id, stale)), done
        )

    def _match(self, key: str, stale: bool) -> dict[str, str]:
        """`If-Match` with a version that is no more, or the present one."""
        there = self.model.users.get(key) or self.model.groups.get(key)
        version = 0 if there is None else there.version
        return {"If-Match": f'W/"{version + 1}", "nonsense"' if stale else f'W/"{version}"'}

    # Groups.

    def _values(self, picked: Iterable[int | str]) -> list[str]:
        """Members to send: users, somebody who is gone, and userNames."""
        return list(dict.fromkeys(one if isinstance(one, str) else self._user(one) for one in picked))

    PICKED: ClassVar[st.SearchStrategy[list[int | str]]] = st.lists(st.one_of(WHICH, NAMES), max_size=3)

    @rule(name=LABELS, picked=PICKED)
    def create_group(self, name: str, picked: list[int | str]) -> None:
        values = self._values(picked)
        answer = self._ask("POST", "/Groups", self._sent_group(name, values))
        group = Group(name)
        self.model.add(group, values)
        self.model.groups[answer.json()["id"]] = group
        self._answered(answer, self.model.shown_group(answer.json()["id"]), 1, 201)

    @staticmethod
    def _sent_group(name: str, values: list[str] | None) -> Payload:
        members = {} if values is None else {"members": [{"value": value} for value in values]}
        return {"schemas": [GROUP], "displayName": name, **members}

    @rule(which=WHICH, name=LABELS, picked=st.none() | PICKED)
    def replace_group(self, which: int, name: str, picked: list[int | str] | None) -> None:
        group_id = self._group(which)
        if group_id is None:
            self._refused(self._ask("PUT", "/Groups/team_none", self._sent_group(name, None)), 404)
            return
        group = self.model.groups[group_id]
        before = (group.name, set(group.members))
        values = None if picked is None else self._values(picked)
        answer = self._ask("PUT", f"/Groups/{group_id}", self._sent_group(name, values))
        group.name = name
        if values is not None:
            group.members.clear()
            group.reserved.clear()
            self.model.add(group, values)
        self._moved(group, before)
        self._answered(answer, self.model.shown_group(group_id), group.version)

    @staticmethod
    def _moved(group: Group, before: tuple[str, set[str]]) -> None:
        group.version += before != (group.name, group.members)

    @rule(
        which=WHICH,
        changes=st.lists(
            st.tuples(st.sampled_from(["add", "remove", "select", "replace", "clear", "rename"]), PICKED, LABELS),
            min_size=1,
            max_size=3,
        ),
    )
    def patch_group(self, which: int, changes: list[tuple[str, list[int | str], str]]) -> None:
        group_id = self._group(which)
        if group_id is None:
            return
        group = self.model.groups[group_id]
        before = (group.name, set(group.members))
        sent: list[Payload] = []
        for change, picked, name in changes:
            values = self._values(picked)
            if len(changes) > 1:
                # Members are named by id. By userName too, which is lenience (R45), but one way in one request: a
                # place is kept for the name as it was sent.
                values = list(dict.fromkeys(self.model.named(value) or value.lower() for value in values))
            listed = [{"value": value} for value in values]
            if change in ("add", "replace"):
                sent.append({"op": change, "path": "members", "value": listed})
            elif change == "remove" and values:
                sent.append({"op": "remove", "path": "members", "value": listed})
            elif change == "select":
                sent += [{"op": "remove", "path": f'members[value eq "{value}"]'} for value in values]
            elif change == "rename":
                sent.append({"op": "replace", "value": {"id": group_id, "displayName": name}})
            else:
                values = []
                sent.append({"op": "remove", "path": "members"})
            self._change(group, change if change != "remove" or values else "clear", values, name)
        if not sent:
            return
        answer = self._ask("PATCH", f"/Groups/{group_id}", patch_of(*sent))
        assert answer.status_code == 204, answer.text
        self._moved(group, before)
        assert answer.headers["etag"] == f'W/"{group.version}"'

    def _change(self, group: Group, change: str, values: list[str], name: str) -> None:
        if change == "rename":
            group.name = name
        elif change in ("remove", "select"):
            self.model.remove(group, values)
        else:
            if change != "add":
                group.members.clear()
                group.reserved.clear()
            self.model.add(group, values)

    @rule(which=WHICH, stale=st.booleans())
    def delete_group(self, which: int, stale: bool) -> None:
        group_id = self._group(which)
        if group_id is None:
            return
        answer = self._ask("DELETE", f"/Groups/{group_id}", headers=self._match(group_id, stale))
        if stale:
            self._refused(answer, 412)
            return
        assert answer.status_code == 204, answer.text
        del self.model.groups[group_id]
        self._refused(self._ask("GET", f"/Groups/{group_id}"), 404)

    # Reading.

    @rule(data=st.data())
    def read_again_what_was_seen(self, data: st.DataObject) -> None:
        """304 only for what is still so."""
        there = sorted(path for path in self.seen if path.rpartition("/")[2] in self._keys())
        if not there:
            return
        path = data.draw(st.sampled_from(there))
        tag, before = self.seen[path]
        key = path.rpartition("/")[2]
        now = self.model.shown_user(key) if key in self.model.users else self.model.shown_group(key)
        version = (self.model.users.get(key) or self.model.groups[key]).version
        answer = self._ask("GET", path, headers={"If-None-Match": tag})
        if answer.status_code == 304:
            assert before == now
        else:
            self._answered(answer, now, version)

    def _keys(self) -> set[str]:
        return {*self.model.users, *self.model.groups}

    @rule(name=NAMES, title=TITLES, start=st.integers(-1, 6), size=st.integers(0, 4), kind=st.integers(0, 7))
    def list_users(self, name: str, title: str, start: int, size: int, kind: int) -> None:
        text, holds = self._filters(name, title)[kind]
        matching = [one for one in sorted(self.model.users) if holds(self.model.shown_user(one))]
        place = max(start, 1)
        body = {"filter": text, "startIndex": start, "count": size}
        parameters = {key: value for key, value in body.items() if value is not None}
        answer = self._await(self.client.get("/Users", params=parameters)).json()
        searched = self._await(self.client.post("/Users/.search", json=parameters)).json()
        assert searched == answer
        self.answers["listed"] += bool(matching)
        assert answer["totalResults"] == len(matching), text
        expected = [self.model.shown_user(one) for one in matching[place - 1 : place - 1 + size]]
        assert [told(one) for one in answer["Resources"]] == expected, text
        assert answer["itemsPerPage"] == len(expected)
        assert answer["startIndex"] == place

    @staticmethod
    def _filters(name: str, title: str) -> list[tuple[str | None, Callable[[Payload], bool]]]:
        lowered = title.lower()
        return [
            (None, lambda _: True),
            (f'userName eq "{name}"', lambda one: one["userName"].lower() == name.lower()),
            (f'title co "{title[:3]}"', lambda one: lowered[:3] in one.get("title", "").lower()),
            ("active eq true", lambda one: one["active"]),
            ("not (title pr) and active eq true", lambda one: "title" not in one and one["active"]),
            ('groups.display eq "alpha"', lambda one: any(label.lower() == "alpha" for _, label in one["groups"])),
            (f'not (userName sw "{name[0]}")', lambda one: not one["userName"].lower().startswith(name[0].lower())),
            (
                f'userName eq "{name}" or title eq "{title}"',
                lambda one: one["userName"].lower() == name.lower() or one.get("title", "").lower() == lowered,
            ),
        ]

    @rule(which=WHICH, name=LABELS, kind=st.integers(0, 2))
    def list_groups(self, which: int, name: str, kind: int) -> None:
        user_id = self._user(which)
        filters: list[tuple[str, Callable[[Group], bool]]] = [
            (f'members.value eq "{user_id}"', lambda one: user_id in one.members),
            (f'displayName eq "{name}"', lambda one: one.name.lower() == name.lower()),
            ("members pr", lambda one: bool(one.members)),
        ]
        text, holds = filters[kind]
        answer = self._await(self.client.get("/Groups", params={"filter": text})).json()
        matching = [key for key in sorted(self.model.groups) if holds(self.model.groups[key])]
        assert [told(one) for one in answer["Resources"]] == [self.model.shown_group(key) for key in matching], text
        assert answer["totalResults"] == len(matching)

    @rule(size=st.integers(1, 3), which=WHICH, name=st.none() | NAMES)
    def walk_by_cursor(self, size: int, which: int, name: str | None) -> None:
        """Nobody is missed and nobody comes twice, whoever comes or goes on the way (RFC 9865)."""
        before, found, cursor = set(self.model.users), list[str](), ""
        while True:
            page = self._await(self.client.get("/Users", params={"cursor": cursor, "count": str(size)})).json()
            found += [one["id"] for one in page["Resources"]]
            if cursor == "":
                if name is not None:
                    self.create_user(name, None, None)
                else:
                    self.delete_user(which, False)
            if "nextCursor" not in page:
                break
            cursor = page["nextCursor"]
        assert len(found) == len(set(found))
        assert before & set(self.model.users) <= set(found) <= before | set(self.model.users)

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        if not hasattr(self, "client"):
            return
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 200}
        answer = self._await(self.client.post("/.search", json=body)).json()
        found = {one["id"]: told(one) for one in answer["Resources"]}
        assert found == {
            **{key: self.model.shown_user(key) for key in self.model.users},
            **{key: self.model.shown_group(key) for key in self.model.groups},
        }
        assert answer["totalResults"] == len(found)


def explore(database_url: str, *, examples: int, steps: int, phases: tuple[Phase, ...]) -> None:
    """Let the machine wander."""
    with asyncio.Runner() as runner:
        opened = open_house(database_url)
        house = runner.run(opened.__aenter__())
        app = bootstrap.make_app(house.settings, clock=house.clock)
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        ScimMachine.runner, ScimMachine.house, ScimMachine.app = runner, house, app
        try:
            run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType] -- hypothesis leaves its factory untyped
                ScimMachine,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=steps,
                    deadline=None,
                    phases=phases,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
                ),
            )
        finally:
            runner.run(lifespan.__aexit__(None, None, None))
            runner.run(opened.__aexit__(None, None, None))


def test_every_answer_is_what_a_model_says(worker_database: str) -> None:
    ScimMachine.answers.clear()
    explore(worker_database, examples=6, steps=25, phases=(Phase.generate,))
    # The steps went where it matters.
    expected = {"POST 201", "POST 409", "PUT 200", "PUT 412", "PATCH 200", "PATCH 204", "DELETE 204", "GET 304"}
    assert expected <= set(ScimMachine.answers)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_answer_is_what_a_model_says_also_after_many_more_steps(worker_database: str) -> None:
    explore(worker_database, examples=300, steps=60, phases=(Phase.generate, Phase.shrink))
