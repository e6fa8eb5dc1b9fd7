"""Decoding of bytes to text: encodings, byte order marks, line ends.

Separate from `corpus.py`, so that reading lines from a pipe does not import its archive formats.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator

from rnntui.errors import CorpusError, UsageError

STDIN_NAME = "standard input"


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


def is_utf8(encoding: str) -> bool:
    """Return True for UTF-8 and its subset ASCII, in which text has no zero bytes."""
    return codecs.lookup(encoding).name in ("utf-8", "ascii")


class InvalidTextError(Exception):
    """Bytes that are not text of the encoding.

    Args:
        problem: a clause that follows "is not utf-8".
        text: the text between the last piece and the invalid byte.
        offset: offset of the invalid byte; None if the codec names none, as for a missing byte order mark.
        sample: the bytes that were to be decoded, and the offset of the invalid one among them.
    """

    def __init__(
        self, problem: str, text: str = "", offset: int | None = None, sample: tuple[bytes, int] = (b"", 0)
    ) -> None:
        super().__init__(problem)
        self.text, self.offset, self.sample = text, offset, sample

    def add_to_sample(self, data: bytes) -> None:
        """Add the bytes that follow, as the invalid byte may be one of the last in its piece."""
        self.sample = self.sample[0] + data, self.sample[1]


class TextDecoder:
    """Incremental decoder that drops a byte order mark at the start and translates line ends.

    With `newlines` "universal", CR LF and CR become LF; other breaks (VT, FF, NEL, U+2028, U+2029) are characters of a
    line. A CR becomes LF at once, without waiting for a LF after it, since a program that ends its lines with CR may
    wait for an answer; the LF of a CR LF split over two pieces is dropped when it arrives.

    Args:
        encoding: an encoding, as returned by `text_encoding`.
        errors: `strict` or `replace`.
        newlines: `universal`, or `keep` to leave line ends as they are.
    """

    def __init__(self, encoding: str, errors: str, newlines: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._offset = 0  # of the next piece, in bytes
        self._at_start = True
        self._translates = newlines == "universal"
        self._cr_is_a_byte = is_utf8(encoding)
        self._after_cr = False

    def decode(self, data: bytes, final: bool = False) -> str:
        """Return the text of the next bytes. Raises `InvalidTextError` at the first invalid one."""
        pending = len(self._decoder.getstate()[0])  # bytes of an incomplete character before this piece
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            offset = self._offset - pending + error.start
            data = data[: max(0, error.start - pending)]
            text = self._finish(self._valid_start(data), data)
            problem = f"byte 0x{error.object[error.start]:02x} at offset {offset}"
            raise InvalidTextError(problem, text, offset, (error.object, error.start)) from error
        except UnicodeError as error:
            raise InvalidTextError(str(error)) from error
        self._offset += len(data)
        return self._finish(text, data)

    def _valid_start(self, data: bytes) -> str:
        try:
            return self._decoder.decode(data)
        except UnicodeError:  # a codec without state decodes no part of a text, such as punycode
            return ""

    def _finish(self, text: str, data: bytes) -> str:
        if self._at_start and text:
            text, self._at_start = text.removeprefix("\ufeff"), False
        if self._translates and text:
            if self._after_cr:
                text = text.removeprefix("\n")
            self._after_cr = text.endswith("\r")
            # Bytes are searched four times as fast as Chinese text, in which many characters have a byte 0x0d.
            if (b"\r" in data) if self._cr_is_a_byte else ("\r" in text):
                # Twice as fast as str.replace.
                text = io.IncrementalNewlineDecoder(None, translate=True).decode(text, final=True)
        return text


def lines_of(blocks: Iterable[str], max_length: int = 0) -> Iterator[str]:
    """Yield the lines of a text that comes in blocks, without line breaks (LF or CR LF).

    Args:
        blocks: the text.
        max_length: the number of characters above which a line is read as several; 0: no line is too long.
    """
    pieces: list[str] = []  # of the last line, which may be as long as the file
    for block in blocks:
        pieces.append(block)
        if "\n" not in block and not max_length:
            continue
        text = "".join(pieces)
        *lines, rest = text.split("\n")
        # Line ends are LF, unless a corpus keeps those of its files.
        yield from (line.removesuffix("\r") for line in lines) if "\r" in text else lines
        while 0 < max_length < len(rest):
            yield rest[:max_length]
            rest = rest[max_length:]
        pieces = [rest]
    if rest := "".join(pieces):
        yield rest.removesuffix("\r")


def invalid_text(name: str, encoding: str, error: InvalidTextError) -> CorpusError:
    """Return the message for a file or stream `name` that is not text of the encoding."""
    return CorpusError(f"{name} is not {encoding}: {error}", hint=advice_for(encoding, error))


def advice_for(encoding: str, error: InvalidTextError) -> str:
    """Return the way to read text that is not of the encoding, with the encoding that it probably has."""
    if error.offset is None:
        return "name its --encoding"
    if is_utf8(encoding):
        from rnntui.text.legacy_encodings import likely_encoding

        if likely := likely_encoding(*error.sample):
            return f"perhaps it is --encoding {likely}, or read it anyway with --errors replace"
    return "name its --encoding, or read it anyway with --errors replace"
