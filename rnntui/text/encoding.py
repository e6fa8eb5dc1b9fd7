"""Encoding names; separate from `corpus.py`, so that reading lines from a pipe does not import its archive formats."""

from __future__ import annotations

import codecs

from rnntui.errors import UsageError


def text_encoding(encoding: str) -> str:
    """Return the codec to read with for the encoding a user named. Raises `UsageError` if it is not a text encoding."""
    try:
        codec = codecs.lookup(encoding)
        "".encode(encoding)  # rejects codecs that are not for text, such as hex
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"--encoding {encoding!r} is not a text encoding that Python knows", setting="encoding"
        ) from error
    # Readers drop a byte order mark themselves; with utf-8-sig, offsets in errors would not count it.
    return "utf-8" if codec.name == "utf-8-sig" else encoding
