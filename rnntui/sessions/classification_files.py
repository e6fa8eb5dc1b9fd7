"""Files of the Classify tab: texts to open, and texts with their labels to save as a table or as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rnntui.atomic_files import write_user_file
from rnntui.sessions.classification_worker import LineClassification
from rnntui.sessions.saved_texts import OpenedSource
from rnntui.sessions.text_files import free_name, path_to_save
from rnntui.sessions.translation_files import read_source

Results = Sequence[LineClassification | None]


def suggested_results_file(run_name: str, folder: Path = Path()) -> Path:
    """Return a path for results that no file has yet, named after the model."""
    return free_name(run_name or "labels", folder, (".tsv", ".jsonl"))


def save_results(name: str, run_name: str, lines: Sequence[str], results: Results, *, confirmed: bool = False) -> Path:
    """Write a row for each line, and return the path.

    Args:
        name: the path as typed; `.jsonl` saves JSON lines, any other suffix a table. `.tsv` is appended if it has none.
            In a folder the file is named after the model.
        run_name: the name of the model.
        lines: the texts.
        results: of each line; None where there is none.
        confirmed: the user has agreed to overwrite the file, or to create its folder.

    Raises `UnconfirmedError` where the user has to agree, `RnntuiError` if the file cannot be written.
    """
    path = path_to_save(
        name,
        lambda path: path if path.suffix else path.with_name(f"{path.name}.tsv"),
        lambda folder: suggested_results_file(run_name, folder),
        confirmed,
    )
    text = json_lines(lines, results) if path.suffix.lower() == ".jsonl" else table(lines, results)
    write_user_file(path, text.encode("utf-8", "surrogatepass"))
    return path


def table(lines: Sequence[str], results: Results) -> str:
    """Return a row of text, label and probability for each line; the last two are empty where there is no label.

    Tabs in a line become spaces, so that there are three columns.
    """
    rows = []
    for line, result in zip(lines, results, strict=True):
        is_labelled = result is not None and result.label
        label = f"{result.label}\t{result.probability:.4f}" if result is not None and is_labelled else "\t"
        rows.append("\t".join((line.replace("\t", " "), label)) + "\n")
    return "".join(rows)


def json_lines(lines: Sequence[str], results: Results) -> str:
    """Return an object for each line: its text, label and probability, and the probabilities of all labels.

    Label and probability are null where there is no label.
    """
    objects = []
    for line, result in zip(lines, results, strict=True):
        row: dict[str, object] = {"text": line, "label": None, "probability": None}
        if result is not None and result.label:
            row |= {"label": result.label, "probability": round(result.probability, 6)}
            if result.classification is not None:
                row["labels"] = {label: round(value, 6) for label, value in result.classification.labels}
        objects.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(objects)


def read_texts(name: str) -> OpenedSource:
    """Return the lines of a file; of a `.tsv` table its first column, of subtitles each text.

    Raises `UsageError` if it cannot be read.
    """
    opened = read_source(name)
    return opened._replace(note="Opened without its time codes.") if opened.note else opened
