"""Classify tab."""
