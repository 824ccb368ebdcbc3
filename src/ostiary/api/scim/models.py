"""The resources as this service reads them: RFC 7643's, loosened where identity providers depart from it.

A field loosened is a field overridden, which the type checker forbids because fields can be assigned; nobody assigns
these through their parent's type.
"""

from typing import Annotated, ClassVar

import scim2_models
from pydantic import Field
from scim2_models import AnyExtension, CaseExact, ComplexAttribute, Mutability, Reference, ScimPolicy

# Unknown attributes are stored and sent back; a remove may say by its value whom; a filter that matches nothing
# describes what to create. Entra and Okta count on all three.
POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.keep,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


class Email(scim2_models.Email):
    """An e-mail address, of whatever look: it is listed as sent, and matters when its person signs in (R41)."""

    value: str | None = None
    """Email addresses for the user."""


class Manager(scim2_models.Manager):
    """A manager; Entra sends no `$ref`, and RFC 7643 §8.7.1 requires neither."""

    value: Annotated[str | None, CaseExact.true] = None
    """The id of the SCIM resource representing the User's manager."""

    ref: Annotated[  # pyright: ignore[reportIncompatibleVariableOverride] -- loosened: may be left out
        Reference["User"] | None,  # pyright: ignore[reportMissingTypeArgument] - named by its resource type
        Mutability.read_write,
    ] = Field(None, serialization_alias="$ref", validation_alias="$ref")
    """The URI of the SCIM resource representing the User's manager."""


class EnterpriseUser(scim2_models.EnterpriseUser):
    """RFC 7643 §4.3."""

    manager: Manager | None = None  # pyright: ignore[reportIncompatibleVariableOverride] -- loosened
    """The User's manager."""


class User(scim2_models.User[AnyExtension]):
    """User Account"""

    emails: list[Email] | None = None  # pyright: ignore[reportIncompatibleVariableOverride] -- loosened
    """Email addresses for the user."""

    Emails: ClassVar[type[ComplexAttribute]] = Email


class GroupMember(ComplexAttribute):
    """A member, by its id alone: names are read at `/Users`."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """Identifier of the member of this Group."""

    ref: Annotated[
        Reference["User"] | None,  # pyright: ignore[reportMissingTypeArgument] - named by its resource type
        Mutability.immutable,
    ] = Field(None, serialization_alias="$ref", validation_alias="$ref")
    """The URI of the member."""

    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """What the member is."""


class Group(scim2_models.Group):
    """Group"""

    members: list[GroupMember] | None = None  # pyright: ignore[reportIncompatibleVariableOverride] -- narrowed
    """A list of members of the Group."""

    Members: ClassVar[type[ComplexAttribute]] = GroupMember


UserResource = User[EnterpriseUser]

USER_URN = str(User.__schema__)
GROUP_URN = str(Group.__schema__)
ENTERPRISE_URN = str(EnterpriseUser.__schema__)
