"""Samples: what a model in training wrote at a check, as data with named parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

Sample = Mapping[str, str]
"""Parts of a sample by key, such as `{"source": ..., "translation": ..., "reference": ...}`; empty for none."""

_TEXT = "text"


class SampleField(NamedTuple):
    """One part of a sample: its key, what stands before it on screen, and how much it stands out."""

    key: str
    prefix: str = ""
    emphasis: Literal["normal", "strong", "weak"] = "normal"


TEXT_FIELDS = (SampleField(_TEXT),)


def sample_to_json(sample: Sample) -> str | dict[str, str] | None:
    """The value of `sample` in a row of `metrics.jsonl`: a string if there is but one text, else an object."""
    if not sample:
        return None
    return sample[_TEXT] if list(sample) == [_TEXT] else dict(sample)


def sample_from_json(value: object) -> Sample | None:
    """The sample of a row of `metrics.jsonl`; None if the value is no sample."""
    if isinstance(value, str):
        return {_TEXT: value}
    if isinstance(value, dict) and value and all(isinstance(text, str) for text in value.values()):
        return value
    return None


def shorten_sample(sample: Sample, length: int) -> dict[str, str]:
    """The sample with every part cut to `length` characters."""
    return {key: text if len(text) <= length else text[: length - 1] + "…" for key, text in sample.items()}


def sample_parts(sample: Sample, fields: Sequence[SampleField]) -> list[tuple[SampleField, str]]:
    """The sample's parts in the order of its kind's fields, then any others by their own names."""
    known = [(field, sample[field.key]) for field in fields if field.key in sample]
    keys = {field.key for field in fields}
    others = [(key, text) for key, text in sample.items() if key not in keys]
    return known + [(SampleField(key, "" if key == _TEXT else f"{key}: "), text) for key, text in others]
