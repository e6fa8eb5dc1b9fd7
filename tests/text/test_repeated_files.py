"""Files that a corpus has more than once are read once; copies are named."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from rnntui.errors import CorpusError
from rnntui.text.corpus import find_corpus
from rnntui.text.repeated_files import copies_message, readings, shared_files_message, without_repeats

TEXT = "a text of some length, which no other file has by chance, as it is too long\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("dd").mkdir()
    for name, text in (("t.txt", TEXT), ("dd/b.txt", TEXT), ("dd/c.txt", TEXT.upper()), ("d.txt", TEXT * 2)):
        Path(name).write_text(text)
    Path("link.txt").symlink_to("t.txt")
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.write("d.txt", "inner.txt")
    return tmp_path


@pytest.mark.parametrize(
    ("sources", "kept", "message"),
    [
        (["t.txt", "t.txt", "./t.txt"], ["t.txt"], "t.txt was named 3 times; it is read once"),
        (["dd", "dd/b.txt"], ["dd/b.txt", "dd/c.txt"], "dd/b.txt was named twice; it is read once"),
        (["link.txt", "d.txt", "t.txt"], ["link.txt", "d.txt"], "link.txt was named twice; it is read once"),
        (["dd", "d*"], ["dd/b.txt", "dd/c.txt", "d.txt"], "dd/b.txt, dd/c.txt were named more than once; each is"),
        (["a.zip", "./a.zip"], ["a.zip/inner.txt"], "a.zip/inner.txt was named twice; it is read once"),
        (["t.txt", "dd/b.txt"], ["t.txt", "dd/b.txt"], ""),
    ],
)
def test_a_file_that_is_reached_again_is_read_once(files: Path, sources: list[str], kept: list[str], message: str):
    corpus = find_corpus(sources)
    once, said = without_repeats(corpus)
    assert [*once.display_names] == kept and said.startswith(message) and bool(said) is bool(message)
    assert (once is corpus) is not bool(said)
    assert readings(corpus) == ([once, corpus] if said else [corpus])


def test_copies_are_named_and_only_they(files: Path) -> None:
    corpus = find_corpus(["t.txt", "dd", "d.txt"])
    told = copies_message(corpus, is_split=True)
    assert (
        told.startswith("t.txt and dd/b.txt are copies of each other: what is held out of one")
        and "d.txt" not in (told.partition("dd/b.txt")[2])
    )
    assert "trained on more than once" in copies_message(corpus, is_split=False)
    Path("e.txt").write_text(TEXT * 2)
    told = copies_message(find_corpus(["t.txt", "dd", "d.txt", "e.txt"]), is_split=True)
    assert "copies of each other, and so are some of 2 more files: " in told
    for name in ("dd/x.py", "dd/y.py"):
        Path(name).write_text("# empty\n")  # as by chance
    assert not copies_message(find_corpus(["dd", "d.txt"]), is_split=True)
    Path("d.txt").unlink()
    with pytest.raises(CorpusError, match=r"cannot read d\.txt: No such file"):
        copies_message(corpus, is_split=True)


def test_files_of_a_validation_text_that_are_trained_on_are_named(files: Path) -> None:
    corpus = find_corpus(["dd"])
    for name in ("dd/b.txt", "t.txt"):
        told = f"{name} is in the training text, too, so the validation loss says less about new text"
        assert shared_files_message(corpus, find_corpus([name])) == told
    assert not shared_files_message(corpus, find_corpus(["d.txt"]))
