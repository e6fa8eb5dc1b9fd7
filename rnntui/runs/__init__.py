"""A run folder on disk: checkpoint format, metrics log, listing, locking."""
