"""Input of `rnntui translate`: texts of the command line, lines of files or of standard input, or a subtitle file."""

from __future__ import annotations

import codecs
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from rnntui.cli.inputs import arriving_data, check_is_text, decode_arriving_lines
from rnntui.cli.line_input import (
    Lines,
    TextReading,
    argument_lines,
    check_texts,
    file_lines,
    is_regular_file,
    numbered_lists,
    open_file,
    remaining_lines,
    standard_input,
)
from rnntui.errors import CorpusError, UsageError
from rnntui.text.encoding import STDIN_NAME, InvalidTextError, advice_for, text_encoding

InputFormat = Literal["auto", "text", "srt", "vtt"]

_BEGINNING = 65_536  # bytes of standard input, at most, in which subtitles are recognized
_SUBTITLE_SUFFIXES = (".srt", ".vtt")


@dataclass(frozen=True)
class Subtitles:
    """The text of a subtitle file, with its byte order mark and line ends."""

    text: str
    format: Literal["srt", "vtt"]


def read_input(
    texts: Sequence[str], files: Sequence[str], input_format: InputFormat, reading: TextReading
) -> Lines | Subtitles:
    """Return what to translate.

    Raises `UsageError` for a subtitle file that is not there, `CorpusError` for a file that cannot be read or decoded.

    Args:
        texts: arguments of the command line: texts, or the name of a subtitle file.
        files: values of `--file`; without them and without texts, standard input is read.
        input_format: auto recognizes a file by its suffix, and standard input by its beginning.
        reading: how text is read; subtitles keep their line ends.
    """
    path = _subtitle_path(texts, files, input_format)
    check_texts(texts, files, "translated", is_noted=path is None and input_format == "auto")
    if path is not None:
        with open_file(path) as file:
            return _subtitles(file.read(), str(path), input_format, reading)
    if texts:
        return argument_lines(texts)
    if files:
        return file_lines(files, reading)
    stream: Any = standard_input()
    if input_format in ("srt", "vtt"):
        return _subtitles(b"".join(stream), STDIN_NAME, input_format, reading)
    count, beginning = remaining_lines(stream), b""
    if input_format == "auto" and isinstance(stream, io.BufferedReader):
        beginning = stream.read1(_BEGINNING)  # what is there without waiting for more
    if beginning and _detected(_decoded_beginning(beginning, reading.encoding)):
        return _subtitles(beginning + stream.read(), STDIN_NAME, input_format, reading)
    # Empty bytes would mark the end of the input.
    chunks = chain([beginning] if beginning else [], arriving_data(stream))
    arriving = numbered_lists(decode_arriving_lines(chunks, *reading))
    is_interactive = not is_regular_file(stream)
    return Lines(chain.from_iterable(arriving), is_interactive, count=count, arriving=arriving)


def _subtitle_path(texts: Sequence[str], files: Sequence[str], input_format: InputFormat) -> Path | None:
    """Return the path of the subtitle file that is named, as an argument or by `--file`; None if there is none."""
    if input_format == "text":
        return None
    names = [*files, *texts] if input_format != "auto" else []
    if input_format == "auto":
        names = [name for name in files if name.lower().endswith(_SUBTITLE_SUFFIXES)]
        names += [text for text in texts if _is_subtitle_name(text)]
    if not names:
        return None
    if len(texts) + len(files) > 1:
        raise UsageError("give one subtitle file at a time, and no texts with it")
    path = Path(names[0])
    if not path.is_file():
        is_text = input_format == "auto" and texts
        hint = "--format text translates its name" if is_text else "check the name and its folder"
        raise UsageError(f"{path}: no such file", hint=hint)
    return path


def _is_subtitle_name(text: str) -> bool:
    return text.lower().endswith(_SUBTITLE_SUFFIXES) and (len(text.split()) == 1 or Path(text).is_file())


def _subtitles(data: bytes, name: str, input_format: InputFormat, reading: TextReading) -> Subtitles:
    encoding = reading.encoding
    check_is_text(data, encoding, name)
    try:
        text = data.decode(text_encoding(encoding), reading.errors)
    except UnicodeError as error:
        offset = error.start if isinstance(error, UnicodeDecodeError) else None
        problem = InvalidTextError(str(error), offset=offset, sample=(data, offset or 0))
        position = "" if offset is None else f" at byte {offset}"
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
