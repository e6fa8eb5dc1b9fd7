"""The README of an ONNX export: its files with their inputs and outputs, its tokens, and a program that uses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from rnntui.text.control_chars import one_line

_LENGTHS = """`lengths` says how many tokens of each row are text, one or more; the rest is padding. Compute with
onnxruntime: the ReferenceEvaluator of the package onnx (1.23.2) reads padding as text, and says nothing. So does
OpenVINO (2026.4.1), unless `reshape` of its model fixes all sizes before it is compiled."""


class UseInPython(NamedTuple):
    """How an export is used: notes on its texts and tokens in Markdown, and a program to run in its folder."""

    notes: str
    program: str


def readme(run_name: str, description: dict[str, Any], use: UseInPython) -> str:
    """Return the README of an export in Markdown.

    Args:
        run_name: the name of the run; it may hold any characters.
        description: what model.json holds.
        use: notes and a program.
    """
    name = one_line(run_name).replace("`", "'")
    return "\n".join(
        [
            f"# `{name}` as ONNX",
            "",
            f"A {description['kind']} of rnntui {description['rnntui']}, with {description['weights']} weights.",
            "`model.json` describes it for programs. A size with a name is free: any number will do.",
            "",
            *_files(description["files"]),
            use.notes.strip(),
            "",
            *([_LENGTHS, ""] if any("lengths" in file["inputs"] for file in description["files"].values()) else []),
            "## Use in Python",
            "",
            "Run in this folder, with `pip install onnxruntime`:",
            "",
            "```python",
            use.program.strip(),
            "```",
            "",
        ]
    )


def _files(files: dict[str, Any]) -> Iterator[str]:
    for name, file in files.items():
        yield f"## `{name}`"
        yield ""
        yield "| | name | type | shape |"
        yield "|---|---|---|---|"
        for role in ("input", "output"):
            for tensor, info in file[f"{role}s"].items():
                yield f"| {role} | `{tensor}` | {info['type']} | ({', '.join(map(str, info['shape']))}) |"
        yield ""
