"""What the app needs below the screen, without Textual: conversations, workers, autosave, watched runs, trainings."""
