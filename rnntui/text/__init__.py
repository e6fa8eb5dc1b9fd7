"""Corpora to ids: readers, tokenizers, the training and validation parts on disk."""
