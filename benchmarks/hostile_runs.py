"""Small whole runs of each kind for `hostile.py`, made without torch, with random weights that are the same each time.

Each has every file that a training leaves except `resume/`; `trained_runs` trains some that have that, too.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from rnntui.config import Budget, RecurrentConfig, TokenizerConfig, TrainerConfig
from rnntui.config_classifier import ClassifierConfig, ClassifierTokenizerConfig, ClassifierTrainingConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.inference.generate import Generation, generators_from
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.numpy_classifier import ClassifierSizes, NumpyClassifier
from rnntui.inference.numpy_language_model import NumpyLanguageModel
from rnntui.inference.numpy_seq2seq import NumpySeq2Seq
from rnntui.inference.text_state import TextState, save_text_state
from rnntui.inference.weight_reader import WeightReader
from rnntui.kinds.corpus_info import CorpusInfo, TextCorpusInfo
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.kinds.pair_corpus_info import PairCorpusInfo, PairLengths
from rnntui.runs.checksums import write_checksums
from rnntui.runs.folder import RunFolder
from rnntui.runs.integrity import write_status_of_metrics
from rnntui.runs.run_config import RunConfig
from rnntui.runs.run_status import RunStatus
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.ngram_counts import count_ngrams
from rnntui.text.ngram_features import NgramVocabulary
from rnntui.text.ngram_model import NgramModel
from rnntui.text.placeholders import save_known_words
from rnntui.text.subword_tokenizer import SubwordTokenizer
from rnntui.text.tokenizer import Tokenizer
from rnntui.text.vocabulary import Vocabulary, save_vocabularies
from rnntui.text.word_tokenizer import WordTokenizer

TEXT = "the old man and the sea went on and on until the sea was old.\nA: who are you?\nB: an old man.\n"
LETTERS = "abcdefghijklmnopqrstuvwxyz .,:?\nAB0123456789"
BLANK = ("--documents", "blank")
TEXTS = ("a fine old boat", "a sad old man", "the bright sea", "the dark house")
LABELS = ("good", "bad")

Weights = dict[str, NDArray[Any]]


def random_weights(build: Callable[[Mapping[str, NDArray[Any]]], object]) -> Weights:
    """Return random weights of the names and shapes that a model asks for while it is built."""
    rng = np.random.default_rng(1)
    weights: Weights = {}

    def checked(reader: WeightReader, name: str, *shape: int) -> NDArray[Any]:
        weights[name] = rng.normal(0, 0.5, shape).astype(np.float32)
        return weights[name]

    with mock.patch.object(WeightReader, "_checked", checked):
        build({})
    return weights


def language_model(folder: Path, tokenizer: Tokenizer, documents: str = "none", **settings: Any) -> RunFolder:
    """Make a language model with an n-gram prior."""
    config = LanguageModelConfig(**{"hidden": 12, "embedding": 8, "tied": False, "ngrams": 1, **settings})
    prior: NgramModel | None = None
    if config.ngram_prior:
        ids = tokenizer.encode(TEXT * 4)
        prior = count_ngrams(ids.astype(np.uint16), tokenizer.vocab_size, config.ngram_prior)
    size, end = tokenizer.vocab_size, tokenizer.end_id
    weights = random_weights(lambda empty: NumpyLanguageModel(dict(empty), config, size, end, prior=prior))
    corpus = TextCorpusInfo(
        name="text", sources=("text.txt",), fingerprint="0" * 64, characters=len(TEXT),
        speakers=None if documents != "none" else ("A", "B"), documents=documents, document_count=3,  # type: ignore[arg-type]
    )  # fmt: skip
    run = _folder(folder)
    tokenizer.save(run.path)
    if prior is not None:
        save_arrays(run.ngrams_file, prior.to_arrays(), {})
    parts = LanguageModelTrainingConfig(), TokenizerConfig(type=tokenizer.kind, vocab_size=size)
    return _finished(run, "language-model", config, *parts, corpus, weights)


def seq2seq(folder: Path, source: Tokenizer, target: Tokenizer | None = None, **settings: Any) -> RunFolder:
    """Make a Seq2Seq model; without a target's tokenizer, its vocabulary is joint."""
    config = Seq2SeqConfig(**{"hidden": 12, "encoder_hidden": 8, "embedding": 10, **settings})
    from_, to = Vocabulary(source), Vocabulary(target or source)
    weights = random_weights(lambda empty: NumpySeq2Seq(dict(empty), config, from_.size, to.size))
    run = _folder(folder)
    save_vocabularies(from_, from_ if target is None else to, run.path)
    save_known_words(run.known_words_file, TEXT.split())
    tokenizer = Seq2SeqTokenizerConfig(
        type=source.kind, vocab_size=to.tokenizer.vocab_size, separate_vocab=target is not None,  # type: ignore[arg-type]
        placeholders=target is None,
    )  # fmt: skip
    corpus = PairCorpusInfo(
        name="pairs", sources=("pairs.tsv",), fingerprint="0" * 64, pairs=(90, 10), lengths=PairLengths(6, 6, 2)
    )
    return _finished(run, "seq2seq", config, Seq2SeqTrainingConfig(), tokenizer, corpus, weights)


def classifier(folder: Path, tokenizer: Tokenizer, **settings: Any) -> RunFolder:
    """Make a classifier."""
    config = ClassifierConfig(**{"hidden": 6, "embedding": 6, "ngrams": "both", **settings})
    run = _folder(folder)
    tokenizer.save(run.path)
    size = 0
    if config.ngrams != "none":
        ngrams = NgramVocabulary.train(TEXTS, [0, 1, 0, 1], config.ngrams, 1)
        save_arrays(run.ngrams_file, ngrams.to_arrays(), {})
        size = ngrams.size
    sizes = ClassifierSizes(tokenizer.vocab_size, len(LABELS), size)
    weights = random_weights(lambda empty: NumpyClassifier(empty, config, sizes))
    parts = ClassifierTrainingConfig(), ClassifierTokenizerConfig(type=tokenizer.kind, vocab_size=tokenizer.vocab_size)
    corpus = LabelledCorpusInfo(
        name="texts", sources=("texts.csv",), fingerprint="0" * 64, labels=LABELS, label_counts=(20, 20), rows=(40, 8)
    )
    return _finished(run, "classifier", config, *parts, corpus, weights)


def _folder(path: Path) -> RunFolder:
    path.mkdir(parents=True)
    return RunFolder(path)


def _finished(  # noqa: PLR0913 - the parts of a config
    run: RunFolder,
    kind: str,
    model: RecurrentConfig,
    training: TrainerConfig,
    tokenizer: TokenizerConfig,
    corpus: CorpusInfo,
    weights: Weights,
) -> RunFolder:
    """Write everything else that a training writes."""
    save_arrays(run.weights_file, weights, {"step": "10"})
    run.write_config(RunConfig(kind, model, training, Budget(steps=10), tokenizer, corpus, 1.0, {"numpy": "2"}))
    run.note_file.write_text("a note\n")
    rows = [
        {"step": 5, "tokens": 100, "seconds": 0.5, "train_loss": 3.0, "learning_rate": 0.01, "gradient_norm": 1.0,
         "tokens_per_second": 200.0, "threads": 1, "clipped_share": 0.5},
        {"step": 5, "tokens": 100, "seconds": 0.6, "validation_loss": 2.9, "bits_per_character": 4.0,
         "sample": [{"text": "the sea", "kind": "generated"}], "accuracy": 50.0, "bleu": 3.0,
         "confusion": [[3, 1], [2, 2]]},
        {"step": 10, "tokens": 200, "seconds": 1.0, "streaming_loss": 2.5, "windowed_loss": 2.6, "best_step": 10},
    ]  # fmt: skip
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_checksums(run)
    status = RunStatus(
        "done", 10, 10, 200, 1.0, 2.5, 3.6, {"streaming_loss": 2.5, "bleu": 3.0, "accuracy": 50.0}, updated=2.0
    )
    write_status_of_metrics(run, status)
    return run


def make_runs(folder: Path, names: Sequence[str] = ()) -> list[str]:
    """Make the runs of some names in a folder, by default all; return their names."""
    makers: dict[str, Callable[[Path], RunFolder]] = {
        "char": lambda path: _with_state(language_model(path, _characters(), layers=2, ngram_prior=3)),
        "bpe": lambda path: _with_state(language_model(path, _subwords(), "blank", cell="gru", ngram_prior=2)),
        "word": lambda path: language_model(path, WordTokenizer.train([TEXT * 3], 60), ngrams=3, ngram_buckets=50),
        "half": _half_precision,
        "joint": lambda path: seq2seq(path, _spaced_subwords(), attention="additive", input_feeding=True),
        "separate": lambda path: seq2seq(
            path, _characters(), CharTokenizer(list(LETTERS[::-1])), tied=False, cell="gru", layers=2
        ),
        "labels": lambda path: classifier(path, _characters(), pooling="attention"),
        "words": lambda path: classifier(
            path, WordTokenizer.train(TEXTS, 60, keeps_spaces=False), ngrams="none", cell="gru"
        ),
    }
    names = names or list(makers)
    for name in names:
        makers[name](folder / name)
    return list(names)


def _characters() -> CharTokenizer:
    return CharTokenizer(list(LETTERS))


def _subwords() -> SubwordTokenizer:
    return SubwordTokenizer.train([TEXT * 9], "bpe", 330, len(set(TEXT)), has_end=True)


def _spaced_subwords() -> SubwordTokenizer:
    return SubwordTokenizer.train([f" {line}" for line in TEXT.split("\n")] * 9, "unigram", 310, len(set(TEXT)))


def _half_precision(path: Path) -> RunFolder:
    run = language_model(path, _characters(), cell="rnn", ngram_prior=2)
    arrays, metadata = load_arrays(run.weights_file)
    save_arrays(run.weights_file, {name: array.astype(np.float16) for name, array in arrays.items()}, metadata)
    return run


def _with_state(run: RunFolder) -> RunFolder:
    """Add a saved state of a text."""
    loaded = load_language_model(run)
    generation = Generation(loaded.network, generators_from(1, 1))
    generation.feed(loaded.tokenizer.encode("the sea"))
    save_text_state(run.path / "text.state", TextState.of(generation), run)
    return run


def without_checksums(source: Path, target: Path) -> None:
    """Copy a run without any checksum, as a stranger may give it, or a version that wrote none."""
    shutil.copytree(source, target)
    run = RunFolder(target)
    run.checksums_file.unlink(missing_ok=True)
    for path in target.rglob("*.safetensors"):
        from safetensors.numpy import save_file

        arrays, metadata = load_arrays(path)
        save_file(arrays, path, metadata or None)
    status = run.read_status()
    values = asdict(replace(status, metrics_bytes=0, metrics_sha256=""))
    run.status_file.write_text(json.dumps(values))


def make_texts(folder: Path) -> Path:
    """Make a folder of saved texts, preferences and a prompt history, as the app leaves them."""
    folder.mkdir(parents=True)
    settings = {"token": 0, "temperature": 0.8, "top_k": 0, "top_p": 1.0, "min_p": 0.0}
    turns = [
        {"role": "prompt", "text": "the sea"},
        {"role": "model", "text": " was old", "run": "char", "seed": 1, "settings": [settings], "learned": True},
        {"current": 1, "name": "first", "learns": True},
        {"branch": 2, "parent": 1, "start": 5, "name": "other", "turns": [
            {"role": "model", "text": " went", "run": "char", "seed": 2, "settings": [settings], "continues": True}]},
        {"branch": 3, "parent": 2, "start": 2, "name": "", "turns": [{"role": "prompt", "text": "on"}]},
        {"bookmark": "here", "branch": 2, "offset": 3},
    ]  # fmt: skip
    (folder / "chat.txt").write_text("the sea was old")
    (folder / "chat.jsonl").write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    (folder / "source.txt").write_text("the sea\nan old man\n")
    (folder / "source.json").write_text('{"run": "joint"}\n')
    (folder / "settings.json").write_text(
        '{"theme": "textual-light", "surprisal": true, "keymap": {"chat.stop": "f9"}}'
    )
    (folder / "history.jsonl").write_text('"hello"\n"who are you?"\n')
    return folder


def make_search(folder: Path) -> Path:
    """Make the folder of a search for settings."""
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = [
        {"tuning": 1, "sources": ["text.txt"], "fixed": {"layers": 1}, "trial_budget": {"steps": 20}, "seed": 1,
         "search": {"hidden": [8, 16], "learning_rate": [0.01, 0.001]}},
        {"trial": 1, "settings": {"hidden": 8, "learning_rate": 0.01}, "search_seconds": 0.5},
        {"trial": 1, "state": "finished", "loss": 2.5, "bits_per_character": 3.0, "fraction": 1.0, "seconds": 2.0,
         "curve": [[0.5, 3.0], [1.0, 2.5]], "search_seconds": 2.0},
        {"trial": 2, "settings": {"hidden": 16, "learning_rate": 0.01}},
        {"trial": 2, "state": "pruned", "reason": "worse", "loss": 3.5, "fraction": 0.5, "curve": [[0.5, 3.5]]},
        {"trial": 2, "dropped": True},
        {"trial": 1, "published": "text"},
    ]  # fmt: skip
    (folder / "tuning.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "lock").touch()
    return folder


def trained_runs(folder: Path) -> list[str]:
    """Train runs that stop before their end, so that they can be resumed. It needs torch."""
    from rnntui.cli.main import run

    sizes = ("--hidden", "8", "--embedding", "8", "--batch-size", "4", "--eval-tokens", "256", "--steps", "12")
    common = (
        *sizes,
        "--evaluations",
        "2",
        "--patience",
        "0",
        "--threads",
        "1",
        "--save-every",
        "0",
        "--sample-length",
        "0",
    )
    pairs = "".join(f"{number}\t{str(number)[::-1]}\n" for number in range(100, 200))
    labelled = "text,label\n" + "".join(f"{word},{'o' in word}\n" for word in TEXT.split()) * 8
    trainings = {
        "char": ("train", TEXT * 30, ("--bptt", "8", "--ngram-prior", "3", "--documents", "none")),
        "bpe": ("train", f"{TEXT}\n" * 60, ("--bptt", "8", "--tokenizer", "bpe", "--vocab-size", "320", *BLANK)),
        "pairs": ("train-seq2seq", pairs, ("--tokenizer", "char")),
        "labels": ("train-classifier", labelled, ("--tokenizer", "char")),
    }  # fmt: skip
    folder.mkdir(parents=True)
    for name, (command, data, flags) in trainings.items():
        file = folder.parent / f"{name}.txt"
        file.write_text(data)
        code = run([command, str(file), *common, *flags, "--name", name, "--checkpoints", str(folder)])
        if code:
            raise SystemExit(f"cannot train {name}")
        if command == "train":
            run(["index", name, "--checkpoints", str(folder)])
    return list(trainings)
