"""Input of the commands: the flags of input files, pairs from tables or aligned files, standard input."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar

import click

from rnntui.cli.settings_file import argument_from_file
from rnntui.cli.terminal import print_note
from rnntui.errors import CorpusError, UsageError
from rnntui.formatting import shell_quote
from rnntui.settings import flag_of
from rnntui.text.encoding import STDIN_NAME, InvalidTextError, TextDecoder, advice_for, invalid_text, text_encoding

if TYPE_CHECKING:
    from rnntui.kinds.inputs import InputChoice, ReadingOption
    from rnntui.kinds.labelled_corpus_info import LabelledLayout
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.kinds.pair_corpus_info import PairLayout
    from rnntui.text.corpus import Corpus
    from rnntui.text.labelled_corpus import LabelledCorpus
    from rnntui.text.parallel_corpus import ParallelCorpus

_PIECE = 1 << 16  # bytes read at a time
_TEXT_SUFFIXES = ("", ".txt", ".tsv", ".csv", ".jsonl")  # names that no document has; that of standard input has none

Command = TypeVar("Command", bound=Callable[..., Any])

ChooseFiles = Callable[["Corpus"], "Corpus"]

FindLayouts = Callable[[Sequence[str]], "tuple[PairLayout, ...]"]

FindLabelledLayouts = Callable[[Sequence[str]], "tuple[LabelledLayout, ...]"]

NamedPairs = tuple[tuple[str, ...], str | None, str | None]
"""Names of tables, or of a file of source sentences and one of target sentences."""


def input_options(kind: ModelKind) -> Callable[[Command], Command]:
    """Add the argument and the flags for the input files of a kind, and those that tell how they are read."""
    main, *flags = kind.inputs

    def add(command: Command) -> Command:
        for option in reversed(kind.reading_options):
            command = reading_option(option)(command)
        for files in reversed(flags):
            text = f"{files.help[0].upper()}{files.help[1:]}."
            command = click.option(flag_of(files.name), metavar="FILE", help=text)(command)
        return click.argument(main.name, nargs=-1, callback=argument_from_file)(command)

    return add


def reading_option(option: ReadingOption) -> Callable[[Command], Command]:
    """Add the flag of an option that tells how files are read; a wrong value is refused before any is."""

    def check(context: click.Context, parameter: click.Parameter, value: str) -> str:
        try:
            option.check(value)
        except UsageError as error:
            flag = flag_of(option.name)
            problem = error.problem if flag in error.problem else f"{flag}: {error.problem}"
            raise UsageError(problem, setting=option.name, hint=error.hint) from error
        return value

    text = f"{option.help[0].upper()}{option.help[1:]}."
    return click.option(flag_of(option.name), default="", metavar=option.metavar, callback=check, help=text)


class PairReading(NamedTuple):
    """Flags that tell how pairs are read.

    Args:
        columns: the source's and the target's column; empty to detect them.
        encoding: encoding of the files.
        errors: `strict` or `replace`.
        newlines: `universal` or `keep`.
    """

    columns: str
    encoding: str
    errors: Any
    newlines: Any


def open_corpus(sources: Sequence[str], encoding: str, errors: Any, newlines: Any) -> Corpus:
    """Find a corpus, and note on stderr which files were converted or skipped. See `find_corpus`."""
    from rnntui.text.corpus import find_corpus

    corpus = find_corpus(list(sources), encoding, errors, newlines)
    for note in corpus.notes:
        print_note(note)
    return corpus


def files_to_train_on(kind: ModelKind, name: str | None, checkpoints: Path, resume: bool, corpus: Corpus) -> Corpus:
    """Return the files of a corpus of rows, each once, with a note on those that were named more than once.

    A run to resume that an earlier version created has read them as often as they were named: then all are returned.

    Args:
        kind: the kind of the run.
        name: its name; None if none was given.
        checkpoints: the folder of runs.
        resume: True if a run is resumed.
        corpus: the files as they were named.
    """
    from rnntui.runs.resumable_run import configs_on
    from rnntui.text.repeated_files import has_repeats, without_repeats

    configs = configs_on(kind, corpus.display_names, name, checkpoints) if resume else iter(())
    if (config := next(configs, None)) is not None and has_repeats(config.corpus.sources):
        return corpus
    once, message = without_repeats(corpus)
    if message:
        print_note(message)
    return once


def read_pairs(
    named: NamedPairs,
    choice: InputChoice,
    reading: PairReading,
    find_layouts: FindLayouts | None = None,
    choose_files: ChooseFiles | None = None,
) -> ParallelCorpus | None:
    """Read pairs from tables or from two aligned files; return None if none are named.

    Raises `UsageError` if tables and aligned files are mixed, `CorpusError` if there are no pairs.

    Args:
        named: the names of the tables or files.
        choice: the names of the flags, for messages.
        reading: how they are read.
        find_layouts: returns the layouts in which an earlier run read files of these names; None to detect them.
        choose_files: returns the tables to read of those that were named; None reads them all.
    """
    from rnntui.text.pairs import read_aligned_files, read_table

    tables, source, target = named
    is_named = dict(zip((choice.table, *choice.columns), map(bool, named), strict=True))
    choice.check(is_named.__getitem__)
    options = reading.encoding, reading.errors, reading.newlines
    if source is not None and target is not None:
        if reading.columns:
            raise UsageError("--columns is for tables, not for --source and --target", setting="columns")
        return read_aligned_files(open_corpus([source], *options), open_corpus([target], *options), print_note)
    if not tables:
        return None
    corpus = open_corpus(tables, *options)
    corpus = corpus if choose_files is None else choose_files(corpus)
    layouts = find_layouts(corpus.display_names) if find_layouts is not None and not reading.columns else ()
    return read_table(corpus, reading.columns, layouts, print_note)


class LabelledReading(NamedTuple):
    """Flags that tell how labelled texts are read.

    Args:
        label_column: the label's column; empty to detect it.
        text_column: the text's column; empty to detect it.
        encoding: encoding of the files.
        errors: `strict` or `replace`.
        newlines: `universal` or `keep`.
    """

    label_column: str
    text_column: str
    encoding: str
    errors: Any
    newlines: Any


def read_labelled_texts(
    sources: Sequence[str],
    reading: LabelledReading,
    find_layouts: FindLabelledLayouts | None = None,
    known_labels: Collection[str] = (),
    choose_files: ChooseFiles | None = None,
) -> LabelledCorpus | None:
    """Read labelled texts from tables, or a file or folder for each label; return None if none are named.

    Raises `CorpusError` if there are none, `UsageError` if the label's column is unclear.

    Args:
        sources: the names of the files and folders.
        reading: how they are read.
        find_layouts: returns the layouts in which an earlier run read files of these names; None to detect them.
        known_labels: labels of a trained classifier, which tell the label's column of a table to evaluate on.
        choose_files: returns the files to read of those that were named; None reads them all.
    """
    from rnntui.kinds.labelled_corpus_info import LabelledColumns
    from rnntui.text.labelled import read_labelled

    if not sources:
        return None
    corpus = open_corpus(sources, reading.encoding, reading.errors, reading.newlines)
    corpus = corpus if choose_files is None else choose_files(corpus)
    columns = LabelledColumns(reading.label_column.strip(), reading.text_column.strip())
    layouts = find_layouts(corpus.display_names) if find_layouts is not None and not any(columns) else ()
    return read_labelled(corpus, columns, layouts, known_labels, print_note)


def read_text(stream: BinaryIO, encoding: str, errors: str, newlines: str, name: str = STDIN_NAME) -> str:
    """Return the whole text of a stream; a byte order mark is dropped and line ends are translated.

    Raises `CorpusError` with the offset of the first invalid byte, `UsageError` for an unknown encoding.

    Args:
        stream: standard input or an open file.
        encoding: encoding of the text.
        errors: `strict` or `replace`.
        newlines: `universal` or `keep`.
        name: name of the file, for messages.
    """
    decoder = TextDecoder(text_encoding(encoding), errors, newlines)
    data = stream.read()
    check_is_text(data, encoding, name)
    _note_markup(data, name)
    try:
        return decoder.decode(data, final=True)
    except InvalidTextError as error:
        raise invalid_text(name, encoding, error) from error


def decode_lines(
    stream: BinaryIO | Iterable[bytes],
    encoding: str,
    errors: str,
    newlines: str = "universal",
    name: str = STDIN_NAME,
) -> Iterator[str]:
    """Yield each line of a stream without its end, as soon as it is complete; a byte order mark is skipped.

    A line ends at LF, CR LF or CR; with `newlines` "keep" at LF alone, and a CR before it stays.

    Raises `CorpusError` at a line that is not of the encoding, after all those before it; `UsageError` for an unknown
    encoding.

    Args:
        stream: standard input, an open file, or pieces of data.
        encoding: encoding of the text.
        errors: `strict` or `replace`.
        newlines: `universal` or `keep`.
        name: name of the stream, for messages.
    """
    for lines in decode_arriving_lines(stream, encoding, errors, newlines, name):
        yield from lines


def decode_arriving_lines(
    stream: BinaryIO | Iterable[bytes],
    encoding: str,
    errors: str,
    newlines: str = "universal",
    name: str = STDIN_NAME,
) -> Iterator[list[str]]:
    """Yield lists of the lines that are complete once a piece of data has arrived; otherwise as `decode_lines`."""
    decoder = TextDecoder(text_encoding(encoding), errors, newlines)
    unfinished: list[str] = []  # pieces of the last line
    line_number = 1
    at_start = True
    for data in chain(arriving_data(stream), [b""]):  # empty bytes mark the end
        if at_start:
            check_is_text(data, encoding, name)
            _note_markup(data, name)
            at_start = False
        problem = None
        try:
            text = decoder.decode(data, final=not data)
        except InvalidTextError as error:
            text, problem = error.text, error
        first, *others = text.split("\n")
        unfinished.append(first)
        if others:
            *complete, last = "".join(unfinished), *others
            yield complete
            line_number += len(complete)
            unfinished = [last]
        if problem is not None:
            offset = problem.offset
            if offset is not None and line_number > 1:
                offset = len("".join(unfinished).encode(encoding)) - len("".encode(encoding))  # no byte order mark
            position = "" if offset is None else f" at byte {offset} of the line"
            raise CorpusError(
                f"line {line_number} of {name} is not {encoding}{position}",
                hint=advice_for(encoding, problem),
            ) from problem
    if any(unfinished):
        yield ["".join(unfinished)]


def check_is_text(data: bytes, encoding: str, name: str = STDIN_NAME) -> None:
    """Raise `CorpusError` if data begins like a file of another type; zero bytes in text are let through."""
    start = data[:16].translate(None, b"\t\r\n")
    if start.isascii() and start.decode().isprintable():
        return  # most input; the import would take a hundredth of the start-up time of `rnntui score`
    from rnntui.text.recognition import recognize

    file_type = recognize(data, encoding)
    if file_type is not None and not file_type.is_unknown:
        raise file_type.error(data, name, None if name == STDIN_NAME else Path(name), in_corpus=False)


def _note_markup(data: bytes, name: str) -> None:
    """Note on stderr that data begins like a page or subtitles, of which a corpus has the text alone, or that it is
    text with the name of a document.
    """
    path, start = Path(name), data[:_PIECE]
    if path.suffix.lower() in _TEXT_SUFFIXES:
        return  # most input, without the import, which takes its time
    from rnntui.text.converters import SUBTITLES, document_type, is_misnamed

    if (kind := document_type(path, start)) == "HTML":
        text = shell_quote(f"{str(path).removesuffix(path.suffix)}.txt")
        convert = f"pandoc -f html -t plain --wrap=none -o {text} {shell_quote(str(path))}"
        print_note(f"{path} is an HTML page, whose tags are read as text here; to leave them out: {convert}")
    elif kind == SUBTITLES:
        print_note(f"{path} has subtitles, whose times are read as text here")
    elif is_misnamed(path, start):
        print_note(f"{path} is read as plain text in spite of its name")


def arriving_data(stream: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """Yield the stream's data as it arrives.

    A file is read without its buffer, from which nothing but `read1` may have read: Python aborts at exit if a thread
    that waits for input holds the lock of a buffer.
    """
    raw = getattr(stream, "raw", None)
    # Iteration would wait for a LF, which may never come.
    read = raw.read if isinstance(raw, io.FileIO) else getattr(stream, "read1", None)
    yield from iter(lambda: read(_PIECE) or b"", b"") if read is not None else stream
