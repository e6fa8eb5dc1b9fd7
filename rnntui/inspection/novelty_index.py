"""The novelty index of a run: its training text, searchable, beside held-out text with the copies that are in it.

A run that was trained on from another has learned that run's text, too, and so on back: these texts are part of the
index as far as they are at hand.

It is built by `rnntui index`, or when something first needs it, in the folder `novelty/` of the run; where that cannot
be written, as in an installed package, in the user's cache.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnntui.config import ReadingConfig
from rnntui.errors import RnntuiError, RunError, os_error_hint
from rnntui.inspection.earlier_texts import EarlierTexts, earlier_runs, unseen_copies
from rnntui.inspection.training_text import CodePoints, find_training_text, run_corpus
from rnntui.runs.creation import abandoned_folders
from rnntui.runs.fingerprint import run_fingerprint
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_files import foreign_index_files, named, remove_index_files
from rnntui.text.char_tokenizer import code_points, text_of_code_points
from rnntui.text.corpus import Corpus
from rnntui.text.suffix_index import BARRIER, Lengths, SuffixIndex, build_suffix_index
from rnntui.untrusted_files import read_bounded

_HELD_OUT, _HELD_OUT_LENGTHS = "held-out.u32", "held-out-lengths.u2"
_READING_SHARE = 0.3  # of the time that an index takes to build
_OVERLAP = 1 << 14  # characters of a block that are searched again with the next one


@dataclass(frozen=True)
class SourceLine:
    """A line of a corpus in which a stretch of text begins: its file as the user named it, its number and its text.

    Args:
        file: the file.
        line: number of the line, from 1.
        text: the line.
        end_file: the file in which the stretch ends; empty if it is the same.
    """

    file: str
    line: int
    text: str
    end_file: str = ""

    @property
    def place(self) -> str:
        """File and line, as in `a.txt:12`, or `a.txt:12 to b.txt` for a stretch that ends in another file."""
        return f"{self.file}:{self.line:,}" + (f" to {self.end_file}" if self.end_file else "")


class _FileStart(NamedTuple):
    """Where a file begins in a window on a corpus, and the number of its line there."""

    position: int
    line: int
    name: str


_MAX_HELD_OUT_BYTES = 1 << 26


@dataclass(frozen=True)
class HeldOutPiece:
    """Held-out text, and for each of its characters the length of the longest match from there on, `(N,)`."""

    text: str
    lengths: Lengths


class NoveltyIndex:
    """The index in a folder; see `open_novelty_index`."""

    def __init__(self, run: RunFolder, folder: Path) -> None:
        self.run = run
        self.folder = folder
        self.text = SuffixIndex(folder)
        """The training text, and those of the runs that it was trained on from."""
        self.is_documents = self.text.info.get("documents") is True
        missing = self.text.info.get("missing", [])
        if not isinstance(missing, list) or not all(isinstance(name, str) for name in missing):
            raise ValueError("the index does not say which texts are missing")
        self.missing: tuple[str, ...] = tuple(missing)
        """Names of runs that it was trained on from whose texts were not at hand: copies from them are not seen."""
        points = np.frombuffer(read_bounded(folder / _HELD_OUT, _MAX_HELD_OUT_BYTES), "<u4")
        lengths = np.frombuffer(read_bounded(folder / _HELD_OUT_LENGTHS, _MAX_HELD_OUT_BYTES), "<u2").astype(np.int64)
        if len(points) != len(lengths) or (len(points) and points.max() > BARRIER):
            raise ValueError(f"{_HELD_OUT} and {_HELD_OUT_LENGTHS} do not fit")
        ends = np.flatnonzero(points == BARRIER).tolist()
        starts = [0, *(end + 1 for end in ends)]
        self.held_out = [
            HeldOutPiece(text_of_code_points(points[start:end]), lengths[start:end])
            for start, end in zip(starts, ends, strict=False)
        ]

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    @property
    def unseen_copies(self) -> str:
        """A line that says which texts copies are not looked for in; empty if there are none."""
        return unseen_copies(self.missing)

    def source_of(self, text: str) -> SourceLine | None:
        """Return the first line of a corpus that has a stretch of text; None if the files are gone.

        The corpora are the run's own and those of the runs that it was trained on from. The files are read anew, so
        that the line is right even if they have changed since. A stretch of one long text may begin in a file and end
        in another.
        """
        source = self._source_in_corpus_of(self.run, text)
        if source is None:
            earlier = (self._source_in_corpus_of(run, text) for run in earlier_runs(self.run))
            source = next(filter(None, earlier), None)
        return source

    def _source_in_corpus_of(self, run: RunFolder, text: str) -> SourceLine | None:
        with contextlib.suppress(RnntuiError):
            return self._source_in(run_corpus(run), text)
        return None

    def _source_in(self, corpus: Corpus, text: str) -> SourceLine | None:
        """Return the first line of a corpus that has a stretch of text."""
        window, starts = "", list[_FileStart]()  # the end of what is read, and the files that it is of
        for file in corpus.parts() if text else []:
            if self.is_documents:  # which end with the file
                window, starts = "", []
            is_begun = False
            for block in file.blocks():
                if not is_begun:
                    window += "" if window.endswith("\n") or not window else "\n"  # as `Corpus.blocks` joins them
                    starts.append(_FileStart(len(window), 1, file.display_names[0]))
                is_begun = True
                searched = max(0, len(window) - len(text))
                window += block
                position = window.find(text, searched)
                if position >= 0:
                    return _source_line(window, position, len(text), starts)
                window, starts = _shortened(window, starts, max(_OVERLAP, len(text)))
        return None


def _source_line(window: str, position: int, length: int, starts: list[_FileStart]) -> SourceLine:
    """Return the line of a window on a corpus at a position, where a stretch begins, among the files of the window."""
    first = next(start for start in reversed(starts) if start.position <= position)
    last = next(start for start in reversed(starts) if start.position < position + length)
    begin = window.rfind("\n", 0, position) + 1
    end = window.find("\n", position)
    return SourceLine(
        first.name,
        first.line + window.count("\n", first.position, position),
        window[begin : end if end >= 0 else len(window)],
        last.name if last is not first else "",
    )


def _shortened(window: str, starts: list[_FileStart], size: int) -> tuple[str, list[_FileStart]]:
    """Return the last `size` characters of a window on a corpus, and its files, counted from there."""
    cut = max(0, len(window) - size)
    first = next(index for index in range(len(starts) - 1, -1, -1) if starts[index].position <= cut or not index)
    line = starts[first].line + window.count("\n", starts[first].position, cut)
    kept = [_FileStart(0, line, starts[first].name)] if cut else starts[:1]
    kept += [start._replace(position=start.position - cut) for start in starts[first + 1 :]]
    return window[cut:], kept


def open_novelty_index(run: RunFolder) -> NoveltyIndex | None:
    """Return the index of a run, None if it has none, or one of another version or of another text."""
    texts = _texts_of(run)
    for folder in _folders(run):
        with contextlib.suppress(OSError, ValueError):
            index = NoveltyIndex(run, folder)
            if {"origin": "", **index.text.info}.items() >= texts.items():
                return index
    return None


def open_or_build_novelty_index(run: RunFolder, on_progress: Callable[[float], None]) -> NoveltyIndex:
    """Return the index of a run, which is built if it has none; raises as `build_novelty_index` does."""
    return open_novelty_index(run) or build_novelty_index(run, on_progress)


def build_novelty_index(
    run: RunFolder,
    on_progress: Callable[[float], None],
    sources: Sequence[str] = (),
    reading: ReadingConfig | None = None,
) -> NoveltyIndex:
    """Build the index of a run and return it; it replaces an earlier one, and appears complete or not at all.

    Args:
        run: a language model.
        on_progress: called with the fraction that is done.
        sources: the files of its corpus; empty for its token ids, or where it has none for the files that it names.
        reading: how they are read.

    The texts of the runs that it was trained on from are in it as far as they are at hand; see `NoveltyIndex.missing`.
    Raises `CorpusError` if there is no text, or it is another one; `RunError` if the index cannot be written.
    """
    training = find_training_text(run, sources, reading)
    earlier = EarlierTexts.of(run)
    with _staging_folder(run) as (staged, target):
        try:
            characters = training.characters + earlier.characters
            blocks = _counted(
                chain(training.blocks, earlier.blocks()), characters, lambda part: on_progress(_READING_SHARE * part)
            )
            # What is missing is complete once all blocks have been read; the information is written after that.
            info = {**_texts_of(run), "documents": training.is_documents, "missing": earlier.missing}
            build_suffix_index(
                staged, blocks, info, lambda part: on_progress(_READING_SHARE + (1 - _READING_SHARE) * part)
            )
            _write_held_out(staged, training.held_out.sample(training.is_documents))
            _refuse_foreign(target, remove_index_files(target))
            staged.rename(target)
        except OSError as error:
            raise RunError(
                f"cannot write the index of run {run.name}: {error.strerror or error}", hint=os_error_hint(error)
            ) from error
    return NoveltyIndex(run, target)


def _texts_of(run: RunFolder) -> dict[str, str]:
    """Return what tells the texts of a run from others: that of its corpus, and its origin, by their fingerprints."""
    config = run.read_config()
    return {
        "fingerprint": config.corpus.fingerprint,
        "origin": config.origin.fingerprint if config.origin is not None else "",
    }


def delete_novelty_index(run: RunFolder) -> bool:
    """Delete the index of a run; return False if it has none.

    Raises `RunError` if it cannot be deleted, or something else is in its folder, which stays.
    """
    folders = [folder for folder in _folders(run) if folder.is_dir()]
    for folder in folders:
        try:
            left = remove_index_files(folder)
        except OSError as error:
            raise RunError(f"cannot delete {folder}: {error.strerror or error}", hint=os_error_hint(error)) from error
        _refuse_foreign(folder, left, "the index is deleted, but ")
    return bool(folders)


def _refuse_foreign(folder: Path, names: Sequence[str], done: str = "") -> None:
    """Raise `RunError` if there are names of files that are none of an index; `done` is what it tells first."""
    if names:
        raise RunError(
            f"{done}{folder} holds files that do not belong to an index: {named(names)}", hint="move them away"
        )


def _folders(run: RunFolder) -> Iterator[Path]:
    """Yield where the index of a run may be: in its folder, or in the user's cache."""
    from platformdirs import user_cache_path

    yield run.novelty_folder
    yield user_cache_path("rnntui") / "novelty" / run_fingerprint(run)[:32]


@contextlib.contextmanager
def _staging_folder(run: RunFolder) -> Iterator[tuple[Path, Path]]:
    """Yield a new folder to build an index in, and the path that it is to be renamed to. Raises `RunError`."""
    problem = ""
    for target in _folders(run):
        _refuse_foreign(target, foreign_index_files(target))  # before the index is built in vain
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            prefix = f".{target.name}-"
            for abandoned in abandoned_folders(target.parent, prefix):
                with contextlib.suppress(OSError):
                    remove_index_files(abandoned)
            staged = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=target.parent))
        except OSError as error:
            problem = problem or f"cannot write to {target.parent}: {error.strerror}"
            continue
        staged.chmod(target.parent.stat().st_mode & 0o777)  # mkdtemp makes a folder that only its owner can read
        try:
            yield staged, target
        finally:
            shutil.rmtree(staged, ignore_errors=True)  # of this process alone, under a name that nobody knew
        return
    raise RunError(problem)


def _write_held_out(folder: Path, pieces: list[str]) -> None:
    """Write held-out text and the lengths of its copies, each piece followed by a barrier."""
    index = SuffixIndex(folder)
    lengths = [np.append(index.match_lengths(piece), 0) for piece in pieces]
    points = [np.append(code_points(piece), np.uint32(BARRIER)) for piece in pieces]
    empty = np.zeros(0, dtype=np.int64)
    with (folder / _HELD_OUT).open("wb") as file:
        file.write(np.concatenate([*points, empty]).astype("<u4").data)
    with (folder / _HELD_OUT_LENGTHS).open("wb") as file:
        file.write(np.minimum(np.concatenate([*lengths, empty]), 65535).astype("<u2").data)


def _counted(
    blocks: Iterator[CodePoints], characters: int, on_progress: Callable[[float], None]
) -> Iterator[CodePoints]:
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        on_progress(min(1.0, done / max(1, characters)))
