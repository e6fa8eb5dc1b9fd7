"""The `corpus` section of `config.json`: what text a run was made of, typed for each kind of model.

A config may come from anywhere: a value that makes no sense is read as absent, and whoever needs it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Self

from rnntui.config import Record, record
from rnntui.formatting import format_count

_LIMIT = 10**18  # counts in a file that may come from anywhere stay below this


@record
class TokenFileInfo(Record):
    """A file of token ids: how many tokens, the characters that they stand for, and numpy's name of their type."""

    tokens: int
    characters: int
    dtype: str

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """None if the value does not describe a file of ids."""
        if not isinstance(value, dict) or set(value) != {"tokens", "characters", "dtype"}:
            return None
        counts = read_count(value["tokens"]), read_count(value["characters"])
        if None in counts or not isinstance(value["dtype"], str):
            return None
        return cls(**value)


@record
class CorpusInfo(Record):
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
            "name": _read_text(values.get("name")),
            "sources": read_texts(values.get("sources")) or (),
            "fingerprint": _read_text(values.get("fingerprint")),
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


@record
class TextCorpusInfo(CorpusInfo):
    """The text of a language model; `speakers` are the labels of its two speakers, where it is a dialogue."""

    characters: int = 0
    speakers: tuple[str, str] | None = None

    @classmethod
    def _fields_from(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        speakers = read_texts(values.get("speakers"))
        characters = read_count(values.get("characters", 0))
        if characters is None:
            raise ValueError("corpus.characters")
        return super()._fields_from(values) | {
            "characters": characters,
            "speakers": speakers if speakers and len(speakers) == 2 and all(speakers) else None,
        }

    @property
    def summary(self) -> str:
        return super().summary + (f"; {format_count(self.characters)} characters" if self.characters else "")


def read_count(value: object) -> int | None:
    """The value if it is a count, else None."""
    return value if type(value) is int and 0 <= value < _LIMIT else None


def _read_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def read_texts(value: object) -> tuple[str, ...] | None:
    """The value as a tuple if it is a list of strings, else None."""
    return tuple(value) if isinstance(value, list | tuple) and all(isinstance(text, str) for text in value) else None
