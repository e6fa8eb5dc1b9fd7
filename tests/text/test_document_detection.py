"""Detection of documents: lists, and lines that are texts of their own; never a book, a play, a poem, code or a log."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rnntui.text.corpus import find_corpus
from rnntui.text.document_detection import detect_documents
from rnntui.text.token_ids import corpus_stats
from rnntui.text.turns import SpeakerLabels

ROOT = Path(__file__).parents[2]
SYLLABLES = ["ba", "ko", "mi", "ru", "ta", "sen", "lor", "vi", "do", "pe", "an", "gu"]
Draw = random.Random


def word(draw: Draw) -> str:
    return "".join(draw.choices(SYLLABLES, k=draw.randint(2, 4)))


def sentence(draw: Draw, low: int = 3, high: int = 18) -> str:
    return " ".join(word(draw) for _ in range(draw.randint(low, high))).capitalize() + draw.choice(".!?")


def prose(draw: Draw, sentences: int) -> str:
    return " ".join(sentence(draw) for _ in range(sentences))


def wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for token in text.split():
        if len(lines[-1]) + len(token) >= width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + token
    return lines


def lines_of(make: Callable[[Draw], str], count: int = 400) -> str:
    draw = random.Random(5)
    return "".join(make(draw) + "\n" for _ in range(count))


def texts_of(make: Callable[[Draw], str], count: int = 300) -> list[str]:
    return [make(random.Random(index)) for index in range(count)]


def detected(folder: Path, text: str) -> str:
    path = folder / "corpus.txt"
    path.write_text(text, "utf-8")
    corpus = find_corpus([str(path)])
    return detect_documents(corpus, corpus_stats(corpus))


# Made where they are used: every worker collects all tests.
LINES: dict[str, Callable[[], str]] = {
    "names": lambda: lines_of(lambda draw: word(draw).capitalize()),
    "full names": lambda: lines_of(
        lambda draw: f"{word(draw).capitalize()} {draw.choice('ABC')}. {word(draw).capitalize()}-R"
    ),
    "last name first": lambda: lines_of(lambda draw: f"{word(draw).capitalize()}, {word(draw).capitalize()}"),
    "names with apostrophes": lambda: lines_of(lambda draw: f"O'{word(draw).capitalize()} Jr"),
    "sorted words": lambda: "".join(sorted(set(lines_of(word, 3000).splitlines(keepends=True)))),
    "chinese names": lambda: lines_of(
        lambda draw: "".join(draw.choices("王李张刘陈杨黄赵吴周伟芳娜敏静丽强磊军洋", k=3))
    ),
    "titles of two words": lambda: lines_of(lambda draw: f"The {word(draw).capitalize()}", 900),
    "no line break at the end": lambda: lines_of(lambda draw: word(draw).capitalize()).rstrip("\n"),
    "a few blank lines at the end": lambda: lines_of(lambda draw: word(draw).capitalize()) + "\n\n",
    "tweets": lambda: lines_of(lambda draw: prose(draw, draw.randint(1, 3))[:279].rstrip(".!?") + "."),
    "tweets with tags": lambda: lines_of(
        lambda draw: sentence(draw) + draw.choice(["", " #tag", " 😀", " https://t.co/xyz"])
    ),
    "japanese tweets": lambda: lines_of(
        lambda draw: "".join(draw.choices("あいうえお日本東京", k=draw.randint(8, 90))) + "。"
    ),
    "captions": lambda: lines_of(lambda draw: sentence(draw, 5, 14)),
    "jokes with quotes inside": lambda: lines_of(lambda draw: f'{sentence(draw)} He said "{sentence(draw)}"'),
}  # fmt: skip


def novel(draw: Draw, wrap: int | None) -> str:
    paragraphs = []
    for index in range(200):
        text = prose(draw, draw.randint(1, 9))
        if index % 3 == 0:
            text = f'"{text}" she said.'
        paragraphs.append("\n".join(wrapped(text, wrap)) if wrap else text)
    return ("\n\n" if wrap else "\n").join(paragraphs) + "\n"


def code(draw: Draw) -> str:
    return draw.choice([f"def {word(draw)}(x):", f"    return {word(draw)}", f"{word(draw)} = 3", "", "end", "else:"])


ONE_TEXT: dict[str, Callable[[], str]] = {
    "a novel, wrapped": lambda: novel(random.Random(1), 70),
    "a novel, wrapped narrowly": lambda: novel(random.Random(1), 24),
    "a novel, a paragraph to a line": lambda: novel(random.Random(1), None),
    "a novel, wrapped, without blank lines": lambda: "\n".join(wrapped(prose(random.Random(2), 900), 70)),
    "a novel, a word to a line": lambda: "\n".join(
        random.Random(3).choices(["the", "of", "and", "she", *(word(random.Random(i)) for i in range(300))], k=5000)
    ),
    "chinese paragraphs": lambda: lines_of(
        lambda draw: "　　" + "".join(draw.choices("的一是不了人我在有他", k=60)) + "。"
    ),
    "chinese speech": lambda: lines_of(
        lambda draw: "“" + "".join(draw.choices("的一是不了", k=draw.randint(3, 40))) + "。”"
    ),
    "an epic poem": lambda: lines_of(lambda draw: sentence(draw, 6, 8)[:-1] + draw.choice([",", "", ";", ".", ""])),
    "verse with a full stop in every line": lambda: lines_of(
        lambda draw: "".join(draw.choices("春花秋月何时", k=5)) + "。"
    ),
    "stanzas": lambda: "\n\n".join(texts_of(lambda draw: "\n".join(sentence(draw, 6, 8)[:-1] for _ in range(4)))),
    "a play": lambda: "\n\n".join(texts_of(
        lambda draw: f"{draw.choice(['ROMEO', 'JULIET', 'NURSE'])}\n{sentence(draw)}"
    )),
    "a play, a speech to a line": lambda: lines_of(
        lambda draw: f"{draw.choice(['ROMEO', 'JULIET'])}: {sentence(draw)}"
    ),
    "code": lambda: lines_of(code),
    "a log": lambda: lines_of(
        lambda draw: f"2024-05-0{draw.randint(1, 9)} 12:00:0{draw.randint(1, 9)} INFO {sentence(draw)}"
    ),
    "a table": lambda: lines_of(lambda draw: f"{word(draw)}\t{sentence(draw)}"),
    "numbers": lambda: lines_of(lambda draw: f"{draw.random():.4f}"),
    "a list, each name many times": lambda: lines_of(lambda draw: draw.choice(["Ann", "Ben", "Cid", "Dan"])),
    "a table with commas": lambda: lines_of(lambda draw: f"{word(draw)},{draw.choice('FM')},{draw.randint(1, 9999)}"),
    "chapters of a paragraph": lambda: "\n\n".join(
        f"Chapter {index}\n{prose(random.Random(index), 9)}" for index in range(1, 60)
    ),
    "parts with Roman numerals": lambda: "\n\n".join(
        f"Part {'C' * (index // 12)}{'X' * (index % 4)}{'I' * (index % 3 + 1)}\n{prose(random.Random(index), 9)}"
        for index in range(60)
    ),
    "a diary": lambda: "\n\n".join(
        f"Monday, {index} {word(random.Random(index))} 1901\n{prose(random.Random(index), 9)}" for index in range(1, 60)
    ),
    "a short list": lambda: lines_of(lambda draw: word(draw).capitalize(), 40),
    "words of a test": lambda: lines_of(
        lambda draw: " ".join(draw.choices(["alpha", "beta", "gamma"], k=draw.randint(1, 12)))
    ),
    "subtitles": lambda: "".join(texts_of(
        lambda draw: f"{draw.randint(1, 99)}\n00:02 --> 00:09\n{sentence(draw)}\n\n"
    )),
    "questions and answers": lambda: "\n".join(texts_of(lambda draw: f"Q: {sentence(draw)}\nA: {sentence(draw)}\n")),
    "paragraphs of one line": lambda: "\n\n".join(texts_of(sentence)),
    "an indented outline": lambda: lines_of(lambda draw: draw.choice(["", "  ", "    "]) + word(draw)),
    "lines that go on where others ended": lambda: lines_of(
        lambda draw: draw.choice([sentence(draw), sentence(draw).lower()])
    ),
    "one line": lambda: prose(random.Random(1), 2000),
}  # fmt: skip

BLOCKS: dict[str, Callable[[], str]] = {
    "poems with titles": lambda: "\n\n".join(
        texts_of(lambda draw: f"{word(draw).capitalize()}\nPoet\n{sentence(draw)}\n{sentence(draw)}")
    ),
    "a dictionary": lambda: "\n\n".join(texts_of(lambda draw: f"{word(draw)}\n{sentence(draw)}")) + "\n",
}


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (unit, text)
        for unit, texts in (("line", LINES), ("none", ONE_TEXT), ("blank", BLOCKS))
        for text in texts.items()
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else value,
)
def test_what_a_text_looks_like(unit: str, text: tuple[str, Callable[[], str]], tmp_path: Path) -> None:
    assert detected(tmp_path, text[1]()) == unit


@pytest.mark.parametrize(
    ("name", "unit"),
    [("names", "line"), ("jueju", "blank"), ("prideprejudice", "none"), ("shakespeare", "none"), ("chat", "none")],
)
def test_the_corpora(name: str, unit: str) -> None:
    corpus = find_corpus([str(ROOT / "corpora" / f"{name}.txt")])
    assert detect_documents(corpus, corpus_stats(corpus)) == unit


def test_a_dialogue_whose_speakers_are_known_is_one_text(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_text(LINES["captions"](), "utf-8")
    corpus = replace(find_corpus([str(path)]), speakers=SpeakerLabels("Ann", "Ben"))
    assert detect_documents(corpus, corpus_stats(corpus)) == "none"


@pytest.mark.parametrize(("files", "sentences", "unit"), [(30, 8, "file"), (5, 8, "none"), (30, 400, "none")])
def test_many_small_files_are_documents_and_long_or_few_ones_are_not(
    files: int, sentences: int, unit: str, tmp_path: Path
) -> None:
    for index in range(files):
        (tmp_path / f"note-{index}.txt").write_text("\n".join(wrapped(prose(random.Random(index), sentences), 70)))
    corpus = find_corpus([str(tmp_path)])
    assert detect_documents(corpus, corpus_stats(corpus)) == unit
