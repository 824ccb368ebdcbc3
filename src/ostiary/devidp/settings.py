"""What the development identity provider needs to be told."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DevIdpSettings:
    """Where it is reached (`http://127.0.0.1:PORT`, without a final slash) and where its key and certificate lie."""

    base_url: str
    data_dir: Path

    @property
    def entity_id(self) -> str:
        """The entity id, which is where the metadata is (SAML metadata §4.1)."""
        return f"{self.base_url}/metadata"

    @property
    def sso_url(self) -> str:
        """The single sign-on endpoint, for both bindings."""
        return f"{self.base_url}/sso"

    @property
    def slo_url(self) -> str:
        """The single logout endpoint, for both bindings."""
        return f"{self.base_url}/slo"
