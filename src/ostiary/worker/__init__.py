"""Jobs and schedules: thin, they call services."""
