"""The published contract: what the application says of itself, as YAML."""

import yaml

from ostiary.api.app import create_app


def openapi_yaml() -> str:
    """The OpenAPI document of this version."""
    return yaml.safe_dump(create_app().openapi(), sort_keys=False, allow_unicode=True, width=120)
