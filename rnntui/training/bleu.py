"""BLEU and chrF by sacrebleu, which makes scores comparable with published ones (Post 2018), and exact matches."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sacrebleu.metrics.bleu import BLEU, MAX_NGRAM_ORDER
from sacrebleu.metrics.chrf import CHRF

from rnntui.errors import UsageError

# Without a handler, Python prints a library's warnings to stderr, into the middle of a progress display.
logging.getLogger("sacrebleu").addHandler(logging.NullHandler())

_EXTRAS = {"ja-mecab": "ja", "ko-mecab": "ko"}
"""Extras of sacrebleu that install what a tokenizer needs."""


@dataclass(frozen=True)
class TranslationScores:
    """Scores of translations, each 0 to 100, with the signatures of sacrebleu.

    Args:
        bleu: BLEU (Papineni et al. 2002), cased.
        chrf: chrF2 (Popović 2015).
        exact: Percentage of lines that equal their reference, without spaces around them.
        short_references: Percentage of references with fewer than the four tokens that BLEU counts sequences of. Where
            most are so short, BLEU is 0, or depends on a few lines.
        bleu_signature: Version and settings of BLEU, among them the tokenizer.
        chrf_signature: Version and settings of chrF.
    """

    bleu: float
    chrf: float
    exact: float
    short_references: float
    bleu_signature: str
    chrf_signature: str

    @property
    def metrics(self) -> dict[str, float]:
        """The scores by the key of their metric."""
        return {"bleu": self.bleu, "chrf": self.chrf, "exact": self.exact}


UNTRAINED_SCORES = TranslationScores(0.0, 0.0, 0.0, 0.0, "", "")
"""Scores of a model before its first step."""


def score_translations(
    hypotheses: Sequence[str], references: Sequence[str], tokenizer: str = "13a"
) -> TranslationScores:
    """Return the scores of hypotheses against one reference each, over all lines as one corpus.

    BLEU is the geometric mean of the precisions of 1-grams to 4-grams, and so 0 for the best of translations if no line
    has four tokens. In that case the orders that no line has are left out, which the signature says: `eff:yes`.

    Args:
        hypotheses: The translations.
        references: The correct translations, line by line; at least one.
        tokenizer: sacrebleu's name of the tokenizer of BLEU.

    Raises `UsageError` if a library that the tokenizer needs is missing.
    """
    short, chrf = fraction_too_short(references, tokenizer), CHRF()
    bleu = _bleu(tokenizer, effective_order=short == 1)
    exact = sum(hypothesis.strip() == line.strip() for hypothesis, line in zip(hypotheses, references, strict=True))
    return TranslationScores(
        min(100.0, bleu.corpus_score(hypotheses, [references]).score),  # of perfect ones it is 100.00000000000004
        chrf.corpus_score(hypotheses, [references]).score,
        100.0 * exact / len(references),
        100.0 * short,
        str(bleu.get_signature()),
        str(chrf.get_signature()),
    )


def fraction_too_short(references: Sequence[str], tokenizer: str) -> float:
    """Return the fraction of lines with fewer than the four tokens that BLEU counts sequences of, 0 to 1."""
    bleu = _bleu(tokenizer)
    return sum(_is_too_short(line, bleu) for line in references) / len(references)


def require_bleu_tokenizer(tokenizer: str) -> None:
    """Raise `UsageError` if a library that the tokenizer needs is missing or does not work."""
    _bleu(tokenizer)


def has_bleu_tokenizer(tokenizer: str) -> bool:
    """Return True if all libraries that the tokenizer needs are installed and work."""
    try:
        _bleu(tokenizer)
    except UsageError:
        return False
    return True


def _bleu(tokenizer: str, effective_order: bool = False) -> BLEU:
    # force: no warning about 100 or more hypotheses that end in " .", which a model learns from a corpus that has them.
    try:
        return BLEU(tokenize=tokenizer, effective_order=effective_order, force=True)
    except (RuntimeError, AssertionError) as error:  # the libraries are missing; their dictionary is another one
        extra = _EXTRAS.get(tokenizer, "")
        raise UsageError(
            f"--bleu-tokenizer {tokenizer} needs libraries that are not installed",
            setting="bleu_tokenizer",
            hint=f"pip install 'sacrebleu[{extra}]', or choose another, such as char",
        ) from error


def _is_too_short(line: str, bleu: BLEU) -> bool:
    return len(bleu.tokenizer(line.rstrip()).split()) < MAX_NGRAM_ORDER
