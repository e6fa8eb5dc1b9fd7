"""ARCHITECTURE's file tree, and every name that README, the guide and ARCHITECTURE mention, held to the tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import option_tables
import pytest

from rnntui.runs.folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "rnntui"
PAGES = [*(page.relative_to(ROOT).as_posix() for page in option_tables.USER_PAGES), "ARCHITECTURE.md"]

RUN_FILES = {
    path.relative_to("run").as_posix()
    for path in (getattr(RunFolder(Path("run")), name) for name in dir(RunFolder) if not name.startswith("_"))
    if isinstance(path, Path) and path != Path("run")
} | {"tokenizer.json", "tokenizer.model", "resume/", "novelty/", "source/", "target/", "training.ids", "validation.ids"}
"""Files of a run, which are not in the tree."""

OTHER_FILES = {"settings.json", "model.json", "rnntui/shipped/", "checkpoints/<name>/"} | {
    "<name>/", "<name>.tuning/", "tuning.jsonl", ".template/", "trial-3/", "checkpoints/notes.tuning/tuning.jsonl",
}  # fmt: skip
"""Files that users or the build make."""

ROUTES = {"/v1/models", "/v1/completions", "/v1/chat/completions"}
"""Paths of the server's URLs."""

WORDS = {"kill", "llm", "finally", "label", "sentiment", "airline_sentiment", "pos", "Pos", "torchrun"}
"""Single words in code spans that are no names of the package, such as labels and columns of tables."""

OTHER_FLAGS = {"--validation", "--max-restarts", "--rdzv-id"}
"""Flags of other programs, and one that was renamed."""

COMMANDS = (
    "train",
    "train-seq2seq",
    "sample",
    "translate",
    "train-classifier",
    "classify",
    "evaluate",
    "curves",
    "runs",
    "score",
    "chat",
    "show",
    "rename",
    "delete",
    "note",
    "export",
    "report",
    "inspect gradients",
    "inspect context",
    "inspect clipping",
    "inspect units",
    "inspect step",
    "serve",
    "tune",
)


def tree_of(text: str) -> dict[str, str]:
    """Paths of ARCHITECTURE's file tree, folders with a slash at the end, with their descriptions."""
    [block] = re.findall(r"```\nrnntui/\n(.*?)```", text, flags=re.DOTALL)
    paths: dict[str, str] = {}
    folders: list[str] = []
    for line in filter(str.strip, block.splitlines()):
        match = re.fullmatch(r"( +)(\S+)\s+(\S.*)", line)
        assert match, line
        depth = len(match[1]) // 2 - 1
        path = "".join(folders[:depth]) + match[2]
        assert path not in paths, path
        paths[path] = match[3]
        if path.endswith("/"):
            folders[depth:] = [match[2]]
    return paths


def code_spans(page: str) -> Iterator[str]:
    """The code spans of a page, outside of code blocks and of the generated tables."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    yield from (re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", text))


@cache
def definitions() -> tuple[dict[str, ast.ClassDef], frozenset[str]]:
    """The classes of the package by name, and everything that it defines.

    That is functions, fields, arguments, constants, and keys of JSON objects.
    """
    classes: dict[str, ast.ClassDef] = {}
    # Losses of the final evaluation are named after it.
    names = {f"{name}_loss" for name in ("streaming", "windowed", "teacher_forced")}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(node.name)
                if isinstance(node, ast.ClassDef):
                    classes[node.name] = node
            elif isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Store):
                    names.add(node.id)
            elif isinstance(node, ast.arg):
                names.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return classes, frozenset(names)


def classes() -> dict[str, ast.ClassDef]:
    return definitions()[0]


def names() -> frozenset[str]:
    return definitions()[1]


def members(name: str) -> set[str]:
    """Return the names that a class defines: methods, inner classes, fields, and attributes that a method sets."""
    node = classes()[name]
    found: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(inner.name)
        elif isinstance(inner, ast.AnnAssign | ast.Assign):
            targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
            found |= {target.attr for target in targets if isinstance(target, ast.Attribute)}
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in classes():
            found |= members(base.id)
    return found


def exists(path: str) -> bool:
    """True for a path from the root or from the package, or the bare name of one file of the package."""
    return any((root / path).exists() for root in (ROOT, PACKAGE)) or (
        "/" not in path and any(PACKAGE.rglob(path) if path.endswith(".py") else ())
    )


def problem_with(span: str) -> str:
    """Return the problem with a code span; empty if there is none, or if it is not a path, flag or name."""
    if re.fullmatch(r"[\w.<>-]+/|[\w.<>/-]+/[\w.<>/-]*|[\w-]+\.(py|md|toml|json|jsonl|txt|tsv|safetensors|svg)", span):
        return "" if span in RUN_FILES | OTHER_FILES | ROUTES or exists(span) else "there is no such file"
    if re.fullmatch(r"--[a-z][a-z-]*", span):
        flags = frozenset().union(*map(option_tables.flags_of, COMMANDS)) | OTHER_FLAGS
        return "" if span in flags or span == "--help" else "there is no such flag"
    if match := re.fullmatch(r"rnntui(\.\w+)+", span):
        return "" if exists(match[0].replace(".", "/") + ".py") or exists(match[0].replace(".", "/")) else "no module"
    if match := re.fullmatch(r"(_?[A-Z][A-Za-z0-9]+)\.(\w+)(\(\))?", span):
        if match[1] not in classes():
            return "there is no such class"
        return "" if match[2] in members(match[1]) else "the class has no such member"
    if re.fullmatch(r"[A-Z][a-z0-9]*[A-Z]\w*|[A-Z][a-z]{2,}", span):
        return "" if span in names() | WORDS else "there is no such class"
    if match := re.fullmatch(r"(_?[A-Za-z]\w*)(\(\))?", span):
        return "" if match[1] in names() | WORDS else "there is no such name"
    return ""


def test_the_tree_lists_every_module() -> None:
    listed = tree_of((ROOT / "ARCHITECTURE.md").read_text("utf-8"))
    files = {path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".tcss") and path.name != "__init__.py"}
    expected = {path.relative_to(PACKAGE).as_posix() for path in files}
    expected |= {f"{parent.relative_to(PACKAGE).as_posix()}/" for path in files for parent in path.parents
                 if parent != PACKAGE and PACKAGE in parent.parents}  # fmt: skip
    assert set(listed) - expected == set(), "not in the tree"
    assert expected - set(listed) == set(), "not in ARCHITECTURE.md"


def test_no_two_lines_of_the_tree_say_the_same() -> None:
    descriptions = list(tree_of((ROOT / "ARCHITECTURE.md").read_text("utf-8")).values())
    assert len(set(descriptions)) == len(descriptions)


@pytest.mark.parametrize("page", PAGES)
def test_names_in_code_spans_exist(page: str) -> None:
    problems = {span: problem for span in code_spans(page) if (problem := problem_with(span))}
    assert problems == {}


@pytest.mark.parametrize(
    "span",
    ["rnntui/text/ids.py", "ids.py", "rnntui.runs.ship", "Streams", "Conversation.keep", "hold_out", "likeliest",
     "Chunker.next", "--reset", "resume/state.json"],
)  # fmt: skip
def test_names_that_do_not_exist_are_noticed(span: str) -> None:
    assert problem_with(span)
