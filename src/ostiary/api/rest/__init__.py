"""`/v1`: the org-management API."""
