"""The texts in `corpora/`: clean, told of, attributed; and what is held out of the pairs is held out."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import unicodedata
from collections import Counter
from pathlib import Path
from statistics import mean

import pytest
from en_es_pairs import CORPORA, read_pairs, split_pairs

from rnntui.config_seq2seq import Seq2SeqTrainingConfig
from rnntui.text.corpus import find_corpus
from rnntui.text.labelled import read_labelled
from rnntui.text.parallel_corpus import Pair

LABELLED = {
    "authors.tsv": {"Shakespeare": 2400, "Austen": 2400, "chat": 2400},
    "names-sex.tsv": {"female": 8830, "male": 5033},
}
"""The labelled tables, each with the number of its rows by label."""
TEXTS = sorted(path.name for path in CORPORA.iterdir() if path.suffix in (".txt", ".tsv"))


def text_of(name: str) -> str:
    return (CORPORA / name).read_bytes().decode("utf-8")


@pytest.fixture(scope="module")
def rows() -> list[list[str]]:
    """The columns of the English-Spanish pairs."""
    return [line.split("\t") for line in text_of("en-es.tsv").removesuffix("\n").split("\n")]


@pytest.fixture(scope="module")
def parts() -> tuple[list[Pair], list[Pair]]:
    """Training and validation, as `rnntui train-seq2seq corpora/en-es.tsv` parts them."""
    settings = Seq2SeqTrainingConfig()
    assert not read_pairs().dropped.count
    return split_pairs(settings.validation_fraction, settings.seed)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_told_of_with_its_size_and_licence(name: str) -> None:
    text = text_of(name)
    [told] = [
        line for line in (CORPORA / "README.md").read_text("utf-8").splitlines() if line.startswith(f"| `{name}`")
    ]
    _, _, _, characters, _, licence, cleaning, _ = told.split("|")
    assert characters.strip() == f"{len(text):,}"
    assert re.search("public domain|MIT|CC-BY", licence) and cleaning.strip()
    assert text.endswith("\n") and not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\u200b\u2028\ufffd]", text)


def test_the_corpora_have_the_bytes_of_their_checksums() -> None:
    lines = (CORPORA / "SHA256SUMS").read_bytes().decode("ascii").splitlines()
    recorded = {name: checksum for checksum, name in (line.split("  ") for line in lines)}
    assert recorded == {name: hashlib.sha256((CORPORA / name).read_bytes()).hexdigest() for name in TEXTS}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_changes_no_line_ends(tmp_path: Path) -> None:
    """As Git on Windows with `core.autocrlf` does, which would change every corpus and many fixtures."""
    (tmp_path / ".gitattributes").write_bytes((CORPORA.parent / ".gitattributes").read_bytes())
    texts = {"unix.txt": b"a\nb\n", "windows.csv": b"a\r\nb\r\n", "mixed.tsv": b"a\r\nb\n"}

    def git(*arguments: str) -> None:
        settings = ("-c", "core.autocrlf=true", "-c", "core.safecrlf=false", "-c", "user.name=x", "-c", "user.email=x")
        subprocess.run(["git", *settings, *arguments], cwd=tmp_path, check=True, capture_output=True)

    for name, text in texts.items():
        (tmp_path / name).write_bytes(text)
    git("init")
    git("add", ".")
    git("commit", "-m", "texts")
    for name in texts:
        (tmp_path / name).unlink()
    git("checkout", ".")
    assert {name: (tmp_path / name).read_bytes() for name in texts} == texts


def test_every_pair_says_who_wrote_it(rows: list[list[str]]) -> None:
    authors = re.findall(
        r"^[^\t\n]+\t[^\t\n]+\t#[0-9]+ \((\w+)\) & #[0-9]+ \((\w+)\)$", text_of("en-es.tsv"), re.MULTILINE
    )
    assert len(authors) == len(rows) == 138_085
    assert len({author for pair in authors for author in pair}) == 1906


def test_the_pairs_are_clean(rows: list[list[str]]) -> None:
    assert len({(source, target) for source, target, _ in rows}) == len(rows)
    for text in (text for row in rows for text in row):
        assert text and text.isprintable() and unicodedata.is_normalized("NFC", text)
        assert " ".join(text.split()) == text


def test_no_sentence_held_out_is_trained_on(parts: tuple[list[Pair], list[Pair]], rows: list[list[str]]) -> None:
    training, held = parts
    assert sorted(pair.row for part in parts for pair in part) == list(range(1, len(rows) + 1)), "no pair is lost"
    assert len(held) == pytest.approx(0.03 * len(rows), rel=0.01)
    seen = {re.sub(r"[\W_]", "", text).casefold() for pair in training for text in (pair.source, pair.target)}
    assert not [pair for pair in held if {re.sub(r"[\W_]", "", text).casefold() for text in pair[:2]} & seen]


def test_what_a_run_on_the_pairs_has_held_out_can_still_be_told(parts: tuple[list[Pair], list[Pair]]) -> None:
    numbers = ",".join(str(pair.row) for pair in parts[1])
    assert hashlib.sha256(numbers.encode()).hexdigest()[:16] == "493cadc79a2912dc", (
        "runs made before can no longer be measured"
    )


def test_what_is_held_out_is_like_the_rest(parts: tuple[list[Pair], list[Pair]]) -> None:
    for column in (0, 1):
        ours, theirs = (mean(len(pair[column]) for pair in part) for part in parts)
        assert theirs == pytest.approx(ours, rel=0.02)


def letters_of(text: str) -> str:
    """The letters and digits of a text, without case."""
    return re.sub(r"[\W_]", "", text).casefold()


def labelled_rows(name: str) -> list[tuple[str, str]]:
    rows = [line.split("\t") for line in text_of(name).removesuffix("\n").split("\n")]
    return [(text, label) for text, label in rows]


@pytest.mark.parametrize("name", LABELLED)
def test_labelled_texts_are_clean_and_occur_once(name: str) -> None:
    rows = labelled_rows(name)
    assert Counter(label for _, label in rows) == LABELLED[name]
    assert len({letters_of(text) for text, _ in rows}) == len(rows)
    assert all(text.isascii() and text.isprintable() and " ".join(text.split()) == text for text, _ in rows)
    corpus = read_labelled(find_corpus([str(CORPORA / name)]))
    assert [(row.text, row.label) for row in corpus.rows] == rows
    assert [layout.columns for layout in corpus.layouts] == [(1, 2)] and not corpus.layouts[0].header
    assert not corpus.dropped.count and len(corpus.notes) == 1, "nothing looks wrong"
    assert len(text_of(name)) < 600_000


def test_sentences_do_not_tell_their_author_by_names_quotes_or_full_stops() -> None:
    rows = labelled_rows("authors.tsv")
    assert all(4 <= len(text.split()) <= 40 for text, _ in rows)
    assert not [text for text, _ in rows if re.search(r'[_*"\[\]\d]|\.\.', text)]
    stops = Counter(label for text, label in rows if text.endswith(".")).values()
    assert min(stops) > 0.8 * max(stops), "nearly as many of each"
    assert not [text for text, _ in rows if re.search(r"(?<=[ -])(?![IO]\b)[A-Z]", text)]
    # In random order: a table sorted by label would make every excerpt of it useless.
    for start in range(0, len(rows), 600):
        assert min(Counter(label for _, label in rows[start : start + 600]).values()) > 150


@pytest.mark.parametrize(
    ("label", "source"), [("Shakespeare", "shakespeare.txt"), ("Austen", "prideprejudice.txt"), ("chat", "chat.txt")]
)
def test_sentences_are_from_the_text_of_their_author(label: str, source: str) -> None:
    text = letters_of(text_of(source))
    sentences = [text for text, author in labelled_rows("authors.tsv") if author == label][::40]
    assert len(sentences) == 60
    assert sum(letters_of(sentence) in text for sentence in sentences) >= 58  # a stage direction may be inside one


def test_the_labelled_names_are_those_of_the_list_of_names() -> None:
    places = {name: place for place, name in enumerate(text_of("names.txt").split())}
    labelled = [places[name] for name, _ in labelled_rows("names-sex.tsv")]
    assert labelled[:3] == [0, 1, 2] and labelled[:5000] == sorted(labelled[:5000]), "the most common first"
