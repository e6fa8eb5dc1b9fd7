"""The `corpus` section of `config.json`: the corpus that a run is trained on, with a class for each kind of model.

Configs are untrusted: an invalid value is read as absent, and code that needs it reports that it is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, Self, get_args

from rnntui.formatting import format_count
from rnntui.settings import Record, record

_LIMIT = 10**18  # bound of counts, since the file is untrusted
_MAX_NAMES = 3  # of files in a summary

DocumentUnit = Literal["none", "file", "line", "blank"]
"""The unit of a corpus that is a document; none for one long text."""


@record
class TokenFileInfo(Record):
    """A file of token ids.

    Args:
        tokens: number of tokens.
        characters: number of characters that they encode.
        dtype: numpy's name of their dtype.
        spelling_bits: bits that it takes to spell out the words that became `<unk>`; only of validation texts.
    """

    tokens: int
    characters: int
    dtype: str
    spelling_bits: float = 0.0

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Return None if the value is not a valid `TokenFileInfo`."""
        if not isinstance(value, dict) or set(value) - {"spelling_bits"} != {"tokens", "characters", "dtype"}:
            return None
        counts = read_count(value["tokens"]), read_count(value["characters"])
        if None in counts or not isinstance(value["dtype"], str):
            return None
        spelling_bits = value.get("spelling_bits", 0.0)
        if type(spelling_bits) not in (int, float) or not 0 <= spelling_bits < _LIMIT:
            return None
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """Return the description as `config.json` holds it."""
        return {name: value for name, value in asdict(self).items() if name != "spelling_bits" or value}


@record
class CorpusInfo(Record):
    """The corpus of a run of any kind: `sources` as the user named them, a hash, and the two files of token ids."""

    name: str = ""
    sources: tuple[str, ...] = ()
    fingerprint: str = ""
    training: TokenFileInfo | None = None
    validation: TokenFileInfo | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the section. Raises `ValueError` for an invalid number of characters."""
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
        """Return the section as `config.json` holds it."""
        files = {"training": self.training, "validation": self.validation}
        return asdict(self) | {name: file.to_json() if file else None for name, file in files.items()}

    @property
    def summary(self) -> str:
        """The corpus in a few words, for a list of facts."""
        return file_names(self.sources) or self.name


def file_names(names: Sequence[str]) -> str:
    """Return the names of files in one line: all of a few; of more, their number and the first ones."""
    if len(names) <= _MAX_NAMES:
        return ", ".join(names)
    return f"{len(names):,} files: {', '.join(names[:_MAX_NAMES])}, …"


@record
class TurnFormat(Record):
    """Notation of the turns of a dialogue.

    `label_end` is the text between a label and the message, `separator` the text between a message and the next label.
    With `multiline`, messages have line breaks, and a turn ends only where the label of a speaker begins a line;
    `others` are the labels of further speakers.
    """

    label_end: str = ": "
    separator: str = "\n"
    multiline: bool = False
    others: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Return None if the value is not a valid `TurnFormat`."""
        if not isinstance(value, dict) or set(value) != {"label_end", "separator", "multiline", "others"}:
            return None
        label_end, separator, others = value["label_end"], value["separator"], read_texts(value["others"])
        if not (isinstance(label_end, str) and label_end.strip() and type(value["multiline"]) is bool):
            return None
        if separator not in TURN_SEPARATORS or others is None or not all(others):
            return None
        return cls(label_end, separator, value["multiline"], others)


TURN_SEPARATORS = ("\n", "\n\n", "\r\n", "\r\n\r\n")
"""Values of `TurnFormat.separator`."""


@record
class TextCorpusInfo(CorpusInfo):
    """The corpus of a language model.

    Args:
        characters: length of the text.
        speakers: labels of its two speakers if it is a dialogue.
        documents: the unit that is a document: `file`, `line` or `blank`, or `none` for one long text.
        document_count: number of documents, those for validation included; 0 for one long text.
        validation_from: `end` or `spread`; empty if the validation text is another file.
        validation_sources: the files of a separate validation text; None if a part of the corpus was held out.
        validation_fingerprint: the hash of a separate validation text; empty in runs of versions that compared names.
        turn_format: notation of the speakers' turns; None for `A: hello` on single lines.
        encoding_key: hash of all that the ids of a large text depend on, by which a later run on it finds them; empty
            where they are made as fast as they are found.
    """

    characters: int = 0
    speakers: tuple[str, str] | None = None
    documents: DocumentUnit = "none"
    document_count: int = 0
    validation_from: str = "end"
    validation_sources: tuple[str, ...] | None = None
    validation_fingerprint: str = ""
    turn_format: TurnFormat | None = None
    encoding_key: str = ""

    @classmethod
    def _fields_from(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        speakers = read_texts(values.get("speakers"))
        characters = read_count(values.get("characters", 0))
        if characters is None:
            raise ValueError("corpus.characters")
        return super()._fields_from(values) | {
            "characters": characters,
            "speakers": speakers if speakers and len(speakers) == 2 and all(speakers) else None,
            "documents": _read_unit(values.get("documents")),
            "document_count": read_count(values.get("document_count")) or 0,
            "validation_from": _read_text(values.get("validation_from", "end")),
            "validation_sources": read_texts(values.get("validation_sources")),
            "validation_fingerprint": _read_text(values.get("validation_fingerprint")),
            "turn_format": TurnFormat.from_json(values.get("turn_format")),
            "encoding_key": _read_text(values.get("encoding_key")),
        }

    @property
    def summary(self) -> str:
        text = super().summary + (f"; {format_count(self.characters)} characters" if self.characters else "")
        if self.document_count:
            text += f" in {self.document_count:,} documents"
        if self.speakers is not None:
            text += f"; turns of {self.speakers[0]}, answered by {self.speakers[1]}"
        if self.validation_sources is not None:
            text += f"; validation text: {file_names(self.validation_sources)}"
        return text


def read_count(value: object) -> int | None:
    """Return the value if it is a count, else None."""
    return value if type(value) is int and 0 <= value < _LIMIT else None


def _read_unit(value: object) -> DocumentUnit:
    return next((unit for unit in get_args(DocumentUnit) if unit == value), "none")


def _read_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def read_texts(value: object) -> tuple[str, ...] | None:
    """Return the value as a tuple if it is a list of strings, else None."""
    return tuple(value) if isinstance(value, list | tuple) and all(isinstance(text, str) for text in value) else None
