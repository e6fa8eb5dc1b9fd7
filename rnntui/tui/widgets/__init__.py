"""Widgets of the terminal app: each one thing, with no training or sampling in it."""
