"""The Train tab: list of runs, charts of their metrics, and starting, stopping and resuming runs."""
