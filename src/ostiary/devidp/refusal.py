"""How a request that cannot be served is told to the browser."""


class RequestRefused(Exception):
    """The request is not served; the text says why and what to do about it."""
