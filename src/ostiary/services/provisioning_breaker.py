"""Whether a departure is one too many: the breaker, as every departure asks it."""

from datetime import timedelta

from ostiary.domain.directory_breaker import Breaker, Departures, Measure
from ostiary.domain.membership import Member
from ostiary.services import mails
from ostiary.services.provisioning import Provisioning

# A count of all members is good for so long while it is far from mattering; where it decides, it is made anew.
_MEASURED_EVERY = timedelta(minutes=1)


async def breaker_holds(p: Provisioning, member: Member) -> bool:
    """Whether the breaker has tripped, or trips at this departure; else the departure is counted.

    Departures of one organization wait for each other from here on, so that none slips by (R63).
    """
    breaker = p.directory.breaker
    if not breaker.enabled:
        return False
    before = await p.uow.breaker.departures(p.organization_id, member.id, p.now - breaker.window)
    if before.is_tripped or before.includes_member:
        return before.is_tripped
    gone = before.gone + 1
    measure = await _measured(p, breaker, before, gone)
    if measure is not None and breaker.trips(gone, measure.members):
        await _trip(p, breaker, gone, measure)
        return True
    # Who waited for others began before them: times must rise as the numbers do, for the window's first to be found.
    at = p.now if before.last_at is None else max(p.now, before.last_at)
    await p.uow.breaker.note_departure(p.organization_id, member.id, before.last + 1, at, measure)
    return False


async def _measured(p: Provisioning, breaker: Breaker, before: Departures, gone: int) -> Measure | None:
    """How many members there were before all of them went; nobody is counted as long as few are gone."""
    measure = before.measure
    if gone < breaker.minimum:
        return measure
    if measure is not None and p.now - measure.at < _MEASURED_EVERY and not breaker.trips(gone, measure.members):
        return measure
    return Measure(await p.uow.breaker.count_active_members(p.organization_id) + before.gone, p.now)


async def _trip(p: Provisioning, breaker: Breaker, gone: int, measure: Measure) -> None:
    await p.uow.breaker.trip(p.organization_id, p.now)
    await p.journal.write(
        "directory.breaker_tripped",
        "directory",
        p.directory.id,
        after={
            "departures": gone,
            "members": measure.members,
            "share_percent": breaker.share_percent,
            "minimum": breaker.minimum,
            "window_seconds": int(breaker.window.total_seconds()),
        },
    )
    for address in await p.uow.members.administrator_emails(p.organization_id):
        await p.uow.outbox.mail(
            mails.breaker_tripped(address, p.organization, gone, measure.members, breaker.window, p.urls.base_url)
        )
