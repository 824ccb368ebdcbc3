import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ostiary.adapters.logging import configure_logging

log = structlog.get_logger("ostiary.test")
TOUCHED = ("", "uvicorn", "uvicorn.error", "uvicorn.access", "httpx2", "httpcore2", "asyncio", "alembic")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leaves the process's logging as it was."""
    loggers = {name: logging.getLogger(name) for name in TOUCHED}
    before = {name: (logger.level, list(logger.handlers), logger.propagate) for name, logger in loggers.items()}
    yield
    structlog.reset_defaults()
    logging.raiseExceptions = True
    for name, (level, handlers, propagate) in before.items():
        loggers[name].setLevel(level)
        loggers[name].handlers[:] = handlers
        loggers[name].propagate = propagate


def fail() -> None:
    raise LookupError("no session ost_ses_s3cr3ts3cr3t")


def fail_with_values() -> None:
    try:
        fail()
    except LookupError as error:
        raise ValueError("violates uq_accounts_email\nDETAIL: (email)=(ada@acme.test) exists") from error


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_production_writes_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", readable=False)
    log.info("signed_in", organization="acme", text="two\nlines")
    (line,) = lines(capsys)
    assert line.pop("timestamp")
    assert line == {
        "event": "signed_in",
        "level": "info",
        "logger": "ostiary.test",
        "organization": "acme",
        "text": "two\nlines",
    }


def test_libraries_go_through_the_same_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", readable=False)
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    logging.getLogger("uvicorn.access").info('"%s"', "GET /acs?SAMLResponse=s3cr3t HTTP/1.1")
    first, second = lines(capsys)
    assert (first["event"], first["logger"]) == ("Started server process [7]", "uvicorn.error")
    assert second["event"] == '"GET /acs?SAMLResponse=[redacted] HTTP/1.1"'


def test_every_line_carries_the_id_of_its_own_request(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", readable=False)

    async def request(name: str) -> None:
        with structlog.contextvars.bound_contextvars(request_id=name):
            await asyncio.sleep(0)
            log.info("ours")
            logging.getLogger("library").warning("theirs")

    async def both() -> None:
        await asyncio.gather(request("a"), request("b"))

    asyncio.run(both())
    log.info("outside")
    found = [(line["event"], line.get("request_id")) for line in lines(capsys)]
    assert sorted(found[:-1], key=str) == [("ours", "a"), ("ours", "b"), ("theirs", "a"), ("theirs", "b")]
    assert found[-1] == ("outside", None)


@pytest.mark.parametrize("readable", [True, False])
def test_secrets_are_redacted_in_messages_values_and_exceptions(
    capsys: pytest.CaptureFixture[str], readable: bool
) -> None:
    configure_logging(level="info", readable=readable)
    log.info("sent ost_inv_s3cr3ts3cr3t", header={"Authorization": "Bearer s3cr3t"}, password="s3cr3t")
    logging.getLogger("library").warning("body %s", {"token": "s3cr3t"})
    try:
        fail()
    except LookupError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")
    written = capsys.readouterr().err
    assert "s3cr3t" not in written
    assert written.count("LookupError") >= 2


def test_production_tells_where_an_exception_came_from_and_not_what_users_entered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(level="info", readable=False)
    try:
        fail_with_values()
    except ValueError:
        log.exception("failed")
    (line,) = lines(capsys)
    outer, inner = line["exception"]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
    assert outer["type"] == "builtins.ValueError"
    assert outer["message"] == "violates uq_accounts_email"
    assert "test_logging.py" in outer["stack"][-1]
    assert inner["type"] == "builtins.LookupError"
    assert "ada@acme.test" not in json.dumps(line)
    assert "exc_info" not in line


def test_an_exception_that_contains_itself_does_not_hang_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", readable=False)
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    log.error("failed", exc_info=first)
    assert len(lines(capsys)) == 1


def test_development_writes_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", readable=True)
    log.info("mail_written", to="ada@acme.test", read="mail/1.eml")
    written = capsys.readouterr().err
    assert "mail_written" in written
    assert "to=ada@acme.test" in written
    assert "\x1b" not in written


def test_less_than_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="warning", readable=False)
    log.info("ours")
    logging.getLogger("library").info("theirs")
    log.warning("kept")
    assert [line["event"] for line in lines(capsys)] == ["kept"]


def test_http_clients_do_not_log_the_addresses_they_fetch(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="debug", readable=False)
    logging.getLogger("httpx2").info("HTTP Request: GET https://idp.example/metadata")
    assert lines(capsys) == []


def test_a_line_that_cannot_be_formatted_is_left_out_in_production_instead_of_written_raw(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(level="info", readable=False)
    logging.getLogger("library").warning("%s %s", "s3cr3t")  # noqa: PLE1206 -- the mistake is the point
    assert capsys.readouterr().err == ""


def test_configuring_again_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level="info", readable=True)
    configure_logging(level="info", readable=False)
    log.info("once")
    assert [line["event"] for line in lines(capsys)] == ["once"]
