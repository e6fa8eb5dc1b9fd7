"""Documents of a corpus: files, lines, or blocks between blank lines, each a text with a beginning and an end.

The model reads them as `<eos> document <eos> document <eos>`: it learns how a document begins and where it ends. What
separates documents in the corpus, such as the line break after a line, is not trained on. In a text that a person and
a model write, `<eos>` is shown as the separator, and a separator is read as `<eos>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rnntui.text.char_tokenizer import code_points
from rnntui.text.document_batch import DocumentBatch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.kinds.corpus_info import DocumentUnit
    from rnntui.text.corpus import Corpus
    from rnntui.text.tokenizer import Tokenizer

SEGMENT = 1 << 20  # characters encoded at a time
BLANK_LINES = r"\n(?:[^\S\n]*\n)+"
_SEPARATORS: dict[DocumentUnit, tuple[str, str]] = {
    "line": ("\n", r"\n"),
    "blank": ("\n\n", BLANK_LINES),
    "file": ("\n---\n", r"\n---\n"),
}
"""The end of a document as shown in a text, and the strings that are read as one."""


@dataclass(frozen=True)
class DocumentFormat:
    """Converts texts that people and models write to the ids of a model of documents, and back.

    `unit` is what is a document; a vocabulary without `<eos>` has none.
    """

    unit: DocumentUnit
    tokenizer: Tokenizer

    @property
    def separator(self) -> str:
        """The text that stands for the end of a document; empty if the corpus is one long text."""
        return _SEPARATORS[self.unit][0] if self._has_documents else ""

    @property
    def _has_documents(self) -> bool:
        return self.unit != "none" and self.tokenizer.end_id is not None

    def prompt(self, text: str) -> str:
        """Return a prompt without a line break at its end, as `echo` writes one, if a line break ends a document."""
        return text.removesuffix("\n") if self.separator == "\n" else text

    def encode(self, text: str) -> tuple[list[int], list[str]]:
        """Return the token ids of a text and the part of the text that each stands for; separators become `<eos>`."""
        if not self._has_documents:
            return self.tokenizer.encode_with_pieces(text)
        assert self.tokenizer.end_id is not None
        ids: list[int] = []
        pieces: list[str] = []
        for index, part in enumerate(re.split(f"({_SEPARATORS[self.unit][1]})", text)):
            new_ids, new_pieces = (
                ([self.tokenizer.end_id], [part]) if index % 2 else self.tokenizer.encode_with_pieces(part)
            )
            ids += new_ids
            pieces += new_pieces
        return ids, pieces

    def decode(self, ids: list[int]) -> str:
        """Return the text of the ids, with a separator for each `<eos>`."""
        parts: list[list[int]] = [[]]
        for token in ids:
            if token == self.tokenizer.end_id:
                parts.append([])
            else:
                parts[-1].append(token)
        return self.separator.join(map(self.tokenizer.decode, parts))

    def unknown_characters(self, text: str) -> list[str]:
        """Return the distinct characters of a text that become `<unk>`; a line break that ends a document does not."""
        return self.tokenizer.unknown_characters(text.replace("\n", "") if self.separator == "\n" else text)


def read_documents(corpus: Corpus, unit: DocumentUnit) -> Iterator[DocumentBatch]:
    """Yield the documents of a corpus, without those that are blank, in batches of about a million characters.

    Raises `CorpusError` if the corpus cannot be read.
    """
    if unit == "line":
        yield from _lines(corpus.blocks())
    elif unit == "blank":
        yield from _blocks_between_blank_lines(corpus.blocks())
    else:
        for file in corpus.parts():
            yield from _whole_file(file.blocks())


def segments(blocks: Iterable[str]) -> Iterator[str]:
    """Yield segments that end at a line break where possible, so that no subword is split at the end of a block."""
    rest = ""
    for block in blocks:
        rest += block
        while len(rest) >= SEGMENT:
            end = rest.rfind("\n", 0, SEGMENT) + 1 or SEGMENT
            yield rest[:end]
            rest = rest[end:]
    if rest:
        yield rest


def _lines(blocks: Iterable[str]) -> Iterator[DocumentBatch]:
    spaces, continues = "", False
    for segment in segments(blocks):
        text = spaces + segment
        spaces = ""
        is_complete = text.endswith("\n")  # one that ends within a line is a part of a very long one, or the last
        if not is_complete:
            start = text.rfind("\n") + 1
            if text[start:].isspace() and not (continues and not start):
                spaces, text, is_complete = text[start:], text[:start], True  # perhaps a blank line
            else:
                text += "\n"
        text, ends = _without_blank_lines(text, keeps_first=continues)
        if text:
            yield DocumentBatch(text, ends, is_complete)
            continues = not is_complete
    if continues:
        yield DocumentBatch.join([""])


def _without_blank_lines(text: str, keeps_first: bool) -> tuple[str, NDArray[np.int64]]:
    """Return the lines of a text that are not blank, each with its line break, and the offsets `(N,)` of the breaks.

    `keeps_first` keeps the first line in any case.
    """
    points = code_points(text)
    ends = np.flatnonzero(points == ord("\n"))
    starts = np.concatenate(([0], ends + 1))[:-1]
    # Few lines begin with a space; only these are looked at one by one.
    candidates = np.flatnonzero(_is_space().take(points[starts], mode="clip"))
    kept: list[str] = []
    position = 0
    for line in candidates.tolist():
        start, end = int(starts[line]), int(ends[line]) + 1
        if text[start:end].isspace() and not (keeps_first and not line):
            kept.append(text[position:start])
            position = end
    if not position:
        return text, ends
    text = "".join((*kept, text[position:]))
    return text, np.flatnonzero(code_points(text) == ord("\n"))


@cache
def _is_space() -> NDArray[np.bool_]:
    """Return a table by code point; the last entry, False, stands for all code points after U+3000."""
    return np.array([chr(point).isspace() for point in range(0x3002)])


def _blocks_between_blank_lines(blocks: Iterable[str]) -> Iterator[DocumentBatch]:
    rest, continues = "", False
    for segment in segments(blocks):
        *complete, rest = re.split(BLANK_LINES, rest + segment)
        texts = []
        for index, text in enumerate(complete):
            if continues and not index:
                texts.append(text.rstrip("\n"))
            elif text.strip():
                texts.append(text.strip("\n"))
        if texts:
            yield DocumentBatch.join(texts)
        continues = continues and not complete
        if len(rest) > SEGMENT and rest.strip():
            body = rest.rstrip()
            yield DocumentBatch.join([body if continues else body.lstrip("\n")], False)
            rest, continues = rest[len(body) :], True
    if continues or rest.strip():
        yield DocumentBatch.join([rest.rstrip("\n") if continues else rest.strip("\n")])


def _whole_file(blocks: Iterable[str]) -> Iterator[DocumentBatch]:
    held, begun = "", False
    for segment in segments(blocks):
        text = held + segment if begun else (held + segment).lstrip("\n")
        body = text.rstrip("\n")
        held = text[len(body) :]
        if begun or body.strip():
            yield DocumentBatch.join([body], False)
            begun = True
        else:
            held = text
    if begun:
        yield DocumentBatch.join([""])
