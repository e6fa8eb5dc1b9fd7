"""The Inspect tab: views of the inside of models."""
