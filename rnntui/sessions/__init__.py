"""Controllers and workers of the app, without Textual: chats, translations, autosave, watched runs, trainings."""
