"""What the worker does by the clock, each schedule run once with the real services."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from ostiary.adapters.dns import DnsResolver
from ostiary.adapters.mail import FolderMailer
from ostiary.domain.domain_name import DomainStatus
from ostiary.services.cleanup import CleanupService
from ostiary.services.directory_token_warnings import DirectoryTokenWarningService
from ostiary.services.domain_checks import DomainCheckService
from ostiary.services.ports.jobs import JobHandler, Schedule
from ostiary.worker import run_worker
from ostiary.worker.jobs import TokenJob
from tests.support.dns import running_dns
from tests.support.house import House, open_house
from tests.support.sso import verified_domain


class OnceQueue:
    """Runs every schedule once, and no job."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def work(
        self,
        handlers: Mapping[str, JobHandler],
        schedules: Sequence[Schedule],
        stop: asyncio.Event,
        *,
        at_once: Mapping[str, int] | None = None,
    ) -> None:
        """Run each schedule once."""
        for schedule in schedules:
            await schedule.run()
            self.ran.append(schedule.name)


async def test_R3_the_worker_looks_for_the_records_of_domains_by_the_clock(database_url: str, tmp_path: Path) -> None:
    queue = OnceQueue()
    async with open_house(database_url) as house:
        ada = await house.person("ada@acme.test")
        await house.organization(ada)
        domain_id = await due(house, await verified_domain(house, ada, "acme.test"))
        with running_dns() as dns:
            await run_worker(
                queue,
                mailer=FolderMailer(str(tmp_path), sender="no-reply@ostiary.test", clock=house.clock),
                cleanup=CleanupService(house.kit),
                domain_checks=DomainCheckService(house.kit, DnsResolver(dns.resolver)),
                connection_checks=house.connection_checks,
                token_warnings=DirectoryTokenWarningService(house.kit),
                deliveries=house.deliveries,
                tokens=TokenJob(house.services.passwords, house.services.recovery),
                stop=asyncio.Event(),
            )
        found = await house.services.domains.get(ada.caller, "acme", domain_id)
    assert {"domain_checks", "refresh_metadata", "warn_of_expiry"} <= set(queue.ran)
    assert found.status is DomainStatus.FAILING


async def due(house: House, domain_id: str) -> str:
    """Have the domain's record looked for at the next occasion."""
    async with house.uow() as uow:
        organization = await uow.organizations.get("acme")
        assert organization is not None
        domain = await uow.domains.get(organization.id, domain_id)
        assert domain is not None
        await uow.domains.save(replace(domain, next_check_at=house.clock.now() - timedelta(seconds=1)))
        await uow.commit()
    return domain_id
