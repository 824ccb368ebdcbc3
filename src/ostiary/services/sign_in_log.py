"""Sign-in attempts as administrators read them."""

from ostiary.domain.errors import not_found
from ostiary.domain.operation import Operation
from ostiary.services.context import Caller, Kit, admit
from ostiary.services.paging import Page, PageRequest
from ostiary.services.ports.sign_in import Trace


class SignInLogService:
    """The traces of an organization's sign-in attempts."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def list(self, caller: Caller, reference: str, page: PageRequest) -> Page[Trace]:
        """Attempts, newest first."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.LIST_SIGN_INS)
            return await uow.traces.list(admitted.organization.id, page)

    async def get(self, caller: Caller, reference: str, trace_id: str) -> Trace:
        """One attempt, step by step."""
        async with self._kit.uow() as uow:
            admitted = await admit(uow, self._kit.urls, caller, reference, Operation.GET_SIGN_IN)
            trace = await uow.traces.get(admitted.organization.id, trace_id)
        if trace is None:
            raise not_found("sign_in")
        return trace
