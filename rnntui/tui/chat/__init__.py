"""The Chat tab: panes of text, a prompt, and the settings that steer the writing."""
