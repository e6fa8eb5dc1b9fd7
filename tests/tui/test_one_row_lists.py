"""Lists at 80 by 24 cells: an item with a long name has one row, whatever the width of its characters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chatting import Chatting, chatting
from rich.cells import cell_len
from textual.command import CommandList
from textual.widgets import DataTable, OptionList
from tiny_runs import make_run
from waiting import wait_until

from rnntui.tui.preferences import texts_folder

NAMES = {
    "Latin": "a-name-as-somebody-gives-it-who-wants-to-remember-all-settings-of-a-training-by-it-lstm-512",
    "Chinese": "长江大桥上的火车站" * 3,
    "emoji": "👩‍👩‍👧‍👦🇩🇪👍🏽" + "👍🏽" * 22,
    "marks": "e\u0301\u0323" * 45,
}
TITLE = "a first line that goes on " * 5


def save_chat(name: str, text: str, run: str) -> None:
    texts_folder().mkdir(parents=True, exist_ok=True)
    (texts_folder() / f"{name}.txt").write_text(text)
    (texts_folder() / f"{name}.jsonl").write_text(json.dumps({"role": "model", "text": text, "run": run}) + "\n")


async def rows_of(user: Chatting, items: int) -> list[str]:
    """Wait until the list on the screen has so many items, and return its rows."""
    options = user.app.screen.query_one(OptionList)
    await wait_until(user.pilot, lambda: options.option_count >= items and options.virtual_size.height >= items)
    await user.pilot.pause()
    assert options.virtual_size.height == options.option_count
    return ["".join(segment.text for segment in options.render_line(y)) for y in range(options.size.height)]


def assert_fits(row: str, width: int) -> None:
    """The row itself is cut, rather than by the edge of the list."""
    assert "…" in row and cell_len(row.rstrip()) <= width


@pytest.mark.parametrize("script", NAMES)
async def test_a_long_name_takes_one_row_in_every_list(tmp_path: Path, script: str) -> None:
    runs, name = tmp_path / "runs", NAMES[script]
    make_run(runs, name)
    make_run(runs, "tiny")
    save_chat(name, TITLE, name)
    save_chat("Short", TITLE, "tiny")
    async with chatting(runs, "tiny") as user:
        await user.say("Hello")
        await user.write()
        await user.pilot.press("ctrl+o")
        texts = await rows_of(user, 4)
        width = user.app.screen.query_one(OptionList).scrollable_content_region.width
        named = next(row for row in texts if name[:6] in row and "130" in row)
        assert_fits(named, width)
        assert cell_len(named.rstrip()) > width - 4, "it has the room that there is"
        assert_fits(next(row for row in texts if "Short  a first line" in row), width)
        row = next(index for index, text in enumerate(texts) if text == named)
        await user.pilot.press(*["down"] * row, "ctrl+d")
        message = user.app.screen.query_one("#message")
        await wait_until(user.pilot, lambda: message.size.height)
        assert message.size.height == 1
        await user.pilot.press("escape", "escape", "f5")
        picked = await rows_of(user, 2)
        assert all("lstm 1×16    2.200 bits  done" in row for row in picked if "tiny" in row or name[:6] in row)
        await user.pilot.press("escape")
        for offset in (2, 9):
            user.chat.session.branches.set_bookmark(user.conversation, offset, name)
        await user.pilot.press("ctrl+r")
        await user.write()
        await user.pilot.press("alt+t")
        branches = await rows_of(user, 4)
        assert_fits(next(row for row in branches if f"◆ {name[:6]}" in row), width)
        await user.pilot.press("escape", "f3")
        listed = await rows_of(user, 2)
        assert_fits(next(row for row in listed if name[:6] in row), 80)


async def test_the_picker_finds_a_run_by_the_part_of_its_name_that_is_cut(tmp_path: Path) -> None:
    for name in (NAMES["Latin"], NAMES["Latin"] + "-b", "tiny"):
        make_run(tmp_path, name)
    async with chatting(tmp_path, "tiny") as user:
        await user.pilot.press("f5")
        await rows_of(user, 3)
        await user.pilot.press(*"lstm-512-b", "enter")
        await wait_until(user.pilot, lambda: user.pane.pane.run_name == NAMES["Latin"] + "-b")


async def test_runs_with_long_names_are_side_by_side_with_their_whole_names_below(tmp_path: Path) -> None:
    for name in (NAMES["Latin"], NAMES["Latin"] + "-b"):
        make_run(tmp_path, name)
    async with chatting(tmp_path) as user:
        await user.pilot.press("f3")
        await rows_of(user, 2)
        await user.pilot.press("space", "down", "space", "v")
        await wait_until(user.pilot, lambda: user.app.screen.query(DataTable))
        table = user.app.screen.query_one(DataTable)
        await wait_until(user.pilot, lambda: table.row_count)
        columns = list(table.columns.values())[1:]
        assert all(column.width <= 30 and str(column.label).endswith("…") for column in columns)
        assert {str(name) for name in table.get_row_at(0)[1:]} == {NAMES["Latin"], NAMES["Latin"] + "-b"}


async def test_a_command_has_a_row_for_its_name_and_one_for_its_help(tmp_path: Path) -> None:
    make_run(tmp_path, "tiny")
    async with chatting(tmp_path) as user:
        await user.pilot.press("ctrl+p")
        await wait_until(user.pilot, lambda: user.app.screen.query(CommandList))
        commands = user.app.screen.query_one(CommandList)
        count = sum(not command.tab for command in user.app.commands())
        await wait_until(user.pilot, lambda: commands.option_count == count)
        await user.pilot.pause()
        assert commands.virtual_size.height == 2 * commands.option_count
