"""Runs for tests: whole on disk, as small as can be, with random weights that are the same each time."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np

from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.kinds.corpus_info import DocumentUnit, TextCorpusInfo
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.ngram_index import NgramIndex
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_file import save_arrays
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.subword_tokenizer import SubwordTokenizer
from rnntui.text.tokenizer import Tokenizer
from rnntui.text.turns import SpeakerLabels
from rnntui.text.word_tokenizer import WordTokenizer

CHARACTERS = list("\n abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,:;!?'")

TINY = LanguageModelConfig(hidden=16, embedding=8, tied=False, ngrams=1)
TWO_LAYERS = replace(TINY, layers=2)
NGRAMS = replace(TINY, ngrams=3, ngram_buckets=500, ngram_dropout=0.0)

QUICK = [
    "--hidden",
    "24",
    "--embedding",
    "8",
    "--batch-size",
    "4",
    "--bptt",
    "16",
    "--eval-tokens",
    "512",
    "--evaluations",
    "2",
]
"""Flags of `rnntui train` for a training of milliseconds."""


def word_text(words: int = 3000, seed: int = 0) -> str:
    """Return lines of a few words in random order: quick to learn, impossible to memorize."""
    rng = random.Random(seed)
    return "".join(rng.choice(["alpha ", "beta ", "gamma ", "delta\n"]) for _ in range(words))


def make_run(
    folder: Path,
    name: str,
    *,
    seed: int = 1,
    tokenizer: Tokenizer | None = None,
    speakers: tuple[str, str] | SpeakerLabels | None = None,
    model: LanguageModelConfig = TINY,
) -> RunFolder:
    """A run of an LSTM of 16 units, trained on nothing, with strong opinions."""
    tokenizer = tokenizer or CharTokenizer(CHARACTERS)
    labels = SpeakerLabels(*speakers) if isinstance(speakers, tuple) else speakers
    run = RunFolder(folder / name)
    run.path.mkdir(parents=True)
    size = tokenizer.vocab_size
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "embedding.weight": (size, 8), "output.weight": (size, 16), "output.bias": (size,),
    }  # fmt: skip
    for length, rows in NgramIndex.of(model, size, None).table_sizes.items():
        shapes[f"ngram_embeddings.{length}"] = (rows, 8)
    for layer in range(model.layers):
        shapes[f"rnn.weight_ih_l{layer}"] = (64, 16 if layer else 8)
        shapes[f"rnn.weight_hh_l{layer}"] = (64, 16)
        shapes[f"rnn.bias_ih_l{layer}"] = shapes[f"rnn.bias_hh_l{layer}"] = (64,)
    save_arrays(run.weights_file, {n: rng.normal(0, 0.8, s).astype(np.float32) for n, s in shapes.items()}, {})
    tokenizer.save(run.path)
    run.write_config(
        RunConfig(
            kind=LANGUAGE_MODEL.id, model=model, training=LanguageModelTrainingConfig(), budget=Budget(steps=10),
            tokenizer=TokenizerConfig(type=tokenizer.kind, vocab_size=size),
            corpus=TextCorpusInfo(
                name=name, speakers=(labels.person, labels.model) if labels else None,
                turn_format=labels.format if labels else None,
            ), created=0.0,
        )
    )  # fmt: skip
    run.write_status(RunStatus("done", step=10, steps=10, tokens=1000, validation_loss=1.5, bits_per_character=2.2))
    return run


def make_document_run(folder: Path, tokenizer: Tokenizer, documents: DocumentUnit) -> RunFolder:
    """Such a run on documents; its tokenizer has `<eos>`."""
    run = make_run(folder, documents, tokenizer=tokenizer)
    run.write_config(replace(run.read_config(), corpus=TextCorpusInfo(name=documents, documents=documents)))
    return run


def subwords(has_end: bool = False) -> SubwordTokenizer:
    """Subwords with byte fallback, learnt from a few words."""
    words = "the old man and the sea went on and on until the sea was old "
    return SubwordTokenizer.train([words * 20], "bpe", 330, len(set(words)), has_end=has_end)


def word_tokenizer() -> WordTokenizer:
    """Words of a dialogue."""
    return WordTokenizer.train(["A: the old man, and the sea.\nB: on and on, old man\n"] * 2, 100)
