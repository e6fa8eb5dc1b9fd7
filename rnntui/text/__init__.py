"""Corpora to ids: readers, tokenizers, vocabularies, and the files of ids on disk."""
