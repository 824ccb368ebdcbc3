"""`/v1/organizations/{org}/databases`: databases and their administrators."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from ostiary.api.deps import CallerDep, PageDep, ServicesDep
from ostiary.api.etags import TagDep, tagged
from ostiary.api.idempotency import CreatingRoute
from ostiary.api.problems import problems
from ostiary.api.rest.members import MemberPath
from ostiary.api.rest.organizations import OrgPath
from ostiary.api.rest.schemas import Answer, ListOf, Request, list_of
from ostiary.api.routing import Routes
from ostiary.domain.database import Database
from ostiary.domain.operation import Operation

router = Routes(route_class=CreatingRoute, prefix="/v1/organizations/{org}/databases", tags=["databases"])

DatabasePath = Annotated[
    str, Path(max_length=64, description="The database's id.", examples=["db_01h455vb4pex5vsknk084sn02q"])
]


class NewDatabase(Request):
    """A new database."""

    name: str = Field(examples=["orders"])


class DatabaseAnswer(Answer):
    """A database. Who administers it stands at the members."""

    id: str = Field(examples=["db_01h455vb4pex5vsknk084sn02q"])
    name: str = Field(examples=["orders"])
    created_at: datetime


def _render_database(database: Database) -> DatabaseAnswer:
    return DatabaseAnswer(id=database.id, name=database.name, created_at=database.created_at)


@router.post("", status_code=201, operation_id=Operation.CREATE_DATABASE, responses=problems(401, 403, 404, 409, 422))
async def create_database(org: OrgPath, body: NewDatabase, caller: CallerDep, services: ServicesDep) -> DatabaseAnswer:
    """Add a database. 409 `database_name_taken`."""
    return _render_database(await services.databases.create(caller, org, body.name))


@router.get("", operation_id=Operation.LIST_DATABASES, responses=problems(401, 403, 404, 422))
async def list_databases(
    org: OrgPath, caller: CallerDep, services: ServicesDep, page: PageDep
) -> ListOf[DatabaseAnswer]:
    """The databases, oldest first."""
    return list_of(await services.databases.list(caller, org, page), _render_database)


@router.get("/{database_id}", operation_id=Operation.GET_DATABASE, responses=tagged(401, 403, 404))
async def get_database(
    org: OrgPath, database_id: DatabasePath, caller: CallerDep, services: ServicesDep, tag: TagDep
) -> DatabaseAnswer:
    """One database."""
    return _render_database(tag(await services.databases.get(caller, org, database_id)))


@router.delete(
    "/{database_id}", status_code=204, operation_id=Operation.DELETE_DATABASE, responses=problems(401, 403, 404, 412)
)
async def delete_database(org: OrgPath, database_id: DatabasePath, caller: CallerDep, services: ServicesDep) -> None:
    """Delete the database; its credentials stop at once."""
    await services.databases.delete(caller, org, database_id)


@router.put(
    "/{database_id}/administrators/{member_id}",
    status_code=204,
    operation_id=Operation.GRANT_DATABASE_ADMINISTRATOR,
    responses=problems(401, 403, 404),
)
async def grant_database_administrator(
    org: OrgPath, database_id: DatabasePath, member_id: MemberPath, caller: CallerDep, services: ServicesDep
) -> None:
    """Make a member administrator of the database, or with `all` as its id of all there are and will be."""
    await services.databases.grant_administrator(caller, org, database_id, member_id)


@router.delete(
    "/{database_id}/administrators/{member_id}",
    status_code=204,
    operation_id=Operation.REVOKE_DATABASE_ADMINISTRATOR,
    responses=problems(401, 403, 404),
)
async def revoke_database_administrator(
    org: OrgPath, database_id: DatabasePath, member_id: MemberPath, caller: CallerDep, services: ServicesDep
) -> None:
    """Take the role away, with `all` as the database's id that over all; harmless where the member does not have it."""
    await services.databases.revoke_administrator(caller, org, database_id, member_id)
