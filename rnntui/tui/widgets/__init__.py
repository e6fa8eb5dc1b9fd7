"""General widgets of the terminal app, without training or sampling logic."""
