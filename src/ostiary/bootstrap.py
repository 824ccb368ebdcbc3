"""The only composition root: settings → engine, adapters, services, app; lifespan."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ostiary.adapters.bounded_threads import BoundedThreads
from ostiary.adapters.common_passwords import common_passwords
from ostiary.adapters.db.engine import Engine, make_engine
from ostiary.adapters.db.job_queue import PgJobQueue
from ostiary.adapters.db.readiness import DatabaseReadiness
from ostiary.adapters.db.uow import SqlUnitOfWork
from ostiary.adapters.dns import DnsResolver
from ostiary.adapters.domain_ownership import ListedOwnership
from ostiary.adapters.fetcher import HttpMetadataFetcher
from ostiary.adapters.guarded_http import GuardedHttp
from ostiary.adapters.logging import configure_logging
from ostiary.adapters.mail import FolderMailer, SmtpMailer
from ostiary.adapters.passwords import Argon2Hasher
from ostiary.adapters.saml.logout import SamlLogout
from ostiary.adapters.saml.messages import Pysaml2Messages
from ostiary.adapters.saml.metadata import SamlMetadataReader
from ostiary.adapters.saml.verifier import SamlVerifier
from ostiary.adapters.sealing import AesGcmSealer
from ostiary.adapters.system import SystemClock, SystemIds
from ostiary.adapters.tracing import start_tracing, stop_tracing
from ostiary.adapters.webhook_sender import HttpWebhookSender
from ostiary.api.app import create_app
from ostiary.api.auth import Authenticator, SessionCookies
from ostiary.api.deps import Services
from ostiary.domain.account import SessionLimits
from ostiary.domain.directory_drift import Finding
from ostiary.services.accounts import AccountService
from ostiary.services.authentication import AuthenticationService
from ostiary.services.cleanup import CleanupService
from ostiary.services.connection_checks import ConnectionCheckService
from ostiary.services.connection_metadata import ConnectionMetadataService
from ostiary.services.connection_sources import IdpDescriber
from ostiary.services.connections import ConnectionService
from ostiary.services.context import Kit, Urls
from ostiary.services.credentials import CredentialService
from ostiary.services.databases import DatabaseService
from ostiary.services.directory import DirectoryService
from ostiary.services.directory_breaker import DirectoryBreakerService
from ostiary.services.directory_drift import DirectoryDriftService
from ostiary.services.directory_requests import DirectoryRequestService, RequestLog
from ostiary.services.directory_token_warnings import DirectoryTokenWarningService
from ostiary.services.directory_unmatched import UnmatchedMemberService
from ostiary.services.domain_checks import DomainCheckService
from ostiary.services.domains import DomainService
from ostiary.services.email_changes import EmailChangeService
from ostiary.services.idempotency import IdempotencyService
from ostiary.services.invitations import InvitationService
from ostiary.services.logout import LogoutService
from ostiary.services.members import MemberService
from ostiary.services.organization_deletion import OrganizationDeletionService
from ostiary.services.organizations import OrganizationService
from ostiary.services.passwords import PasswordService
from ostiary.services.ports.world import Clock, Mailer, Sealer
from ostiary.services.provisioning_groups import GroupProvisioningService
from ostiary.services.provisioning_search import ResourceSearchService
from ostiary.services.provisioning_users import UserProvisioningService
from ostiary.services.recovery import RecoveryService
from ostiary.services.recovery_by_support import SupportRecoveryService
from ostiary.services.service_accounts import ServiceAccountService
from ostiary.services.setup_links import SetupLinkService
from ostiary.services.sign_in_arrival import ArrivalService
from ostiary.services.sign_in_entry import EntryClerk
from ostiary.services.sign_in_finish import FinishService
from ostiary.services.sign_in_log import SignInLogService
from ostiary.services.sign_in_start import RedirectPolicy, SignInStartService
from ostiary.services.sp_key_rotation import SpKeyRotationService
from ostiary.services.sp_keys import SpKeys
from ostiary.services.sso import SsoService
from ostiary.services.teams import TeamService
from ostiary.services.throttle import Throttle
from ostiary.services.turns import Turns
from ostiary.services.webhook_delivery import WebhookDeliveryService
from ostiary.services.webhooks import WebhookService
from ostiary.settings import Settings
from ostiary.worker import run_worker as work
from ostiary.worker.jobs import TokenJob


class SettingError(Exception):
    """A setting cannot be worked with; the text names it and says what to write."""


@dataclass(frozen=True, slots=True)
class House:
    """Everything a process holds open."""

    engine: Engine
    kit: Kit
    sealer: Sealer
    services: Services
    deliveries: WebhookDeliveryService
    connection_checks: ConnectionCheckService
    readiness: DatabaseReadiness
    jobs: PgJobQueue


def build(settings: Settings, *, clock: Clock | None = None) -> House:
    """Wire one process. The clock is the one part a test may replace."""
    engine = make_engine(settings.database_url, pool_size=settings.database_pool_size)
    sealer = AesGcmSealer(settings.secret_key.get_secret_value())
    kit = Kit(
        uow=lambda: SqlUnitOfWork(engine, sealer),
        clock=clock or SystemClock(),
        ids=SystemIds(),
        urls=Urls(settings.base_url.rstrip("/")),
    )
    passwords = Argon2Hasher(
        memory_kib=settings.password_hash_memory_kib,
        rounds=settings.password_hash_rounds,
        waiting=settings.password_queue,
    )
    saml_threads = BoundedThreads("saml", waiting=settings.saml_queue)
    limits = SessionLimits(
        timedelta(seconds=settings.password_session_seconds), timedelta(seconds=settings.password_session_idle_seconds)
    )
    throttle = Throttle(kit, by_address=settings.throttle_by_address)
    cookies = SessionCookies(secure=not settings.is_development, origins=frozenset(settings.cookie_origins))
    messages = Pysaml2Messages(saml_threads)
    describer = IdpDescriber(
        SamlMetadataReader(saml_threads), HttpMetadataFetcher(allow_loopback=settings.is_development)
    )
    keys = SpKeys(kit, sealer, messages)
    redirects = RedirectPolicy(frozenset(settings.redirect_uris), allow_loopback=settings.is_development)
    sender = HttpWebhookSender(GuardedHttp(allow_loopback=settings.is_development))
    services = Services(
        urls=kit.urls,
        authenticator=Authenticator(
            lookup=AuthenticationService(kit),
            operator_token=settings.operator_token.get_secret_value() if settings.operator_token else None,
            cookies=cookies,
        ),
        cookies=cookies,
        frontend_url=settings.frontend_url,
        idempotency=IdempotencyService(kit, sealer),
        accounts=AccountService(kit, passwords, common_passwords(), throttle, limits),
        passwords=PasswordService(kit, passwords, common_passwords(), throttle),
        email_changes=EmailChangeService(kit, throttle),
        organizations=OrganizationService(kit),
        organization_deletion=OrganizationDeletionService(kit),
        members=MemberService(kit),
        invitations=InvitationService(kit, throttle),
        teams=TeamService(kit),
        databases=DatabaseService(kit),
        credentials=CredentialService(kit, throttle),
        service_accounts=ServiceAccountService(kit),
        domains=DomainService(kit, DnsResolver(settings.dns_resolvers), ListedOwnership()),
        connections=ConnectionService(kit, keys, describer),
        connection_metadata=ConnectionMetadataService(kit, describer),
        sp_key_rotation=SpKeyRotationService(kit, keys),
        setup_links=SetupLinkService(kit),
        sso=SsoService(kit),
        support_recovery=SupportRecoveryService(kit, throttle),
        recovery=RecoveryService(kit, passwords, throttle),
        directory=DirectoryService(kit),
        directory_breaker=DirectoryBreakerService(kit),
        directory_requests=DirectoryRequestService(kit),
        request_log=RequestLog(kit),
        # The other quarter is for everybody else, should all of one directory wait for a lock.
        turns=Turns(max(1, settings.database_pool_size * 3 // 4)),
        unmatched=UnmatchedMemberService(kit),
        users=UserProvisioningService(kit),
        groups=GroupProvisioningService(kit),
        resources=ResourceSearchService(kit),
        sign_in_start=SignInStartService(kit, keys, messages, redirects, throttle),
        sign_in_arrival=ArrivalService(kit, keys, SamlVerifier(saml_threads), EntryClerk(kit), throttle),
        sign_in_finish=FinishService(kit, throttle),
        sign_in_log=SignInLogService(kit),
        webhooks=WebhookService(kit, sealer, sender),
        logout=LogoutService(kit, keys, SamlLogout(saml_threads), throttle),
    )
    deliveries = WebhookDeliveryService(kit, sealer, sender)
    checks = ConnectionCheckService(kit, describer)
    jobs = PgJobQueue(engine, sealer)
    return House(engine, kit, sealer, services, deliveries, checks, DatabaseReadiness(engine), jobs)


def make_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The application of one process: opened at start, closed in order at the end."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        house = build(settings, clock=clock)
        app.state.services = house.services
        app.state.readiness = house.readiness
        app.state.jobs = house.jobs
        try:
            async with AsyncExitStack() as running:
                await running.enter_async_context(house.services.request_log.running())
                if settings.run_worker:
                    await running.enter_async_context(_working(house, settings))
                yield
        finally:
            await house.engine.dispose()
            await asyncio.to_thread(stop_tracing)

    app = create_app(lifespan)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))  # pyright: ignore[reportArgumentType] -- uvicorn's own ASGI types
    return app


async def run_worker(settings: Settings) -> None:
    """Run the background jobs until SIGINT or SIGTERM; raises SettingError where mail could not go out."""
    configure_logging(level=settings.log_level, readable=settings.is_development)
    start_tracing()
    house = build(settings)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with _working(house, settings):
            await stop.wait()
    finally:
        await house.engine.dispose()
        await asyncio.to_thread(stop_tracing)


async def reconcile_directory(settings: Settings, reference: str, *, dry_run: bool) -> tuple[Finding, ...]:
    """Hold an organization to what its directory pushed; with `dry_run` only find what differs."""
    house = build(settings)
    try:
        drift = DirectoryDriftService(house.kit)
        return await (drift.check(reference) if dry_run else drift.reconcile(reference))
    finally:
        await house.engine.dispose()


@asynccontextmanager
async def _working(house: House, settings: Settings) -> AsyncGenerator[None]:
    """A worker beside the block; it stops within seconds of the block's end."""
    mailer, stop = _mailer(settings, house.kit.clock), asyncio.Event()
    cleanup = CleanupService(house.kit)
    domain_checks = DomainCheckService(house.kit, DnsResolver(settings.dns_resolvers))
    worker = asyncio.create_task(
        work(
            house.jobs,
            mailer=mailer,
            cleanup=cleanup,
            domain_checks=domain_checks,
            connection_checks=house.connection_checks,
            token_warnings=DirectoryTokenWarningService(house.kit),
            deliveries=house.deliveries,
            tokens=TokenJob(house.services.passwords, house.services.recovery),
            stop=stop,
        )
    )
    try:
        yield
    finally:
        stop.set()
        await worker


def _mailer(settings: Settings, clock: Clock) -> Mailer:
    try:
        if settings.mail_folder is not None:
            return FolderMailer(settings.mail_folder, sender=settings.mail_from, clock=clock)
        if settings.smtp_url is not None:
            return SmtpMailer(settings.smtp_url, sender=settings.mail_from, clock=clock)
    except ValueError as error:
        raise SettingError(str(error)) from error
    raise SettingError("OSTIARY_SMTP_URL: is missing; mail goes out by it, as in smtp://user:password@host:587.")
