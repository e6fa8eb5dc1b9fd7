"""BLEU and chrF: sacrebleu's scores, without its log in the terminal."""

from __future__ import annotations

import subprocess
import sys

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from rnntui.training.bleu import bleu_and_chrf

HYPOTHESES = [f"the cat number {i} sits on the mat ." for i in range(200)]
REFERENCES = [f"the cat number {i} sat on a mat ." for i in range(200)]
SCORE = """
from rnntui.training.bleu import bleu_and_chrf
bleu_and_chrf([f"the cat {i} sits ." for i in range(200)], [f"the cat {i} sat ." for i in range(200)])
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
    scores = bleu_and_chrf(HYPOTHESES, REFERENCES)
    assert scores.bleu == bleu.corpus_score(HYPOTHESES, [REFERENCES]).score
    assert scores.chrf == chrf.corpus_score(HYPOTHESES, [REFERENCES]).score
    assert 10 < scores.bleu < 90
    assert (scores.bleu_signature, scores.chrf_signature) == (str(bleu.get_signature()), str(chrf.get_signature()))
