"""Automatic choice of a classifier's tokens, at its borders."""

from __future__ import annotations

import random

import pytest

from rnntui.config import TokenizerType
from rnntui.text.tokenizer_choice import choose_tokenizer

WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrt"]


def sentences(count: int, length: int, words: list[str]) -> list[str]:
    draw = random.Random(1)
    return [" ".join(draw.choices(words, k=length)) for _ in range(count)]


@pytest.mark.parametrize(
    ("texts", "type", "reason"),
    [
        (sentences(300, 19, WORDS), "word", "texts have 19 words on average"),
        (sentences(300, 3, WORDS), "word", "texts have 3 words on average"),
        ([*sentences(299, 3, WORDS), "bal bal"], "char", "texts have 3 words on average"),
        (sentences(300, 1, WORDS), "char", "texts have 1 word on average"),
        (["Smith-Jones!", "O'Neil ..."] * 9, "char", "texts have 1.5 words on average"),  # punctuation is no word
        (["12 34 56 78"] * 9, "word", "texts have 4 words on average"),
        (["我今天很高兴去北京"] * 9, "char", "a script without spaces between words"),
        (["ฉันอยากไปสถานีรถไฟ"] * 9, "char", "a script without spaces between words"),
        (["나는 오늘 기차역에 가고 싶다"] * 9, "word", "5 words"),
        ([], "char", "texts have 0 words on average"),
        ([""] * 5, "char", "texts have 0 words on average"),
        (["a b c d"], "char", "100% of the words occur only once with their label"),
        (
            sentences(480, 18, [f"{a}{b}{a}{b}" for a in WORDS for b in WORDS]),
            "unigram",
            "of the words occur only once",
        ),
    ],
)
def test_the_texts_decide(texts: list[str], type: TokenizerType, reason: str) -> None:
    choice = choose_tokenizer(texts, ["x"] * len(texts))
    assert choice.type == type
    assert choice.reason.startswith(f"{type} tokens: ") and reason in choice.reason


def test_more_labels_need_more_texts() -> None:
    texts = sentences(200, 8, WORDS)
    assert choose_tokenizer(texts, ["x", "y"] * 100).type == "word"
    assert choose_tokenizer(texts, [str(index) for index in range(200)]).type == "char"


def test_few_of_many_texts_decide_and_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.text.tokenizer_choice._MAX_TEXTS", 200)
    texts = sentences(2000, 8, WORDS)
    choices = {choose_tokenizer(texts, ["x"] * len(texts)) for _ in range(2)}
    assert len(choices) == 1 and choices.pop().type == "word"
