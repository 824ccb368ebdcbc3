"""What an administrator is told to type in at each identity provider."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ostiary.domain.connection import AttributeMapping, Connection, ConnectionStatus, NameIdFormat, Provider
from ostiary.domain.provider_setup import AttributeToSend, OurSide, SetupField, setup_of
from ostiary.domain.sign_in_policy import EMAIL_ATTRIBUTES, FIRST_NAME_ATTRIBUTES, LAST_NAME_ATTRIBUTES

SP = OurSide("https://sp/entity", "https://sp/acs", "https://sp/slo", "https://sp/metadata")
# These have no single logout.
WITHOUT_LOGOUT = {Provider.GOOGLE, Provider.JUMPCLOUD}


def connection(provider: Provider) -> Connection:
    return Connection(
        "conn_1", "org_1", "IdP", provider, ConnectionStatus.DRAFT, created_at=datetime(2026, 1, 15, tzinfo=UTC)
    )


@pytest.mark.parametrize("provider", list(Provider))
def test_every_provider_is_told_who_we_are_and_where(provider: Provider) -> None:
    setup = setup_of(connection(provider), SP)
    values = [item.value for item in setup.fields]
    assert {SP.entity_id, SP.acs_url} <= set(values)
    assert (SP.slo_url in values) is (provider not in WITHOUT_LOGOUT)
    labels = [item.label for item in setup.fields]
    assert all(labels)
    assert len(set(labels)) == len(labels)
    assert setup.notes


@pytest.mark.parametrize("provider", list(Provider))
def test_the_attributes_that_are_asked_for_are_those_that_are_read(provider: Provider) -> None:
    email, first, last = setup_of(connection(provider), SP).attributes
    assert email.name in EMAIL_ATTRIBUTES
    assert first.name in FIRST_NAME_ATTRIBUTES
    assert last.name in LAST_NAME_ATTRIBUTES
    assert all((email.source, first.source, last.source))


def test_the_words_are_those_of_the_product() -> None:
    setup = setup_of(connection(Provider.OKTA), SP)
    assert SetupField("Audience URI (SP Entity ID)", SP.entity_id) in setup.fields
    assert SetupField("Single sign-on URL", SP.acs_url) in setup.fields
    assert AttributeToSend("email", "user.email") in setup.attributes
    assert setup.name_id_format is NameIdFormat.EMAIL


def test_what_the_connection_asks_for_goes_before_what_is_usual() -> None:
    asking = replace(
        connection(Provider.ENTRA),
        name_id_format=NameIdFormat.PERSISTENT,
        attribute_mapping=AttributeMapping(id="oid", email="mail"),
    )
    setup = setup_of(asking, SP)
    assert setup.name_id_format is NameIdFormat.PERSISTENT
    assert [item.name for item in setup.attributes][:2] == ["oid", "mail"]
    assert setup.attributes[2].name.endswith("/givenname")
