"""Completion of command lines by a shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

COMPLETE = """
import json, sys
from click.shell_completion import BashComplete
from rnntui.cli.main import cli
completer = BashComplete(cli, {}, "rnntui", "_RNNTUI_COMPLETE")
for line in sys.stdin:
    *words, typed = line.rstrip("\\n").split(" ")
    loaded = {"torch", "numpy", "textual"} & {*sys.modules}
    items = completer.get_completions(words, typed)
    json.dump([*((item.value if item.type == "plain" else item.type) for item in items), *loaded], sys.stdout)
    print()
"""
OWN, SHIPPED = ["notes", "pairs"], ["authors", "chat", "en-es", "shakespeare"]
FILES, FOLDERS = ["file"], ["dir"]
CASES = {
    "tr": ["train", "train-seq2seq", "train-classifier", "translate"],
    "--ver": ["--version"],
    "train --ce": ["--cell"],
    "train --cell ": ["lstm", "gru", "rnn"],
    "train ": FILES,
    "train --hidden 3 cor": FILES,
    "train --config ": FILES,
    "train --checkpoints ": FOLDERS,
    "train --name ": [],
    "train --resume --name ": ["chat", "notes", "shakespeare"],
    "train-seq2seq --source ": FILES,
    "train-classifier --from ": ["authors", "chat", "notes", "shakespeare"],
    "train --from ": ["chat", "notes", "shakespeare"],
    "train-seq2seq --from ": ["en-es", "pairs"],
    "sample --run ": ["chat", "notes", "shakespeare"],
    "sample --prompt-file x": FILES,
    "score --run s": ["shakespeare"],
    "translate --run ": ["en-es", "pairs"],
    "translate ": [],
    "translate --file ": FILES,
    "classify --run ": ["authors"],
    "classify --runs chat,": ["chat,notes", "chat,shakespeare"],
    "evaluate ": FILES,
    "evaluate --run ": sorted(OWN + SHIPPED),
    "evaluate --run checkpoints/": FOLDERS,
    "chat n": ["notes"],
    "show notes ": sorted(OWN + SHIPPED),
    "show --checkpoints empty ": SHIPPED,
    "delete p": ["pairs"],
    "rename notes ": [],
    "note p": ["pairs"],
    "curves no": ["notes"],
    "curves --svg ": FILES,
    "completion ": ["bash", "zsh", "fish"],
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """In a folder with two runs, of which completion needs the config alone."""
    for name, kind in (("notes", "language-model"), ("pairs", "seq2seq")):
        folder = tmp_path / "checkpoints" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"kind": kind}))
    (tmp_path / "empty").mkdir()
    variables = {name: value for name, value in os.environ.items() if name != "RNNTUI_CHECKPOINTS"}
    return {**variables, "PYTHONPATH": str(ROOT)}


def test_commands_flags_runs_and_files_are_completed_without_anything_heavy(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    result = subprocess.run(
        [sys.executable, "-c", COMPLETE], input="\n".join(CASES), cwd=tmp_path, capture_output=True, text=True,
        check=True, timeout=60, env={**environment, "_RNNTUI_COMPLETE": "bash_complete"},
    )  # fmt: skip
    completed = [json.loads(line) for line in result.stdout.splitlines()]
    assert dict(zip(CASES, completed, strict=True)) == CASES


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_a_run_by_the_printed_script(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "rnntui").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rnntui "$@"\n')
    (tmp_path / "rnntui").chmod(0o755)
    script = (
        'eval "$(rnntui completion bash)"; COMP_WORDS=(rnntui sample --run n); COMP_CWORD=3;'
        'complete -p rnntui && _rnntui_completion rnntui && echo "${COMPREPLY[@]}"'
    )
    environment["PATH"] = f"{tmp_path}{os.pathsep}{environment['PATH']}"
    command = ["bash", "--norc", "-c", script]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60, env=environment
    )
    assert result.stdout.splitlines() == ["complete -o nosort -F _rnntui_completion rnntui", "notes"], result.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_too(rnntui, shell: str) -> None:
    assert f"_RNNTUI_COMPLETE={shell}_complete" in rnntui("completion", shell).out


def test_a_shell_that_cannot_be_completed_is_told_which_can(rnntui) -> None:
    result = rnntui("completion", "tcsh")
    assert result.code == 2 and result.err == "rnntui: no completion for 'tcsh'; there is one for bash, zsh and fish\n"
    assert "{bash|zsh|fish}" in rnntui("completion").err
