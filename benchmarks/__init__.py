"""How fast Ostiary is, beside peers and limits, measured in one run."""
