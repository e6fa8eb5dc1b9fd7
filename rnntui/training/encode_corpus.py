"""A corpus to ids in the folder of a new run: characters in one reading, subwords and words so that no work is lost.

The ids of subwords and words of a large text take long. They are those of an earlier run, where there is one on the
same text with the same vocabulary and split. They go on from where a killed process was. What is found is never stale:
it is looked up by a hash of the text and of all settings that the ids depend on, and checked against its checksums.
An earlier run is a cache that takes no room and that a user sees, deletes and counts as what it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from rnntui import __version__
from rnntui.config import TokenizerConfig, TokenizerType
from rnntui.errors import CorpusError, RunError
from rnntui.kinds.corpus_info import DocumentUnit, TextCorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.runs.checksums import are_unchanged
from rnntui.runs.creation import take_over
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import runs_in
from rnntui.runs.run_config import RunConfig
from rnntui.text.character_counts import CharacterFile
from rnntui.text.corpus_split import CorpusSplit
from rnntui.text.encoding_journal import EncodingJournal
from rnntui.text.text_split import TextSplit
from rnntui.text.token_ids import CorpusStats, TokenFile
from rnntui.text.tokenizer import Tokenizer
from rnntui.text.tokenizer_factory import load_tokenizer

_VOCABULARY = ("tokenizer.*", "source/tokenizer.*", "target/tokenizer.*", "known_words.txt")
_WITH_KEY = (TextCorpusInfo, PairCorpusInfo)
_LARGE = 1 << 22  # characters of a text from which on its ids are looked up, and their making is recorded


class EncodedCorpus(NamedTuple):
    """A tokenizer, and what the two files of its ids hold."""

    tokenizer: Tokenizer
    training: TokenFile
    validation: TokenFile


def encoding_key(stats: CorpusStats, config: TokenizerConfig, unit: DocumentUnit, held_out: str) -> str:
    """Return a hash of a large text and of all that its ids depend on; empty for one that is encoded in a second.

    Args:
        stats: statistics of the text.
        config: its tokenizer.
        unit: what is a document.
        held_out: which part is held out, and how much.
    """
    if stats.characters < _LARGE:
        return ""
    parts = [stats.fingerprint, asdict(config), unit, held_out, __version__, version("sentencepiece")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class CorpusEncoder:
    """Makes the vocabulary of a corpus and encodes it into the folder of a new run.

    Args:
        staged: the folder.
        checkpoints: the folder of the other runs.
        kind: type of the tokenizer.
        notify: receives messages for the user.
    """

    def __init__(
        self, staged: RunFolder, checkpoints: Path, kind: TokenizerType, notify: Callable[[str], None]
    ) -> None:
        self._staged, self._checkpoints, self._kind, self._notify = staged, checkpoints, kind, notify

    def encode(
        self, split: CorpusSplit, key: str, make: Callable[[], Tokenizer], characters: CharacterFile | None = None
    ) -> EncodedCorpus:
        """Return what is in the folder then: that of an earlier run or of a killed process, if there is one.

        Args:
            split: the corpus and what is held out.
            key: that of `encoding_key`.
            make: makes the tokenizer.
            characters: the characters of the corpus, if they were stored while it was read, in the file of training
                ids.
        """
        staged = self._staged
        if not key:
            tokenizer = make()
            tokenizer.save(staged.path)
            if characters is not None:
                if isinstance(split, TextSplit) and split.holds_out_end:
                    return EncodedCorpus(
                        tokenizer, *split.write_characters(characters, tokenizer, staged.validation_ids)
                    )
                characters.discard()
            return EncodedCorpus(tokenizer, *split.write(tokenizer, staged.training_ids, staged.validation_ids))
        if earlier := run_with_ids(staged, self._checkpoints, LANGUAGE_MODEL.id, key):
            split.examine()
            self._notify(f"vocabulary and ids are those of run {earlier.name}, on the same text")
            return EncodedCorpus(load_tokenizer(staged.path, self._kind), *earlier.files)
        journal = EncodingJournal(staged.encoding_journal, key)
        if take_over_encoding(staged, self._checkpoints, key):
            self._notify("encoding goes on where a process was ended")
            tokenizer = load_tokenizer(staged.path, self._kind)
        else:
            tokenizer = make()
            tokenizer.save(staged.path)
            journal.begin()
        files = split.write(tokenizer, staged.training_ids, staged.validation_ids, journal)
        journal.remove()
        return EncodedCorpus(tokenizer, *files)


class EarlierRun(NamedTuple):
    """A run whose vocabulary and ids a new run has, too: its name, its config, and what the two files of ids hold."""

    name: str
    config: RunConfig
    files: tuple[TokenFile, TokenFile]


def run_with_ids(
    staged: RunFolder,
    checkpoints: Path,
    kind: str,
    key: str,
    can_use: Callable[[RunConfig], object] = lambda config: True,
) -> EarlierRun | None:
    """Take vocabulary and ids of the first run that has those of a key, as they were written; None if none has.

    Args:
        staged: the folder that they are put into.
        checkpoints: the folder of the other runs.
        kind: id of the kind of the run.
        key: hash of all that the ids depend on.
        can_use: tells whether the config of such a run is complete.
    """
    for run in runs_in(checkpoints):
        try:
            config = run.read_config()
        except RunError:
            continue
        is_same = config.kind == kind and isinstance(config.corpus, _WITH_KEY) and config.corpus.encoding_key == key
        if is_same and can_use(config) and (earlier := _ids_of(run, config, staged)):
            return earlier
    return None


def _ids_of(run: RunFolder, config: RunConfig, staged: RunFolder) -> EarlierRun | None:
    """Take the vocabulary and ids of a run; None, and nothing taken, if they are not as they were written."""
    taken: list[Path] = []
    try:
        corpus = config.corpus
        vocabulary = [path for pattern in _VOCABULARY for path in run.path.glob(pattern)]
        paths = [*vocabulary, run.training_ids, run.validation_ids]
        if corpus.training is None or corpus.validation is None or not vocabulary or not are_unchanged(run, paths):
            return None
        training, validation = (TokenFile(**vars(info)) for info in (corpus.training, corpus.validation))
        training.read(run.training_ids)
        validation.read(run.validation_ids)
        for path in paths:
            copied = staged.path / path.relative_to(run.path)
            copied.parent.mkdir(exist_ok=True)
            taken.append(copied)
            link_or_copy(path, copied)
        return EarlierRun(run.name, config, (training, validation))
    except (OSError, CorpusError):  # it was deleted meanwhile, or is broken
        for path in taken:  # to write into a link would change the other run
            path.unlink(missing_ok=True)
        return None


def take_over_encoding(staged: RunFolder, checkpoints: Path, key: str) -> bool:
    """Move what a killed process had encoded into a folder in staging; return whether there was any of the key."""
    return take_over(
        staged.path, checkpoints, lambda folder: EncodingJournal(folder.encoding_journal, key).read() is not None
    )


def link_or_copy(source: Path, target: Path) -> None:
    """Give a run a file of another: a link where the file system has them, as no run changes a file in place."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
