"""Runs with a training text of random words, for the tests of novelty."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

from tiny_runs import make_run

from rnntui.config_language_model import LanguageModelTrainingConfig
from rnntui.inspection.novelty_index import NoveltyIndex, build_novelty_index
from rnntui.kinds.corpus_info import DocumentUnit, TextCorpusInfo
from rnntui.runs.fingerprint import run_fingerprint
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunOrigin
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.corpus import find_corpus
from rnntui.text.corpus_split import CorpusSplit
from rnntui.text.document_split import split_documents
from rnntui.text.text_split import TextSplit
from rnntui.text.token_ids import corpus_stats
from rnntui.text.tokenizer import Tokenizer

WORDS = ("the ", "old ", "man ", "and ", "sea ", "went ", "on.\n", "until, ", "A: ", "B: ")


def random_text(seed: int, words: int) -> str:
    return "".join(random.Random(seed).choices(WORDS, k=words))


def trained_on(
    folder: Path,
    text: str,
    tokenizer: Tokenizer | None = None,
    unit: DocumentUnit = "none",
    origin: str = "end",
    name: str = "run",
) -> RunFolder:
    """A run with the ids of a text, as a training leaves it."""
    file = folder / ("text.txt" if name == "run" else f"{name}.txt")
    file.write_text(text, encoding="utf-8")
    corpus = find_corpus([str(file)])
    stats = corpus_stats(corpus)
    tokenizer = tokenizer or CharTokenizer.from_counts(stats.counts, has_end=unit != "none")
    run = make_run(folder, name, seed=sum(map(ord, name)), tokenizer=tokenizer)
    run.resume_folder.mkdir()
    split: CorpusSplit = TextSplit(corpus, stats, 0.1, origin)  # type: ignore[arg-type]
    if unit != "none":
        split = split_documents(corpus, unit, 0.1, "spread")
    training, validation = split.write(tokenizer, run.training_ids, run.validation_ids)
    info = TextCorpusInfo(
        name="text", sources=corpus.display_names, fingerprint=stats.fingerprint, training=training,
        validation=validation, documents=unit, validation_from="spread" if unit != "none" else origin,
    )  # fmt: skip
    settings = LanguageModelTrainingConfig(validation_fraction=0.1)
    run.write_config(replace(run.read_config(), corpus=info, training=settings))
    return run


def trained_on_from(run: RunFolder, earlier: RunFolder, keeps_ids: bool = False) -> None:
    """Make a run one that was trained on from another with the same characters; `keeps_ids` as with `--mix`."""
    training = earlier.read_config().corpus.training if keeps_ids else None
    if keeps_ids:
        shutil.copy(earlier.training_ids, run.origin_training_ids)
    origin = RunOrigin(earlier.name, run_fingerprint(earlier), training)
    run.write_config(replace(run.read_config(), origin=origin))


def build(run: RunFolder, *sources: str) -> NoveltyIndex:
    return build_novelty_index(run, lambda fraction: None, sources)
