"""Names typed for files to save: completed, checked, and confirmed where something would be overwritten or created."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnntui.errors import RnntuiError, UnconfirmedError, UsageError
from rnntui.sessions import transcript_files
from rnntui.sessions.chart_files import save_image
from rnntui.sessions.classification_files import save_results
from rnntui.sessions.text_files import free_name, path_to_save
from rnntui.sessions.translation_files import save_table


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current folder with a file, a folder, and a home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Path("taken.txt").write_text("mine")
    Path("folder", "inner.txt").mkdir(parents=True)
    Path("home").mkdir()


def path_of(name: str, confirmed: bool = False) -> Path:
    return path_to_save(
        name, lambda path: path if path.suffix else path.with_suffix(".txt"), lambda folder: free_name("run", folder),
        confirmed,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("new", "new.txt"), ("a b.md", "a b.md"), ("folder", "folder/run-1.txt"), (".", "run-1.txt"),
        ("folder/", "folder/run-1.txt"), ("folder/x", "folder/x.txt"), ("../x", "../x.txt"),
    ],
)  # fmt: skip
def test_a_name_is_completed(name: str, path: str) -> None:
    assert path_of(name) == Path(path)


def test_a_tilde_is_the_home(tmp_path: Path) -> None:
    assert path_of("~/x") == tmp_path / "home" / "x.txt"


@pytest.mark.parametrize(
    ("name", "problem", "path"),
    [
        ("taken", "taken.txt exists already; Enter again overwrites it", "taken.txt"),
        ("no/where/x", "there is no folder no/where; Enter again creates it", "no/where/x.txt"),
        ("no/", "there is no folder no; Enter again creates it", "no/run-1.txt"),
    ],
)
def test_what_exists_or_is_missing_has_to_be_confirmed(name: str, problem: str, path: str) -> None:
    with pytest.raises(UnconfirmedError, match=problem):
        path_of(name)
    assert not Path("no").exists()
    assert path_of(name, confirmed=True) == Path(path) and Path(path).parent.is_dir()
    assert Path("taken.txt").read_text() == "mine"


@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "type a file name"), ("  ", "type a file name"), ("\0", "NUL"), ("~nobody-of-that-name/x", "nobody-of"),
        ("taken.txt/x", "taken.txt is a file, not a folder"), ("folder/inner", "inner.txt is a folder"),
        ("x" * 300, "File name too long"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_file_is_refused(name: str, problem: str, confirmed: bool) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        path_of(name, confirmed)
    assert not isinstance(caught.value, UnconfirmedError)


def test_a_folder_that_cannot_be_created_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RnntuiError, match="no/x: Permission denied"):
        path_of("no/x", confirmed=True)


@pytest.mark.parametrize(
    ("target", "content"),
    [
        ("a.txt", "a text"),
        ("a.jsonl", "its turns"),
        ("b.tsv", "two\tdos\n"),
        ("c.tsv", "one line\t\t\n"),
        ("a.svg", "<svg/>"),
    ],
)
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_to_a_file_of_the_user_stays_when_it_is_saved_to(
    target: str, content: str, exists: bool, tmp_path: Path
) -> None:
    file, link = tmp_path / "elsewhere", Path(target)
    link.symlink_to(file)
    if exists:
        file.write_text("old")
    transcript_files.write("a text", "its turns", Path("a.txt"))
    save_table("b.tsv", "one", ["two"], ["dos"], confirmed=True)
    save_results("c.tsv", "one", ["one line"], [None], confirmed=True)
    save_image("a.svg", "<svg/>", "", confirmed=True)
    assert link.is_symlink() and file.read_text() == content
