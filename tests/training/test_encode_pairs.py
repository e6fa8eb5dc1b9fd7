"""Ids of many pairs: those of an earlier run are used again, and those that a killed process made are not lost."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from forks import killed_in

from rnntui.config import Budget
from rnntui.config_seq2seq import Seq2SeqConfig, Seq2SeqTokenizerConfig, Seq2SeqTrainingConfig
from rnntui.kinds.pair_corpus_info import PairCorpusInfo
from rnntui.runs.folder import RunFolder
from rnntui.text.corpus import find_corpus
from rnntui.text.pairs import read_table
from rnntui.text.subword_tokenizer import SubwordTokenizer
from rnntui.training.prepare_seq2seq import Seq2SeqRequest, create_seq2seq_run

ROWS = [
    f"{number} {' '.join(random.Random(number).choices(['alpha', 'beta', 'gamma', 'delta'], k=4))}\tword {number} mu nu"
    for number in range(400)
]


@pytest.fixture(autouse=True)
def few_pairs_count_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.training.encode_pairs._LARGE", 1)
    monkeypatch.setattr("rnntui.text.encoding_journal._INTERVAL", 0.0)
    monkeypatch.setattr("rnntui.text.pair_ids._BATCH", 20)
    monkeypatch.setattr("rnntui.text.pair_ids._IDS_READ", 500)


class Creator:
    """Creates runs of a table in a folder, and keeps the messages."""

    def __init__(self, folder: Path) -> None:
        self.table, self.checkpoints = folder / "words.tsv", folder / "checkpoints"
        self.table.write_text("\n".join(ROWS))
        self.notes: list[str] = []

    def create(self, **settings: Any) -> RunFolder:
        names = ("separate_vocab", "placeholders", "lowercase_source")
        tokenizer = {name: settings.pop(name) for name in names if name in settings}
        training = Seq2SeqTrainingConfig(**{"validation_fraction": 0.1, "bleu_tokenizer": "13a", **settings})
        request = Seq2SeqRequest(
            Seq2SeqConfig(), Seq2SeqTokenizerConfig("unigram", 300, **tokenizer), training, Budget(steps=1)
        )
        run, self.notes = create_seq2seq_run(
            read_table(find_corpus([str(self.table)])), None, request, self.checkpoints, None
        )
        return run

    @property
    def reused(self) -> bool:
        return any("are those of run words" in note for note in self.notes)


def contents(run: RunFolder) -> dict[str, bytes]:
    return {
        path.relative_to(run.path).as_posix(): path.read_bytes()
        for path in run.path.rglob("*")
        if path.is_file() and not path.name.endswith(("config.json", "checksums.json"))
    }


@pytest.mark.parametrize("tokenizer", [{}, {"separate_vocab": True}, {"placeholders": True}])
def test_a_second_run_on_pairs_has_the_ids_of_the_first(tmp_path: Path, tokenizer: dict[str, bool]) -> None:
    creator = Creator(tmp_path)
    first = creator.create(**tokenizer)
    assert not creator.reused
    second = creator.create(learning_rate=0.01, **tokenizer)
    assert creator.reused and contents(second) == contents(first)
    assert second.training_ids.samefile(first.training_ids)
    infos = [run.read_config().corpus_as(PairCorpusInfo) for run in (first, second)]
    assert infos[0] == infos[1] and infos[0].encoding_key
    assert first.read_config().tokenizer == second.read_config().tokenizer


@pytest.mark.parametrize(
    "settings",
    [{"seed": 2}, {"validation_fraction": 0.2}, {"max_pair_tokens": 50}, {"lowercase_source": True}],
)
def test_ids_of_other_settings_are_not_used_again(tmp_path: Path, settings: dict[str, Any]) -> None:
    creator = Creator(tmp_path)
    creator.create()
    creator.create(**settings)
    assert not creator.reused


def test_ids_of_other_pairs_damaged_ones_and_those_of_a_broken_config_are_not_used_again(tmp_path: Path) -> None:
    creator = Creator(tmp_path)
    first = creator.create()
    text = creator.table.read_text()
    creator.table.write_text(text.replace("beta", "betb", 1))
    creator.create()
    assert not creator.reused
    creator.table.write_text(text)
    config, ids = first.config_file.read_text(), first.training_ids.read_bytes()
    values = json.loads(config)
    values["corpus"]["limits"] = None
    first.config_file.write_text(json.dumps(values))
    second = creator.create()
    assert not creator.reused and first.training_ids.read_bytes() == ids == second.training_ids.read_bytes()
    assert not second.training_ids.samefile(first.training_ids)
    second.config_file.unlink()
    first.config_file.write_text(config)
    first.training_ids.write_bytes(ids[:50] + bytes([ids[50] ^ 1]) + ids[51:])
    assert contents(creator.create())["resume/training.ids"] == ids and not creator.reused


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the process that is killed is forked")
@pytest.mark.parametrize("tokenizer", [{}, {"placeholders": True}])
@pytest.mark.parametrize("calls", [0, 13, 36, 39])
def test_encoding_goes_on_where_a_process_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: dict[str, bool], calls: int
) -> None:
    creator = Creator(tmp_path)
    killed_in(lambda: creator.create(short_pair_repeats=2, **tokenizer), "encode_texts", calls)
    encoded: list[str] = []
    original = SubwordTokenizer.encode_texts

    def encode_texts(self: SubwordTokenizer, texts: list[str]) -> list[list[int]]:
        encoded.extend(texts)
        return original(self, texts)

    monkeypatch.setattr(SubwordTokenizer, "encode_texts", encode_texts)
    (tmp_path / "whole").mkdir()
    whole = Creator(tmp_path / "whole").create(short_pair_repeats=2, **tokenizer)
    total = len(encoded)
    encoded.clear()
    monkeypatch.setattr(SubwordTokenizer, "train", None)
    run = creator.create(short_pair_repeats=2, **tokenizer)
    assert any("goes on where a process was ended" in note for note in creator.notes)
    assert contents(run) == contents(whole)
    corpora = [replace(each.read_config().corpus, sources=()) for each in (run, whole)]
    assert corpora[0] == corpora[1]
    # Of the 360 training pairs, in batches of 20, those that were written are not encoded again.
    assert len(encoded) == (total - 20 * (calls - calls % 2) if calls < 36 else total)
    assert [path.name for path in creator.checkpoints.iterdir()] == ["words"]
