"""Samples: text that a model generates at an evaluation during training, by named parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

Sample = Mapping[str, str]
"""Parts of a sample by key, such as `{"source": ..., "translation": ..., "reference": ...}`; empty for no sample."""

_TEXT = "text"


class SampleField(NamedTuple):
    """A part of a sample: its key, its label on screen and its emphasis."""

    key: str
    prefix: str = ""
    emphasis: Literal["normal", "strong", "weak"] = "normal"


TEXT_FIELDS = (SampleField(_TEXT),)


def sample_to_json(sample: Sample) -> str | dict[str, str] | None:
    """Return the value of `sample` in a row of `metrics.jsonl`: a string if "text" is the only part, else an object."""
    if not sample:
        return None
    return sample[_TEXT] if list(sample) == [_TEXT] else dict(sample)


def sample_from_json(value: object) -> Sample | None:
    """Return the sample of a row of `metrics.jsonl`; None if the value is not one."""
    if isinstance(value, str):
        return {_TEXT: value}
    if isinstance(value, dict) and value and all(isinstance(text, str) for text in value.values()):
        return value
    return None


def shorten_sample(sample: Sample, length: int) -> dict[str, str]:
    """Return the sample with every part cut to `length` characters."""
    return {key: text if len(text) <= length else text[: length - 1] + "…" for key, text in sample.items()}


def sample_parts(sample: Sample, fields: Sequence[SampleField]) -> list[tuple[SampleField, str]]:
    """Return the parts of a sample in the order of its kind's fields, then any others, labeled by their keys."""
    known = [(field, sample[field.key]) for field in fields if field.key in sample]
    keys = {field.key for field in fields}
    others = [(key, text) for key, text in sample.items() if key not in keys]
    return known + [(SampleField(key, "" if key == _TEXT else f"{key}: "), text) for key, text in others]
