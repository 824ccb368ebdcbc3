"""All of `/v1`, put together."""

from fastapi import APIRouter

from ostiary.api.rest import auth, organizations

router = APIRouter()
for module in (auth, organizations):
    router.include_router(module.router)
router.include_router(organizations.operator_router)
