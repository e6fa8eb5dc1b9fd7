"""Confusion matrices as rows of text and as SVG: readable at any width, whatever the labels are."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np
import pytest

from rnntui.charts.confusion import ConfusionMatrix, counts_from_json, label_keys
from rnntui.charts.confusion_rows import Unit, natural_width, percent_text, render_confusion
from rnntui.charts.confusion_svg import confusion_svg
from rnntui.charts.styled_text import Style, cell_width

LANGUAGES = [
    "Russian", "English", "Arabic", "Japanese", "German", "Italian", "Czech", "Spanish", "Dutch", "French", "Chinese",
    "Irish", "Greek", "Polish", "Scottish", "Korean", "Portuguese", "Vietnamese",
]  # fmt: skip
SCRIPTS = ["日本語", "العربية", "e\u0301te\u0301", "two words", "\x1b[31mred", "a\nb"]


def matrix_of(labels: Sequence[str], unknown: Sequence[str] = (), size: int = 100) -> ConfusionMatrix:
    """Return a matrix with 70% on the diagonal and 30% on the next label; rows of unknown labels are all label 0."""
    counts = np.zeros((len(labels) + len(unknown), len(labels)), np.int64)
    for index in range(len(labels)):
        counts[index, index] += 7 * size // 10
        counts[index, (index + 1) % len(labels)] += 3 * size // 10
    counts[len(labels) :, 0] = 5
    return ConfusionMatrix((*labels, *unknown), counts)


def lines_of(matrix: ConfusionMatrix, width: int, unit: Unit = "percent", title: str = "") -> list[str]:
    """Return the rendered rows as text, after checking that each is exactly as wide as asked."""
    rendered = render_confusion(matrix, title, unit, width)
    rows = [*rendered.headings, *rendered.body]
    lines = ["".join(text for text, _ in row) for row in rows]
    assert [cell_width(line) for line in lines] == [width] * len(lines)
    assert len(rendered.body) == len(matrix.labels) or width < 80
    return lines


def test_two_labels_have_their_names_above_the_columns() -> None:
    counts = ConfusionMatrix(("positive", "negative"), np.array([[90, 10], [30, 70]]))
    legend, headings, *body = lines_of(counts, 80, "counts", "Confusion matrix of reviews")
    assert legend.rstrip() == "Confusion matrix of reviews   ↓ true, → predicted"
    assert headings.split() == ["positive", "negative", "texts"]
    assert [line.split() for line in body] == [["positive", "90", "10", "100"], ["negative", "30", "70", "100"]]
    assert lines_of(counts, 80, "percent")[-1].split() == ["negative", "30", "70", "100"]


def test_eighteen_labels_have_numbers_in_80_columns() -> None:
    lines = lines_of(matrix_of(LANGUAGES), 80)
    assert " ".join(lines[1].split()) == "Ru En Ar Ja Ge It Cz Sp Du Fr Ch Ir Gr Po Sc Ko Pr Vi texts"
    assert lines[-1].split() == ["Vi", "Vietnamese", "30", *"·" * 16, "70", "100"]
    assert lines_of(matrix_of(LANGUAGES), 80, "counts")[-1] == lines[-1], "counts of two digits have room, too"
    assert natural_width(matrix_of(LANGUAGES), "percent") <= 80
    wide = lines_of(matrix_of(LANGUAGES, size=100_000), 80, "counts")
    assert "%" in wide[0] and wide[-1].split()[-2] == "70", "where counts have no room, percent are shown, and said"


@pytest.mark.parametrize("width", [1, 7, 20, 40, 79, 80, 140])
@pytest.mark.parametrize(
    "labels", [["only"], ["0", "1"], SCRIPTS, LANGUAGES, [f"label {i}" for i in range(60)]], ids=len
)
def test_rows_fit_any_width(labels: list[str], width: int) -> None:
    for unknown in ([], ["never seen"]):
        text = "".join(lines_of(matrix_of(labels, unknown), width))
        assert "\x1b" not in text and "\n" not in text


def test_sixty_labels_are_shades_and_what_has_no_room_is_folded() -> None:
    lines = lines_of(matrix_of([f"label {i}" for i in range(60)]), 80)
    assert len(lines) == 3 + 60 and lines[3].startswith(" 1 label 0  █▒ ")
    lines = lines_of(matrix_of([f"label {i}" for i in range(60)]), 36)
    assert "others" in lines[-1] or "ot…" in lines[-1]
    folded = matrix_of([f"label {i}" for i in range(60)]).folded(11)
    assert folded.counts.sum() == 6000 and folded.counts.shape == (11, 11) and folded.labels[-1] == "50 others"
    assert matrix_of(["a", "b"], ["new"]).folded(2).counts.tolist() == [[70, 30], [35, 70]]


def test_shades_tell_the_diagonal_from_errors() -> None:
    body = render_confusion(matrix_of(["yes", "no"]), "", "percent", 40).body
    styles: dict[str, Style] = {text.strip(): style for text, style in body[0]}
    assert styles["70"].kind.name == "CORRECT" and styles["70"].colour == 7
    assert styles["30"].kind.name == "WRONG" and styles["30"].colour == 3


def test_keys_are_beginnings_or_numbers() -> None:
    assert label_keys(["Polish", "Portuguese", "Thai"], 2, cell_width) == ["Po", "Pr", "Th"]
    assert label_keys(["日本", "日光"], 2, cell_width) == ["1", "2"]
    assert label_keys(["", "  "], 2, cell_width) == ["1", "2"]
    assert label_keys(["pos", "Pos"], 2, cell_width) == ["po", "Po"]


def test_a_hundred_percent_means_all() -> None:
    assert [percent_text(share) for share in (0.0, 0.004, 0.5, 0.999, 1.0)] == ["0", "0", "50", "99", "100"]


def test_the_largest_confusions_come_first() -> None:
    counts = np.array([[9, 1, 0], [4, 6, 0], [0, 2, 0]])
    confusions = ConfusionMatrix(("a", "b", "c"), counts).largest_confusions(2)
    assert confusions == [("b", "a", 4, 0.4), ("c", "b", 2, 1.0)]
    assert ConfusionMatrix(("a",), np.array([[3]])).largest_confusions(5) == []


@pytest.mark.parametrize(
    "value", [None, [], [[1, 2]], [[1, 2], [3]], [[1, -1], [0, 0]], [[1.5]], [[True]], [[2**60]], [[0] * 61] * 61, "x"]
)
def test_other_json_is_no_matrix(value: object) -> None:
    assert counts_from_json(value) is None


@pytest.mark.parametrize("labels", [["<b>&", "\x00\ud800"], LANGUAGES, SCRIPTS, [f"{i}" for i in range(60)]], ids=len)
def test_the_svg_is_valid_and_holds_every_count(labels: list[str]) -> None:
    counts = counts_from_json(matrix_of(labels).counts.tolist())
    assert counts is not None
    root = ET.fromstring(confusion_svg(ConfusionMatrix(tuple(labels), counts), "Confusion <matrix>", "counts"))
    cells = root.findall("{*}rect")[1:]
    assert len(cells) == len(labels) ** 2
    tooltips = [cell.findtext("{*}title") or "" for cell in cells]
    assert sum(tooltip.endswith(": 70 (70%)") for tooltip in tooltips) == len(labels)
