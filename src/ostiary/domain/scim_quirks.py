"""Where identity providers depart from the RFCs and are understood all the same: each departure by its stable name."""

from collections.abc import Mapping
from enum import StrEnum


class Quirk(StrEnum):
    """A departure that was read as what was meant. A name once published is never renamed."""

    ELEMENT_CREATED = "element_created"
    EMPTY_TEXT_CLEARS = "empty_text_clears"
    ENTERPRISE_URN_MISSPELT = "enterprise_urn_misspelt"
    FILTER_VALUE_UNQUOTED = "filter_value_unquoted"
    MANAGER_SHAPE = "manager_shape"
    MEMBERS_REMOVED_BY_VALUE = "members_removed_by_value"
    MEMBERS_RESERVED = "members_reserved"
    OPERATION_CASE = "operation_case"
    PASSWORD_DISCARDED = "password_discarded"
    PATCH_WITHOUT_SCHEMA = "patch_without_schema"
    ROLE_IN_TEXT = "role_in_text"
    SCHEMAS_OF_SCIM_1 = "schemas_of_scim_1"
    TEXT_AS_BOOLEAN = "text_as_boolean"


READ_AS: Mapping[Quirk, str] = {
    Quirk.ELEMENT_CREATED: 'A change of an element that is not there (emails[type eq "home"].value) was read as its '
    "creation.",
    Quirk.EMPTY_TEXT_CLEARS: 'An attribute set to "" was read as that attribute removed.',
    Quirk.ENTERPRISE_URN_MISSPELT: "The URN of the enterprise extension without its last colon was read with it.",
    Quirk.FILTER_VALUE_UNQUOTED: "A filter's value without quotation marks was read as text.",
    Quirk.MANAGER_SHAPE: "A manager sent as a list, as bare text or without the extension's URN was read as the "
    "enterprise extension's manager.",
    Quirk.MEMBERS_REMOVED_BY_VALUE: "A removal from members with a value was read as the removal of those named alone.",
    Quirk.MEMBERS_RESERVED: "Members who are not provisioned were given places in reserve: they join when provisioned.",
    Quirk.OPERATION_CASE: "An operation written with capitals (Add, Replace, Remove) was read without.",
    Quirk.PASSWORD_DISCARDED: "The password was discarded: people sign in at the identity provider.",
    Quirk.PATCH_WITHOUT_SCHEMA: "A PATCH that names no schema, or those of the resource, was read as a PatchOp.",
    Quirk.ROLE_IN_TEXT: "A role sent as JSON inside a text was read as the role it describes.",
    Quirk.SCHEMAS_OF_SCIM_1: "The schema URNs of drafts and of SCIM 1 were read as those of SCIM 2.0.",
    Quirk.TEXT_AS_BOOLEAN: 'A boolean sent as the text "True" or "False" was read as true or false.',
}
