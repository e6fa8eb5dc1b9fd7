"""Input of `rnntui translate`: texts of the command line, lines of standard input, or a subtitle file."""

from __future__ import annotations

import codecs
import io
import os
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Literal

from rnntui.cli.inputs import arriving_data, check_is_text, decode_lines
from rnntui.errors import CorpusError, UsageError
from rnntui.text.encoding import InvalidTextError, advice_for, text_encoding

InputFormat = Literal["auto", "text", "srt", "vtt"]

_BEGINNING = 65_536  # bytes of standard input, at most, in which subtitles are recognized
_SUBTITLE_SUFFIXES = (".srt", ".vtt")


@dataclass(frozen=True)
class Lines:
    """Lines to translate; `is_interactive` if a writer may wait for an answer before the next line."""

    lines: Iterable[str]
    is_interactive: bool


@dataclass(frozen=True)
class Subtitles:
    """The text of a subtitle file, with its byte order mark and line ends."""

    text: str
    format: Literal["srt", "vtt"]


def read_input(
    texts: tuple[str, ...], input_format: InputFormat, encoding: str, errors: Any, newlines: Any
) -> Lines | Subtitles:
    """Return what to translate.

    Raises `UsageError` for a subtitle file that is not there, `CorpusError` for one that cannot be decoded.

    Args:
        texts: arguments of the command line: texts, or the name of a subtitle file; none for standard input.
        input_format: auto recognizes a file by its suffix, and standard input by its beginning.
        encoding: encoding of files and of standard input.
        errors: `strict` or `replace`.
        newlines: `universal` or `keep`; subtitles keep their line ends.
    """
    if texts:
        path = _subtitle_path(texts, input_format)
        if path is None:
            return Lines(texts, is_interactive=True)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CorpusError(f"{path}: {error.strerror or error}") from error
        return _subtitles(data, str(path), input_format, encoding, errors)
    if sys.stdin is None:
        return Lines([], is_interactive=True)
    stream = sys.stdin.buffer
    if input_format in ("srt", "vtt"):
        return _subtitles(stream.read(), "standard input", input_format, encoding, errors)
    beginning = b""
    if input_format == "auto" and isinstance(stream, io.BufferedReader):
        beginning = stream.read1(_BEGINNING)  # what is there without waiting for more
    if beginning and _detected(_decoded_beginning(beginning, encoding)):
        return _subtitles(beginning + stream.read(), "standard input", input_format, encoding, errors)
    # Empty bytes would mark the end of the input.
    chunks = chain([beginning] if beginning else [], arriving_data(stream))
    lines = decode_lines(chunks, encoding, errors, newlines)
    return Lines(lines, is_interactive=not _is_file(stream))


def _subtitle_path(texts: tuple[str, ...], input_format: InputFormat) -> Path | None:
    """Return the path of a subtitle file that is named instead of a text."""
    if input_format == "text":
        return None
    names = [text for text in texts if input_format != "auto" or _is_subtitle_name(text)]
    if not names:
        return None
    if len(texts) > 1:
        raise UsageError("name one subtitle file at a time, and no texts beside it")
    path = Path(names[0])
    if not path.is_file():
        hint = "--format text translates its name" if input_format == "auto" else ""
        raise UsageError(f"{path}: there is no such file", hint=hint)
    return path


def _is_subtitle_name(text: str) -> bool:
    return text.lower().endswith(_SUBTITLE_SUFFIXES) and (len(text.split()) == 1 or Path(text).is_file())


def _subtitles(data: bytes, name: str, input_format: InputFormat, encoding: str, errors: Any) -> Subtitles:
    check_is_text(data, encoding, name)
    try:
        text = data.decode(text_encoding(encoding), errors)
    except UnicodeError as error:
        offset = error.start if isinstance(error, UnicodeDecodeError) else None
        problem = InvalidTextError(str(error), offset=offset, sample=(data, offset or 0))
        position = "" if offset is None else f" at its byte {offset}"
        raise CorpusError(f"{name} is not {encoding}{position}", hint=advice_for(encoding, problem)) from error
    if input_format in ("srt", "vtt"):
        return Subtitles(text, input_format)
    return Subtitles(text, _detected(text) or ("vtt" if name.lower().endswith(".vtt") else "srt"))


def _detected(text: str) -> Literal["srt", "vtt"] | None:
    if "-->" not in text and "WEBVTT" not in text:  # almost all input; no parser is loaded for it
        return None
    from rnntui.text.subtitles import detect_format

    return detect_format(text)


def _decoded_beginning(data: bytes, encoding: str) -> str:
    return codecs.getincrementaldecoder(text_encoding(encoding))("replace").decode(data)


def _is_file(stream: BinaryIO) -> bool:
    """Return True if the stream is a file, where no writer waits for an answer before it sends the next line."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False
