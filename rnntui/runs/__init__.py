"""Run folders on disk: format, creation, lookup, listing, metrics log, locking, stopping, export."""
