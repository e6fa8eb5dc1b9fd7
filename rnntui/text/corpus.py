"""A corpus: its files, read in blocks of text."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, chain
from pathlib import Path

from rnntui.config import DecodingErrors, Newlines
from rnntui.errors import CorpusError
from rnntui.formatting import few_names
from rnntui.text.compressed import CompressedFileError, read_blocks, unreadable
from rnntui.text.encoding import InvalidTextError, TextDecoder, invalid_text, text_encoding
from rnntui.text.recognition import recognize
from rnntui.text.source_files import A_RUN, STDIN, SkippedFile, SourceFiles, is_glob, name_without_suffix
from rnntui.text.turns import SpeakerLabels

_BLOCK = (
    1 << 20
)  # bytes read at a time; with 4 MB, which leave the processor's caches, statistics take 1.5 times as long
_MAX_NAME_BYTES = 100


@dataclass(frozen=True)
class Corpus:
    """The files of a corpus and how to read them; created by `find_corpus`.

    Args:
        files: the files to read.
        skipped: files of a folder that are not text, and folders of runs.
        name: default name of a run trained on it.
        display_names: the files as the user named them.
        encoding: encoding of the files.
        errors: treatment of invalid bytes.
        newlines: treatment of line ends.
        converted: type of the document ("HTML", ...) for each of `files` that is UTF-8 text made from one.
        misnamed: display names of texts that have the name of a document, as in `a.docx`.
        speakers: speakers of a chat export that was converted to a dialogue, or those that the user named.
        progress: called while the text is read, with the fraction of the bytes of all files.
    """

    files: tuple[Path, ...]
    skipped: tuple[SkippedFile, ...]
    name: str
    display_names: tuple[str, ...]
    encoding: str = "utf-8"
    errors: DecodingErrors = "strict"
    newlines: Newlines = "universal"
    converted: dict[Path, str] = field(default_factory=dict)
    misnamed: tuple[str, ...] = ()
    speakers: SpeakerLabels | None = None
    progress: Callable[[float], None] | None = field(default=None, compare=False, repr=False)

    def blocks(self) -> Iterator[str]:
        """Yield the text in blocks of up to a million characters; files are separated by a line break.

        Line ends are translated to LF, unless `newlines` is "keep"; a byte order mark at the start of a file is
        dropped. Raises `CorpusError` naming the file and, for bytes that are not valid in `encoding`, the offset of the
        first one.
        """
        complete_line = True
        meter = _Meter(self.files, self.progress)
        for index, (path, name) in enumerate(zip(self.files, self.display_names, strict=True)):
            started = False
            for text in self._decoded_blocks(path, name, partial(meter.add, index)):
                if not (started or complete_line):
                    yield "\n"
                started, complete_line = True, text.endswith("\n")
                yield text

    def part(self, index: int) -> Corpus:
        """Return a corpus of one of the files."""
        return replace(self.subset([index]), skipped=())

    def subset(self, indexes: Sequence[int]) -> Corpus:
        """Return a corpus of some of the files."""
        files, names = tuple(self.files[i] for i in indexes), tuple(self.display_names[i] for i in indexes)
        return replace(self, files=files, display_names=names)

    def parts(self) -> list[Corpus]:
        """Return a corpus for each of the files."""
        return [self.part(index) for index in range(len(self.files))]

    @property
    def notes(self) -> list[str]:
        """One-line messages for the user: documents converted, or none by their names; files and runs skipped."""
        notes = []
        if self.converted:
            kinds = ", ".join(_counted(kind, count) for kind, count in Counter(self.converted.values()).items())
            first = self.display_names[self.files.index(next(iter(self.converted)))]
            notes.append(f"read as text: {kinds} ({first}{', …' if len(self.converted) > 1 else ''})")
        if self.misnamed:
            which = "its name" if len(self.misnamed) == 1 else "their names"
            notes.append(f"read as plain text in spite of {which}: {few_names(self.misnamed)}")
        runs = [file.path for file in self.skipped if file.reason == A_RUN]
        skipped = [file for file in self.skipped if file.reason != A_RUN]
        if runs:
            noun, more = "run" if len(runs) == 1 else "runs", f" and {len(runs) - 1:,} more" if len(runs) > 1 else ""
            notes.append(f"skipped {len(runs):,} {noun}, whose files are no text to train on: {runs[0]}{more}")
        if skipped:
            reasons = Counter(file.reason for file in skipped)
            first_of = {file.reason: file.path for file in reversed(skipped)}
            named = [
                f"{first_of[reason]}{f' and {count - 1:,} more' if count > 1 else ''} ({reason})"
                for reason, count in reasons.items()
            ]
            files = "1 file that is" if len(skipped) == 1 else f"{len(skipped):,} files that are"
            notes.append(f"skipped {files} not text: {', '.join(named)}")
        return notes

    def _decoded_blocks(self, path: Path, name: str, count: Callable[[int], None]) -> Iterator[str]:
        encoding = "utf-8" if path in self.converted else self.encoding
        decoder = TextDecoder(encoding, self.errors, self.newlines)
        first = True
        try:
            with closing(read_blocks(path, _BLOCK)) as blocks:
                for data in chain(blocks, [b""]):
                    if first and (file_type := recognize(data, encoding)):
                        raise file_type.error(data, name, path, in_corpus=True)
                    first = False
                    count(len(data))
                    try:
                        text = decoder.decode(data, final=not data)
                    except InvalidTextError as error:
                        error.add_to_sample(next(blocks, b""))
                        raise
                    if text:
                        yield text
        except InvalidTextError as error:
            raise invalid_text(name, encoding, error) from error
        except (OSError, CompressedFileError) as error:
            raise unreadable(name, path, error) from error


class _Meter:
    """Tells how much of some files is read; a compressed file counts as read once that many bytes came out of it."""

    def __init__(self, files: Sequence[Path], progress: Callable[[float], None] | None) -> None:
        self._progress = progress
        sizes = [path.stat().st_size if path.exists() else 0 for path in files] if progress else []
        self._ends = list(accumulate(sizes))
        self._done = 0

    def add(self, index: int, size: int) -> None:
        """Count bytes that were read of the file with an index; 0 at its end."""
        if self._progress is not None:
            end = self._ends[index]
            self._done = min(end, self._done + size) if size else end
            self._progress(self._done / max(1, self._ends[-1]))


def find_corpus(
    sources: list[str],
    encoding: str = "utf-8",
    errors: DecodingErrors = "strict",
    newlines: Newlines = "universal",
) -> Corpus:
    """Find the files of a corpus; archives are expanded and documents converted.

    Args:
        sources: Files, folders, globs, or `-` for standard input.
        encoding: The encoding of the text.
        errors: The treatment of invalid bytes.
        newlines: The treatment of line ends.

    Raises `UsageError` if a source does not exist or the encoding is unknown, `CorpusError` if a folder has no text or
    an archive or document cannot be read.
    """
    encoding = text_encoding(encoding)
    selected = _add_all(sources, SourceFiles(encoding, errors=errors))
    return Corpus(
        files=tuple(selected.files),
        skipped=tuple(dict.fromkeys(selected.skipped)),
        name=_run_name(sources[0]),
        display_names=tuple(selected.display_names),
        encoding=encoding,
        errors=errors,
        newlines=newlines,
        converted=selected.converted,
        misnamed=tuple(selected.misnamed),
    )


def blank_content(corpus: Corpus) -> str:
    """Return what is in a corpus without text, for messages: blank lines, or nothing."""
    if any(path.stat().st_size for path in corpus.files):
        return "only blank lines"
    return "the file is empty" if len(corpus.files) == 1 else "the files are empty"


def check_sources(sources: list[str], encoding: str = "utf-8") -> None:
    """Raise the errors of `find_corpus`, but for those of archives and documents, which take long to open."""
    _add_all(sources, SourceFiles(text_encoding(encoding), converts=False))


def _add_all(sources: list[str], files: SourceFiles) -> SourceFiles:
    for source in sources:
        files.add(source)
    if not files.files:
        binaries = [file.reason for file in files.skipped if file.reason != A_RUN]
        runs = len(files.skipped) - len(binaries)
        others = f", and {len(binaries):,} that are not text ({binaries[0]})" if binaries else ""
        others += f", and {runs:,} {'run' if runs == 1 else 'runs'}" if runs else ""
        raise CorpusError(
            f"no text files in {few_names(sources)}{others}", hint="name a text file, or a folder with one"
        )
    return files


def _counted(word: str, count: int) -> str:
    return f"{count:,} {word} file{'' if count == 1 else 's'}"


def _run_name(source: str) -> str:
    if source == STDIN:
        return "stdin"
    path = Path(source)
    # `notes/` and `.` are named after the folder, `plays/*.txt` and `plays/**/*.txt` after the folder that holds them.
    while is_glob(str(path)):
        path = path.parent
    name = name_without_suffix((path if path.name not in ("", "..") else path.resolve()).name)
    # Marks are letters' parts: vowels of Indic scripts, and accents in file names of macOS before they are composed.
    composed = unicodedata.normalize("NFC", name)
    words = "".join(c if unicodedata.category(c)[0] in "LMN" or c in "-_." else " " for c in composed).split()
    shortened = "-".join(words).encode()[:_MAX_NAME_BYTES].decode("utf-8", "ignore")
    return shortened.strip(".-") or "run"
