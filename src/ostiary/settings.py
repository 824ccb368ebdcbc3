"""One frozen Settings, read once, from the environment."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting is an environment variable `OSTIARY_…`; there is no other source."""

    model_config = SettingsConfigDict(env_prefix="OSTIARY_", frozen=True, extra="ignore")

    environment: Literal["development", "production"] = "production"
    database_url: str = Field(description="postgresql+asyncpg://user:password@host/database")
    secret_key: SecretStr = Field(
        min_length=32, description="32 or more random characters; seals what is stored sealed"
    )
    base_url: str = Field(description="The public https:// address of this service, without a path")
    operator_token: SecretStr | None = Field(
        default=None, min_length=16, description="Opens /v1/operator; unset: closed"
    )

    redirect_uris: tuple[str, ...] = Field(default=(), description="Exact redirect targets of SSO sign-ins")
    frontend_url: str | None = Field(default=None, description="Where a sign-in without a redirect_uri ends")
    cookie_origins: tuple[str, ...] = Field(default=(), description="Origins that may change state with the cookie")

    dns_resolvers: str | None = Field(default=None, description="host:port[,host:port]; unset: the system's")
    smtp_url: str | None = Field(default=None, description="smtp://user:password@host:port or smtps://…")
    mail_from: str = "Ostiary <no-reply@ostiary.invalid>"
    mail_folder: str | None = Field(default=None, description="Development: write mail here and print it")

    database_pool_size: int = Field(default=10, ge=1, le=200)
    password_hash_memory_kib: int = Field(default=19_456, ge=8, description="argon2id memory cost")
    password_hash_rounds: int = Field(default=2, ge=1, description="argon2id time cost")
    run_worker: bool = Field(default=False, description="Run the worker inside the service process (development)")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def is_development(self) -> bool:
        """Whether loopback addresses, http and the development cookie are allowed."""
        return self.environment == "development"
