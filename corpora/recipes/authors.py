"""Make `corpora/authors.tsv` from the texts in `corpora/`: sentences and who wrote them.

    python corpora/recipes/authors.py corpora corpora/authors.tsv

The labels are to be told by how a sentence is written. So whatever gives the source away by itself is removed: names
of people and places (a sentence with one is left out), speakers, stage directions, quotation marks, marks of italics,
and the capitals that begin a line of verse. Messages often have no full stop at the end; so that it says nothing, it is
drawn by lot for the sentences of all.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

WORDS = range(4, 41)  # of a sentence
ROWS_PER_AUTHOR = 2400
ABBREVIATION = re.compile(r"\b(Mr|Mrs|Ms|Dr|St|etc|vs|i\.e|e\.g)\.$")
WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
COARSE = re.compile(
    r"\b(?:whor|strumpet|harlot|bastard|bawd|maidenhe|rap(?:e|es|ed|ist)\b|ravish|cuckold|lecher|slav(?:e|es|ery)\b|negro"
    r"|damn|hell\b|ass\b|asses\b|crap|piss|shit|fuck|sex|suck|stupid|idiot|dumb\b|retard|gay\b|kill|murder|suicid|drunk)",
    re.IGNORECASE,
)
ALWAYS_CAPITAL = re.compile(r"(?:I|O)(?:'[a-z]+)?")


def plays(text: str) -> Iterator[list[str]]:
    """Yield the lines of each speech; the first word of a line says nothing about its case."""
    for block in text.split("\n\n"):
        speaker, _, speech = block.partition(":\n")
        if speech and speaker.isupper():
            yield re.sub(r"\[[^\]]*\]", "", speech).splitlines()


def novel(text: str) -> Iterator[list[str]]:
    """Yield each paragraph as one line; headings and letters' addresses are no sentences of several words."""
    for paragraph in text.splitlines():
        yield [paragraph]


def chats(text: str) -> Iterator[list[str]]:
    """Yield each turn as one line."""
    for turn in text.splitlines():
        yield [turn.partition(": ")[2]]


SOURCES = {
    "Shakespeare": ("shakespeare.txt", plays),
    "Austen": ("prideprejudice.txt", novel),
    "chat": ("chat.txt", chats),
}


def plain(line: str) -> str:
    """Return a line with plain apostrophes, without quotation marks and marks of italics."""
    line = line.replace("\u2019", "'").replace("\u2018", "'")
    return re.sub(r'["\u201c\u201d_*]|(?<!\w)\'(?=\w+ \w)(?=.*\w\'(?!\w))', "", line)


def lower_case_words(lines: list[str]) -> set[str]:
    """Return the words that stand in the middle of a line in lower case more often than with a capital."""
    counts = Counter(word for line in lines for word in WORD.findall(line)[1:])
    return {word for word in counts if word.islower() and counts[word] > counts[word.capitalize()]}


def joined(lines: list[str], lower_case: set[str]) -> str:
    """Return lines as one, without capitals that are there only because a line of verse begins."""
    text = ""
    for line in filter(None, map(str.strip, lines)):
        first = WORD.match(line)
        begins_sentence = not text or text[-1] in ".?!"
        if first and not begins_sentence and first[0].lower() in lower_case and not ALWAYS_CAPITAL.fullmatch(first[0]):
            text += f" {line[0].lower()}{line[1:]}"
        else:
            text += f" {line}"
    return " ".join(text.split())


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text; one after an abbreviation goes on."""
    sentence = ""
    for part in re.split(r"(?<=[.?!])\s+", text):
        sentence = f"{sentence} {part}".strip()
        if not ABBREVIATION.search(sentence):
            yield sentence
            sentence = ""
    if sentence:
        yield sentence


def is_usable(sentence: str, lower_case: set[str]) -> bool:
    """Return whether a sentence has the right length, no names, no figures, no coarse words."""
    words = WORD.findall(sentence)
    if (
        len(sentence.removesuffix(".").split()) not in WORDS
        or not re.fullmatch(r"[A-Za-z ,;:.?!'()-]+", sentence)
        or ".." in sentence
    ):
        return False
    if COARSE.search(sentence):
        return False
    if not words or not (words[0].lower() in lower_case or ALWAYS_CAPITAL.fullmatch(words[0])):
        return False
    return all(word.islower() or ALWAYS_CAPITAL.fullmatch(word) for word in words[1:])


def key(sentence: str) -> str:
    """Return a sentence without case, spaces and punctuation."""
    return re.sub(r"[\W_]", "", sentence).casefold()


def digest(purpose: str, sentence: str) -> str:
    """Return a hash to sort by: as good as a random order, and the same with every version of Python."""
    return hashlib.sha256(f"{purpose} {sentence}".encode()).hexdigest()


def with_drawn_stop(sentence: str) -> str:
    """Return a sentence with a full stop at the end or without, by lot; one that ends otherwise is left as it is."""
    bare = sentence.removesuffix(".").rstrip()
    has_stop = int(digest("stop", key(sentence)), 16) % 2 and bare[-1].isalpha()
    return f"{bare}." if has_stop else bare


def main(corpora: Path, target: Path) -> None:
    found: dict[str, dict[str, str]] = {}
    for label, (name, blocks) in SOURCES.items():
        text = (corpora / name).read_text(encoding="utf-8")
        parts = [[plain(line) for line in lines] for lines in blocks(text)]
        lower_case = lower_case_words([line for lines in parts for line in lines])
        usable = [s for lines in parts for s in sentences(joined(lines, lower_case)) if is_usable(s, lower_case)]
        found[label] = {key(sentence): with_drawn_stop(sentence) for sentence in usable}
    keys = Counter(one for by_key in found.values() for one in by_key)
    rows = []
    for label, by_key in found.items():
        chosen = sorted((one for one in by_key if keys[one] == 1), key=partial(digest, "choose"))
        print(f"{label}: {len(chosen):,} sentences")
        rows += [(digest("order", one), by_key[one], label) for one in chosen[:ROWS_PER_AUTHOR]]
    target.write_bytes("".join(f"{sentence}\t{label}\n" for _, sentence, label in sorted(rows)).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
