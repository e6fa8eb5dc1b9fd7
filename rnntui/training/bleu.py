"""BLEU and chrF by sacrebleu, which makes scores comparable with published ones (Post 2018)."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

# Without a handler, Python prints a library's warnings to stderr, into the middle of a progress display.
logging.getLogger("sacrebleu").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class TranslationScores:
    """BLEU (Papineni et al. 2002; cased, 13a tokens) and chrF2 (Popović 2015), each 0 to 100, with signatures."""

    bleu: float
    chrf: float
    bleu_signature: str
    chrf_signature: str


UNTRAINED_SCORES = TranslationScores(0.0, 0.0, "", "")
"""Scores of a model before its first step."""


def bleu_and_chrf(hypotheses: list[str], references: list[str]) -> TranslationScores:
    """Return the scores of hypotheses against one reference each, over all lines as one corpus."""
    # force: no warning about 100 or more hypotheses that end in " .", which a model learns from a corpus that has them.
    bleu, chrf = BLEU(tokenize="13a", force=True), CHRF()
    bleu_score = bleu.corpus_score(hypotheses, [references]).score
    chrf_score = chrf.corpus_score(hypotheses, [references]).score
    return TranslationScores(bleu_score, chrf_score, str(bleu.get_signature()), str(chrf.get_signature()))
