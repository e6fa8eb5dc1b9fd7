"""The preferences file: what is wrong in it, other apps that write it, and settings of the tabs that do not fit."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from rnntui.atomic_files import atomic_write
from rnntui.errors import RnntuiError
from rnntui.tui import preferences
from rnntui.tui.preferences import Preferences, PreferencesFile, apply_patch, patch_between


def test_nothing_remembered_is_the_defaults(tmp_path: Path) -> None:
    assert PreferencesFile(tmp_path / "none.json").load() == (Preferences(), [])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is damaged"),
        ("[1]", "it is not a JSON object"),
        ('{"them": "x"}', "unknown setting 'them'"),
        ('{"surprisal": "yes"}', "surprisal cannot be 'yes'"),
        ('{"keymap": {"chat.stop": 3}}', "keymap.chat.stop must be a key"),
    ],
)
def test_a_settings_file_that_is_wrong_is_told_and_left_as_it_is(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    preferences, problems = PreferencesFile(path).load()
    assert preferences == Preferences()
    assert len(problems) == 1 and problem in problems[0] and str(path) in problems[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_settings_file_of_any_editor_is_read(tmp_path: Path, encoding: str, line_end: str) -> None:
    path = tmp_path / "settings.json"
    text = '{\n  "theme": "nord",\n  "keymap": {\n    "chat.stop": "ctrl+x"\n  }\n}\n'
    path.write_bytes(text.replace("\n", line_end).encode(encoding))
    assert PreferencesFile(path).load() == (Preferences(theme="nord", keymap={"chat.stop": "ctrl+x"}), [])


@pytest.mark.parametrize("content", ["{", "[1]", '{"theme": "\\ud800', "nord"])
def test_a_damaged_settings_file_is_set_aside_when_a_setting_changes(tmp_path: Path, content: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    note = PreferencesFile(path).save({"theme": "nord"})
    assert json.loads(path.read_text()) == {"theme": "nord"}
    assert (tmp_path / "settings.json.damaged").read_text() == content
    assert "\n" not in note and str(path) in note and "is now settings.json.damaged" in note
    assert PreferencesFile(path).save({"theme": "gruvbox"}) == "", "it is told once"


def test_a_damaged_settings_file_never_replaces_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    for content in ("{", "[", "{", "[1]"):
        path.write_text(content)
        PreferencesFile(path).save({"theme": "nord"})
    kept = {file.name.removeprefix("settings.json."): file.read_text() for file in tmp_path.glob("settings.json.*")}
    assert kept == {"damaged": "{", "damaged2": "[", "damaged3": "[1]"}


def test_a_settings_file_that_is_damaged_while_the_app_runs_costs_no_setting(tmp_path: Path) -> None:
    """The user is editing it, and has saved it with a mistake."""
    path = tmp_path / "settings.json"
    path.write_text('{"keymap": {"chat.stop": "ctrl+x"}, "tabs": {"translate": {"beam": 2}}}')
    file = PreferencesFile(path)
    file.load()
    path.write_text('{"keymap": {"chat.stop": "ctrl+y"}, "tabs": ')
    assert file.save({"theme": "nord"})
    assert json.loads(path.read_text()) == {
        "keymap": {"chat.stop": "ctrl+x"}, "tabs": {"translate": {"beam": 2}}, "theme": "nord",
    }  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"\n", b"\0" * 4096])
def test_an_empty_settings_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    file = PreferencesFile(path)
    assert file.load() == (Preferences(), [f"{path} is empty: the defaults are used"])
    assert file.save({"theme": "nord"}) == ""
    assert json.loads(path.read_text()) == {"theme": "nord"}
    path.write_bytes(content)  # an editor is rewriting it
    file.save({"surprisal": True})
    assert json.loads(path.read_text()) == {"theme": "nord", "surprisal": True}
    assert [file.name for file in tmp_path.glob("[!.]*")] == ["settings.json"]


@pytest.mark.parametrize("what", ["a folder", "a link to itself", "a file that may not be read"])
def test_a_settings_file_that_cannot_be_read_is_left_alone(tmp_path: Path, what: str) -> None:
    path = tmp_path / "settings.json"
    if what == "a folder":
        path.mkdir()
    elif what == "a link to itself":
        path.symlink_to(path)
    else:
        path.write_text('{"theme": "nord"}')
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("this user may read every file")
    file = PreferencesFile(path)
    preferences, problems = file.load()
    assert preferences == Preferences() and len(problems) == 1 and f"cannot read {path}: " in problems[0]
    assert "no change of a setting is kept" in problems[0]
    with pytest.raises(RnntuiError, match=r"cannot read .*no change of a setting is kept"):
        file.save({"theme": "gruvbox"})
    assert [file.name for file in tmp_path.glob("[!.]*")] == ["settings.json"]


def test_two_apps_that_change_settings_at_once_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.json"
    other = threading.Thread(target=lambda: PreferencesFile(path).save({"tabs": {"train": {"form": {"seed": "1"}}}}))

    def write_late(path: Path, data: bytes) -> None:
        """Let the other app change its settings between the reading and the writing of this one."""
        monkeypatch.undo()
        other.start()
        other.join(0.2)
        atomic_write(path, data)

    monkeypatch.setattr(preferences, "write_user_file", write_late)
    PreferencesFile(path).save({"tabs": {"train": {"form": {"name": "mine"}}}})
    other.join()
    assert json.loads(path.read_text())["tabs"] == {"train": {"form": {"name": "mine", "seed": "1"}}}


def test_saving_keeps_what_else_stands_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "settings.json"
    PreferencesFile(path).save({"theme": "nord"})
    assert json.loads(path.read_text()) == {"theme": "nord"}
    path.write_text('{"keymap": {"chat.stop": "ctrl+x"}, "theme": "nord"}')
    PreferencesFile(path).save({"theme": "textual-dark", "surprisal": True})
    assert json.loads(path.read_text()) == {
        "keymap": {"chat.stop": "ctrl+x"}, "theme": "textual-dark", "surprisal": True,
    }  # fmt: skip


def test_a_default_is_saved_only_where_it_changes_something(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    PreferencesFile(path).save({"theme": Preferences.theme, "surprisal": True})
    assert json.loads(path.read_text()) == {"surprisal": True}


def test_letters_of_any_script_can_be_read_in_the_file_and_half_a_pair_fails_nothing(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    tabs = {"inspect": {"text": "жизнь \U0001f600 \ud83d \\ud83d"}}
    PreferencesFile(path).save({"tabs": tabs})
    assert '"жизнь \U0001f600 \\ud83d ' in path.read_text("utf-8")
    preferences, problems = PreferencesFile(path).load()
    assert preferences.tabs == tabs and problems == []


def test_a_link_to_the_settings_file_stays_a_link(tmp_path: Path) -> None:
    path, dotfile = tmp_path / "settings.json", tmp_path / "dotfiles" / "rnntui.json"
    dotfile.parent.mkdir()
    dotfile.write_text('{"theme": "nord"}')
    path.symlink_to(dotfile)
    PreferencesFile(path).save({"surprisal": True})
    assert path.is_symlink() and json.loads(dotfile.read_text()) == {"theme": "nord", "surprisal": True}


def test_a_file_with_old_names_is_read_and_saved_with_the_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"surprise": true, "keymap": {"chat.surprise": "f11", "chat.stop": "ctrl+x"}}')
    preferences, problems = PreferencesFile(path).load()
    assert problems == [] and preferences.surprisal
    assert preferences.keymap == {"chat.surprisal": "f11", "chat.stop": "ctrl+x"}
    PreferencesFile(path).save({"surprisal": False})
    assert json.loads(path.read_text())["surprisal"] is False and "surprise" not in path.read_text().split("keymap")[0]
    assert not PreferencesFile(path).load()[0].surprisal


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"beam": 2}), ({"beam": 2}, {}), ({"beam": 2, "matrix": True}, {"beam": 3, "panel": False}),
        ({"form": {"name": "a", "seed": "1"}}, {"form": {"name": "b"}}), ({"form": {"name": "a"}}, {}),
        ({"form": "text"}, {"form": {"name": "a"}}), ({"form": {"name": "a"}}, {"form": "text"}),
        ({"runs": ["a", "b"]}, {"runs": ["b"]}), ({"beam": 2}, {"beam": 2}),
    ],
)  # fmt: skip
def test_a_patch_makes_new_values_of_old_ones_and_leaves_those_of_others(old: Any, new: Any) -> None:
    patch = patch_between(old, new)
    assert apply_patch(old, patch) == new
    assert apply_patch({**old, "other": 1}, patch) == {**new, "other": 1}
    assert (patch == {}) == (old == new)


def test_apps_that_change_fields_of_one_tab_keep_each_others(tmp_path: Path) -> None:
    """Of the same field, the last change counts; what was removed in between does not come back."""
    path = tmp_path / "settings.json"
    start = {"beam": 2, "form": {"name": "a", "seed": "1"}}
    PreferencesFile(path).save({"tabs": {"tab": start}})
    one, other = PreferencesFile(path), PreferencesFile(path)
    assert one.load()[0].tabs == other.load()[0].tabs == {"tab": start}
    one.save({"tabs": {"tab": patch_between(start, {"beam": 3, "form": {"name": "b"}})}})
    other.save({"tabs": {"tab": patch_between(start, {"beam": 4, "form": {**start["form"], "steps": "9"}})}})  # type: ignore[dict-item]
    assert other.load()[0].tabs == {"tab": {"beam": 4, "form": {"name": "b", "steps": "9"}}}


def unreadable(path: Path) -> None:
    """Put something that cannot be read in the place of a file."""
    path.unlink(missing_ok=True)
    path.mkdir()


def test_a_change_that_waited_gives_way_to_a_newer_one_of_another_app(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    PreferencesFile(path).save({"theme": "nord", "tabs": {"train": {"form": {"name": "a", "seed": "1"}, "runs": [1]}}})
    file = PreferencesFile(path)
    file.load()
    before = path.read_text()
    unreadable(path)
    mine = {"form": {"name": "mine", "seed": "2", "steps": None}, "runs": [2], "order": {"by": "age"}}
    changes = {"theme": "gruvbox", "panel": False, "tabs": {"train": mine}}
    for _ in range(2):
        with pytest.raises(RnntuiError, match="cannot read"):
            file.save(changes)
    path.rmdir()
    path.write_text(before)
    theirs = {"form": {"name": "theirs", "steps": "9"}, "runs": [3]}
    PreferencesFile(path).save({"theme": "dracula", "tabs": {"train": theirs}})
    file.save({**changes, "surprisal": True})
    both = {"form": {"name": "theirs", "seed": "2", "steps": "9"}, "runs": [3], "order": {"by": "age"}}
    saved = {"theme": "dracula", "panel": False, "surprisal": True, "tabs": {"train": both}}
    assert json.loads(path.read_text()) == saved
    file.save(changes)  # made anew, after that of the other app
    assert json.loads(path.read_text())["theme"] == "gruvbox"


@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_change_that_waited_is_saved_where_the_file_has_what_it_had(tmp_path: Path, is_loaded: bool) -> None:
    """One of an app that has never read the file is newer than what stands in it, for all it knows."""
    path = tmp_path / "settings.json"
    file = PreferencesFile(path)
    path.write_text('{"theme": "nord"}')
    if is_loaded:
        file.load()
    unreadable(path)
    with pytest.raises(RnntuiError, match="cannot read"):
        file.save({"theme": "gruvbox"})
    path.rmdir()
    path.write_text('{"theme": "nord", "surprisal": true}')
    file.save({"theme": "gruvbox"})
    assert json.loads(path.read_text()) == {"theme": "gruvbox", "surprisal": True}


def test_a_change_that_waited_is_saved_once_the_file_is_moved_away(tmp_path: Path) -> None:
    """That is what the message says to do."""
    path = tmp_path / "settings.json"
    path.write_text('{"theme": "nord"}')
    file = PreferencesFile(path)
    file.load()
    unreadable(path)
    with pytest.raises(RnntuiError, match="move it away"):
        file.save({"theme": "gruvbox"})
    path.rmdir()
    file.save({"theme": "gruvbox"})
    assert json.loads(path.read_text()) == {"theme": "gruvbox"}


def test_a_setting_that_is_changed_again_after_the_file_of_another_app_is_the_newer_one(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    file = PreferencesFile(path)
    file.load()
    unreadable(path)
    with pytest.raises(RnntuiError, match="cannot read"):
        file.save({"theme": "gruvbox", "panel": False})
    path.rmdir()
    PreferencesFile(path).save({"theme": "dracula", "tabs": {"train": {"view": "theirs"}}})
    file.save({"theme": "nord", "panel": False})
    assert json.loads(path.read_text()) == {"theme": "nord", "panel": False, "tabs": {"train": {"view": "theirs"}}}


def test_a_change_whose_writing_failed_is_newer_than_what_was_read_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    file = PreferencesFile(path)
    file.load()
    path.write_text('{"theme": "nord"}')  # of another app, before this one changes it

    def fail(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(preferences, "write_user_file", fail)
        with pytest.raises(RnntuiError, match="No space left"):
            file.save({"theme": "gruvbox"})
    file.save({"theme": "gruvbox"})
    assert json.loads(path.read_text()) == {"theme": "gruvbox"}
