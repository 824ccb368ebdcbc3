"""SCIM filters turned into SQL."""
