"""`ostiary demo`, played for real against a real `ostiary dev`."""

import re
from pathlib import Path

import pytest

from ostiary.dev.demo import play
from tests.support.dev_process import dev_process, free_port

pytestmark = pytest.mark.timeout(180)


def test_the_story_is_played_to_its_end_again_and_again(
    tmp_path: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OSTIARY_DATA_DIR", str(tmp_path / "data"))
    with dev_process(tmp_path, database_url=empty_database) as dev:
        dev.wait_until_ready()
        assert play(None) == 0, capsys.readouterr().err
        told = capsys.readouterr().out
        assert re.findall(r"^(\d)\. ", told, re.MULTILINE) == ["1", "2", "3", "4", "5", "6"]
        for claim in (
            "the effects are what the preview said",
            "the trace says why: The signature holds with no certificate of this connection",
            "the trace says why: This assertion was used before",
            "Bo is a member again, in no team",
            "Bo's session ended within that request",
            "passwords and invitations work again",
        ):
            assert f"✓ {claim}" in told
        assert "\033" not in told, "colours are for terminals"
        assert not re.search(r"ost_(ses|scim|inv|code|db)_\w", told)

        assert play(None, until=3) == 0
        told = capsys.readouterr().out
        assert "@acme-2.test" in told
        assert f"open {dev.url}/sso/acme-2 in a browser" in told


def test_without_a_service_it_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OSTIARY_DATA_DIR", str(tmp_path))
    assert play(None) == 1
    assert "make run" in capsys.readouterr().err
    url = f"http://127.0.0.1:{free_port()}"
    (tmp_path / "dev.json").write_text(f'{{"url": "{url}", "idp_url": "{url}", "operator_token": "x"}}')
    assert play(None) == 1
    assert f"Nothing answers at {url}" in capsys.readouterr().err
