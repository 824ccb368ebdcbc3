"""What development needs around the service: an embedded PostgreSQL, a DNS zone, the runner and the demo."""
