"""Train small recurrent language models on your own text and live with them in the terminal."""

__version__ = "0.1.0"
