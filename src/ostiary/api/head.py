"""HEAD wherever there is a GET that only reads."""

from starlette.types import ASGIApp, Receive, Scope, Send

# Not those of SAML: their GETs begin sign-ins and end sessions, and HEAD must change nothing (RFC 9110 §9.2.1).
_READ_BY_GET = ("/scim/v2", "/v1", "/healthz", "/readyz", "/metrics")


def has_head(path: str) -> bool:
    """Whether a GET of this path, where there is one, answers HEAD too."""
    return f"{path}/".startswith(tuple(f"{prefix}/" for prefix in _READ_BY_GET))


class HeadMiddleware:
    """Lets GET answer HEAD (RFC 9110 §9.3.2). The server leaves the content out, as ASGI wants it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] == "http" and scope["method"] == "HEAD" and has_head(scope["path"]):
            as_get = {**scope, "method": "GET"}
            try:
                await self._app(as_get, receive, send)
            finally:
                # Which route it was is for those outside to know, as with every other method.
                if "route" in as_get:
                    scope["route"] = as_get["route"]
            return
        await self._app(scope, receive, send)
