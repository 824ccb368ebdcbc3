"""`/sso` and `/saml`: browsers and identity providers."""
