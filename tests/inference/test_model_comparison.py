"""Texts under several language models: bits, the best model, words that decide, unknown characters, ends of lines."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import CHARACTERS, NGRAMS, TWO_LAYERS, make_document_run, make_run, subwords

from rnntui.inference.generate import initial_context_ids
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.inference.model_comparison import DECIMALS, ESCAPE_BITS, ModelComparison
from rnntui.inference.scoring import score
from rnntui.runs.folder import RunFolder
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.word_tokenizer import WordTokenizer

TEXTS = [
    "the old man",
    "a",
    "and the sea went on and on until the sea was old",
    "Old!",
    "the sea\tof 中文 \ud83e",
    "on",
]


def load(run: RunFolder) -> LoadedLanguageModel:
    return load_language_model(run, np.float64)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[LoadedLanguageModel]:
    """Two models of characters, one of them with n-grams, the other with two layers, and one of subwords."""
    folder = tmp_path_factory.mktemp("models")
    return [
        load(make_run(folder, "one", seed=1, model=NGRAMS)),
        load(make_run(folder, "two", seed=2, model=TWO_LAYERS)),
        load(make_run(folder, "subwords", seed=3, tokenizer=subwords())),
    ]


def test_bits_are_those_of_the_whole_text_by_any_tokenizer(models: list[LoadedLanguageModel]) -> None:
    text = "and the sea went on and on"
    [result] = ModelComparison(models).compare([text])
    for bits, model in zip(result.bits, models, strict=True):
        ids = model.tokenizer.encode(text)
        alone = score(model.network, initial_context_ids(model.tokenizer), ids, len(text))
        assert bits == pytest.approx(-alone.log_probability / math.log(2), abs=10**-DECIMALS)
    first, second, _ = sorted(result.bits)
    assert result.bits[result.ranking[0]] == first and result.margin == pytest.approx(second - first)


def test_the_answer_is_the_same_alone_and_in_any_batch(models: list[LoadedLanguageModel]) -> None:
    comparison = ModelComparison(models)
    texts = [text * times for times in (1, 9) for text in TEXTS]
    progress: list[float] = []
    together = comparison.compare(texts, with_words=True, workers=3, on_progress=progress.append)
    assert progress == sorted(progress) and progress[-1] == 1.0
    assert [result.text for result in together] == texts
    assert [result.bits for result in together] == [comparison.compare([text])[0].bits for text in texts]
    assert together[::-1] == comparison.compare(texts[::-1], with_words=True)
    assert comparison.compare([]) == []


@pytest.mark.parametrize("text", [*TEXTS, "  two  blanks ", "no中文blanks文", " "])
def test_words_cover_the_text_and_add_up_to_the_margin(models: list[LoadedLanguageModel], text: str) -> None:
    for compared in (models, models[:2]):
        [result] = ModelComparison(compared).compare([text], with_words=True)
        assert [0, *(word.end for word in result.words)] == [*(word.start for word in result.words), len(text)]
        assert all(word.text == text[word.start : word.end].strip() for word in result.words)
        assert sum(map(result.advantage, result.words)) == pytest.approx(result.margin, abs=0.01)


def test_words_are_what_all_tokenizers_divide(models: list[LoadedLanguageModel]) -> None:
    def words(text: str, compared: list[LoadedLanguageModel]) -> list[str]:
        return [word.text for word in ModelComparison(compared).compare([text], with_words=True)[0].words]

    assert words("the old man, and", models) == ["the", "old", "man,", "and"]
    assert words("old 中文 sea", models) == ["old", "中", "文", "sea"]


def with_unlikely_unknowns(model: LoadedLanguageModel, logit: float) -> LoadedLanguageModel:
    model.network._output_bias[model.tokenizer.unknown_id] = logit
    return model


@pytest.mark.parametrize("logit", [-50.0, 0.0, 8.0])
def test_a_character_that_no_model_knows_costs_all_the_same(tmp_path: Path, logit: float) -> None:
    models = [load(make_run(tmp_path, "one")), with_unlikely_unknowns(load(make_run(tmp_path, "two")), logit)]
    for character in ("é", "中", "😀", "\ud83e"):
        [result] = ModelComparison(models).compare([character])
        assert result.bits == (ESCAPE_BITS + 8 * len(character.encode("utf-8", "surrogatepass")),) * 2
        assert result.margin == 0 and result.ranking == [0, 1]


def test_a_model_does_not_win_by_knowing_fewer_characters(tmp_path: Path) -> None:
    knowing = load(make_run(tmp_path, "knowing", tokenizer=CharTokenizer([*CHARACTERS, "é"])))
    ignorant = with_unlikely_unknowns(load(make_run(tmp_path, "ignorant", tokenizer=CharTokenizer(CHARACTERS))), 30.0)
    [result] = ModelComparison([ignorant, knowing]).compare(["é" * 20])
    assert result.ranking == [1, 0] and result.bits[0] == 20 * (ESCAPE_BITS + 16)


def test_a_word_model_spells_out_unknown_words(tmp_path: Path) -> None:
    tokenizer = WordTokenizer.train(["the old man and the sea " * 2], 100)
    words, characters = load(make_run(tmp_path, "words", tokenizer=tokenizer)), load(make_run(tmp_path, "characters"))
    text = "the whale and the sea"
    [result] = ModelComparison([words, characters]).compare([text], with_words=True)
    ids = tokenizer.encode(text)
    read = score(words.network, initial_context_ids(tokenizer), ids, len(text)).log_probability / -math.log(2)
    assert result.bits[0] == pytest.approx(read + tokenizer.spelling_bits("whale"), abs=10**-DECIMALS)
    assert [word.text for word in result.words] == text.split()
    silent = WordTokenizer.train(["the old man and the sea " * 2], 100, keeps_spaces=False)
    compared = [load(make_run(tmp_path, "silent", tokenizer=silent)), characters]
    empty, word = ModelComparison(compared).compare(["\n", "the"], with_words=True)  # no token for the line break
    assert empty.bits[0] == 0 < word.bits[0] and [piece.bits[0] for piece in empty.words] == [0]


def test_the_end_of_a_line_counts_only_if_it_does_for_all(tmp_path: Path) -> None:
    names = load(make_document_run(tmp_path, CharTokenizer(CHARACTERS, has_end=True), "line"))
    words = load(make_document_run(tmp_path / "words", subwords(has_end=True), "line"))
    book = load(make_run(tmp_path, "book"))
    lines, mixed = ModelComparison([names, words]), ModelComparison([names, book])
    assert lines.counts_end and not mixed.counts_end
    [counted], [left_out] = lines.compare(["the sea"], with_words=True), mixed.compare(["the sea"], with_words=True)
    assert counted.characters == 8 and left_out.characters == 7
    assert counted.bits[0] > left_out.bits[0]
    assert counted.words[-1][:3] == ("", 7, 7) and left_out.words[-1].text == "sea"
    assert sum(word.bits[0] for word in counted.words) == pytest.approx(counted.bits[0], abs=0.001)


def test_a_long_text_is_read_in_windows(models: list[LoadedLanguageModel], monkeypatch: pytest.MonkeyPatch) -> None:
    comparison, texts = ModelComparison(models), ["the old man and the sea " * 20, "on and on " * 9, "old"]
    whole = comparison.compare(texts)
    monkeypatch.setattr("rnntui.inference.scoring._MAX_NUMBERS", 1)
    assert comparison.compare(texts) == whole
