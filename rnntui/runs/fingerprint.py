"""Fingerprint of a trained model: a hash of everything on disk that its results depend on."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rnntui.errors import RunError, os_error_hint
from rnntui.runs.folder import RunFolder, tokenizer_files
from rnntui.untrusted_files import open_regular

_BLOCK = 1 << 20  # bytes read at a time


def run_fingerprint(run: RunFolder) -> str:
    """Return the SHA-256 of a run's best weights, vocabularies and n-grams, as 64 hexadecimal digits.

    It is that of a copy of the run, whatever the copy is called, but changes with each better evaluation of a training.
    Raises `RunError` if the run has no weights or a file cannot be read.
    """
    if not run.weights_file.is_file():
        raise RunError(f"{run.weights_file} is missing: the run has no weights yet, or is broken")
    files = [run.weights_file, run.ngrams_file, run.known_words_file, *tokenizer_files(run)]
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            digest.update(f"{path.relative_to(run.path).as_posix()}\0".encode())
            digest.update(_hash_of(path))
    return digest.hexdigest()


def _hash_of(path: Path) -> bytes:
    digest = hashlib.sha256()
    try:
        with open_regular(path) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}", hint=os_error_hint(error)) from error
    return digest.digest()
