"""Choice of BLEU's tokenizer and of the metric that selects weights, from the targets of a corpus.

Both are made once, when a run is created, and recorded in its config.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from rnntui.config_seq2seq import BleuTokenizer, Seq2SeqTrainingConfig
from rnntui.text.scripts import script_of
from rnntui.text.stored_rows import count_distinct
from rnntui.training.bleu import fraction_too_short, has_bleu_tokenizer, require_bleu_tokenizer

_MAX_TARGETS = 2000  # that are looked at, evenly spaced
_UNSPACED = frozenset({"THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "JAVANESE", "BALINESE", "TAI", "NEW"})
"""Results of `script_of` for scripts without spaces between words; `NEW` is New Tai Lue."""

_MIN_KANA = 0.1  # of kana and Han: Japanese; less is Chinese that quotes a Japanese name
_MIN_HAN = 0.1  # of all letters: the tokenizer `zh` treats text in other scripts almost as 13a does
_MIN_UNSPACED = 1 / 3  # of all letters, in which a word has fewer letters than in an alphabet
_MAX_SHORT = 0.5  # of targets too short for BLEU, above which it does not select
_MAX_DISTINCT = 0.1  # distinct targets to pairs, up to which targets are labels


def choose_metrics(settings: Seq2SeqTrainingConfig, targets: Sequence[str]) -> Seq2SeqTrainingConfig:
    """Return the settings with `bleu_tokenizer` and `selection_metric` in place of "auto".

    Args:
        settings: The settings of a new run.
        targets: The targets of its training pairs; at least one.

    Raises `UsageError` if the tokenizer is named and a library that it needs is missing.
    """
    sample = targets[:: -(-len(targets) // _MAX_TARGETS)]
    tokenizer, metric = settings.bleu_tokenizer, settings.selection_metric
    if tokenizer == "auto":
        tokenizer = choose_bleu_tokenizer(sample)
    require_bleu_tokenizer(tokenizer)
    if metric == "auto":
        are_labels = count_distinct(targets) <= _MAX_DISTINCT * len(targets)
        metric = "exact" if are_labels or fraction_too_short(sample, tokenizer) > _MAX_SHORT else "bleu"
    return replace(settings, bleu_tokenizer=tokenizer, selection_metric=metric)


def choose_bleu_tokenizer(targets: Sequence[str]) -> BleuTokenizer:
    """Return sacrebleu's name of the tokenizer that fits the script of most letters.

    Chinese has `zh`, Japanese and Korean have MeCab where it is installed. Characters are tokens of other scripts
    without spaces, as `13a` would take a sentence for one word; all other scripts have `13a`.
    """
    letters = Counter[str]()
    for character, count in Counter("".join(targets)).items():
        letters[_script_group(character)] += count
    han, kana, hangul, unspaced = (letters[script] for script in ("han", "kana", "hangul", "unspaced"))
    total = letters.total() - letters[""]
    if kana > _MIN_KANA * (han + kana) and han + kana >= max(_MIN_UNSPACED * total, hangul, unspaced):
        return "ja-mecab" if has_bleu_tokenizer("ja-mecab") else "char"
    if hangul > han and hangul >= max(_MIN_UNSPACED * total, unspaced):
        return "ko-mecab" if has_bleu_tokenizer("ko-mecab") else "char"
    if unspaced > han and unspaced >= _MIN_UNSPACED * total:
        return "char"
    return "zh" if han > 0 and han >= _MIN_HAN * total else "13a"


def _script_group(character: str) -> str:
    """Return the group of scripts of a letter, "other" if they put spaces between words; "" for other signs."""
    script = script_of(character)
    if script in ("HAN", "BOPOMOFO"):
        # sacrebleu 2.6.0 splits no Han characters beyond the first 65,536 code points.
        return "han" if ord(character) <= 0xFFFF else "unspaced"
    if script in ("HIRAGANA", "KATAKANA"):
        return "kana"
    if script == "HANGUL":
        return "hangul"
    return "unspaced" if script in _UNSPACED else script and "other"
