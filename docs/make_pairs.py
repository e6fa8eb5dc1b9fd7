"""Writes copy.tsv and reverse.tsv: random words beside themselves, and beside their reversal."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

LETTERS = "abcdefgh"


def random_words(count: int, seed: int, longest: int = 8) -> list[str]:
    """Return words of three letters and more."""
    generator = random.Random(seed)
    return ["".join(generator.choices(LETTERS, k=generator.randint(3, longest))) for _ in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="pairs of each file [default: 2000]")
    parser.add_argument("--seed", type=int, default=1, help="[default: 1]")
    parser.add_argument("--folder", type=Path, default=Path(), help="where they are written [default: here]")
    arguments = parser.parse_args()
    words = random_words(arguments.count, arguments.seed)
    for name, step in (("copy", 1), ("reverse", -1)):
        lines = [f"{word}\t{word[::step]}\n" for word in words]
        (arguments.folder / f"{name}.tsv").write_text("".join(lines), "utf-8")


if __name__ == "__main__":
    main()
