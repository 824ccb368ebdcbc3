"""What the service refuses to start with."""

import pytest
from pydantic import SecretStr, ValidationError

from ostiary.settings import Settings

GOOD = {
    "database_url": "postgresql+asyncpg://ostiary@db/ostiary",
    "secret_key": SecretStr("k" * 32),
    "base_url": "https://login.example.com/",
}


def test_a_base_url_loses_its_final_slash() -> None:
    assert Settings(**GOOD).base_url == "https://login.example.com"  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("base_url", "http://login.example.com", "https"),
        ("base_url", "https://login.example.com/path", "without a path"),
        ("base_url", "login.example.com", "https"),
        ("secret_key", SecretStr("short"), "32 or more"),
        ("database_url", "mysql://db/ostiary", "postgresql"),
        ("operator_token", SecretStr("short"), "at least 16"),
        ("trusted_proxies", ("*",), "10.0.0.0/8"),
        ("trusted_proxies", ("10.0.0.7/8",), "host bits"),
    ],
)
def test_a_setting_that_will_not_do_is_named_with_the_mend(name: str, value: object, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint) as refused:
        Settings(**(GOOD | {name: value}))  # pyright: ignore[reportArgumentType]
    assert refused.value.errors()[0]["loc"] == (name,)


def test_plain_http_is_for_development() -> None:
    settings = Settings(environment="development", **(GOOD | {"base_url": "http://127.0.0.1:8000"}))  # pyright: ignore[reportArgumentType]
    assert settings.is_development
