"""HTTP: three surfaces (REST, SAML, SCIM) over the same services."""
