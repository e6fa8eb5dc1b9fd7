"""The text that a language model was trained on, and the text held out from it: from its files, or its token ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnntui.config import ReadingConfig
from rnntui.config_language_model import LanguageModelTrainingConfig
from rnntui.errors import CorpusError, RnntuiError, RunError
from rnntui.formatting import few_names_with_verb
from rnntui.inference.loaded_model import read_tokenizer
from rnntui.kinds.corpus_info import TextCorpusInfo, TokenFileInfo
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.text.char_tokenizer import CharTokenizer, code_points, text_of_code_points
from rnntui.text.chat_exports import converted_chat
from rnntui.text.corpus import Corpus, find_corpus
from rnntui.text.corpus_split import CorpusSplit, Origin
from rnntui.text.document_split import split_documents
from rnntui.text.repeated_files import readings
from rnntui.text.suffix_index import BARRIER
from rnntui.text.text_split import TextSplit
from rnntui.text.token_ids import TokenFile, corpus_fingerprints, corpus_stats
from rnntui.text.tokenizer import Tokenizer

CodePoints = NDArray[np.uint32]

HELD_OUT_BLOCKS = 8
HELD_OUT_BLOCK = 8192
"""Held-out text that is kept for comparison: so many stretches of so many characters, from all over it."""

BARRIER_POINT: CodePoints = np.array([BARRIER], dtype=np.uint32)
"""A barrier as a block of its own, `(1,)`."""

_IDS = 1 << 20  # token ids decoded at a time
_MAX_HELD_OUT = 1 << 24  # characters of held-out text that are read


@dataclass
class HeldOutText:
    """Text held out from training: whole documents, or stretches of one long text; filled while that is read."""

    pieces: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, text: str, *, begins: bool) -> None:
        """Append text; `begins` a new document or stretch."""
        if self.size >= _MAX_HELD_OUT:
            return
        self.size += len(text)
        if begins or not self.pieces:
            self.pieces.append(text)
        else:
            self.pieces[-1] += text

    def sample(self, is_documents: bool) -> list[str]:
        """Return evenly spaced documents, or stretches, that make up as much as is kept for comparison."""
        room = HELD_OUT_BLOCKS * HELD_OUT_BLOCK
        if is_documents:
            documents = [piece for piece in self.pieces if piece]
            wanted = max(1, room * len(documents) // max(1, self.size))
            every = max(1, -(-len(documents) // wanted))
            return [document[:HELD_OUT_BLOCK] for document in documents[::every]]
        text = "".join(self.pieces)
        if len(text) <= room:
            return [text[start : start + HELD_OUT_BLOCK] for start in range(0, len(text), HELD_OUT_BLOCK)]
        starts = (len(text) - HELD_OUT_BLOCK) * np.arange(HELD_OUT_BLOCKS) // (HELD_OUT_BLOCKS - 1)
        return [text[start : start + HELD_OUT_BLOCK] for start in starts.tolist()]


@dataclass(frozen=True)
class TrainingText:
    """The training text of a run.

    Args:
        blocks: its code points `(N,)` in blocks, to be read once, with `BARRIER` where documents end.
        characters: about how many there are.
        held_out: complete once the blocks have been read.
        is_documents: the text is made of documents.
    """

    blocks: Iterator[CodePoints]
    characters: int
    held_out: HeldOutText
    is_documents: bool


def find_training_text(
    run: RunFolder, sources: Sequence[str] = (), reading: ReadingConfig | None = None
) -> TrainingText:
    """Return the training text of a run: from its token ids, or where it has none from its corpus.

    The ids are in the folder `resume/`, which may have been deleted, and which shipped models lack. The corpus has to
    be the one that the run was trained on, and is split again as then.

    Args:
        run: a language model.
        sources: the files of the corpus; empty for those that the run names.
        reading: how they are read.

    Raises `CorpusError` if there are no ids, and the corpus is gone or has changed; `UsageError` if the run is of
    another kind.
    """
    config = run.read_config()
    tokenizer = read_tokenizer(run, config)
    if not sources and run.training_ids.is_file():
        return _text_of_ids(run, config, tokenizer)
    return _text_of_files(run, config, sources, reading or ReadingConfig())


def run_corpus(run: RunFolder, sources: Sequence[str] = (), reading: ReadingConfig | None = None) -> Corpus:
    """Return the corpus that a run names, or of other sources, with chat exports converted.

    Raises `CorpusError` or `UsageError` if it is gone.
    """
    config = run.read_config()
    names = list(sources) or list(config.corpus.sources)
    if not names:
        raise CorpusError(f"run {run.name} does not say what it was trained on")
    reading = reading or ReadingConfig()
    corpus = find_corpus(names, reading.encoding, reading.errors, reading.newlines)
    return converted_chat(corpus, config.training_as(LanguageModelTrainingConfig).turns)[0]


def text_has_changed(run: RunFolder, reading: ReadingConfig) -> bool:
    """Return True if the files that a run names hold another text now than when the run was created.

    They are read only if one was modified since. False where that cannot be told: a file is gone, or is not read as it
    was then.
    """
    config = run.read_config()
    try:
        if all(Path(name).stat().st_mtime <= config.created for name in config.corpus.sources):
            return False
        corpus = run_corpus(run, (), reading)
        # A run does not say with which treatment of line ends it was read.
        return config.corpus.fingerprint not in corpus_fingerprints(corpus).values()
    except (OSError, ValueError, RnntuiError):
        return False


def _text_of_ids(run: RunFolder, config: RunConfig, tokenizer: Tokenizer) -> TrainingText:
    """Read the token files of a run."""
    info = config.corpus_as(TextCorpusInfo)
    held_out = HeldOutText()
    is_documents = info.documents != "none" and tokenizer.end_id is not None

    def blocks() -> Iterator[CodePoints]:
        yield from text_of_token_file(info.training, run.training_ids, tokenizer)
        if info.validation is not None and info.validation.tokens and run.validation_ids.is_file():
            ids = _token_file(info.validation).read(run.validation_ids)
            for points in _decoded(ids[:_MAX_HELD_OUT], tokenizer):
                for index, text in enumerate(_between_barriers(points)):
                    held_out.add(text, begins=index > 0)

    characters = info.training.characters if info.training is not None else 0
    return TrainingText(blocks(), characters, held_out, is_documents)


def text_of_token_file(info: TokenFileInfo | None, path: Path, tokenizer: Tokenizer) -> Iterator[CodePoints]:
    """Yield the text of a file of token ids in blocks `(N,)`, with barriers where documents end.

    Raises `RunError` if the ids are not those of the vocabulary or the file is not described, `CorpusError` if it is
    not as described.
    """
    yield from _decoded(_token_file(info).read(path), tokenizer)


def _token_file(info: TokenFileInfo | None) -> TokenFile:
    if info is None:
        raise RunError("config.json does not describe the token ids; the run is broken")
    return TokenFile(**vars(info))


def _decoded(ids: NDArray[np.unsignedinteger], tokenizer: Tokenizer) -> Iterator[CodePoints]:
    """Yield the text of token ids, with a barrier for each `<eos>` and for what the vocabulary does not have.

    Raises `RunError` for an id that is not in the vocabulary.
    """
    for start in range(0, len(ids), _IDS):
        if int(ids[start : start + _IDS].max()) >= tokenizer.vocab_size:
            raise RunError("the token ids are not those of the run's vocabulary; the run is broken")
    if isinstance(tokenizer, CharTokenizer):
        end = () if tokenizer.end_id is None else BARRIER_POINT
        table = np.concatenate([BARRIER_POINT, code_points("".join(tokenizer.characters)), end]).astype(np.uint32)
        for start in range(0, len(ids), _IDS):
            yield table[ids[start : start + _IDS]]
        return
    barriers = {tokenizer.unknown_id, tokenizer.end_id}
    stream = tokenizer.stream()
    for start in range(0, len(ids), _IDS):
        tokens = ids[start : start + _IDS].tolist()
        for is_barrier, group in groupby(tokens, barriers.__contains__):
            if is_barrier:
                stream = tokenizer.stream()
                yield BARRIER_POINT
            else:
                yield code_points("".join(map(stream.push, group)))


def _text_of_files(run: RunFolder, config: RunConfig, sources: Sequence[str], reading: ReadingConfig) -> TrainingText:
    """Read the corpus of a run, and split it as it was split for the run."""
    info = config.corpus_as(TextCorpusInfo)
    hint = f"name that text: rnntui index {run.name} FILE..."
    try:
        corpus = run_corpus(run, sources, reading)
    except RnntuiError as error:
        if sources:
            raise
        raise CorpusError(
            f"the training text of run {run.name} is not to be found: {error.problem}", hint=hint
        ) from error
    for corpus_read in readings(corpus):
        stats = corpus_stats(corpus_read)
        if stats.fingerprint == info.fingerprint:
            corpus = corpus_read
            break
    else:
        names_are = few_names_with_verb(corpus.display_names, "is", "are")
        raise CorpusError(f"{names_are} not the text that run {run.name} was trained on, or changed since", hint=hint)
    fraction = 0.0
    if info.validation_sources is None:
        fraction = config.training_as(LanguageModelTrainingConfig).validation_fraction
    origin: Origin = "spread" if info.validation_from == "spread" else "end"
    split: CorpusSplit
    if info.documents != "none":
        split = split_documents(corpus, info.documents, fraction, origin)
    else:
        split = TextSplit(corpus, stats, fraction, origin)
    held_out = HeldOutText()
    is_documents = info.documents != "none"

    def blocks() -> Iterator[CodePoints]:
        previous = "training"
        for text, part in split.parts():
            if part == "training":
                if previous != "training" and not is_documents:
                    yield BARRIER_POINT
                yield code_points(text)
                if is_documents:
                    yield BARRIER_POINT
            elif part == "validation":
                held_out.add(text, begins=is_documents or previous != part)
            previous = part
        if info.validation_sources is not None:
            _add_validation_files(held_out, info, reading)

    return TrainingText(blocks(), split.training_characters, held_out, is_documents)


def _add_validation_files(held_out: HeldOutText, info: TextCorpusInfo, reading: ReadingConfig) -> None:
    """Add the validation text of a run that had one of its own, unless it is gone."""
    try:
        corpus = find_corpus(list(info.validation_sources or ()), reading.encoding, reading.errors, reading.newlines)
        for block in corpus.blocks():
            held_out.add(block, begins=False)
    except RnntuiError:
        held_out.pieces.clear()


def _between_barriers(points: CodePoints) -> Iterator[str]:
    """Yield the text before, between and after the barriers."""
    start = 0
    for end in [*np.flatnonzero(points == BARRIER).tolist(), len(points)]:
        yield text_of_code_points(points[start:end])
        start = end + 1
