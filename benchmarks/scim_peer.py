"""The peer of the SCIM scenario: scim2-server's ASGI application over its memory."""
# The peer is installed by `make bench` alone.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false

import secrets

from scim2_server.applications.asgi import ASGIApplication
from scim2_server.memory import AsyncInMemoryStorage
from scim2_server.service import ScimService
from scim2_server.utils import load_default_provider

_provider = load_default_provider()
app = ASGIApplication(AsyncInMemoryStorage(), _provider, ScimService(_provider, secret=secrets.token_urlsafe(32)))
