"""The translation session and its files, with a translator that reverses words, and without a screen."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from fake_translator import FakeTranslator
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.config_seq2seq import BeamConfig
from rnntui.errors import RnntuiError, UsageError
from rnntui.sessions.line_change import Viewport, carry_over, line_change
from rnntui.sessions.translation_files import read_source, save_table, suggested_table
from rnntui.sessions.translation_session import DEFAULT_BEAM, TranslationSession
from rnntui.sessions.translation_worker import MAX_LINE_LENGTH, TranslationWorker, translation_worker

quick = settings(derandomize=True, deadline=None, database=None)


class Editor:
    """Does to a session what the tab does: edits it, puts the cursor on a line, and lets the worker work."""

    def __init__(self, folder: Path) -> None:
        self.cursor = 0
        self.updates = 0
        self.errors: list[str] = []
        self.session = TranslationSession("one", self._start_worker, lambda: folder)

    def _start_worker(self) -> TranslationWorker:
        return translation_worker(self._updated, lambda line, error: self.errors.append(f"{line}: {error}"))

    def _updated(self) -> None:
        self.updates += 1
        self.session.update()

    def open(self, translator: FakeTranslator, name: str = "one") -> FakeTranslator:
        self.session.set_model(name, translator)  # type: ignore[arg-type]
        self.translate()
        return translator

    def write(self, text: str) -> None:
        lines = text.split("\n")
        change = line_change(self.session.lines, lines)
        if change is not None:
            self.session.edit(change, lines[change.start : change.new_end])
        self.translate()

    def translate(self) -> None:
        self.session.compute(Viewport(self.cursor, 0, 5))

    def work(self) -> None:
        while self.session.worker is not None and self.session.worker.work():
            pass

    @property
    def status(self) -> str:
        return self.session.status(self.cursor)


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path / "drafts")


# Lines.


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
@quick
def test_a_change_leads_from_one_text_to_the_other(old: list[str], new: list[str]) -> None:
    change = line_change(old, new)
    if change is None:
        assert old == new
        return
    start, old_end, new_end = change
    assert [*old[:start], *new[start:new_end], *old[old_end:]] == new
    translations = [f"{index} {line}" for index, line in enumerate(old)]
    carried = carry_over(translations, change, "")
    assert len(carried) == len(new) and carried[:start] == translations[:start]
    assert carried[new_end:] == translations[old_end:]


def test_lines_are_translated_and_an_edited_one_alone_again(editor: Editor) -> None:
    translator = editor.open(FakeTranslator())
    editor.write("one\n\ntwo")
    assert editor.session.translations == ["", "", ""] and editor.session.is_computing
    editor.work()
    assert editor.session.translations == ["eno", "", "owt"] and editor.updates > 0
    assert (editor.session.done_count, editor.session.total_count) == (2, 2)
    translator.asked.clear()
    editor.write("one\n\ntwos")
    assert editor.session.translations == ["eno", "", "owt"]  # the earlier one, until there is a newer one
    editor.work()
    assert editor.session.translations == ["eno", "", "sowt"] and translator.asked == [["twos"]]
    editor.write("one\nnew\n\ntwos\none")
    assert editor.session.translations == ["eno", "", "", "sowt", "eno"]
    editor.write("twos")
    assert editor.session.translations == ["sowt"]
    editor.work()
    assert translator.asked == [["twos"]]


def test_what_is_written_before_the_model_is_open_is_translated_then(editor: Editor) -> None:
    editor.write("home")
    assert editor.session.worker is None and "opening" in editor.status
    editor.session.problem = "there is no run"
    assert editor.status == "there is no run"
    editor.open(FakeTranslator())
    editor.work()
    assert editor.session.translations == ["emoh"]


def test_another_model_and_other_settings_translate_anew(editor: Editor) -> None:
    editor.open(FakeTranslator())
    editor.write("home")
    editor.work()
    editor.open(FakeTranslator(sign="?"), "two")
    editor.work()
    assert editor.session.translations == ["emoh?"] and editor.status.startswith("two · ")
    translator = editor.session.model
    assert isinstance(translator, FakeTranslator) and translator.settings == [DEFAULT_BEAM]
    editor.session.settings = BeamConfig(beam=1)
    editor.translate()
    editor.work()
    assert translator.settings == [DEFAULT_BEAM, BeamConfig(beam=1)]


# One line.


def test_another_hypothesis_stays_chosen_for_its_text(editor: Editor) -> None:
    editor.open(FakeTranslator())
    editor.write("one\ntwo\n one")
    editor.work()
    session = editor.session
    assert session.chosen_index(0) == 0
    assert session.choose_next(0) and session.chosen_index(0) == 1
    assert session.translations == ["eno!", "owt", "eno!"]
    session.choose(0, 4)
    assert session.translations == ["eno!!!!", "owt", "eno!!!!"]
    editor.write("other\ntwo\none")
    editor.work()
    assert session.translations == ["rehto", "owt", "eno!!!!"]
    assert session.choose_next(2) and session.chosen_index(2) == 0  # after the last one the best
    session.choose(2, 1)
    session.settings = BeamConfig(beam=2, n_best=2)
    editor.translate()
    editor.work()
    assert session.translations[2] == "eno"  # chosen among the hypotheses of other settings


def test_there_is_nothing_to_choose_without_hypotheses(editor: Editor) -> None:
    assert not editor.session.choose_next(0)
    editor.open(FakeTranslator())
    editor.session.settings = BeamConfig(beam=1)
    editor.write("one\n")
    assert editor.session.result(0) is None and not editor.session.choose_next(0)
    editor.work()
    assert not editor.session.choose_next(0) and not editor.session.choose_next(1)
    editor.session.choose(1, 0)
    assert editor.session.translations == ["eno", ""]


def test_status_counts_lines_and_says_when_it_was_stopped(editor: Editor) -> None:
    editor.open(FakeTranslator())
    assert editor.status == "one · ready"
    editor.write("\n".join(f"line {index}" for index in range(20)))
    assert editor.status == "one · translated 0 of 20 lines …"
    assert editor.session.worker is not None
    editor.session.worker.work()
    editor.session.stop()
    assert editor.status == "one · stopped; translated 1 of 20 lines"
    assert not editor.session.worker.work() and not editor.session.is_computing
    assert not editor.session.needs_computation(5)
    editor.translate()
    assert editor.session.needs_computation(5) and not editor.session.needs_computation(0)
    editor.work()
    assert editor.status == "one · translated 20 lines"
    editor.write("a")
    editor.work()
    assert editor.status == "one · translated 1 line"
    editor.session.stop()
    assert editor.status == "one · translated 1 line"


def test_a_line_that_fails_is_reported_and_the_others_are_translated(editor: Editor) -> None:
    editor.open(FakeTranslator(fails="bad"))
    editor.write("good\nbad")
    editor.work()
    assert editor.session.translations == ["doog", ""] and editor.errors == ["bad: overflow"]
    assert "bad" not in editor.status
    editor.cursor = 1
    assert "line 2: FloatingPointError: overflow" in editor.status and not editor.session.needs_computation(1)


def test_status_warns_about_the_line_at_the_cursor(editor: Editor) -> None:
    editor.open(FakeTranslator(letters="ab "))
    editor.write("ab\naж\x1b\n" + "x" * (MAX_LINE_LENGTH + 1))
    editor.work()
    assert editor.status == "one · translated 3 lines"
    editor.cursor = 1
    assert "line 2: ['ж', '\\x1b'] unknown" in editor.status and "\x1b" not in editor.status
    editor.cursor = 2
    assert "line 3: 10,001 characters are too many" in editor.status


# Drafts.


def test_the_source_is_read_again_the_next_time(editor: Editor, tmp_path: Path) -> None:
    def save(editor: Editor) -> None:
        job = editor.session.drafts.pending()
        assert job is not None and editor.session.drafts.autosave.write(job) == ""

    assert editor.session.drafts.read_last() is None
    editor.write(" \n")
    assert editor.session.drafts.pending() is None
    editor.write("go home\n\udcff")
    save(editor)
    again = Editor(tmp_path / "drafts")
    last = again.session.drafts.read_last()
    assert last is not None and (last.text, last.run) == ("go home\n\udcff", "one")
    again.session.drafts.begin(last)
    again.write("go home\n\udcff")
    assert again.session.drafts.pending() is None  # saved already
    assert again.session.drafts.read_last() is None  # something is written already
    again.write("go home\n\udcff!")
    save(again)
    assert len(list((tmp_path / "drafts").glob("*.txt"))) == 1  # it goes on in the same file
    third = Editor(tmp_path / "drafts")
    last = third.session.drafts.read_last()
    assert last is not None
    third.session.drafts.begin(last)
    third.write("go")
    save(third)
    texts = {path.read_bytes() for path in (tmp_path / "drafts").glob("*.txt")}
    assert texts == {b"go home\n\xed\xb3\xbf!", b"go"}  # what was cut is not lost


def test_a_draft_that_cannot_be_read_is_reported(editor: Editor, tmp_path: Path) -> None:
    (tmp_path / "drafts").mkdir()
    (tmp_path / "drafts" / "bad.txt").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"bad\.txt"):
        editor.session.drafts.read_last()


def test_saved_texts_are_told_from_files(editor: Editor, tmp_path: Path) -> None:
    editor.write("go home")
    job = editor.session.drafts.pending()
    assert job is not None and editor.session.drafts.autosave.write(job) == ""
    saved = editor.session.drafts.read(str(job.path))
    assert (saved.path, saved.run, saved.text) == (job.path, "one", "go home")
    (tmp_path / "a.tsv").write_text("drei\tthree\n")
    assert editor.session.drafts.read(str(tmp_path / "a.tsv")) == ("drei\n", "", None, "")


# Files.


def test_a_table_has_two_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(suggested_table("a b")) == "a-b-1.tsv"
    for name, written in (("mine", "mine.tsv"), (".", "one-1.tsv"), ("other.txt", "other.txt"), (".", "one-2.tsv")):
        assert save_table(name, "one", ["one\ttwo", "", "x"], ["eno", "", ""]) == Path(written)
        assert Path(written).read_text() == "one two\teno\n\t\nx\t\n"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.txt", b"one\r\ntwo\tdos\n", "one\ntwo\tdos\n"),
        ("a.txt", b"one\rtwo\r\nthree\nfour", "one\ntwo\nthree\nfour"),
        ("a.txt", b"\xef\xbb\xbfcaf\xc3\xa9\r\n", "café\n"),
        ("a.txt", "café 🦔\r\n".encode("utf-16"), "café 🦔\n"),
        ("a.txt", "\ufeffcafé\r\n".encode("utf-16-be"), "café\n"),
        ("a.txt", "café\r\n".encode("utf-32"), "café\n"),
        ("a.txt", "two cafés\r\n".encode("utf-16-le"), "two cafés\n"),
        ("a.tsv", b"drei\tthree\r\nvier\tfour\r\n", "drei\nvier\n"),
        ("a.tsv", b"\xef\xbb\xbfdrei\tthree\rvier\tfour", "drei\nvier"),
        ("A.TSV", b"drei\tthree\n", "drei\n"),
        ("a", b"", ""),
        ("a", b"a NUL\0 among words", "a NUL\0 among words"),
    ],
)
def test_a_source_is_read_from_a_file(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_source(str(tmp_path / name)).text == text


@pytest.mark.parametrize("name", ["film.srt", "my film (1).SRT", "-x.vtt"])
def test_the_command_that_keeps_time_codes_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "a b").mkdir()
    monkeypatch.chdir(tmp_path)
    path = Path("a b", name)
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello.\n")
    text, note, *_ = read_source(str(path))
    command = note.partition("; ")[2].partition(" keeps")[0]
    assert text == "Hello." and shlex.split(command) == ["rnntui", "translate", str(path)]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("none.txt", "none.txt: no such file; check the name"),
        (".", "folder"),
        ("\0", "NUL"),
        ("latin.txt", "latin.txt is not UTF-8: byte 0xe9 at offset 3, and probably cp1252; save it as UTF-8"),
        ("paper.pdf", "paper.pdf is a PDF document; convert it: pdftotext paper.pdf paper.txt"),
        ("photo.txt", "photo.txt is a PNG image"),
        ("odd.txt", "odd.txt is not UTF-16: "),
    ],
)
def test_a_source_that_cannot_be_read_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("latin.txt").write_bytes(b"caf\xe9")
    Path("paper.pdf").write_bytes(b"%PDF-1.7\n\xe2\xe3\xcf\xd3")
    Path("photo.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    Path("odd.txt").write_bytes("cafe".encode("utf-16") + b"x")
    with pytest.raises(RnntuiError, match=problem):
        read_source(name)


def test_closing_ends_the_worker(editor: Editor) -> None:
    closed: list[Any] = []
    editor.session.close()
    editor.open(FakeTranslator())
    assert editor.session.worker is not None
    editor.session.worker.close = lambda: closed.append(1)  # type: ignore[method-assign]
    editor.session.close()
    assert closed == [1]
