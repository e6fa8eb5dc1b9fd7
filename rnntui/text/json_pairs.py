"""Rows of JSON lines, an object on each, as Hugging Face's datasets are exported; the keys of sentence pairs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rnntui.errors import CorpusError, UsageError
from rnntui.settings import flag_of
from rnntui.text.dropped_rows import RowCollector, quote
from rnntui.text.tables import TableText

_ID_KEYS = frozenset({"id", "_id", "ids", "idx", "index", "guid", "uuid", "uid"})
_MIN_OBJECTS = 0.9  # fraction of lines that are objects
_KNOWN_KEYS = (
    ("source", "target"), ("src", "tgt"), ("src", "trg"), ("input", "output"), ("question", "answer"),
    ("prompt", "completion"), ("prompt", "response"), ("instruction", "output"), ("text", "label"),
    ("sentence", "label"), ("document", "summary"), ("article", "highlights"),
)  # fmt: skip


_JQ_FILTERS = {
    r'\[\{"': ".[]",
    r'\[\["': ".[] | {source: .[0], target: .[1]}",
    r'\["[^"]*",': "{source: .[0], target: .[1]}",
    r'\{"[^"]*":\s*"': "to_entries[] | {source: .key, target: .value}",
    r'\{"[^"]*":': ".[]",
}
"""Filters of jq that convert a file to objects on lines of their own, by the beginning of its text."""


def looks_like_json(lines: Sequence[str]) -> bool:
    """Return True if nearly all lines are JSON objects."""
    lines = [line for line in lines if line.strip()]
    if not lines or not lines[0].lstrip().startswith("{"):
        return False
    objects = sum(json_texts(line) is not None for line in lines)
    return objects >= _MIN_OBJECTS * len(lines)


def refuse_json_array(lines: Sequence[str], name: str, converted: str = "pairs.jsonl") -> None:
    """Raise `CorpusError` if a file is one JSON document, which is not read, instead of an object on each line."""
    text = "".join(line.strip() for line in lines[:3])
    for beginning, jq_filter in _JQ_FILTERS.items():
        if re.match(beginning, text):
            raise CorpusError(
                f"{name} is JSON, but not an object on each line",
                hint=f"convert it, as in: jq -c '{jq_filter}' {name} > {converted}",
            )


def choose_keys(lines: Sequence[str], columns: tuple[str, str] | None, name: str) -> tuple[str, str]:
    """Return the keys of the source and the target; that of an object inside is joined by a dot: `translation.en`.

    Args:
        lines: the first lines of the file.
        columns: the keys that the user named; None takes well-known ones, or the two of objects that have two.
        name: name of the file for messages.

    Raises `UsageError` if the objects lack one of them, or have other keys and none are named.
    """
    objects = [values for line in lines if (values := json_texts(line)) is not None]
    first = objects[0] if objects else {}
    keys = ", ".join(first) or "no texts"
    if columns is not None:
        chosen = []
        for column in columns:
            chosen.append(key_of(column, first, name, "columns"))
        return chosen[0], chosen[1]
    for pair in _KNOWN_KEYS:
        filled = sum(all(values.get(key, "").strip() for key in pair) for values in objects)
        if set(pair) <= set(first) and 2 * filled >= len(objects):  # instructions often have an empty input
            return pair
    nested = [key for key in first if "." in key]
    texts = nested if len(nested) == 2 else [key for key in first if key.casefold() not in _ID_KEYS]
    if len(texts) > 2:
        texts = [key for key in texts if not all(_is_number(values.get(key, "0")) for values in objects)]
    if len(texts) != 2:
        raise UsageError(
            f"{name}: its objects have {f'the keys {keys}' if first else keys}",
            setting="columns",
            hint="name the source's and the target's, as in --columns source,target",
        )
    return texts[0], texts[1]


def key_of(column: str, keys: Iterable[str], name: str, option: str) -> str:
    """Return the key that a user named, in any case, and without the object that it is in.

    Raises `UsageError` naming the option if there is none.
    """
    for key in keys:
        if column.casefold() in (key.casefold(), key.casefold().rpartition(".")[2]):
            return key
    raise UsageError(
        f"{flag_of(option)}: {name} has no key {column!r}; it has {', '.join(keys) or 'no texts'}", setting=option
    )


def read_json_rows(text: TableText, keys: tuple[str, str], rows: RowCollector, single: str = "") -> None:
    """Add the rows of JSON lines; lines without both keys are counted as left out.

    Args:
        text: the lines.
        keys: the two keys that are read.
        rows: collects the rows.
        single: one of the keys; a line that has a list of several values there is left out. Of other lists, the first
            value is read.
    """
    for number, line in enumerate(text.lines(), 1):
        if not line.strip():
            continue
        values = json_texts(line, number_lists=bool(single))
        if values is not None and single and (count := list_length(line, single)) > 1:
            rows.dropped.add(f"row {number} of {text.name}, which has {count} values of {single!r}: {quote(line)}")
        elif values is None:
            rows.dropped.add(f"row {number} of {text.name}, which is not a JSON object: {quote(line)}")
        elif missing := [key for key in keys if key not in values]:
            rows.dropped.add(f"row {number} of {text.name}, which has no {missing[0]!r}: {quote(line)}")
        else:
            rows.add(values[keys[0]], values[keys[1]], text.name, number)


def json_texts(line: str, number_lists: bool = False) -> dict[str, str] | None:
    """Return the texts and numbers of an object by key, and of the objects in it by both keys; None if it is none.

    Args:
        line: the object.
        number_lists: True for the first number of lists of numbers, too.
    """
    value = _object(line)
    return dict(_texts(value, "", number_lists)) if value is not None else None


def list_length(line: str, key: str) -> int:
    """Return the length of the list that an object has under a key; 0 if it has none."""
    value = (_object(line) or {}).get(key)
    return len(value) if isinstance(value, list) else 0


def _object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _texts(values: dict[str, Any], prefix: str, number_lists: bool) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, str):
            # An escape may name half of a surrogate pair, which is no character.
            yield prefix + key, " ".join(value.split("\n")).encode("utf-8", "replace").decode("utf-8")
        elif isinstance(value, list) and value and isinstance(value[0], str | int if number_lists else str):
            yield from _texts({key: value[0]}, prefix, number_lists)  # as in SQuAD: of several answers the first
        elif isinstance(value, int | float):
            yield prefix + key, json.dumps(value)
        elif isinstance(value, dict) and not prefix:
            yield from _texts(value, f"{key}.", number_lists)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("true", "false")
    return True
