"""Floor 4: the terminal app, on Textual."""
