"""Whose account an assertion is, and whether it may enter (R20–R24, R30, R32–R35)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ostiary.domain.account import Account
from ostiary.domain.assertion import NameId, ResponseRefused, VerifiedAssertion
from ostiary.domain.connection import AttributeMapping, NameIdFormat
from ostiary.domain.membership import ManagedBy, Member, MemberStatus, Provenance, Role, Source
from ostiary.domain.sign_in_policy import (
    EMAIL_ATTRIBUTES,
    AccountCandidates,
    DirectoryStanding,
    Entry,
    SignInRefused,
    decide_entry,
    ensure_domain_allowed,
    read_identity,
    resolve_account,
    role_at_sign_in,
    session_end,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"


def assertion(
    attributes: Mapping[str, tuple[str, ...]] | None = None,
    name_id: str = "Bo@Acme.test",
    name_id_format: str | None = NameIdFormat.EMAIL,
) -> VerifiedAssertion:
    return VerifiedAssertion(
        id="_1",
        issuer="https://idp/",
        name_id=NameId(name_id, name_id_format),
        confirmations=(),
        not_before=None,
        not_on_or_after=None,
        audience_restrictions=(),
        session_index="s",
        session_not_on_or_after=None,
        has_authn_statement=True,
        attributes=attributes or {},
    )


@pytest.mark.parametrize("name", EMAIL_ATTRIBUTES)
def test_the_address_is_read_from_what_providers_call_it(name: str) -> None:
    identity = read_identity(
        assertion({name: ("Bo@ACME.test",)}, "x", NameIdFormat.PERSISTENT), AttributeMapping(), "role"
    )
    assert (identity.email, identity.internal_id) == ("bo@acme.test", "x")


FAMILIES = {
    "plain": ("email", "firstName", "lastName"),
    "claims": (f"{CLAIMS}emailaddress", f"{CLAIMS}givenname", f"{CLAIMS}surname"),
    "urn:oid": ("urn:oid:0.9.2342.19200300.100.1.3", "urn:oid:2.5.4.42", "urn:oid:2.5.4.4"),
    "LDAP": ("mail", "givenName", "sn"),
    "snake case": ("email", "first_name", "last_name"),
}


@pytest.mark.parametrize("names", FAMILIES.values(), ids=FAMILIES.keys())
def test_address_and_name_are_read_from_each_family_of_attribute_names(names: tuple[str, str, str]) -> None:
    said = dict(zip(names, (("bo@acme.test",), ("Bo",), ("Diddley",)), strict=True))
    identity = read_identity(assertion(said, "x", NameIdFormat.PERSISTENT), AttributeMapping(), "role")
    assert (identity.email, identity.name) == ("bo@acme.test", "Bo Diddley")


def test_of_several_values_the_first_that_is_not_blank_counts_and_roles_keep_them_all() -> None:
    said = {"email": (" ", "bo@acme.test", "b@acme.test"), "firstName": ("Bo", "Bob"), "role": ("member", "admin")}
    identity = read_identity(assertion(said, "x", NameIdFormat.PERSISTENT), AttributeMapping(), "role")
    assert (identity.email, identity.name, identity.role_values) == ("bo@acme.test", "Bo", ("member", "admin"))


@pytest.mark.parametrize("mapped", ["http://schemas.microsoft.com/identity/claims/objectidentifier", "uid"])
def test_R30_a_mapped_id_is_the_internal_id_whatever_the_name_id_is(mapped: str) -> None:
    said = assertion({"email": ("bo@acme.test",), mapped: ("0e1f",)}, "bo@acme.test")
    assert read_identity(said, AttributeMapping(id=mapped), "role").internal_id == "0e1f"


def test_what_is_no_address_is_named() -> None:
    with pytest.raises(ResponseRefused, match="'Bo Diddley' is no e-mail address"):
        read_identity(assertion({"email": ("Bo Diddley",)}), AttributeMapping(), "role")


def test_a_mapping_names_the_attributes_and_then_nothing_else_is_taken() -> None:
    mapping = AttributeMapping(id="uid", email="contact", first_name="given", last_name="family")
    said = {
        "uid": ("7",),
        "contact": ("bo@acme.test",),
        "given": ("Bo",),
        "family": ("Berg",),
        "email": ("x@acme.test",),
    }
    identity = read_identity(assertion(said), mapping, "role")
    assert (identity.internal_id, identity.email, identity.name) == ("7", "bo@acme.test", "Bo Berg")
    with pytest.raises(ResponseRefused, match="contact"):
        read_identity(assertion({"uid": ("7",), "email": ("x@acme.test",)}), mapping, "role")


def test_an_email_name_id_is_the_address_where_no_attribute_is() -> None:
    assert read_identity(assertion(), AttributeMapping(), "role").email == "bo@acme.test"


def test_R30_an_email_name_id_counts_lower_cased_as_internal_id() -> None:
    assert read_identity(assertion(), AttributeMapping(), "role").internal_id == "bo@acme.test"
    kept = read_identity(
        assertion({"email": ("b@acme.test",)}, "MiXed", NameIdFormat.PERSISTENT), AttributeMapping(), "role"
    )
    assert kept.internal_id == "MiXed"


def test_a_transient_name_id_needs_a_mapped_id() -> None:
    said = assertion({"email": ("bo@acme.test",), "uid": ("7",)}, "_t1", NameIdFormat.TRANSIENT)
    with pytest.raises(ResponseRefused, match="transient"):
        read_identity(said, AttributeMapping(), "role")
    assert read_identity(said, AttributeMapping(id="uid"), "role").internal_id == "7"


def test_a_missing_address_is_named_with_what_was_received() -> None:
    with pytest.raises(ResponseRefused, match=r"'email'.*groups"):
        read_identity(assertion({"groups": ("x",)}, "42", NameIdFormat.PERSISTENT), AttributeMapping(), "role")


IDENTITY = read_identity(assertion(), AttributeMapping(), "role")


def test_R21_R34_only_the_connections_domains_may_enter() -> None:
    ensure_domain_allowed(IDENTITY, frozenset({"acme.test"}))
    for allowed in (frozenset[str](), frozenset({"sub.acme.test"}), frozenset({"cme.test"})):
        with pytest.raises(SignInRefused) as refused:
            ensure_domain_allowed(IDENTITY, allowed)
        assert refused.value.error.code == "email_domain_not_allowed"


BO = Account("usr_bo", "bo@acme.test", "Bo", NOW, email_verified_at=NOW)
OTHER = Account("usr_x", "old@acme.test", "Bo", NOW, email_verified_at=NOW)


def test_R35_the_link_comes_before_everything_else() -> None:
    resolution = resolve_account(IDENTITY, AccountCandidates(linked=BO, by_email=OTHER))
    assert (resolution.account, resolution.link, resolution.rename) == (BO, False, False)


@pytest.mark.parametrize(("owns", "taken", "renames"), [(True, None, True), (False, None, False), (True, BO, False)])
def test_R33_a_rename_needs_both_domains_and_a_free_address(owns: bool, taken: Account | None, renames: bool) -> None:
    candidates = AccountCandidates(linked=OTHER, by_email=taken, owns_old_domain=owns)
    assert resolve_account(IDENTITY, candidates).rename is renames


def test_R31_the_same_internal_id_and_address_at_the_same_provider_is_the_same_account() -> None:
    resolution = resolve_account(IDENTITY, AccountCandidates(same_provider=BO, by_email=BO))
    assert (resolution.account, resolution.link, resolution.erase_credentials) == (BO, True, False)


def test_R32_another_address_behind_the_same_internal_id_is_a_conflict() -> None:
    with pytest.raises(SignInRefused) as refused:
        resolve_account(IDENTITY, AccountCandidates(same_provider=OTHER))
    assert refused.value.error.code == "identity_conflict"
    assert OTHER.email not in refused.value.hint


def test_R35_an_unproven_account_is_erased_before_it_is_linked_unless_it_awaits_here() -> None:
    unproven = replace(BO, email_verified_at=None)
    assert resolve_account(IDENTITY, AccountCandidates(by_email=unproven)).erase_credentials
    assert not resolve_account(IDENTITY, AccountCandidates(by_email=unproven, by_email_awaits=True)).erase_credentials
    assert not resolve_account(IDENTITY, AccountCandidates(by_email=BO)).erase_credentials
    assert resolve_account(IDENTITY, AccountCandidates(by_email=BO, link_was_removed=True)).erase_credentials


def test_R35_an_account_with_another_id_here_is_a_conflict() -> None:
    with pytest.raises(SignInRefused):
        resolve_account(IDENTITY, AccountCandidates(by_email=BO, by_email_has_other_id=True))


def test_R35_nobody_known_is_a_new_account() -> None:
    resolution = resolve_account(IDENTITY, AccountCandidates())
    assert (resolution.account, resolution.link) == (None, True)


GIVEN = Provenance(Source.SAML, None, NOW)
MEMBER = Member(
    "mem",
    "org",
    "usr_bo",
    "bo@acme.test",
    "Bo",
    Role.MEMBER,
    MemberStatus.ACTIVE,
    ManagedBy.SSO,
    False,
    NOW,
    GIVEN,
    GIVEN,
)
OFF = DirectoryStanding(enabled=False)


def test_R20_who_is_no_member_enters_as_a_new_one_while_there_is_no_directory() -> None:
    assert decide_entry(None, None, OFF) is Entry.NEW
    assert decide_entry(MEMBER, None, OFF) is Entry.EXISTING


def test_R22_the_directory_says_who_may_enter() -> None:
    on = DirectoryStanding(enabled=True)
    active, inactive = replace(on, user_active=True), replace(on, user_active=False)
    assert decide_entry(None, MEMBER, active) is Entry.PROVISIONED
    assert decide_entry(MEMBER, None, on) is Entry.EXISTING
    for member, standing, code in (
        (None, on, "user_not_provisioned"),
        (None, inactive, "user_deactivated"),
        (replace(MEMBER, role=Role.ADMINISTRATOR), inactive, "user_deactivated"),
    ):
        with pytest.raises(SignInRefused) as refused:
            decide_entry(member, None, standing)
        assert refused.value.error.code == code


def test_a_suspended_member_does_not_enter() -> None:
    with pytest.raises(SignInRefused) as refused:
        decide_entry(replace(MEMBER, status=MemberStatus.SUSPENDED), None, OFF)
    assert refused.value.error.code == "membership_suspended"


@pytest.mark.parametrize(
    ("manage", "values", "role", "warns"),
    [
        (True, ("member",), Role.MEMBER, False),
        (True, ("Administrator",), Role.ADMINISTRATOR, False),
        (True, (" ADMIN ",), Role.ADMINISTRATOR, False),
        (True, ("member", "admin"), Role.ADMINISTRATOR, False),
        (True, ("owner",), None, True),
        (True, (), None, False),
        (False, ("admin",), None, False),
    ],
)
def test_R23_the_role_an_assertion_sets(manage: bool, values: tuple[str, ...], role: Role | None, warns: bool) -> None:
    found, warning = role_at_sign_in(manage, values)
    assert found is role
    assert (warning is not None) is warns


def test_R24_a_session_ends_at_the_earlier_of_both() -> None:
    hour = timedelta(hours=1)
    assert session_end(NOW, hour, None) == NOW + hour
    assert session_end(NOW, hour, NOW + hour / 2) == NOW + hour / 2
    assert session_end(NOW, hour, NOW + 2 * hour) == NOW + hour
