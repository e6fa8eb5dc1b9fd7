"""`rnntui runs`, `show`, `rename`, `delete` and `note`: managing runs from the shell."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from tiny_runs import TWO_LAYERS, make_run

from rnntui.cli.runs import Column, table_lines
from rnntui.runs import lookup
from rnntui.runs.management import write_note
from rnntui.runs.run_status import RunStatus

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runs `a`, `b` and `shakespeare` of the user's, and a shipped `shakespeare`."""
    make_run(tmp_path / "shipped", "shakespeare")
    for name in ("a", "b", "shakespeare"):
        make_run(tmp_path / "checkpoints", name)
    monkeypatch.setattr(lookup, "shipped_folder", lambda: tmp_path / "shipped")
    return tmp_path / "checkpoints"


def rows_of(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_runs_are_sorted_filtered_and_told_apart(rnntui, runs: Path) -> None:
    write_note(make_run(runs, "pairs-of-all"), "tried \x1b[31mdropout")
    (runs / "pairs-of-all" / "config.json").write_text("{")
    rows = rows_of(rnntui("runs", "--json", "--sort", "name").out)
    assert [row["name"] for row in rows] == ["a", "b", "pairs-of-all", "shakespeare", "shakespeare"]
    assert sorted((row["shipped"], row["hides_shipped"]) for row in rows[-2:]) == [(False, True), (True, False)]
    assert [row["kind"] for row in rows] == ["language-model", "language-model", "", "language-model", "language-model"]
    assert [row["name"] for row in rows_of(rnntui("runs", "--json", "--kind", "lm", "own", "--reverse").out)]
    assert rnntui("runs", "--kind", "S2S").err == "rnntui: none of the 5 runs matches\n"
    table = rnntui("runs").out
    assert "hides the shipped shakespeare" in table and "done, shipped" in table
    assert "tried \\x1b[31mdropout" in table and "\x1b" not in table
    assert rnntui("runs", "DROPOUT").out.count("\n") == 2


@pytest.mark.parametrize("width", [40, 60, 80, 120, None])
def test_the_table_cuts_no_name_and_fits(width: int | None) -> None:
    names = ["short", "a-name-of-forty-columns-" + "x" * 16, "長い名前" * 12]
    others = [
        Column("kind", ["LM", "S2S", "LM"]),
        Column("model", ["lstm 1×512"] * 3, 2),
        Column("tokens", ["1.0 M"] * 3, 3, True),
        Column("bits/char", ["2.1"] * 3, 0, True),
        Column("age", ["3 h"] * 3, 1, True),
    ]
    notes = Column("note", ["", "a note that is rather long, " * 5, "short"])
    lines = list(table_lines(Column("run", names), others, notes, width))
    assert all(cell_len(line) <= (width or 1000) for line in lines)
    text = "".join(line.split("  ")[0] for line in lines)
    assert all(name in text for name in names)
    assert "short" in "".join(lines[3:])  # the note
    if width is None:
        assert len(lines) == 4 and all(heading in lines[0] for heading in ("model", "tokens", "age", "note"))
    elif width == 80:
        assert "age" not in lines[0] and "kind" in lines[0] and "bits/char" in lines[0]


def test_show_describes_one_run_and_compares_several(rnntui, runs: Path) -> None:
    write_note(make_run(runs, "c", model=TWO_LAYERS), "two \x1blayers")
    shown = rnntui("show", "c").out
    assert shown.startswith("c\n\nProgress\n  note                two \\x1blayers\n")
    assert "\n  sample              rnntui sample --run c\n" in shown
    compared = rnntui("show", "a", "c").out.splitlines()
    assert compared[0].split() == ["a", "c"]
    assert ["--layers", "1", "2"] in [line.split() for line in compared]
    assert ["bits", "per", "character", "2.2000", "2.2000"] in [line.split() for line in compared]
    shutil.copytree(runs / "a", runs / "same")
    assert "no option differs" in rnntui("show", "a", "same").out and "no option differs" not in "\n".join(compared)
    [row] = rows_of(rnntui("show", "c", "--json").out)
    assert row["config"]["model"]["layers"] == 2 and row["status"]["step"] == 10 and row["note"] == "two \x1blayers"
    assert row["parameters"] > 3000 and row["files"]["config.json"] > 100 and row["budget"]["steps"] == 10
    assert rnntui("show", "c", "nosuch").code == 2


def test_rename_and_note(rnntui, runs: Path) -> None:
    assert rnntui("note", "a", "larger", "batch").code == 0
    assert rnntui("note", "a").out == "larger batch\n"
    renamed = rnntui("rename", "a", "c")
    assert (renamed.code, renamed.err) == (0, "rnntui: run a is now c\n")
    assert rnntui("note", "c", "").code == 0 and rnntui("note", "c").out == ""
    assert rnntui("rename", "c", "b").code == 2 and rnntui("rename", "c", "x/y").code == 2
    assert rnntui("rename", "c", "../x", "--checkpoints", runs).code == 2
    assert sorted(path.name for path in runs.iterdir()) == ["b", "c", "shakespeare"]


def test_delete_needs_a_terminal_or_yes_and_refuses_all_if_one_cannot_go(rnntui, runs: Path, tmp_path: Path) -> None:
    refused = rnntui("delete", "a", stdin=b"y\n")
    assert (refused.code, refused.err) == (
        2,
        "rnntui: cannot ask for confirmation without a terminal; confirm with --yes\n",
    )
    lock = lookup.named_run("b", runs).lock()
    for arguments in (["a", "b"], ["a", tmp_path / "shipped" / "shakespeare"], ["a", "nosuch"]):
        assert rnntui("delete", *arguments, "--yes").code in (1, 2)
    lock.release()
    assert sorted(path.name for path in runs.iterdir()) == ["a", "b", "shakespeare"]
    deleted = rnntui("delete", "a", runs / "a", "shakespeare", "--yes")
    assert deleted.code == 0 and deleted.err.count("rnntui: deleted ") == 2
    assert [path.name for path in runs.iterdir()] == ["b"]


def test_delete_with_yes_refuses_what_does_not_belong_to_a_run(rnntui, runs: Path) -> None:
    (runs / "b" / "mine.txt").touch()
    (runs / "b" / "notes").mkdir()
    refused = rnntui("delete", "a", "b", "--yes")
    assert (refused.code, refused.err) == (
        1,
        "rnntui: checkpoints/b holds files that do not belong to a run: mine.txt, notes; "
        "move them away, or delete the folder yourself\n",
    )
    assert (runs / "a").exists() and (runs / "b" / "notes").exists()
    (runs / "b" / "mine.txt").unlink()
    (runs / "b" / "notes").rmdir()
    assert rnntui("delete", "a", "b", "--yes").code == 0 and not (runs / "b").exists()


def test_at_a_terminal_delete_asks_and_commands_name_the_run_that_they_choose(runs: Path) -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    environment.pop("RNNTUI_CHECKPOINTS", None)
    (runs / "a" / "thesis.txt").touch()
    program = (
        "from rnntui.cli.main import run; run(['sample', '-n', '1', '--prompt', 'a']); run(['delete', 'a', 'b']); "
        "run(['delete', 'a', 'b'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=runs.parent, env=environment, stdin=follower, stderr=follower,
        stdout=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        os.close(follower)
        os.write(leader, b"n\ny\n")
        process.wait(60)
    data = b""
    with contextlib.suppress(OSError):  # the end, once nobody has the other side; one read may give a part
        while piece := os.read(leader, 100_000):
            data += piece
    shown = data.decode()
    os.close(leader)
    assert "(the newest)" in shown
    assert (
        "including files that do not belong to a run: thesis.txt" in shown
        and shown.count("Delete these 2 runs? [y/N]") == 2
    )
    assert "nothing was deleted" in shown and "deleted checkpoints/a, " in shown
    assert [path.name for path in runs.iterdir()] == ["shakespeare"]


def test_scripts_get_no_line_on_the_chosen_run(rnntui, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rnntui("sample", "-n", "1", "--prompt", "a").err == ""
    monkeypatch.setenv("RNNTUI_CHECKPOINTS", "nowhere")
    for command in (["sample", "-n", "1", "--prompt", "a"], ["runs"], ["score"]):
        assert rnntui(*command).err.count("RNNTUI_CHECKPOINTS names nowhere, which does not exist") == 1


def test_an_argument_that_is_not_utf8_is_named(rnntui, runs: Path) -> None:
    assert rnntui("rename", "a", "\udcff").err == "rnntui: NEW is not UTF-8 at byte 0\n"


def test_an_untrained_run_is_told(rnntui, runs: Path) -> None:
    make_run(runs, "new").write_status(RunStatus("stopped"))
    make_run(runs, "half").write_status(RunStatus("stopped", step=3, steps=6))
    table = {line.split()[0]: line for line in rnntui("runs").out.splitlines()}
    assert table["new"].endswith("untrained") and table["half"].endswith("stopped 50%")


def test_a_run_without_settings_is_deleted_by_the_name_that_verify_gives(rnntui, runs: Path) -> None:
    (runs / "a" / "checksums.json").touch()
    (runs / "a" / "config.json").unlink()
    assert "a: " in rnntui("verify").out
    assert rnntui("delete", "a", "--yes").code == 0 and not (runs / "a").exists()
    assert rnntui("delete", "a", "--yes").code == 2
