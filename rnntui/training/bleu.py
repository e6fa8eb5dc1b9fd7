"""BLEU and chrF by sacrebleu, so that figures can be compared with published ones (Post 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF


@dataclass(frozen=True)
class Scores:
    """BLEU (Papineni et al. 2002; cased, 13a tokens) and chrF2 (Popović 2015), each 0 to 100, with signatures."""

    bleu: float
    chrf: float
    bleu_signature: str
    chrf_signature: str


UNTRAINED = Scores(0.0, 0.0, "", "")
"""Of a model that has learnt nothing yet."""


def bleu_and_chrf(hypotheses: list[str], references: list[str]) -> Scores:
    """How near hypotheses come to references, over all lines as one corpus."""
    bleu, chrf = BLEU(tokenize="13a"), CHRF()
    found = bleu.corpus_score(hypotheses, [references]).score, chrf.corpus_score(hypotheses, [references]).score
    return Scores(found[0], found[1], str(bleu.get_signature()), str(chrf.get_signature()))
