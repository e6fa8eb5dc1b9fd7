"""The `corpus` section of `config.json`: what text a run was made of, typed for each kind of model.

A config may come from anywhere: a value that makes no sense is read as absent, and whoever needs it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from rnntui.formatting import format_count

_LIMIT = 10**18  # counts in a file that may come from anywhere stay below this
_TOKEN_LIMIT = 10**6  # tokens of a sentence


@dataclass(frozen=True)
class TokenFileInfo:
    """A file of token ids: how many tokens, the characters that they stand for, and numpy's name of their type."""

    tokens: int
    characters: int
    dtype: str

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """None if the value does not describe a file of ids."""
        if not isinstance(value, dict) or set(value) != {"tokens", "characters", "dtype"}:
            return None
        counts = _count(value["tokens"]), _count(value["characters"])
        if None in counts or not isinstance(value["dtype"], str):
            return None
        return cls(**value)


@dataclass(frozen=True)
class CorpusInfo:
    """What every kind of run says of its text: `sources` as the user named them, a hash, and the two files of ids."""

    name: str = ""
    sources: tuple[str, ...] = ()
    fingerprint: str = ""
    training: TokenFileInfo | None = None
    validation: TokenFileInfo | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the section. Raises `ValueError` for a count that cannot be."""
        return cls(**cls._fields_from(values))

    @classmethod
    def _fields_from(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "name": _text(values.get("name")),
            "sources": _texts(values.get("sources")) or (),
            "fingerprint": _text(values.get("fingerprint")),
            "training": TokenFileInfo.from_json(values.get("training")),
            "validation": TokenFileInfo.from_json(values.get("validation")),
        }

    def to_json(self) -> dict[str, Any]:
        """The section as `config.json` has it."""
        return asdict(self)

    @property
    def summary(self) -> str:
        """The text in a few words, as a list of facts shows it."""
        return ", ".join(self.sources) or self.name


@dataclass(frozen=True)
class TextCorpusInfo(CorpusInfo):
    """The text of a language model; `speakers` are the labels of its two speakers, where it is a dialogue."""

    characters: int = 0
    speakers: tuple[str, str] | None = None

    @classmethod
    def _fields_from(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        speakers = _texts(values.get("speakers"))
        characters = _count(values.get("characters", 0))
        if characters is None:
            raise ValueError("corpus.characters")
        return super()._fields_from(values) | {
            "characters": characters,
            "speakers": speakers if speakers and len(speakers) == 2 and all(speakers) else None,
        }

    @property
    def summary(self) -> str:
        return super().summary + (f"; {format_count(self.characters)} characters" if self.characters else "")


@dataclass(frozen=True)
class PairLengths:
    """Tokens of the longest source and target in training, and the most of a target beyond twice its source."""

    source: int
    target: int
    beyond: int

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """None if the value is no lengths."""
        if not isinstance(value, dict) or set(value) != {"source", "target", "beyond"}:
            return None
        if not all(type(length) is int and abs(length) <= _TOKEN_LIMIT for length in value.values()):
            return None
        return cls(**value) if min(value["source"], value["target"]) >= 0 else None


@dataclass(frozen=True)
class PairLimits:
    """The most tokens of a source and of a target that a pair of training may have."""

    source: int
    target: int

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """None if the value is no limits."""
        if not isinstance(value, dict) or set(value) != {"source", "target"}:
            return None
        return cls(**value) if all(_count(limit) is not None for limit in value.values()) else None


@dataclass(frozen=True)
class PairCorpusInfo(CorpusInfo):
    """The pairs of a Seq2Seq model: how many for training and for validation, and how long they are.

    `validation_sources` are the files of the validation pairs, None where they were held out of `sources`.
    """

    validation_sources: tuple[str, ...] | None = None
    pairs: tuple[int, int] | None = None
    lengths: PairLengths | None = None
    limits: PairLimits | None = None

    @classmethod
    def _fields_from(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        pairs = values.get("pairs")
        counts = [_count(value) for value in pairs] if isinstance(pairs, list | tuple) else []
        return super()._fields_from(values) | {
            "validation_sources": _texts(values.get("validation_sources")),
            "pairs": tuple(counts) if len(counts) == 2 and None not in counts else None,
            "lengths": PairLengths.from_json(values.get("lengths")),
            "limits": PairLimits.from_json(values.get("limits")),
        }

    @property
    def summary(self) -> str:
        text = super().summary
        if self.pairs is not None:
            text += f"; {self.pairs[0]:,} pairs, {self.pairs[1]:,} for validation"
        if self.validation_sources is not None:
            text += f" from {', '.join(self.validation_sources)}"
        return text


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < _LIMIT else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...] | None:
    return tuple(value) if isinstance(value, list | tuple) and all(isinstance(text, str) for text in value) else None
