"""The chapters of docs: their code runs, prints what the pages say, and draws the pictures that they show."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import click
import pytest

from rnntui.cli.main import cli

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS))

from walkthrough import chapters, run_chapter  # noqa: E402

CHAPTERS = [page.name for page in chapters()]
PAGES = [*CHAPTERS, "README.md", "choosing.md"]
_DECIMALS = re.compile(r"\d+\.\d+")


def prose_of(page: str) -> str:
    """A page without code, tables, formulas, links and what is in parentheses, such as the years of papers."""
    text = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    text = re.sub(r"^(    |\|).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"`[^`]*`|!?\[[^\]]*\]\([^)]*\)", "", text)
    return re.sub(r"\([^)]*\)", "", text)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_prints_what_it_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "runs").symlink_to(DOCS / "runs")
    monkeypatch.chdir(tmp_path)
    page = (DOCS / name).read_text("utf-8")
    assert run_chapter(page, name) == page, "python docs/walkthrough.py --write brings the pages up to date"
    drawn = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert drawn == {Path(target).name for target in re.findall(r"\]\((pictures/[^)]+)\)", page)}
    for picture in drawn:
        new, old = ((folder / "pictures" / picture).read_text("utf-8") for folder in (tmp_path, DOCS))
        texts = [re.findall(r">([^<>]+)<", svg) for svg in (new, old)]
        assert texts[0] == texts[1] and abs(len(new) - len(old)) < 0.02 * len(old), picture


@pytest.mark.parametrize("name", CHAPTERS)
def test_numbers_in_the_prose_of_a_chapter_are_printed_by_its_code(name: str) -> None:
    page = (DOCS / name).read_text("utf-8")
    code = "".join(re.findall(r"```.*?```", page, flags=re.DOTALL))
    for number in _DECIMALS.findall(prose_of(page)):
        assert number in code, f"{number} in the prose of {name}"


@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_a_page_is_accepted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = re.sub(r"```(python|text)\n.*?```", "", (DOCS / name).read_text("utf-8"), flags=re.DOTALL)
    blocks = "".join(re.findall(r"```\n(.*?)```", page, flags=re.DOTALL))
    for line in blocks.replace("\\\n", " ").splitlines():
        words = shlex.split(line)
        if words[:1] == ["python"]:
            assert (DOCS.parent / words[1]).is_file(), line
            continue
        assert words[0] == "rnntui", line
        command: click.Command = cli
        words = words[1:]
        while isinstance(command, click.Group):
            found = command.get_command(click.Context(command), words.pop(0))
            assert found is not None, line
            command = found
        command.make_context(command.name, words)


@pytest.mark.parametrize("name", PAGES)
def test_links_of_a_page_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)\)", (DOCS / name).read_text("utf-8")):
        assert (DOCS / target).exists(), target
