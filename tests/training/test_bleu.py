"""BLEU, chrF and exact matches: sacrebleu's scores, without its log in the terminal, with tokens that fit the text."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from rnntui.errors import UsageError
from rnntui.training.bleu import fraction_too_short, has_bleu_tokenizer, require_bleu_tokenizer, score_translations

HYPOTHESES = [f"the cat number {i} sits on the mat ." for i in range(200)]
REFERENCES = [f"the cat number {i} sat on a mat ." for i in range(200)]
SCORE = """
from rnntui.training.bleu import score_translations
score_translations([f"the cat {i} sits ." for i in range(200)], [f"the cat {i} sat ." for i in range(200)])
"""
LOG = """
import logging
import rnntui.training.bleu
logging.getLogger("sacrebleu").warning("a warning of another kind")
"""


def stderr_of(code: str) -> str:
    """Return what a process of its own prints to stderr; pytest's own log handler would hide the warnings."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stderr


def test_translations_that_end_in_a_spaced_period_print_no_warnings() -> None:
    # sacrebleu 2.6.0 logs three lines, which name a `force` parameter, if 100 or more hypotheses end in " ."; Python
    # prints them to stderr.
    assert stderr_of(SCORE) == ""
    assert stderr_of(LOG) == ""


def test_the_scores_are_those_of_sacrebleu_as_it_comes() -> None:
    bleu, chrf = BLEU(), CHRF()
    scores = score_translations(HYPOTHESES, REFERENCES)
    assert scores.bleu == bleu.corpus_score(HYPOTHESES, [REFERENCES]).score
    assert scores.chrf == chrf.corpus_score(HYPOTHESES, [REFERENCES]).score
    assert 10 < scores.bleu < 90
    assert (scores.bleu_signature, scores.chrf_signature) == (str(bleu.get_signature()), str(chrf.get_signature()))


@pytest.mark.parametrize(
    ("line", "tokenizer", "tokens"),
    [
        ("你好。", "zh", "eff:yes|tok:zh"),  # three tokens: BLEU's 4-grams do not exist
        ("我想去火车站。", "zh", "eff:no|tok:zh"),
        ("駅に行きたい", "char", "eff:no|tok:char"),
        ("ฉันอยากไป", "char", "eff:no|tok:char"),
        ("Lisbon", "13a", "eff:yes|tok:13a"),
        ("New York", "13a", "eff:yes|tok:13a"),
        ("أريد الذهاب إلى المحطة.", "13a", "eff:no|tok:13a"),
        ("a  b c d", "none", "eff:no|tok:none"),
        ("«Sí», dijo.", "intl", "eff:no|tok:intl"),
    ],
)
def test_perfect_translations_score_100_in_every_script(line: str, tokenizer: str, tokens: str) -> None:
    scores = score_translations([line] * 100, [line] * 100, tokenizer)
    assert scores.metrics == {"bleu": 100.0, "chrf": 100.0, "exact": 100.0}
    assert tokens in scores.bleu_signature


def test_wrong_translations_of_one_word_score_what_is_right() -> None:
    words = [f"word{i}" for i in range(100)]
    scores = score_translations([*words[:25], *["wrong"] * 75], words)
    assert scores.exact == 25 and scores.bleu == pytest.approx(25) and scores.short_references == 100


def test_orders_are_left_out_only_where_no_reference_has_them() -> None:
    # One line of four tokens is enough for a BLEU as published ones are: it does not depend on the hypotheses.
    references = [*["a b"] * 9, "a b c d"]
    scores = score_translations(["a b"] * 10, references)
    assert "eff:no" in scores.bleu_signature and scores.bleu == BLEU().corpus_score(["a b"] * 10, [references]).score
    assert scores.short_references == 90


def test_an_exact_match_ignores_spaces_around_a_line_alone() -> None:
    hypotheses = ["a b", " a b\n", "a  b", "A b", "", "ab"]
    assert score_translations(hypotheses, ["a b"] * 6).exact == pytest.approx(100 * 2 / 6)


def test_lines_are_short_by_the_tokens_of_the_tokenizer() -> None:
    lines = ["我想去火车站。", "你好", "a b c d"]
    assert [fraction_too_short(lines, name) for name in ("13a", "zh", "char")] == [2 / 3, 1 / 3, 1 / 3]


@pytest.mark.parametrize(("name", "extra"), [("ja-mecab", "ja"), ("ko-mecab", "ko")])
@pytest.mark.parametrize("error", [RuntimeError("missing"), AssertionError("another dictionary")])
def test_a_tokenizer_without_its_libraries_is_a_line_with_the_command(
    name: str, extra: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("sacrebleu.metrics.bleu._get_tokenizer", lambda _: fail)
    with pytest.raises(UsageError) as caught:
        require_bleu_tokenizer(name)
    assert caught.value.setting == "bleu_tokenizer" and f"pip install 'sacrebleu[{extra}]'" in str(caught.value)
    assert "\n" not in str(caught.value) and not has_bleu_tokenizer(name)
