"""Which encoding is meant; apart from the reading of files, which a pipe has no use for."""

from __future__ import annotations

import codecs

from rnntui.errors import UsageError


def text_encoding(encoding: str) -> str:
    """The encoding to read with where a person has named this one. Raises `UsageError` if there is no such encoding."""
    try:
        found = codecs.lookup(encoding)
        "".encode(encoding)  # refuses codecs that are not of text, such as hex
    except (LookupError, ValueError) as error:
        raise UsageError(f"--encoding {encoding!r} is not an encoding of text that Python knows") from error
    # A byte order mark is dropped from any file; with this codec, offsets in errors would not count it.
    return "utf-8" if found.name == "utf-8-sig" else encoding
