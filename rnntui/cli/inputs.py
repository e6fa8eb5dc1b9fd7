"""Input of the commands: the flags of input files, pairs from tables or aligned files, lines of standard input."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rnntui.errors import CorpusError
from rnntui.settings import flag_of
from rnntui.text.encoding import text_encoding

if TYPE_CHECKING:
    from rnntui.kinds.inputs import InputChoice
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.text.pairs import ParallelCorpus

Command = TypeVar("Command", bound=Callable[..., Any])

NamedPairs = tuple[tuple[str, ...], str | None, str | None]
"""Names of tables, or of a file of source sentences and one of target sentences."""


def input_options(kind: ModelKind) -> Callable[[Command], Command]:
    """Add the argument and the flags for the input files of a kind."""
    main, *flags = kind.inputs

    def add(command: Command) -> Command:
        for files in reversed(flags):
            text = f"{files.help[0].upper()}{files.help[1:]}."
            command = click.option(flag_of(files.name), metavar="FILE", help=text)(command)
        return click.argument(main.name, nargs=-1)(command)

    return add


def read_pairs(named: NamedPairs, choice: InputChoice, encoding: str, errors: Any) -> ParallelCorpus | None:
    """Read pairs from tables or from two aligned files; return None if none are named.

    Raises `UsageError` if tables and files are mixed, `CorpusError` if there are no pairs.

    Args:
        named: the names of the tables or files.
        choice: the names of the flags, for messages.
        encoding: encoding of the files.
        errors: `strict` or `replace`.
    """
    from rnntui.text.corpus import find_corpus
    from rnntui.text.pairs import read_aligned_files, read_table

    tables, source, target = named
    is_named = dict(zip((choice.table, *choice.columns), map(bool, named), strict=True))
    choice.check(is_named.__getitem__)
    if source is not None and target is not None:
        return read_aligned_files(find_corpus([source], encoding, errors), find_corpus([target], encoding, errors))
    return read_table(find_corpus(list(tables), encoding, errors)) if tables else None


def decode_lines(stream: Iterable[bytes], encoding: str, errors: str) -> Iterator[str]:
    """Yield each line of a stream without its end, as soon as it is complete; a byte order mark is skipped.

    Raises `CorpusError` at a line that is not of the encoding, after all those before it; `UsageError` for an unknown
    encoding.
    """
    decoder = codecs.getincrementaldecoder(text_encoding(encoding))(errors)
    unfinished, line_number = "", 1
    for data in _with_end(stream):
        try:
            unfinished += decoder.decode(data, final=not data)
        except UnicodeError as error:
            position = f" at its byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
            raise CorpusError(
                f"line {line_number} of standard input is not {encoding}{position}; "
                f"name its --encoding, or read on with --errors replace"
            ) from error
        *lines, unfinished = unfinished.split("\n")
        if not data and unfinished:
            lines.append(unfinished)
        for line in lines:
            yield (line.removeprefix("\ufeff") if line_number == 1 else line).removesuffix("\r")
            line_number += 1


def _with_end(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the stream's data, then an empty bytes object that marks the end."""
    yield from stream
    yield b""
