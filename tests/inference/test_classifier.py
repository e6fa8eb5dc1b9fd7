"""Classification and explanation of texts: the same in any batch, shares that add up, words left out."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from classifier_examples import make_classifier_run

from rnntui.config_classifier import ClassifierConfig
from rnntui.errors import RunError, TokenizerError, UsageError
from rnntui.inference import classifier as classifier_module
from rnntui.inference.classifier import TextClassifier, _is_uncertain, load_classifier
from rnntui.inference.explanation import log_odds, log_odds_gradient
from rnntui.kinds.labelled_corpus_info import LabelledCorpusInfo
from rnntui.runs.weights_file import load_arrays, save_arrays
from rnntui.text import labelled_corpus
from rnntui.text.labelled_corpus import normalize_text, text_offsets

WORDS = [
    "a", "the", "film", "of", "rare", "warmth", "and", "dull", "bad", "it's", "not", "good", "enough", "Café", "naïve",
    "12", "!",
]  # fmt: skip
TOKENIZERS = ["char", "word", "bpe"]


def random_lines(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 25))) for _ in range(count)]


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TextClassifier]:
    """A classifier with each tokenizer; that of words has attention pooling."""
    folder, texts = tmp_path_factory.mktemp("checkpoints"), random_lines(300, seed=1)
    return {
        kind: load_classifier(
            make_classifier_run(
                folder, kind, texts, tokenizer=kind, pooling={"word": "attention", "char": "max"}.get(kind, "last")
            )
        )
        for kind in TOKENIZERS
    }


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_line_gets_the_same_answer_alone_and_in_any_batch(classifiers, kind: str) -> None:
    classifier, lines = classifiers[kind], [*random_lines(60), "", " \t", "☃☃", "warmth " * 300]
    together = classifier.classify(lines)
    assert [classifier.classify([line])[0] for line in lines] == together
    shuffled = list(range(len(lines)))
    random.Random(3).shuffle(shuffled)
    fractions: list[float] = []
    again = classifier.classify([lines[i] for i in shuffled], workers=2, on_progress=fractions.append)
    assert again == [together[i] for i in shuffled]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    for line, classification in zip(lines, together, strict=True):
        assert (classification.labels == ()) == (not line.strip()) == (classification.label == "")
        if classification.labels:
            probabilities = [probability for _, probability in classification.labels]
            assert probabilities == sorted(probabilities, reverse=True) and abs(sum(probabilities) - 1) < 4e-4
            assert {label for label, _ in classification.labels} == set(classifier.labels)


@pytest.mark.parametrize("form", ["  a   film\u00a0of \t rare warmth \n", "a film\u00ad of rare\u200b warmth"])
def test_lines_are_read_as_the_training_texts_were(classifiers, form: str) -> None:
    classifier = classifiers["char"]
    assert classifier.classify([form]) == classifier.classify(["a film of rare warmth"])
    decomposed = "a Cafe\u0301 of warmth"
    assert classifier.classify([decomposed]) == classifier.classify(["a Café of warmth"])


def test_probabilities_near_a_boundary_of_rounding_and_near_ties_are_computed_again() -> None:
    certain = [[0.99, 0.01], [0.87653, 0.12347], [1.0, 0.0]]
    uncertain = [[0.5, 0.5], [0.500004, 0.499996], [0.87655, 0.12345], [0.6123501, 0.3876499]]
    rows = np.array(certain + uncertain)
    assert _is_uncertain(rows, 1e-6).tolist() == [False] * len(certain) + [True] * len(uncertain)


def test_many_texts_are_computed_in_float32_and_again_where_that_could_be_seen(
    classifiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, lines = classifiers["word"], random_lines(200)
    few = np.concatenate([classifier.probabilities(lines[start : start + 50]) for start in range(0, 200, 50)])
    one_by_one = np.concatenate([classifier.probabilities([line]) for line in lines])
    np.testing.assert_allclose(one_by_one, few, rtol=0, atol=1e-14)
    monkeypatch.setattr(classifier, "_logit_error", None)
    many = classifier.probabilities(lines)
    is_again = np.abs(many - one_by_one).max(axis=1) < 1e-13
    assert 32 <= is_again.sum() < 200, "some are in float64, others not"
    assert 0 < np.abs(many - one_by_one).max() < 1e-5
    assert (np.round(many, 4) == np.round(one_by_one, 4)).all()
    again = classifier.probabilities(lines[::-1])
    assert (np.round(again[::-1], 4) == np.round(many, 4)).all()


def test_an_error_while_progress_is_shown_ends_the_work(classifiers) -> None:
    def stop(fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classifiers["char"].classify(random_lines(600), workers=2, on_progress=stop)


# Explanations.


@pytest.mark.parametrize("label", ["positive", "neutral", None])
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_the_ngram_shares_add_up_to_the_ngram_part_of_the_score(classifiers, kind: str, label: str | None) -> None:
    classifier, line = classifiers[kind], "The film, of RARE warmth!"
    explanation = classifier.explain(line, label)
    assert explanation.label == (label or classifier.classify([line])[0].label)
    text = normalize_text(line)
    features = classifier.ngrams.features([text])
    logits = classifier.model.exact.logits([classifier.tokenizer.encode(text)], features)[0]
    explained = classifier.labels.index(explanation.label)
    gradient = log_odds_gradient(logits, explained)
    assert explanation.log_odds == pytest.approx(log_odds(logits, explained))
    ngram_part = float(classifier.model.ngram_logits(features)[0] @ gradient)
    assert sum(token.ngrams for token in explanation.tokens) == pytest.approx(ngram_part, abs=1e-5)
    for token in explanation.tokens:
        assert token.share == pytest.approx(token.gradient_x_input + token.ngrams)
        assert (token.attention is None) == (kind != "word")
    if kind == "word":
        assert sum(token.attention for token in explanation.tokens) == pytest.approx(1.0)


def test_the_gradient_is_that_of_the_log_odds() -> None:
    logits = np.random.default_rng(0).normal(size=5)
    for label in range(5):
        gradient = log_odds_gradient(logits, label)
        for index in range(5):
            step = np.zeros(5)
            step[index] = 1e-6
            slope = (log_odds(logits + step, label) - log_odds(logits - step, label)) / 2e-6
            assert gradient[index] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize(
    "line", ["The film, of RARE  warmth!", "  Cafe\u0301 ☃ naïve\u00ad film \t 😀x", "\u0130 film"]
)
def test_spans_are_in_the_line_as_given_and_cover_it(classifiers, kind: str, line: str) -> None:
    tokens = classifiers[kind].explain(line).tokens
    assert all(a.end <= b.start for a, b in pairwise(tokens))
    covered = "".join(line[token.start : token.end] for token in tokens)
    assert normalize_text(covered).replace(" ", "") == normalize_text(line).replace(" ", "")
    for token in tokens:
        assert normalize_text(line[token.start : token.end]) == normalize_text(token.text)


@pytest.mark.parametrize("line", ["", " a  b ", "\ta\n\nb\u00a0 \u00a0c", "e\u0301  \u00adx", "a \u200b b"])
def test_text_offsets_belong_to_the_normalized_text(line: str) -> None:
    text, offsets = normalize_text(line), text_offsets(line)
    assert len(offsets) == len(text) + 1 and offsets == sorted(offsets)
    for index, character in enumerate(text):
        if character != " ":
            assert normalize_text(line[offsets[index] : offsets[index + 1]]).startswith(character)


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_removals_are_what_the_classifier_says_without_each_word(classifiers, kind: str) -> None:
    classifier, line = classifiers[kind], "The film, of rare warmth  and rare dull!"
    explanation = classifier.explain(line)
    whole = classifier.classify([line])[0]
    assert {removal.word for removal in explanation.removals} == {"The", "film", "of", "rare", "warmth", "and", "dull"}
    assert len(explanation.removals) == 8
    for removal in explanation.removals:
        assert line[removal.start : removal.end] == removal.word
        shorter = classifier.classify([line[: removal.start] + line[removal.end :]])[0]
        assert (removal.label, removal.probability) == shorter.labels[0]
        assert removal.changes == (removal.label != whole.label)
        assert removal.explained == dict(shorter.labels)[explanation.label]
    changes = [removal.changes for removal in explanation.removals]
    assert changes == sorted(changes, reverse=True)


def test_of_a_single_word_the_characters_are_left_out_and_of_one_character_nothing(classifiers) -> None:
    removals = classifiers["char"].explain("film").removals
    assert sorted((removal.word, removal.start) for removal in removals) == [("f", 0), ("i", 1), ("l", 2), ("m", 3)]
    assert classifiers["char"].explain(" a ").removals == []
    assert classifiers["char"].explain(" ") == ("", 0.0, [], [])


def test_long_texts_are_explained_with_bounded_work_or_refused(classifiers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.inference.explanation._REMOVAL_TOKENS", 300)
    explanation = classifiers["word"].explain("film dull " * 25 + "warmth")
    assert len(explanation.tokens) == 51 and len(explanation.removals) == 300 // 51
    monkeypatch.setattr(classifier_module, "MAX_EXPLAINED_TOKENS", 50)
    with pytest.raises(UsageError, match="a text of 51 tokens is too long to explain"):
        classifiers["word"].explain("film dull " * 25 + "warmth")


def test_a_text_of_ten_thousand_characters_is_classified(classifiers) -> None:
    long_text = "The film of rare warmth " * 420
    assert classifiers["word"].classify([long_text, "a"]) == [
        *classifiers["word"].classify([long_text]), *classifiers["word"].classify(["a"])
    ]  # fmt: skip
    assert classifiers["word"].warnings_for(long_text, "line 1") == []


def test_of_a_text_that_is_far_too_long_the_beginning_is_read(classifiers, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, classifier = 200, classifiers["char"]
    for module in (classifier_module, labelled_corpus):
        monkeypatch.setattr(module, "MAX_CHARACTERS", limit)
    too_long = "ab" * limit
    assert len(classifier.explain(too_long).tokens) == limit
    assert classifier.classify([too_long]) == classifier.classify([too_long[:limit]])
    [warning] = classifier.warnings_for(f"{too_long} c", "line 7")
    assert warning == f"line 7: its first {limit:,} characters are classified, of {2 * limit + 2:,}"


def test_unknown_characters_and_lines_of_unknown_words_are_warned_of(classifiers) -> None:
    assert classifiers["char"].warnings_for("a ☃", "line 2") == ["line 2: '☃' not in the vocabulary, read as <unk>"]
    assert classifiers["word"].warnings_for("film zzz", "line 2") == []
    [warning] = classifiers["word"].warnings_for("Zzz xyx", "line 2")
    assert warning.startswith("line 2: 'zzz', 'xyx' not in the vocabulary")
    with pytest.raises(UsageError, match="no label 'great'; it has positive, negative, neutral"):
        classifiers["char"].explain("a film", "great")


# Runs.


def test_a_broken_run_is_named(tmp_path: Path) -> None:
    run = make_classifier_run(tmp_path, "broken", random_lines(50))
    config = run.read_config()
    for labels, problem in (((), "does not say which labels"), (("a\tb", "c"), "labels"), (("a", "b"), "shape")):
        run.write_config(replace(config, corpus=replace(config.corpus_as(LabelledCorpusInfo), labels=labels)))
        with pytest.raises(RunError, match=problem):
            load_classifier(run)
    run.write_config(config)
    arrays, _ = load_arrays(run.ngrams_file)
    name = next(name for name in arrays if name.endswith("hashes"))
    save_arrays(run.ngrams_file, {**arrays, name: arrays[name][::-1].copy()}, {})
    with pytest.raises(RunError, match=r"ngrams\.safetensors"):
        load_classifier(run)
    run.ngrams_file.unlink()
    with pytest.raises(RunError, match="is missing"):
        load_classifier(run)
    (run.path / "tokenizer.json").unlink()
    with pytest.raises(TokenizerError):
        load_classifier(run)


def test_a_classifier_without_ngrams_needs_no_file_of_them(tmp_path: Path) -> None:
    run = make_classifier_run(tmp_path, "plain", random_lines(50), ngrams="none")
    assert not run.ngrams_file.exists() and run.read_config().model_as(ClassifierConfig).ngrams == "none"
    explanation = load_classifier(run).explain("a film")
    assert {token.ngrams for token in explanation.tokens} == {0.0}
