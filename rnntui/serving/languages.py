"""Languages of translators and of a language detector, by the names of runs and labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from rnntui.kinds.classifier import CLASSIFIER
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.runs.folder import RunFolder
from rnntui.serving.served_models import ServedRuns

if TYPE_CHECKING:
    from rnntui.inference.classifier import TextClassifier

_LEAST_SHARE = 0.01  # probability of a language below which it is not listed

_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "eo": "Esperanto", "es": "Spanish", "et": "Estonian", "eu": "Basque",
    "fa": "Persian", "fi": "Finnish", "fr": "French", "ga": "Irish", "gl": "Galician", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "is": "Icelandic", "it": "Italian", "ja": "Japanese",
    "ko": "Korean", "la": "Latin", "lt": "Lithuanian", "lv": "Latvian", "nb": "Norwegian Bokmål", "nl": "Dutch",
    "nn": "Norwegian Nynorsk", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak",
    "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""English names of common languages by ISO 639 code."""

_CODE = r"[a-z]{2,3}"


class LanguagePair(NamedTuple):
    """The language that a translator reads and the one that it writes, as ISO 639 codes."""

    source: str
    target: str


def translators(runs: ServedRuns) -> dict[LanguagePair, RunFolder]:
    """Return the translators by their languages, which the name of a run says: `en-es`, also `en-es-2`."""
    by_pair: dict[LanguagePair, RunFolder] = {}
    for name, run in runs.of_kind(SEQ2SEQ).items():
        if match := re.fullmatch(rf"({_CODE})-({_CODE})(?:-\d+)?", name):
            by_pair.setdefault(LanguagePair(match[1], match[2]), run)
    return by_pair


def detector(runs: ServedRuns) -> RunFolder | None:
    """Return the classifier whose labels are language codes, which detects languages; None if there is none."""
    for run in runs.of_kind(CLASSIFIER).values():
        labels = runs.facts_of(run).labels
        if len(labels) > 1 and all(label in _NAMES for label in labels):
            return run
    return None


def languages_json(runs: ServedRuns) -> list[dict[str, object]]:
    """Return the languages as `/languages` lists them: those of the translators, each with its targets."""
    pairs = translators(runs)
    codes = sorted({code for pair in pairs for code in pair})
    return [
        {"code": code, "name": _NAMES.get(code, code), "targets": sorted(p.target for p in pairs if p.source == code)}
        for code in codes
    ]


class LanguageDetector:
    """A classifier of languages. It has no thread of its own: it computes in that of the request."""

    def __init__(self, classifier: TextClassifier) -> None:
        self._classifier = classifier

    def languages_of(self, text: str) -> list[dict[str, object]]:
        """Return the languages of a text as `/detect` lists them, the most probable first; none of a blank text."""
        [result] = self._classifier.classify([text])
        return [
            {"confidence": round(100 * share, 1), "language": label}
            for label, share in result.labels
            if share >= _LEAST_SHARE
        ]

    def stop(self) -> None:
        """Do nothing: a request that is computing ends by itself."""


def make_language_detector(run: RunFolder) -> LanguageDetector:
    """Load a classifier of languages."""
    from rnntui.inference.classifier import load_classifier

    return LanguageDetector(load_classifier(run))
