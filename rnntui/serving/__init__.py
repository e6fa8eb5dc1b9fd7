"""The HTTP server: OpenAI-compatible generation, LibreTranslate-compatible translation, the app in a browser."""
