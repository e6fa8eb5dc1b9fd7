"""The `corpus` section of a Seq2Seq model's `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from rnntui.kinds.corpus_info import CorpusInfo, file_names, read_count, read_texts
from rnntui.kinds.file_layout import FileLayout, read_layouts
from rnntui.settings import Record, record

PairFormat = Literal["table", "tmx", "jsonl", "aligned"]

SplitRule = Literal["both", "source"]
"""The sentences that training and held-out pairs do not share: those of both columns, or only the sources."""

_TOKEN_LIMIT = 10**6  # bound of the tokens of a sentence


@record
class PairLengths(Record):
    """Lengths in tokens of the longest source and target in training.

    `beyond` is the largest excess of a target over twice its source.
    """

    source: int
    target: int
    beyond: int

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Return None if the value is not a valid `PairLengths`."""
        if not isinstance(value, dict) or set(value) != {"source", "target", "beyond"}:
            return None
        if not all(type(length) is int and abs(length) <= _TOKEN_LIMIT for length in value.values()):
            return None
        return cls(**value) if min(value["source"], value["target"]) >= 0 else None

    def max_target_length(self, source_length: int) -> int:
        """Return the length limit of a target: a little above any seen in training for a source of that length."""
        return max(10, min(self.target + self.target // 4 + 2, 2 * source_length + self.beyond + 10))


@record
class PairLimits(Record):
    """Maximum tokens of a source and of a target; longer pairs are left out of training."""

    source: int
    target: int

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Return None if the value is not a valid `PairLimits`."""
        if not isinstance(value, dict) or set(value) != {"source", "target"}:
            return None
        return cls(**value) if all(read_count(limit) is not None for limit in value.values()) else None


@record
class PairLayout(FileLayout):
    """Layout of the pairs in a file.

    Args:
        format: `table`, `tmx`, `jsonl`, or `aligned` for two files with a sentence on each line.
        columns: those of the source and of the target: numbers of columns counted from 1 (`table`), keys (`jsonl`), or
            languages (`tmx`, `aligned`).
    """

    format: PairFormat


FIRST_TABLE_LAYOUT = PairLayout("table", (1, 2), "\t")
"""The layout of every table that versions read whose `config.json` records none."""


@record
class SourceFeatures(Record):
    """Features of the training sources; they tell which input a model was made for.

    Args:
        scripts: the scripts that at least one letter in a hundred is of, such as LATIN.
        letterless: the fraction of sources without a letter.
        multiple_sentences: the fraction of sources that have several sentences.
        terminated: the fraction of sources that end in punctuation.
    """

    scripts: tuple[str, ...]
    letterless: float
    multiple_sentences: float
    terminated: float

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Return None if the value is not a valid `SourceFeatures`."""
        fraction_names = ("letterless", "multiple_sentences", "terminated")
        if not isinstance(value, dict) or set(value) != {"scripts", *fraction_names}:
            return None
        scripts = read_texts(value["scripts"])
        fractions = [value[name] for name in fraction_names]
        if scripts is None or not all(type(number) in (int, float) and 0 <= number <= 1 for number in fractions):
            return None
        return cls(scripts, *map(float, fractions))


@record
class PairCorpusInfo(CorpusInfo):
    """The corpus of a Seq2Seq model: numbers of training and validation pairs, and their lengths.

    Args:
        validation_sources: the files of the validation pairs; None if those were held out of `sources`.
        pairs: the numbers of training and of validation pairs.
        lengths: the longest source and target in training.
        limits: lengths above which pairs were left out.
        columns: the columns as the user named them; empty if they were left to be detected.
        layouts: the layout of each file, or one for all; None in runs of versions that knew only tables whose first two
            columns are the pairs.
        split: sentences that training and held-out pairs do not share; None in runs of versions that knew only "both".
        features: features of the training sources; None in runs of older versions.
        encoding_key: hash of all that the ids of many pairs depend on, by which a later run on them finds them; empty
            where they are made as fast as they are found.
    """

    validation_sources: tuple[str, ...] | None = None
    pairs: tuple[int, int] | None = None
    lengths: PairLengths | None = None
    limits: PairLimits | None = None
    columns: str = ""
    layouts: tuple[PairLayout, ...] | None = None
    split: SplitRule | None = None
    features: SourceFeatures | None = None
    encoding_key: str = ""

    @classmethod
    def _fields_from(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        pairs = values.get("pairs")
        counts = [read_count(value) for value in pairs] if isinstance(pairs, list | tuple) else []
        return super()._fields_from(values) | {
            "validation_sources": read_texts(values.get("validation_sources")),
            "pairs": tuple(counts) if len(counts) == 2 and None not in counts else None,
            "lengths": PairLengths.from_json(values.get("lengths")),
            "limits": PairLimits.from_json(values.get("limits")),
            "columns": columns if isinstance(columns := values.get("columns"), str) else "",
            "layouts": read_layouts(PairLayout, values.get("layouts")),
            "split": split if (split := values.get("split")) in get_args(SplitRule) else None,
            "features": SourceFeatures.from_json(values.get("features")),
            "encoding_key": key if isinstance(key := values.get("encoding_key"), str) else "",
        }

    @property
    def recorded_layouts(self) -> tuple[PairLayout, ...]:
        """The layouts in which the files were read when the run was created, whatever version created it."""
        return (FIRST_TABLE_LAYOUT,) if self.layouts is None else self.layouts

    @property
    def summary(self) -> str:
        text = super().summary
        if self.pairs is not None:
            text += f"; {self.pairs[0]:,} pairs, {self.pairs[1]:,} for validation"
        if self.validation_sources is not None:
            text += f" from {file_names(self.validation_sources)}"
        return text
