"""The Chat tab: panes of text, a prompt, and the settings of sampling and generation."""
