"""Ids of a large text: those of an earlier run are used again, and those that a killed process made are not lost."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from forks import killed_in

from rnntui.config import Budget, TokenizerConfig
from rnntui.config_language_model import LanguageModelConfig, LanguageModelTrainingConfig
from rnntui.kinds.corpus_info import TextCorpusInfo
from rnntui.runs.creation import remove_abandoned
from rnntui.runs.folder import RunFolder
from rnntui.text.corpus import find_corpus
from rnntui.text.encoding_journal import EncodingJournal
from rnntui.text.subword_tokenizer import SubwordTokenizer
from rnntui.training.prepare_language_model import LanguageModelRequest, create_language_model_run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the process that is killed is forked")
WORDS = random.Random(1).choices(["alpha beta", "gamma", "delta alpha gamma", "beta"], k=1000)
FILES = ("tokenizer.model", "resume/training.ids", "resume/validation.ids")


@pytest.fixture(autouse=True)
def small_text_counts_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.training.encode_corpus._LARGE", 1)
    monkeypatch.setattr("rnntui.text.encoding_journal._INTERVAL", 0.0)
    monkeypatch.setattr("rnntui.text.documents.SEGMENT", 1000)


class Creator:
    """Creates runs of a text in a folder, and keeps the messages."""

    def __init__(self, folder: Path, unit: str = "none") -> None:
        self.text, self.checkpoints = folder / "words.txt", folder / "checkpoints"
        self.text.write_text("".join(f"{line} {number % 7}.\n" for number, line in enumerate(WORDS)))
        self.unit = unit
        self.notes: list[str] = []

    def create(self, **settings: Any) -> RunFolder:
        tokenizer = TokenizerConfig("bpe", settings.pop("vocab_size", 300))
        training = LanguageModelTrainingConfig(batch_size=2, bptt=8, documents=self.unit, **settings)  # type: ignore[arg-type]
        request = LanguageModelRequest(
            LanguageModelConfig(hidden=8, ngram_prior=0), tokenizer, training, Budget(steps=1)
        )
        self.notes.clear()
        corpus = find_corpus([str(self.text)])
        return create_language_model_run(corpus, request, self.checkpoints, None, self.notes.append)

    @property
    def reused(self) -> bool:
        return any("are those of run words" in note for note in self.notes)


def contents(run: RunFolder) -> list[bytes]:
    return [(run.path / name).read_bytes() for name in FILES]


def test_a_second_run_on_a_text_has_the_ids_of_the_first(tmp_path: Path) -> None:
    creator = Creator(tmp_path)
    first = creator.create()
    assert not creator.reused
    second = creator.create(learning_rate=0.01)
    assert creator.reused and contents(second) == contents(first)
    assert second.training_ids.samefile(first.training_ids)
    infos = [run.read_config().corpus_as(TextCorpusInfo) for run in (first, second)]
    assert infos[0] == infos[1] and infos[0].encoding_key


@pytest.mark.parametrize("setting", [{"vocab_size": 301}, {"validation_fraction": 0.2}, {"validation_from": "spread"}])
def test_ids_of_other_settings_are_not_used_again(tmp_path: Path, setting: dict[str, Any]) -> None:
    creator = Creator(tmp_path)
    creator.create()
    creator.create(**setting)
    assert not creator.reused


def test_ids_of_another_text_or_damaged_ones_are_not_used_again(tmp_path: Path) -> None:
    creator = Creator(tmp_path)
    first = creator.create()
    content = creator.text.read_text()
    creator.text.write_text(content.replace("alpha", "alphb", 1))
    creator.create()
    assert not creator.reused
    creator.text.write_text(content)
    ids = bytearray(first.training_ids.read_bytes())
    ids[50] ^= 1
    first.training_ids.write_bytes(ids)
    second = creator.create()
    assert not creator.reused and contents(second)[1] != ids


@pytest.mark.parametrize("unit", ["none", "line"])
@pytest.mark.parametrize("calls", [1, 9])
def test_encoding_goes_on_where_a_process_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str, calls: int
) -> None:
    (tmp_path / "whole").mkdir()
    whole = Creator(tmp_path / "whole", unit).create()
    creator = Creator(tmp_path, unit)
    method = "encode_documents" if unit == "line" else "encode"
    killed_in(creator.create, method, calls)
    [left] = creator.checkpoints.iterdir()
    remove_abandoned(creator.checkpoints)
    assert left.exists() and left.name.startswith(".making-")

    encoded = []
    original = getattr(SubwordTokenizer, method)
    monkeypatch.setattr(SubwordTokenizer, method, lambda self, text: encoded.append(text) or original(self, text))
    monkeypatch.setattr(SubwordTokenizer, "train", None)
    run = creator.create()
    assert any("goes on where a process was ended" in note for note in creator.notes)
    assert contents(run) == contents(whole)
    corpora = [replace(each.read_config().corpus, sources=()) for each in (run, whole)]
    assert corpora[0] == corpora[1]
    total = sum(1 for _ in creator.text.read_text()) // 1000
    assert len(encoded) <= total + 2 - (calls - 1)
    assert [path.name for path in creator.checkpoints.iterdir()] == ["words"]
    assert not list(run.path.rglob("encoding.json"))


def test_what_was_left_of_another_text_is_removed_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    creator = Creator(tmp_path)
    killed_in(creator.create, "encode", 3)
    creator.text.write_text(creator.text.read_text() + "more\n")
    creator.create()
    assert not any("goes on" in note for note in creator.notes)
    [left] = creator.checkpoints.glob(".making-*")
    monkeypatch.setattr("rnntui.runs.creation._KEPT_SECONDS", -1.0)
    remove_abandoned(creator.checkpoints)
    assert not left.exists()


def test_a_record_counts_for_nothing_where_its_files_are_shorter(tmp_path: Path) -> None:
    journal = EncodingJournal(tmp_path / "encoding.json", "key")
    path = tmp_path / "ids"
    with path.open("wb") as file:
        file.write(b"12345")
        journal.record([file], {"pieces": 3})
    path.write_bytes(b"1234567")
    assert journal.resumed([path]) == {"pieces": 3, "sizes": [5]} and path.read_bytes() == b"12345"
    assert EncodingJournal(tmp_path / "encoding.json", "another key").resumed([path]) is None
    path.write_bytes(b"1234")
    assert journal.resumed([path]) is None
    (tmp_path / "encoding.json").write_bytes(b'{"key": "key", "pro')
    assert journal.resumed([path]) is None
    for _ in range(2):  # another process may have removed it
        journal.remove()
        assert not (tmp_path / "encoding.json").exists()


def test_a_record_is_made_every_few_seconds_and_no_more_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 100.0
    monkeypatch.setattr("rnntui.text.encoding_journal._INTERVAL", 5.0)
    monkeypatch.setattr("rnntui.text.encoding_journal.time", SimpleNamespace(monotonic=lambda: seconds))
    journal = EncodingJournal(tmp_path / "encoding.json", "key")
    recorded = []
    with (tmp_path / "ids").open("wb") as file:
        for seconds in (100.0, 104.9, 105.1, 110.0, 110.2, 114.0):  # noqa: B007
            file.write(b"x")
            journal.record([file], {})
            recorded.append((journal.read() or {}).get("sizes"))
    assert recorded == [None, None, [3], [3], [5], [5]]
