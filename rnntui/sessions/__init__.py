"""Controllers and workers of the app, without Textual: chats, translations, autosave, watching and training runs."""
