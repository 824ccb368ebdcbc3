"""One frozen Settings, read once, from the environment."""

from ipaddress import ip_network
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIN_SECRET_LENGTH = 32


class Settings(BaseSettings):
    """Every setting is an environment variable `OSTIARY_…`; there is no other source."""

    model_config = SettingsConfigDict(env_prefix="OSTIARY_", frozen=True, extra="ignore")

    environment: Literal["development", "production"] = "production"
    database_url: str = Field(description="postgresql://user:password@host/database")
    secret_key: SecretStr = Field(description="32 or more random characters; seals what is stored sealed")
    base_url: str = Field(description="The public https:// address of this service, without a path")
    operator_token: SecretStr | None = Field(
        default=None, min_length=16, description="Opens /v1/operator and /metrics; unset: closed"
    )

    redirect_uris: tuple[str, ...] = Field(
        default=(),
        description='Exact redirect targets of SSO sign-ins, as JSON: ["https://app.example.com/callback"]',
    )
    frontend_url: str | None = Field(default=None, description="Where a sign-in without a redirect_uri ends")
    cookie_origins: tuple[str, ...] = Field(
        default=(), description='Origins that may change state with the cookie, as JSON: ["https://app.example.com"]'
    )

    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description='Addresses or networks of proxies whose X-Forwarded-For and -Proto count, as JSON: ["10.0.0.0/8"]',
    )
    throttle_by_address: bool = Field(
        default=True, description="Limit attempts per client address; off where all clients come from one"
    )

    dns_resolvers: str | None = Field(default=None, description="host:port[,host:port]; unset: the system's")
    smtp_url: str | None = Field(default=None, description="smtp://user:password@host:port or smtps://…")
    mail_from: str = "Ostiary <no-reply@ostiary.invalid>"
    mail_folder: str | None = Field(default=None, description="Development: write mail here and print it")

    database_pool_size: int = Field(default=10, ge=1, le=200)
    password_session_seconds: int = Field(
        default=14 * 86_400, ge=300, le=365 * 86_400, description="How long a password session lives at most"
    )
    password_session_idle_seconds: int = Field(
        default=3 * 86_400, ge=300, le=365 * 86_400, description="After how long without use a password session ends"
    )
    password_hash_memory_kib: int = Field(default=19_456, ge=8, description="argon2id memory cost")
    saml_queue: int = Field(
        default=64, ge=1, le=10_000, description="SAML messages that may wait for a thread; more are answered 503"
    )
    password_queue: int = Field(
        default=64, ge=1, le=10_000, description="Passwords that may wait to be hashed; more are answered 503"
    )
    password_hash_rounds: int = Field(default=2, ge=1, description="argon2id time cost")
    run_worker: bool = Field(default=False, description="Run the worker inside the service process (development)")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("database_url")
    @classmethod
    def _for_asyncpg(cls, url: str) -> str:
        if not url.startswith(("postgresql+asyncpg://", "postgresql://", "postgres://")):
            raise ValueError("must begin with postgresql://")
        return url

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value()) < MIN_SECRET_LENGTH:
            raise ValueError(f"must have {MIN_SECRET_LENGTH} or more random characters, such as `openssl rand -hex 32`")
        return key

    @field_validator("base_url")
    @classmethod
    def _an_address(cls, url: str, info: ValidationInfo) -> str:
        parts = urlsplit(url)
        schemes = {"https", "http"} if info.data.get("environment") == "development" else {"https"}
        if parts.scheme not in schemes or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise ValueError("must be the public https:// address of this service, without a path")
        return url.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        # Names and `*` would make everybody's word count.
        try:
            return tuple(str(ip_network(proxy)) for proxy in proxies)
        except ValueError as error:
            raise ValueError(f"{error}: write addresses or networks, such as 10.0.0.7 or 10.0.0.0/8") from error

    @property
    def is_development(self) -> bool:
        """Whether loopback addresses, http and the development cookie are allowed."""
        return self.environment == "development"
