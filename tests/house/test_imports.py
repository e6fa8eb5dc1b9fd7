"""Import contracts between packages, and the modules that each entry point loads in a fresh interpreter."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from classifier_examples import make_classifier_run
from pair_runs import copy_rows, make_pair_run, write_weights

ROOT = Path(__file__).resolve().parents[2]

LOADED = (
    "import json, sys; from rnntui.cli.main import run; sys.stdout.flush(); code = run(sys.argv[1:]);"
    "json.dump([code, sorted(m for m in sys.modules if '.' not in m)], sys.stderr)"
)


def modules_after(*arguments: str, stdin: bytes = b"") -> set[str]:
    result = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        input=stdin,
        capture_output=True,
        check=True,
        cwd=ROOT,
        timeout=60,
        # Runs that a developer has in the tree would be taken for the shipped one.
        env={**os.environ, "RNNTUI_CHECKPOINTS": os.devnull},
    )
    code, modules = json.loads(result.stderr.decode().splitlines()[-1])
    assert code == 0, result.stderr
    return set(modules)


def test_the_floors_hold() -> None:
    script = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([str(script)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert not modules_after(*arguments) & {"torch", "numpy", "rich", "textual", "sentencepiece", "safetensors"}


COMMANDS = (
    "chat", "train", "train-seq2seq", "translate", "sample", "runs", "show", "rename", "delete", "note", "curves",
    "evaluate", "score", "classify", "export", "inspect", "report", "completion", "serve", "index",
)  # fmt: skip


def test_a_commands_help_loads_nothing_heavy() -> None:
    """All in one process: what one of them loads is loaded at the end."""
    code = """
import sys
from rnntui.cli.main import run
for command in sys.argv[1:]:
    assert run([command, "--help"]) == 0
    print(command, *{"torch", "numpy", "textual", "sentencepiece"} & set(sys.modules), file=sys.stderr)
"""
    command = [sys.executable, "-c", code, *COMMANDS]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stderr.splitlines() == list(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["sample", "-n", "3", "--seed", "1"], b"A"),
        (["score"], b"To be\n"),
        (["runs"], b""),
        (["curves"], b""),
        (["show", "chat"], b""),
    ],
    ids=["sample", "score", "runs", "curves", "show"],
)
def test_using_a_character_model_loads_neither_torch_nor_sentencepiece(arguments: list[str], stdin: bytes) -> None:
    assert not modules_after(*arguments, stdin=stdin) & {"torch", "textual", "sentencepiece"}


@pytest.mark.parametrize("flags", [[], ["--json", "--explain"]], ids=["plain", "explained"])
def test_classifying_loads_neither_torch_nor_what_other_tokenizers_need(tmp_path: Path, flags: list[str]) -> None:
    run = make_classifier_run(tmp_path, "words", ["a dull film", "a dull book"], tokenizer="word")
    arguments = ["classify", "--run", str(run.path), *flags]
    loaded = modules_after(*arguments, stdin=b"a film\n\n")
    assert not loaded & {"torch", "textual", "sentencepiece", "rich", "sentencex", "scipy"} and "numpy" in loaded


def test_the_app_before_its_first_paint_has_loaded_neither_numpy_nor_torch() -> None:
    code = "import sys, rnntui.tui.app; print(sorted({'numpy', 'torch', 'sentencepiece', 'click'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "[]"


def test_nothing_of_the_app_loads_torch() -> None:
    assert not {"torch"} & loaded_by("rnntui.tui")


def test_a_translation_in_the_app_loads_no_torch(tmp_path: Path) -> None:
    run = make_pair_run(tmp_path, copy_rows(60), "copies")
    write_weights(run)
    code = """
import asyncio, sys
from pathlib import Path
from rnntui.tui.app import RnntuiApp

async def use():
    app = RnntuiApp(Path(sys.argv[1]), "copies", first="translate")
    async with app.run_test() as pilot:
        session = app.tabs["translate"].session
        while session.model is None:
            await pilot.pause(0.02)
        await pilot.press("a", "b", "f9")
        while session.done_count < 1:
            await pilot.pause(0.02)
    print("torch" in sys.modules)

asyncio.run(use())
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "checkpoints")], capture_output=True, text=True, check=False,
        timeout=60, env={**os.environ, "RNNTUI_SETTINGS": str(tmp_path / "settings.json")}, cwd=tmp_path,
    )  # fmt: skip
    assert result.stdout.strip() == "False", result.stderr


def test_below_training_nothing_loads_torch_or_a_user_interface() -> None:
    below = (
        "config",
        "config_classifier",
        "config_seq2seq",
        "config_classifier",
        "errors",
        "atomic_files",
        "formatting",
        "text",
        "runs",
        "inference",
        "charts",
        "kinds",
    )
    packages = [f"rnntui.{name}" for name in (*below, "sessions")]
    assert not {"torch", "click", "textual", "rich"} & loaded_by(*packages)


def loaded_by(*packages: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after importing every module of some packages."""
    code = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(getattr(package, "__path__", []), name + "."):
        importlib.import_module(module.name)
print(*{name.partition(".")[0] for name in sys.modules})
"""
    command = [sys.executable, "-c", code, *packages]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(result.stdout.split())


def test_no_test_imports_a_conftest() -> None:
    """Each folder has its own `conftest`, and which of them the import gives depends on what is tested with it."""
    importing = [
        path.name
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if re.search(r"^\s*(from|import) conftest\b", path.read_text("utf-8"), re.MULTILINE)
    ]
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert importing == [] and len(set(names)) == len(names)
