"""Screens that open over the tabs."""
