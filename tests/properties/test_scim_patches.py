"""What a PATCH makes of a user or a group is what scim2-models makes of it, which applies RFC 7644 §3.5.2 on its own.

Ours goes another way: departures of identity providers are mended first, custom attributes are no model's, members are
a change and never a list, and what is patched is a stored document. `DEPARTURES` lists where we differ on purpose.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import scim2_models
from hypothesis import event, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scim2_models import Context, EnterpriseUser, PatchOp, SCIMException, ScimPolicy

from ostiary.api.scim.documents import revise_user
from ostiary.api.scim.membership import sort_out
from ostiary.api.scim.quirks import operations
from ostiary.domain.errors import DomainError
from ostiary.domain.scim_quirks import Quirk
from tests.support.directory import ENTERPRISE, GROUP, USER, patch_of

Payload = dict[str, Any]
# Each is many operations.
EXAMPLES = settings(max_examples=settings().max_examples * 2 // 5)
Employee = scim2_models.User[EnterpriseUser]

# Two choices that the RFC leaves to services, and which are announced: what a remove with a value means (Entra sends
# it), and that a filter which selects nothing describes what to create (Entra again).
POLICY = ScimPolicy(
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


@dataclass(frozen=True)
class Sent:
    """An operation as it comes, and as it would come by the book where that differs."""

    operation: Payload
    by_the_book: tuple[Payload, ...]


def op(name: str, path: str | None, value: Any = None) -> Payload:
    """An operation; a remove has no value unless it is given."""
    spelt: Payload = {"op": name}
    if path is not None:
        spelt["path"] = path
    if name != "remove" or value is not None:
        spelt["value"] = value
    return spelt


MANAGER = f"{ENTERPRISE}:manager"
# Where we differ on purpose: what comes, and what we take it for. The reference is told the latter.
DEPARTURES: Mapping[Quirk, Sequence[tuple[Payload, tuple[Payload, ...]]]] = {
    # Entra has no other way to empty an attribute.
    Quirk.EMPTY_TEXT_CLEARS: [
        (op("replace", "title", ""), (op("remove", "title"),)),
        (op("add", "name.familyName", ""), (op("remove", "name.familyName"),)),
        (
            op("replace", None, {"title": "", "nickName": "set"}),
            (op("replace", None, {"nickName": "set"}), op("remove", "title")),
        ),
    ],
    # Entra writes operations with capitals, and booleans and managers as texts.
    Quirk.OPERATION_CASE: [(op("Replace", "title", "Set"), (op("replace", "title", "Set"),))],
    Quirk.TEXT_AS_BOOLEAN: [
        (op("replace", "active", "False"), (op("replace", "active", value=False),)),
        (op("replace", None, {"active": "True"}), (op("replace", "active", value=True),)),
    ],
    Quirk.MANAGER_SHAPE: [
        (op("replace", MANAGER, "mem_boss"), (op("replace", MANAGER, {"value": "mem_boss"}),)),
        (op("add", "manager", [{"value": "mem_boss", "$ref": None}]), (op("add", MANAGER, {"value": "mem_boss"}),)),
        (op("replace", None, {MANAGER: "mem_boss"}), (op("replace", MANAGER, {"value": "mem_boss"}),)),
        (op("replace", MANAGER, ""), (op("remove", MANAGER),)),
    ],
    Quirk.ENTERPRISE_URN_MISSPELT: [
        (
            op("replace", "urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department", "R&D"),
            (op("replace", f"{ENTERPRISE}:department", "R&D"),),
        ),
    ],
    Quirk.ROLE_IN_TEXT: [
        (
            op("add", "roles", [{"value": '{"value":"lead","displayName":"Lead"}'}]),
            (op("add", "roles", [{"value": "lead", "display": "Lead"}]),),
        ),
    ],
    # Nobody signs in with it.
    Quirk.PASSWORD_DISCARDED: [(op("replace", "password", "hunter2"), ())],
}

WORDS = st.sampled_from(["alpha", "Alpha", "b c", "z"])
TYPES = st.sampled_from(["work", "home", "other"])
TRUTH = st.booleans()
ADDRESS = st.sampled_from(["bo@acme.com", "cy@acme.com", "BO@acme.com"])
SINGLE = ("title", "nickName", "displayName", "name.familyName", "name.givenName", "userType", "locale")
EXTENDED = tuple(f"{ENTERPRISE}:{name}" for name in ("department", "employeeNumber", "costCenter"))


def record(
    required: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]] | None = None
) -> st.SearchStrategy[Payload]:
    """An object with these attributes."""
    return st.fixed_dictionaries(required, optional=optional or {})


def entries(value: st.SearchStrategy[str], name: str = "value") -> st.SearchStrategy[Payload]:
    """One of several values."""
    return record({name: value}, optional={"type": TYPES, "primary": TRUTH})


MULTIPLE: Mapping[str, st.SearchStrategy[Payload]] = {
    "emails": entries(ADDRESS),
    "phoneNumbers": entries(st.sampled_from(["+1", "+2"])),
    "roles": entries(WORDS),
    "addresses": record({"locality": WORDS}, optional={"type": TYPES, "country": st.just("CH")}),
}
SUB: Mapping[str, tuple[str, st.SearchStrategy[Any]]] = {
    "emails": ("value", ADDRESS),
    "phoneNumbers": ("value", st.sampled_from(["+1", "+3"])),
    "roles": ("display", WORDS),
    "addresses": ("locality", WORDS),
}
KIND = st.sampled_from(sorted(MULTIPLE))
SETS = st.sampled_from(["add", "replace"])


@st.composite
def documents(draw: st.DrawFn) -> Payload:
    """A stored user: as it is sent back, without id and meta."""
    document: Payload = {"schemas": [USER], "userName": "bo", "active": draw(TRUTH)}
    for path in draw(st.sets(st.sampled_from(["title", "nickName", "displayName"]))):
        document[path] = draw(WORDS)
    if draw(TRUTH):
        document["name"] = draw(record({"familyName": WORDS}, optional={"givenName": WORDS}))
    if draw(TRUTH):
        document[ENTERPRISE] = draw(record({"department": WORDS}, optional={"manager": st.just({"value": "mem_old"})}))
        document["schemas"].append(ENTERPRISE)
    for name in draw(st.sets(KIND)):
        values = draw(st.lists(MULTIPLE[name], min_size=1, max_size=3, unique_by=repr))
        for extra in [entry for entry in values if entry.get("primary")][1:]:
            extra["primary"] = False
        document[name] = values
    return document


@st.composite
def single(draw: st.DrawFn) -> Payload:
    """An operation on an attribute of one value."""
    path = draw(st.sampled_from([*SINGLE, *EXTENDED, f"{USER}:title", "TITLE", "userName", "preferredLanguage"]))
    name = draw(st.sampled_from(["add", "replace", "remove"]))
    return op(name, path, None if name == "remove" else draw(WORDS))


@st.composite
def several(draw: st.DrawFn) -> Payload:
    """An operation on an attribute of several values, or on some of these."""
    name = draw(KIND)
    sub, values = SUB[name]
    selection = draw(
        st.sampled_from(
            [
                'type eq "work"',
                'type eq "home"',
                'type eq "WORK"',
                'type ne "work"',
                'type pr and not (type eq "home")',
                'type eq "work" or type eq "home"',
                *(["primary eq true", "not (primary eq true)"] if name != "addresses" else []),
            ]
        )
    )
    kind, change = draw(st.sampled_from(["all", "some", "sub"])), draw(st.sampled_from(["add", "replace", "remove"]))
    path = {"all": name, "some": f"{name}[{selection}]", "sub": f"{name}[{selection}].{sub}"}[kind]
    if change == "remove":
        return op(change, path)
    if kind == "sub":
        return op(change, path, draw(values))
    one = draw(MULTIPLE[name])
    return op(change, path, draw(st.sampled_from([one, [one]])) if kind == "all" else one)


@st.composite
def whole(draw: st.DrawFn) -> Payload:
    """An operation without a path, or on a complex attribute or an extension."""
    values = draw(
        record(
            {},
            optional={
                "title": WORDS,
                "name": record({}, optional={"familyName": WORDS, "givenName": WORDS}),
                "name.givenName": WORDS,
                "emails": st.lists(MULTIPLE["emails"], max_size=2, unique_by=repr),
                "roles": st.lists(MULTIPLE["roles"], max_size=2, unique_by=repr),
                ENTERPRISE: record({}, optional={"department": WORDS, "costCenter": WORDS}),
                f"{ENTERPRISE}:division": WORDS,
                "active": TRUTH,
            },
        )
    )
    return op(draw(SETS), None, values)


WRONG: list[Payload] = [
    op("frobnicate", "title", "x"),
    op("remove", None),
    op("replace", "emails[", "x"),
    op("replace", 'emails[type eq "work"', "x"),
    op("add", "title"),
    op("replace", "groups", []),
    op("replace", "id", "mem_other"),
    op("replace", None, {"id": "mem_other"}),
    op("replace", "meta.version", "x"),
    op("remove", "userName"),
    op("replace", "name", "a text"),
    op("replace", "emails", "a text"),
    op("replace", "title", {"an": "object"}),
    op("replace", "title", ["a", "b"]),
    op("replace", 'title[value eq "x"]', "x"),
    op("remove", 'emails[type like "work"]'),
    op("add", "emails", [{"value": "a@acme.com", "primary": True}, {"value": "b@acme.com", "primary": True}]),
]


@st.composite
def complexes(draw: st.DrawFn) -> Payload:
    """An operation on a complex attribute or an extension as a whole."""
    path, parts = draw(
        st.sampled_from(
            [
                ("name", {"familyName": WORDS, "givenName": WORDS}),
                (ENTERPRISE, {"department": WORDS, "division": WORDS}),
                (MANAGER, {"value": st.just("mem_new")}),
            ]
        )
    )
    change = draw(st.sampled_from(["add", "replace", "remove"]))
    value = draw(record({}, optional=parts).filter(bool)) if change != "remove" else None
    return op(change, path, value)


BY_THE_BOOK = st.one_of(single(), several(), whole(), complexes())
PLAIN = BY_THE_BOOK.map(lambda one: Sent(one, (one,)))
DEPARTING = st.sampled_from([Sent(*pair) for pairs in DEPARTURES.values() for pair in pairs])
REFUSED = st.sampled_from(WRONG).map(lambda one: Sent(one, (one,)))
SENT = st.lists(st.one_of(PLAIN, PLAIN, PLAIN, DEPARTING), min_size=1, max_size=5)


def by_the_library(document: Payload, sent: Sequence[Payload]) -> Payload | None:
    """The document after the library's PATCH; None where it refuses."""
    user = Employee.model_validate({**document, "id": "mem_bo"})
    if sent:
        try:
            patch = PatchOp[Employee].model_validate(
                patch_of(*sent), scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=POLICY
            )
            patch.patch(user, scim_policy=POLICY)
        except (SCIMException, ValidationError):
            return None
    return told(user.model_dump(scim_ctx=Context.DEFAULT))


def by_us(document: Payload, sent: Sequence[Payload]) -> Payload | None:
    """The document after our PATCH; None where we refuse."""
    try:
        revised = revise_user("mem_bo", operations(patch_of(*sent)))(document)
    except DomainError:
        return None
    extensions = [key for key in revised if key.startswith("urn:")]
    assert revised["schemas"] == [USER, *extensions]
    return told(revised)


def told(document: Mapping[str, Any]) -> Payload:
    """What a document says: without the names of its schemas, and without what is nothing (RFC 7643 §2.5)."""
    left_out = ("schemas", "id", "password")
    return {key: value for key, value in document.items() if key not in left_out and value not in (None, [], {})}


@EXAMPLES
@given(documents(), SENT)
def test_a_change_of_a_user_is_the_librarys(document: Payload, sent: list[Sent]) -> None:
    reference = by_the_library(document, [one for each in sent for one in each.by_the_book])

    event("refused" if reference is None else "changed" if reference != told(document) else "as it was")
    assert by_us(document, [each.operation for each in sent]) == reference


@EXAMPLES
@given(documents(), SENT, REFUSED, st.integers(0, 5))
def test_what_the_library_refuses_of_a_user_is_refused(
    document: Payload, sent: list[Sent], wrong: Sent, place: int
) -> None:
    sent = [*sent[:place], wrong, *sent[place:]]

    assert by_the_library(document, [one for each in sent for one in each.by_the_book]) is None
    assert by_us(document, [each.operation for each in sent]) is None


# Attributes, and the names under which no schema knows them.
CUSTOM = {"TITLE": "badge", "title": "badge", "givenName": "nick", "department": "shelf"}


def renamed(value: Any) -> Any:
    """The same with custom attributes in the place of declared ones, in paths too."""
    text = json.dumps(value)
    for name, ours in CUSTOM.items():
        text = text.replace(name, ours)
    return json.loads(text)


@EXAMPLES
@given(documents(), SENT)
def test_a_custom_attribute_changes_as_a_declared_one_does(document: Payload, sent: list[Sent]) -> None:
    changes = [each.operation for each in sent]

    assert by_us(renamed(document), renamed(changes)) == renamed(by_us(document, changes))


PEOPLE = [f"mem_{letter}" for letter in "abcde"]
ONE = st.sampled_from(PEOPLE)
LISTED = st.lists(ONE, max_size=4, unique=True).map(lambda names: [{"value": name} for name in names])
SOME = LISTED.filter(bool)


@st.composite
def of_members(draw: st.DrawFn) -> Payload:
    """An operation on members, and now and then on another attribute."""
    one, other = draw(ONE), draw(ONE)
    return draw(
        st.sampled_from(
            [
                op("add", "members", draw(SOME)),
                op("add", f"{GROUP}:Members", draw(SOME)),
                op("replace", "members", draw(LISTED)),
                op("add", None, {"members": draw(SOME)}),
                op("replace", None, {"displayName": "x", "members": draw(SOME)}),
                op("remove", "members", draw(SOME)),
                op("remove", f'members[value eq "{one}"]'),
                op("remove", f'members[value eq "{one}" or value eq "{other}"]'),
                op("remove", "members"),
                op("replace", "displayName", "y"),
            ]
        )
    )


def members_by_the_library(before: list[str], sent: Sequence[Payload]) -> set[str]:
    """Who is in the group after the library has patched the whole of it."""
    group = scim2_models.Group.model_validate({"members": [{"value": name} for name in before]})
    patch = PatchOp[scim2_models.Group].model_validate(
        patch_of(*sent), scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=POLICY
    )
    patch.patch(group, scim_policy=POLICY)
    return {str(member.value) for member in group.members or []}


@EXAMPLES
@given(st.lists(ONE, unique=True), st.lists(of_members(), min_size=1, max_size=6))
def test_a_change_of_members_is_the_librarys(before: list[str], sent: list[Payload]) -> None:
    change, _ = sort_out(operations(patch_of(*sent)))

    after = set[str]() if change.replaces else set(before) - set(change.removed)
    after |= set(change.added)

    assert after == members_by_the_library(before, sent)
