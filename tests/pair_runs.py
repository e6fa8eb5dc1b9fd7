"""Seq2Seq models and pairs for tests: as small as can be, the same each time."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from rnntui.config import Budget
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.inference.translator import Translator, read_vocabularies
from rnntui.kinds.pair_corpus_info import PairLengths
from rnntui.models.seq2seq import Seq2Seq
from rnntui.models.weight_arrays import weights_of
from rnntui.runs.folder import RunFolder
from rnntui.runs.weights_file import save_arrays
from rnntui.settings import settings_of
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.corpus import find_corpus
from rnntui.text.pairs import read_table
from rnntui.text.vocabulary import EOS, Vocabulary
from rnntui.training.prepare_seq2seq import Seq2SeqRequest, create_seq2seq_run

LETTERS = "abcdefgh"


def word(rng: random.Random, least: int = 3, most: int = 8) -> str:
    """A word of random letters."""
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(least, most)))


def copy_rows(count: int = 200, seed: int = 0) -> list[tuple[str, str]]:
    """Words beside themselves."""
    rng = random.Random(seed)
    return [(text, text) for text in (word(rng) for _ in range(count))]


def table(path: Path, rows: list[tuple[str, str]]) -> Path:
    """Rows as a file of two columns."""
    path.write_text("".join(f"{source}\t{target}\n" for source, target in rows), encoding="utf-8")
    return path


def tiny_config(**settings: object) -> Seq2SeqConfig:
    """A model of a few units."""
    values = {"hidden": 12, "encoder_hidden": 6, "embedding": 10, **settings}
    return Seq2SeqConfig(**values)  # type: ignore[arg-type]


def tiny_models(source_size: int, target_size: int, joint: bool, seed: int = 1, **settings: object):
    """The same random model in torch and in numpy, with opinions of its own."""
    torch.manual_seed(seed)
    config = tiny_config(**settings)
    model = Seq2Seq(config, source_size, target_size, joint).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.6)
    return model, NumpySeq2Seq(weights_of(model), config, source_size, target_size)


def tiny_translator(seed: int = 1, sharpness: float = 1.0, **settings: object) -> Translator:
    """Translates letters to letters as chance has it."""
    vocabulary = Vocabulary(CharTokenizer(list(LETTERS)))
    _, model = tiny_models(vocabulary.size, vocabulary.size, True, seed, **settings)
    model._output = model._output * np.float32(sharpness)
    return Translator(model, vocabulary, vocabulary, PairLengths(8, 8, 4))


def sources_of(lengths: list[int], size: int, seed: int = 0) -> list[np.ndarray]:
    """Random sources of these lengths, each with its end."""
    rng = np.random.default_rng(seed)
    return [np.append(rng.integers(3, size, length - 1), EOS) for length in lengths]


def make_pair_run(folder: Path, rows: list[tuple[str, str]], name: str, **settings: object) -> RunFolder:
    """A run on the rows that is ready to train; settings are told to their groups by name."""
    defaults: dict[str, object] = {
        "hidden": 24, "encoder_hidden": 12, "embedding": 16, "dropout": 0.1, "tokenizer": "char", "batch_size": 8,
        "bucket_batches": 5, "eval_tokens": 256, "bleu_pairs": 8, "warmup": 5, "evaluations": 4,
        "validation_fraction": 0.1,
    }  # fmt: skip
    values = {**defaults, **settings}
    groups = []
    for config_class in (Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig, Budget):
        names = {name: setting.option_name for name, setting in settings_of(config_class).items()}
        groups.append(config_class(**{name: values.pop(option) for name, option in names.items() if option in values}))
    assert not values, f"unknown settings {values}"
    pairs = read_table(find_corpus([str(table(folder / f"{name}.tsv", rows))]))
    run, _ = create_seq2seq_run(pairs, None, Seq2SeqRequest(*groups), folder / "checkpoints", name)
    return run


def write_weights(run: RunFolder) -> None:
    """Give a run that is ready to train random weights, so that it can be used."""
    config = run.read_config()
    source, target = read_vocabularies(run, config)
    model = Seq2Seq(config.model_as(Seq2SeqConfig), source.size, target.size, source is target)
    save_arrays(run.weights_file, weights_of(model), {})
