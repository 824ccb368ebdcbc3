"""Ostiary: the doorkeeper of a SaaS company's organizations (SAML, SCIM and an org-management API)."""
