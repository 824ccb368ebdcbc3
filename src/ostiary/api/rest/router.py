"""All of `/v1`, put together."""

from fastapi import APIRouter

from ostiary.api.rest import auth, connections, directory, domains, organizations, sign_ins, sso

router = APIRouter()
for module in (auth, organizations, domains, connections, sso, directory, sign_ins):
    router.include_router(module.router)
router.include_router(organizations.operator_router)
