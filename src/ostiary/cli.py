"""The `ostiary` command."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated, NoReturn

import typer
import uvicorn
from prometheus_client import start_http_server
from pydantic import ValidationError
from pydantic_settings import SettingsError

from ostiary.adapters.db import migrate as migrations
from ostiary.api.app import create_app
from ostiary.api.contract import openapi_yaml
from ostiary.bootstrap import SettingError, reconcile_directory, run_worker
from ostiary.domain.directory_drift import MEANINGS, Drift
from ostiary.domain.errors import DomainError
from ostiary.services.metrics import MULTIPROCESS_FOLDER, REGISTRY
from ostiary.settings import Settings

app = typer.Typer(
    help="Ostiary: SAML single sign-on, SCIM provisioning and org management.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

directory_app = typer.Typer(help="Hold organizations to what their directories pushed.", no_args_is_help=True)
app.add_typer(directory_app, name="directory")

# Of each kind: an audit event tells the rest.
_MOST_SHOWN = 50
_MISSING_DEV = "This needs the development extra: pip install 'ostiary[dev]'"


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)


def _settings() -> Settings:
    """The settings, or a list of what is missing or wrong, each with the variable to set."""
    try:
        return Settings()  # pyright: ignore[reportCallIssue] -- the environment fills the fields
    except ValidationError as error:
        lines = [
            f"  OSTIARY_{str(item['loc'][0]).upper() if item['loc'] else ''}: "
            f"{'is missing' if item['type'] == 'missing' else item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        _fail("Ostiary cannot start:\n" + "\n".join(lines))
    except SettingsError as error:
        _fail(f'Ostiary cannot start:\n  {error}: write a list as JSON, such as ["https://app.example.com/callback"]')


@app.command()
def dev() -> None:
    """Run everything on this machine: database, service, identity provider, DNS, mail folder."""
    try:
        from ostiary.dev.runner import DevelopmentError, Options, run  # noqa: PLC0415 - needs the development extra
    except ModuleNotFoundError as error:
        _fail(f"{_MISSING_DEV} ({error.name} is not installed)")
    port = os.environ.get("OSTIARY_PORT", "8000")
    if not port.isdigit() or not 0 < int(port) < 65536:
        _fail("OSTIARY_PORT must be a port number, such as 8000.")
    options = Options(
        port=int(port),
        data_dir=Path(os.environ.get("OSTIARY_DATA_DIR", ".ostiary")).absolute(),
        operator_token=os.environ.get("OSTIARY_OPERATOR_TOKEN"),
        database_url=os.environ.get("OSTIARY_DATABASE_URL"),
    )
    try:
        run(options)
    except DevelopmentError as error:
        _fail(str(error))


@app.command()
def demo(
    url: Annotated[
        str | None, typer.Option(help="The running `ostiary dev`; by default the one of this folder.")
    ] = None,
    until: Annotated[
        int, typer.Option(min=1, max=6, help="Stop after this act; 3 leaves SSO on for you to sign in by hand.")
    ] = 6,
) -> None:
    """Play the main story against a running `ostiary dev`, each step with the call made and the answer."""
    try:
        from ostiary.dev.demo import play  # noqa: PLC0415 - needs the development extra
    except ModuleNotFoundError as error:
        _fail(f"{_MISSING_DEV} ({error.name} is not installed)")
    raise typer.Exit(play(url, until))


@app.command()
def serve(
    host: Annotated[str, typer.Option(envvar="OSTIARY_HOST", help="Address to listen on.")] = "0.0.0.0",  # noqa: S104 - in a container
    port: Annotated[int, typer.Option(envvar="OSTIARY_PORT", help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(envvar="OSTIARY_WORKERS", help="Processes.")] = 1,
) -> None:
    """Run the service in production mode. Migrates nothing: run `ostiary migrate` first."""
    # Whatever the environment says: development mode is `ostiary dev`'s alone.
    os.environ["OSTIARY_ENVIRONMENT"] = "production"
    _settings()
    if workers == 1:
        _serve(host, port, workers)
        return
    with tempfile.TemporaryDirectory(prefix="ostiary-metrics-") as folder:
        # The processes count into files of this folder, so that whichever is asked for /metrics answers for all.
        os.environ[MULTIPROCESS_FOLDER] = folder
        _serve(host, port, workers)


def _serve(host: str, port: int, workers: int) -> None:
    uvicorn.run(
        "ostiary.main:app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        # The application heeds the proxies that its settings name, and no others.
        proxy_headers=False,
        # A process that is starting answers nobody for as long as it imports, which takes seconds on a busy machine.
        timeout_worker_healthcheck=120,
        timeout_graceful_shutdown=20,
    )


@app.command()
def worker(
    metrics_port: Annotated[
        int | None, typer.Option(envvar="OSTIARY_METRICS_PORT", help="Answer /metrics for Prometheus here.")
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(envvar="OSTIARY_METRICS_HOST", help="Address for that; whoever reaches it is answered.")
    ] = "127.0.0.1",
) -> None:
    """Run the background jobs: mail and clean-up."""
    try:
        if metrics_port is not None:
            _answer_metrics(metrics_host, metrics_port)
        asyncio.run(run_worker(_settings()))
    except SettingError as error:
        _fail(f"Ostiary's worker cannot start:\n  {error}")


def _answer_metrics(host: str, port: int) -> None:
    """Answer Prometheus beside the work, in a thread that ends with the process."""
    try:
        start_http_server(port, host, REGISTRY)
    except (OSError, OverflowError) as error:
        raise SettingError(f"OSTIARY_METRICS_PORT: nobody can listen on {host}:{port} ({error})") from error


@directory_app.command()
def check(organization: Annotated[str, typer.Argument(help="Its id or slug.")]) -> None:
    """Tell where an organization differs from what its directory pushed; exit 2 where it does. Changes nothing."""
    if _reconcile(organization, dry_run=True):
        raise typer.Exit(2)


@directory_app.command()
def reconcile(
    organization: Annotated[str, typer.Argument(help="Its id or slug.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
) -> None:
    """Make an organization what its directory pushed, in one transaction, with audit events."""
    _reconcile(organization, dry_run=dry_run)


def _reconcile(organization: str, *, dry_run: bool) -> bool:
    """Print what differs, by kind; answers whether anything does."""
    try:
        found = asyncio.run(reconcile_directory(_settings(), organization, dry_run=dry_run))
    except DomainError as error:
        _fail(error.detail)
    for kind in Drift:
        alike = [finding for finding in found if finding.drift is kind]
        if alike:
            typer.echo(f"{kind} ({len(alike)}): {MEANINGS[kind]}")
            for finding in alike[:_MOST_SHOWN]:
                typer.echo(f"  {finding.target_id}  {finding.label}")
            if len(alike) > _MOST_SHOWN:
                typer.echo(f"  … and {len(alike) - _MOST_SHOWN} more")
    done = "would be mended" if dry_run else "mended"
    differences = "1 difference" if len(found) == 1 else f"{len(found)} differences"
    typer.echo(f"{differences} {done}." if found else "The organization is what its directory pushed.")
    return bool(found)


@app.command()
def migrate(
    revision: Annotated[str, typer.Argument(help="Where to: head, or a revision.")] = "head",
    *,
    down: Annotated[bool, typer.Option(help="Migrate down to the revision (`base`: an empty schema).")] = False,
) -> None:
    """Bring the database at OSTIARY_DATABASE_URL to a revision."""
    url = os.environ.get("OSTIARY_DATABASE_URL")
    if not url:
        _fail("Ostiary cannot migrate:\n  OSTIARY_DATABASE_URL: is missing")
    try:
        asyncio.run(migrations.downgrade(url, revision) if down else migrations.upgrade(url, revision))
        present = asyncio.run(migrations.current(url))
    except migrations.DatabaseUnavailableError as error:
        _fail(f"Ostiary cannot migrate:\n  {error}")
    typer.echo(f"The schema is at {', '.join(sorted(present)) or 'nothing'}.")


@app.command()
def openapi(
    check: Annotated[
        Path | None, typer.Option(help="Compare with this file instead; exit 1 where they differ.", dir_okay=False)
    ] = None,
) -> None:
    """Print the contract as YAML."""
    document = openapi_yaml(create_app())
    if check is None:
        sys.stdout.write(document)
    elif not check.exists() or check.read_text(encoding="utf-8") != document:
        _fail(f"{check} is not what the code says: run `make openapi` and commit the difference.")
