"""Use cases: each method owns one transaction and knows ports, never adapters."""
