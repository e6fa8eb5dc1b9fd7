"""The Train tab: the runs there are, how each learns, and starting, stopping and resuming them."""
