"""Standard input line by line, as it comes."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from rnntui.errors import CorpusError
from rnntui.text.encoding import text_encoding


def lines_of(stream: Iterable[bytes], encoding: str, errors: str) -> Iterator[str]:
    """Each line without its end, as soon as it is there; a byte order mark before the first is left out.

    Raises `CorpusError` at a line that is not of the encoding, after all those before it; `UsageError` if there is no
    such encoding.
    """
    decoder = codecs.getincrementaldecoder(text_encoding(encoding))(errors)
    held, number = "", 1
    for raw in _ended(stream):
        try:
            held += decoder.decode(raw, final=not raw)
        except UnicodeError as error:
            where = f" at its byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
            raise CorpusError(
                f"line {number} of standard input is not {encoding}{where}; "
                f"name its --encoding, or read on with --errors replace"
            ) from error
        *whole, held = held.split("\n")
        for line in whole if raw else [*whole, *([held] if held else [])]:
            yield (line.removeprefix("\ufeff") if number == 1 else line).removesuffix("\r")
            number += 1


def _ended(stream: Iterable[bytes]) -> Iterator[bytes]:
    """What the stream gives, and nothing once more: its end."""
    yield from stream
    yield b""
