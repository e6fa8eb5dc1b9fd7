"""The copy guard: no text copies more than it may, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import CHARACTERS, make_run, subwords, word_tokenizer

from rnntui.config_generation import SamplingConfig
from rnntui.inference.copy_guard import CopyGuard
from rnntui.inference.generate import Generation, begin_generation, generators_from
from rnntui.inference.loaded_model import LoadedLanguageModel, load_language_model
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.tokenizer import Tokenizer


class Text(str):
    """A training text."""

    def contains(self, text: str) -> bool:
        return text in self


def generate(loaded: LoadedLanguageModel, seeds: list[int], steps: int, guard: CopyGuard | None) -> list[str]:
    generators = [generators_from(seed, 1)[0] for seed in seeds]
    generation = begin_generation(loaded.network, loaded.tokenizer, generators)
    generation.copy_guard = guard
    rows = [generation.step(SamplingConfig(temperature=1.0)) for _ in range(steps)]
    return [loaded.tokenizer.decode([tokens[row].id for tokens in rows]) for row in range(len(seeds))]


def longest_copy(text: str, source: str) -> int:
    longest = 0
    for start in range(len(text)):
        while start + longest < len(text) and text[start : start + longest + 1] in source:
            longest += 1
    return longest


@pytest.mark.parametrize(
    "tokenizer", [CharTokenizer(CHARACTERS), subwords(), word_tokenizer()], ids=["characters", "subwords", "words"]
)
def test_no_text_copies_more_than_allowed_and_each_is_as_if_alone(tmp_path: Path, tokenizer: Tokenizer) -> None:
    loaded = load_language_model(make_run(tmp_path, "run", tokenizer=tokenizer))
    free = generate(loaded, [1, 2, 3], 60, None)
    source = Text("|".join(free))  # a model that knows its text by heart
    guard = CopyGuard(source, tokenizer, 7, 3)
    texts = generate(loaded, [1, 2, 3], 60, guard)
    assert max(longest_copy(text, source) for text in free) > 30
    assert max(longest_copy(text, source) for text in texts) <= 7
    assert guard.refused > 0 and guard.exceeded == 0
    assert generate(loaded, [2], 60, CopyGuard(source, tokenizer, 7, 1)) == texts[1:2]
    assert generate(loaded, [1, 2, 3], 60, CopyGuard(Text("no such text"), tokenizer, 20, 3)) == free


def test_where_every_token_would_copy_too_much_the_first_one_is_let_through(tmp_path: Path) -> None:
    tokenizer = CharTokenizer(["a", "b", "\n"])
    loaded = load_language_model(make_run(tmp_path, "run", tokenizer=tokenizer))
    source = Text("".join(f"{x}{y}{z}" for x in "ab\n" for y in "ab\n" for z in "ab\n"))
    guard = CopyGuard(source, tokenizer, 1, 1)
    [text] = generate(loaded, [1], 20, guard)
    assert len(text) == 20 and guard.exceeded == 19


def test_a_guard_goes_on_from_what_was_generated_before_and_with_the_texts_that_stay(tmp_path: Path) -> None:
    tokenizer = CharTokenizer(CHARACTERS)
    loaded = load_language_model(make_run(tmp_path, "run"))
    [free] = generate(loaded, [1], 40, None)
    generation: Generation = begin_generation(loaded.network, tokenizer, generators_from(1, 2))
    generation.copy_guard = guard = CopyGuard(Text("xx" + free), tokenizer, 5, 2, generated="....xx")
    first = generation.step(SamplingConfig(temperature=1.0))
    texts = [tokenizer.decode([token.id]) for token in first]
    assert texts[0] == free[0] and guard.ends == [f"...xx{text}"[-5:] for text in texts]
    generation.keep([1])
    assert guard.ends == [f"...xx{texts[1]}"[-5:]]
