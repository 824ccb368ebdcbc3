"""The development identity provider: pysaml2's IdP half behind a thin web front. Never imported by `serve`."""
