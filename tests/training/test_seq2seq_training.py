"""Seq2Seq training: learning, exact resume, scores at evaluations, and padding left out of every mean."""

from __future__ import annotations

import math
import random
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import torch
from pair_runs import copy_rows, make_pair_run, table, tiny_models, word
from test_resume import StopAfter, assert_same_run, ignore, never
from torch.nn.functional import cross_entropy

from rnntui.config import Budget
from rnntui.config_seq2seq import BeamConfig, Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.errors import CorpusError, RunError, UsageError
from rnntui.inference.loaded_model import load_language_model
from rnntui.inference.translation import Translation
from rnntui.inference.translator import load_translator, read_vocabularies
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.checksums import write_checksums
from rnntui.runs.folder import RunFolder
from rnntui.runs.listing import summarize_run
from rnntui.runs.metrics_log import read_metrics
from rnntui.text.corpus import find_corpus
from rnntui.text.pair_ids import PairDataset, write_pairs
from rnntui.text.pairs import read_table
from rnntui.text.vocabulary import EOS, PAD
from rnntui.training import seq2seq_task
from rnntui.training.length_buckets import LengthBucketSampler, make_batch, split_into_batches
from rnntui.training.prepare_seq2seq import Seq2SeqRequest, create_seq2seq_run
from rnntui.training.task import token_files
from rnntui.training.train_run import train_run

LEARNING = {
    "hidden": 64, "encoder_hidden": 32, "embedding": 32, "dropout": 0.0, "learning_rate": 8e-3, "batch_size": 32,
    "bucket_batches": 20, "label_smoothing": 0.0, "evaluations": 2, "patience": 0, "validation_fraction": 0.03,
    "warmup": 20,
}  # fmt: skip
MONTHS = [date(2000, month, 1).strftime("%B") for month in range(1, 13)]


def dates(count: int) -> list[tuple[str, str]]:
    """Dates in English, each with the same date in ISO format."""
    rng = random.Random(0)
    rows = {}
    while len(rows) < count:
        day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1900, 2039)
        rows[f"{MONTHS[month - 1]} {day}, {year}"] = f"{year}-{month:02}-{day:02}"
    return list(rows.items())


def copies(count: int) -> list[tuple[str, str]]:
    """Short words, each with itself."""
    rng = random.Random(0)
    return [(text, text) for text in (word(rng, 3, 6) for _ in range(count))]


def reverses(count: int) -> list[tuple[str, str]]:
    """Short words, each with its reverse."""
    return [(text, text[::-1]) for text, _ in copies(count)]


def accuracy(run: RunFolder, rows: list[tuple[str, str]]) -> float:
    """Return the fraction of rows whose translation is the target."""
    translations = load_translator(run).translate([source for source, _ in rows], BeamConfig(beam=3))
    return float(np.mean([line.text == target for line, (_, target) in zip(translations, rows, strict=True)]))


def held_out(run: RunFolder, rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the rows that the run was not trained on."""
    config = run.read_config()
    translator = load_translator(run)
    pairs = PairDataset(token_files(run, config)[1], run.validation_ids)
    sources = {translator.source.decode(pairs.source(i)) for i in range(len(pairs))}
    return [row for row in rows if row[0] in sources]


@pytest.mark.parametrize(
    ("rows", "steps", "shape"),
    [
        (copies(1500), 400, {"learning_rate": 5e-3}),
        (reverses(1500), 220, {"cell": "gru", "learning_rate": 6e-3}),
        (dates(2000), 220, {"attention": "additive", "learning_rate": 1e-2}),
    ],
    ids=["copy", "reverse", "dates"],
)
def test_a_model_learns(tmp_path: Path, rows: list, steps: int, shape: dict) -> None:
    run = make_pair_run(tmp_path, rows, "task", **{**LEARNING, **shape}, steps=steps)
    train_run(run, ignore, never)
    unseen = held_out(run, rows)
    assert len(unseen) >= 40
    assert accuracy(run, unseen) >= 0.95
    if rows[0][0] == rows[0][1]:
        on_diagonal = []
        for translation in load_translator(run).translate([source for source, _ in unseen], BeamConfig()):
            attended = translation.hypotheses[0].attention.argmax(axis=1)[: len(translation.source)]
            on_diagonal += (attended == np.arange(len(attended))).tolist()
        assert np.mean(on_diagonal) > 0.9, "each letter of a copy attends to itself"


SHAPES = [
    {"cell": "lstm", "layers": 2, "dropout": 0.3},
    {"cell": "gru", "attention": "additive", "input_feeding": True, "dropout": 0.2},
    {"cell": "rnn", "attention": "dot", "batch_tokens": 120, "learning_rate": 1e-3},
    {"tokenizer": "bpe", "vocab_size": 300, "separate_vocab": True, "selection_metric": "loss"},
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values())))
def test_a_run_stopped_and_resumed_equals_one_that_never_stopped(tmp_path: Path, shape: dict) -> None:
    rows = [(f"{a} and {b}", f"{b} or {a}") for a, b in zip(*[iter([w for w, _ in copy_rows(120)])] * 2, strict=True)]
    steps = 18  # more than two epochs
    straight = make_pair_run(tmp_path, rows, "straight", steps=steps, **shape)
    train_run(straight, ignore, never)
    stopped = make_pair_run(tmp_path, rows, "stopped", steps=steps, **shape)
    for step in (7, 13):
        stop = StopAfter(step)
        assert train_run(stopped, stop.report, stop).reason == "interrupted"
    train_run(stopped, ignore, never)
    assert stopped.read_status().state == "done"
    assert_same_run(straight, stopped, steps // 10)


def test_metrics_and_status_contain_bleu(tmp_path: Path) -> None:
    run = make_pair_run(tmp_path, copy_rows(), "copy", steps=20)
    finished = train_run(run, ignore, never)
    rows = read_metrics(run.metrics_file)
    evaluations = [row for row in rows if "validation_loss" in row]
    assert len(evaluations) == 5
    assert all(row.keys() >= {"bleu", "chrf", "exact", "bits_per_character", "sample"} for row in evaluations)
    assert evaluations[-1]["sample"].keys() == {"source", "translation", "reference"}
    assert rows[-1].keys() >= {"teacher_forced_loss", "bleu", "chrf", "exact", "best_step"}
    assert finished.metrics.keys() == {"bleu", "chrf", "exact"}
    assert run.read_status().results.keys() == {"teacher_forced", "bleu", "chrf", "exact"}
    assert summarize_run(run).metrics["bleu"] == finished.metrics["bleu"] and summarize_run(run).kind == SEQ2SEQ.id
    config = run.read_config()
    assert config.kind == SEQ2SEQ.id and isinstance(config.model, Seq2SeqConfig)
    assert isinstance(config.training, Seq2SeqTrainingConfig) and isinstance(config.tokenizer, Seq2SeqTokenizerConfig)
    with pytest.raises(UsageError, match="is a Seq2Seq model, not a language model; translate with it"):
        load_language_model(run)


@pytest.mark.parametrize("file", ["training_ids", "validation_ids"])
def test_ids_beyond_the_vocabulary_are_an_error(tmp_path: Path, file: str) -> None:
    run = make_pair_run(tmp_path, copy_rows(), "copy", steps=20)
    path = getattr(run, file)
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    write_checksums(run)  # as a stranger may
    with pytest.raises(RunError, match=rf"{path.name} has ids that are not in the vocabulary"):
        train_run(run, ignore, never)


def test_the_status_has_the_scores_of_the_best_weights_also_after_a_stop(tmp_path: Path) -> None:
    run = make_pair_run(tmp_path, copy_rows(), "copy", steps=40, evaluations=8)
    stop = StopAfter(23)
    assert train_run(run, stop.report, stop).reason == "interrupted"
    evaluations = [row for row in read_metrics(run.metrics_file) if "validation_loss" in row]
    assert run.read_config().training.selection_metric == "exact"  # the targets are words
    best = max(evaluations, key=lambda row: (row["exact"], row["chrf"], -row["validation_loss"]))
    best_scores = {key: best[key] for key in ("bleu", "chrf", "exact")}
    assert run.read_status().results == best_scores and run.read_status().validation_loss == best["validation_loss"]
    seen: list[dict[str, float]] = []
    train_run(run, lambda event: seen.append(run.read_status().results), never)
    assert seen[0] == best_scores  # resumed, and no other is better yet


def pair_ids(folder: Path, count: int = 300) -> PairDataset:
    rng = np.random.default_rng(0)
    encoded = [tuple(rng.integers(3, 9, rng.integers(1, 30)) for _ in range(2)) for _ in range(count)]
    return PairDataset(write_pairs(folder / "ids", encoded, 100, 9), folder / "ids")  # type: ignore[arg-type]


@pytest.mark.parametrize("tokens", [None, 200])
def test_an_epoch_has_every_pair_once_and_little_padding(tmp_path: Path, tokens: int | None) -> None:
    pairs = pair_ids(tmp_path)
    sampler = LengthBucketSampler(pairs, 10, tokens, 30, seed=1)
    seen: list[bytes] = []
    real = filled = 0
    for _ in range(sampler.batches_per_epoch):
        batch = sampler.next()
        filled += batch.targets.size
        real += batch.tokens
        assert tokens is None or batch.source.size + batch.targets.size <= tokens
        seen += [
            c[c != PAD].tobytes() + s[s != PAD].tobytes() for c, s in zip(batch.targets.T, batch.source.T, strict=True)
        ]
    assert sampler.order.epoch == 0
    expected = [pairs.target(i).tobytes() + pairs.source(i).tobytes() for i in range(len(pairs))]
    assert sorted(seen) == sorted(expected)
    assert real / filled > 0.85


def test_batches_after_a_seek_equal_those_of_a_sampler_that_never_stopped(tmp_path: Path) -> None:
    pairs = pair_ids(tmp_path)
    straight, resumed = LengthBucketSampler(pairs, 16, None, 4, seed=3), LengthBucketSampler(pairs, 16, None, 4, seed=3)
    for _ in range(25):
        straight.next()
    resumed.order.seek(straight.order.epoch, straight.order.index)
    assert straight.order.epoch == 1
    for _ in range(30):
        np.testing.assert_array_equal(straight.next().source, resumed.next().source)


def test_a_batch_shifts_its_targets_by_one() -> None:
    batch = make_batch([np.array([5, EOS])], [np.array([6, 7, EOS])])
    assert batch.inputs[:, 0].tolist() == [1, 6, 7] and batch.targets[:, 0].tolist() == [6, 7, EOS]
    uneven = make_batch([np.array([5, EOS])] * 2, [np.array([6, 7, EOS]), np.array([EOS])])
    assert uneven.inputs[:, 1].tolist() == [1, PAD, PAD] and uneven.targets[:, 1].tolist() == [EOS, PAD, PAD]
    assert uneven.tokens == 4


def test_a_pair_with_more_tokens_than_a_batch_is_a_batch_alone() -> None:
    lengths = np.array([3, 50, 3, 3])
    batches = split_into_batches(np.arange(4), lengths, lengths, 0, 20)
    assert [batch.tolist() for batch in batches] == [[0], [1], [2, 3]]


def test_a_row_far_longer_than_the_rest_is_left_out_with_a_message(tmp_path: Path) -> None:
    rows = [*copy_rows(60), ("x" * 4000, "y"), *copy_rows(60, seed=9)]
    pairs = read_table(find_corpus([str(table(tmp_path / "p.tsv", rows))]))
    settings = Seq2SeqTrainingConfig(seed=4, validation_fraction=0.05)
    request = Seq2SeqRequest(Seq2SeqConfig(), Seq2SeqTokenizerConfig(type="char"), settings, Budget(steps=5))
    run, messages = create_seq2seq_run(pairs, None, request, tmp_path / "runs", None)
    assert len(messages) == 1 and "row 61 of" in messages[0] and "4,000 tokens" in messages[0]
    assert run.read_config().corpus.lengths.source == 8


def test_pairs_that_cannot_be_split_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="cannot hold out a validation set from 30 pairs without sharing sources"):
        make_pair_run(tmp_path, [("same", f"{i}") for i in range(30)], "same", steps=3)


def test_evaluation_counts_no_padding_and_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = tiny_models(10, 10, False)
    pairs = pair_ids(tmp_path, 40)
    cpu = seq2seq_task.Hardware(torch.device("cpu"), bf16=False)
    together = seq2seq_task.evaluate_pairs(model, pairs, 10**6, cpu)
    monkeypatch.setattr(seq2seq_task, "_EVALUATION_TOKENS", 1)
    alone = seq2seq_task.evaluate_pairs(model, pairs, 10**6, cpu)
    assert together.tokens == alone.tokens == int(pairs.target_lengths.sum()) + 40
    assert together.loss == pytest.approx(alone.loss, abs=1e-5)


def task_on(folder: Path, **settings: object) -> seq2seq_task.Seq2SeqTask:
    run = make_pair_run(folder, copy_rows(), "copy", steps=5, dropout=0.0, **settings)
    config = run.read_config()
    cpu = seq2seq_task.Hardware(torch.device("cpu"), bf16=False)
    return seq2seq_task.Seq2SeqTask(run, config, read_vocabularies(run, config), cpu)


def test_the_loss_is_label_smoothed_and_leaves_padding_out(tmp_path: Path) -> None:
    task = task_on(tmp_path, label_smoothing=0.3)
    loss, tokens = task.loss()
    task.batches.order.seek(0, 0)
    batch = task.batches.next()
    vectors, _ = task.model(*map(torch.from_numpy, (batch.source, batch.lengths, batch.inputs)))
    logits, targets = task.model.logits(vectors), torch.from_numpy(batch.targets)
    expected = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=PAD, label_smoothing=0.3)
    assert tokens == int((targets != PAD).sum())
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("input_feeding", [False, True])
def test_guided_alignment_draws_attention_to_the_translated_tokens_at_first(
    input_feeding: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "guided", tmp_path / "plain"]
    for folder in folders:
        folder.mkdir()
    guided = task_on(folders[0], guided_alignment=2.0, input_feeding=input_feeding)
    plain = task_on(folders[1], guided_alignment=0.0, input_feeding=input_feeding)
    plain.model.load_state_dict(guided.model.state_dict())
    batch = guided.batches.next()
    guided.batches.order.seek(0, 0)
    _, weights = guided.model(*map(torch.from_numpy, (batch.source, batch.lengths, batch.inputs)))
    aligned = guided._aligner.align(batch.source, batch.targets)
    losses = [
        -sum(a * math.log(w) for a, w in zip(aligned[b, t], weights[b, t].tolist(), strict=True) if a)
        for b, t in zip(*np.nonzero(aligned.sum(axis=2)), strict=True)
    ]
    monkeypatch.setattr(seq2seq_task, "_GUIDED_STEPS", 4)
    for share in (0.75, 0.5, 0.25, 0.0, 0.0):
        difference = guided.loss()[0].item() - plain.loss()[0].item()
        if share == 0.75:
            assert difference == pytest.approx(2 * 0.75 * np.mean(losses), rel=1e-4)
        assert (difference > 0.01) == (share > 0)


def test_attention_is_guided_for_subwords_unless_there_is_none(tmp_path: Path) -> None:
    settings = Seq2SeqTrainingConfig()
    guided = settings.for_model(Seq2SeqConfig(), "unigram")
    assert guided.guided_alignment and "guided alignment" in guided.training_loss_terms[-1]
    assert settings.for_model(Seq2SeqConfig(), "char").guided_alignment == 0
    assert settings.for_model(Seq2SeqConfig(attention="none"), "bpe").guided_alignment == 0
    with pytest.raises(UsageError, match="needs attention"):
        Seq2SeqTrainingConfig(guided_alignment=1.0).for_model(Seq2SeqConfig(attention="none"), "bpe")


def test_checks_translate_greedily_and_the_final_evaluation_by_beam_search_on_more_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_on(tmp_path, validation_fraction=0.3, bleu_pairs=6, bleu_tokenizer="intl")
    calls: list[tuple[int, int]] = []
    compared: list[tuple[list[str], list[str]]] = []

    def translate(self, lines, settings, resolve_ties=True, workers=1, on_progress=None):
        calls.append((len(lines), settings.beam))
        return [Translation(line) for line in lines]

    def score_translations(hypotheses, references, tokenizer):
        assert tokenizer == "intl"
        compared.append((hypotheses, references))
        return seq2seq_task.UNTRAINED_SCORES

    monkeypatch.setattr(seq2seq_task.Translator, "translate", translate)
    monkeypatch.setattr(seq2seq_task, "score_translations", score_translations)
    task.evaluate(256)
    assert not calls, "an untrained model is not asked to translate"
    task.batches.next()
    task.evaluate(256)
    task.final_evaluation(256)
    assert calls == [(6, 1), (24, 5)]
    assert all(set(hypotheses) == {""} and "" not in references for hypotheses, references in compared)
    assert task.evaluate(256).metrics == seq2seq_task.UNTRAINED_SCORES.metrics
