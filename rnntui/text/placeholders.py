"""Placeholders: numbers, addresses and names that a translation copies unchanged.

A Seq2Seq model learns badly to copy what it has hardly ever seen, such as the number 231 or the name Featherstonehaugh.
So a private-use character takes their place in source and target, and the text returns after the search (Luong et al.
2015, "Addressing the Rare Word Problem in Neural Machine Translation", with placeholders instead of alignments).
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rnntui.atomic_files import atomic_write
from rnntui.errors import RunError, os_error_hint
from rnntui.text.copied_spans import copied_spans
from rnntui.untrusted_files import read_bounded

_MAX_WORDS_BYTES = 1 << 26  # of the file of known words
_SLOTS = 4  # placeholders of a class that a sentence can have; what is beyond them stays as it is
NUMBERS = tuple(chr(0xE000 + slot) for slot in range(_SLOTS))
NAMES = tuple(chr(0xE008 + slot) for slot in range(_SLOTS))  # names and addresses
PLACEHOLDERS = (*NUMBERS, *NAMES)
_MAX_WORDS = 1 << 20  # different ones that are counted, at most
_FAMILIAR = 5  # occurrences of a name in training from which on the model spells it by itself
_FRACTION_OF_NAMES = 0.2  # of the copied names in training become placeholders, so that both forms are learned

_ADDRESS = re.compile(
    r"""(?:https?://|www\.)[^\s<>"]*[\w/]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+  # of the web, of mail
    |[a-z]:\\[^\s<>"]*\w|(?<!\S)(?:~|\.{1,2})?(?:/[\w.+-]*\w)+/?""",  # of files
    re.IGNORECASE | re.VERBOSE,
)
_NUMBER = re.compile(r"(?<!\w)\d+(?:[.,:/’'-]\d+)*(?!\w)")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]{2,})*")  # without the 's of a possessive
_BEFORE_A_NAME = re.compile(r"[\w,;)] $")  # a name stands within a sentence, where capitals mean something
_PARTICLES = re.compile(r"(?:(?:da|das|de|del|della|den|der|di|do|dos|du|el|la|las|le|los|ten|ter|van|von|y|zu) )+\Z")
_PRESENT = re.compile(f"[{NUMBERS[0]}-{NAMES[-1]}]")


class Placeholder(NamedTuple):
    """A placeholder and the text that it stands for."""

    character: str
    text: str


@dataclass(frozen=True)
class MaskedText:
    """A text with placeholders.

    Args:
        text: the text with one character in the place of each number, address or name.
        values: the placeholders in order.
        offsets: for each character of `text` its offset in the original, and last the length of the original.
    """

    text: str
    values: tuple[Placeholder, ...]
    offsets: tuple[int, ...]


class _Span(NamedTuple):
    start: int
    end: int
    slots: tuple[str, ...]
    value: str | None = None  # what stands in the translation; None for the text of the span
    suffix: str = ""  # what stands behind the placeholder


def mask_source(
    text: str,
    is_rare: Callable[[str], bool] = lambda word: False,
    is_foreign: Callable[[str], bool] = lambda character: False,
) -> MaskedText:
    """Replace what a translation copies: numbers, addresses, names that the model does not know, and `copied_spans`.

    Args:
        text: a sentence; one that holds placeholders already is returned unchanged.
        is_rare: True for a word that the model can hardly know; if it has a capital letter, it is taken for a name.
        is_foreign: True for a character that the model has not learned.
    """
    if _PRESENT.search(text):
        return MaskedText(text, tuple(Placeholder(c, c) for c in _PRESENT.findall(text)), tuple(range(len(text) + 1)))
    literals = _literal_spans(text)
    spans = [span for span in literals if span.slots is NAMES]
    for start, end, is_number, value, suffix in copied_spans(text, is_foreign):
        span = _Span(start, end, NUMBERS if is_number else NAMES, value, suffix)
        if not _overlaps(span, spans):
            spans.append(span)
    spans += [span for span in literals if span.slots is NUMBERS and not _overlaps(span, spans)]
    if not text.isupper():
        spans += [span for span in _rare_names(text, is_rare) if not _overlaps(span, spans)]
    return _replace(text, sorted(spans), _FirstFree())


def _rare_names(text: str, is_rare: Callable[[str], bool]) -> list[_Span]:
    """Return the rare words with a capital letter, together with particles before them, as in "de la Cruz"."""
    spans: list[_Span] = []
    for match in _WORD.finditer(text):
        word = match[0]
        if word == word.lower() or len(word) == 1 or not is_rare(word):
            continue
        start, end = match.span()
        particles = _PARTICLES.search(text, spans[-1].end if spans else 0, start)
        if particles is not None:
            before = particles.start()
            if spans and text[spans[-1].end : before] == " ":
                start = spans.pop().start
            elif (not before or not text[before - 1].isalnum()) and is_rare(particles[0].split()[0]):
                start = before
        spans.append(_Span(start, end, NAMES))
    return spans


def unmask(text: str, values: Iterable[Placeholder]) -> str:
    """Put the original texts back in the place of the placeholders."""
    return text.translate({ord(character): value for character, value in values})


def is_complete(text: str, values: Iterable[Placeholder]) -> bool:
    """Return True if a masked target has every placeholder of its source as often as that, and no other."""
    return sorted(_PRESENT.findall(text)) == sorted(value.character for value in values)


def copied_names(pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Return the words that are capitalized within a source and occur unchanged in its target: names."""
    names: set[str] = set()
    for source, target in pairs:
        words = {
            source[span.start : span.end]
            for span in _capitalized(source)
            if _BEFORE_A_NAME.search(source, 0, span.start)
        }
        if words:
            names |= words & set(_WORD.findall(target))
    return names


def known_words(sources: Iterable[str], names: Iterable[str]) -> set[str]:
    """Return the words of training sources, in lower case, but for the `names` that occur fewer than five times.

    Where there are more than a million different words, the rarest so far are forgotten.
    """
    counts: Counter[str] = Counter()
    for source in sources:
        counts.update(_WORD.findall(source.lower()))
        if len(counts) > _MAX_WORDS:
            counts = Counter(dict(counts.most_common(_MAX_WORDS // 2)))
    return set(counts) - {name for name in map(str.lower, names) if counts[name] < _FAMILIAR}


class UnknownNames:
    """The names that a model does not know: all capitalized words but the `known` ones, which are in lower case."""

    def __init__(self, known: Container[str]) -> None:
        self._known = known

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and _is_capitalized(word) and word.lower() not in self._known


def save_known_words(path: Path, words: Iterable[str]) -> None:
    """Write the words to a file of a run, one a line."""
    atomic_write(path, "".join(f"{word}\n" for word in sorted(words)).encode("utf-8", "surrogatepass"))


def load_known_words(path: Path) -> frozenset[str]:
    """Read the words of a run. Raises `RunError` naming the file if it is missing or broken."""
    try:
        return frozenset(read_bounded(path, _MAX_WORDS_BYTES).decode("utf-8").splitlines())
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}", hint=os_error_hint(error)) from error
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is not UTF-8", hint="the run is broken") from error


def mask_pair(
    source: str, target: str, names: Container[str], generator: random.Random | None = None
) -> tuple[str, str]:
    """Replace the numbers and addresses that a source shares with its target, and the names.

    Args:
        source: the source.
        target: the target.
        names: the words that may become placeholders.
        generator: for training, draws which of the names become placeholders, and the slots, so that all slots are
            learned alike; None takes the first slots and every name.
    """
    spans = _literal_spans(source)
    for match in _WORD.finditer(source):
        if match[0] in names and (generator is None or generator.random() < _FRACTION_OF_NAMES):
            span = _Span(*match.span(), NAMES)
            if not _overlaps(span, spans):
                spans.append(span)
    if not spans or _PRESENT.search(source) or _PRESENT.search(target):
        return source, target
    places = _places(target)
    shared = [
        span
        for span in spans
        if sum(_same(source, span, source, other) for other in spans)
        == sum(_same(source, span, target, place) for place in places)
    ]
    slots = _FirstFree(generator)
    masked = _replace(source, sorted(shared), slots)
    by_key = {_key(value.text): value.character for value in masked.values}
    masked_target = [
        (place, by_key[key]) for place in places if (key := _key(target[place.start : place.end])) in by_key
    ]
    for place, character in sorted(masked_target, reverse=True):
        target = target[: place.start] + character + target[place.end :]
    return masked.text, target


def _literal_spans(text: str) -> list[_Span]:
    spans = [_Span(*match.span(), NAMES) for match in _ADDRESS.finditer(text)]
    numbers = [_Span(*match.span(), NUMBERS) for match in _NUMBER.finditer(text)]
    return spans + [span for span in numbers if not _overlaps(span, spans)]


def _capitalized(text: str) -> list[_Span]:
    words = _WORD.finditer(text)
    return [_Span(*match.span(), NAMES) for match in words if _is_capitalized(match[0])]


def _is_capitalized(word: str) -> bool:
    return word[:1].isupper() and len(word) > 1


def _places(target: str) -> list[_Span]:
    literals = _literal_spans(target)
    words = (_Span(*match.span(), NAMES) for match in _WORD.finditer(target))
    return literals + [word for word in words if not _overlaps(word, literals)]


def _same(text: str, span: _Span, other_text: str, other: _Span) -> bool:
    return _key(text[span.start : span.end]) == _key(other_text[other.start : other.end])


def _key(text: str) -> str:
    """Return what two numbers or names must have in common: 1,000 is 1.000 in another language."""
    return re.sub(r"[.,’']", "", text) if text[:1].isdigit() else text


def _overlaps(span: _Span, spans: Iterable[_Span]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in spans)


class _FirstFree:
    """Gives each distinct text a slot of its class: the first free one, or with a generator any free one."""

    def __init__(self, generator: random.Random | None = None) -> None:
        self._generator = generator
        self._given: dict[str, str] = {}

    def slot(self, text: str, slots: tuple[str, ...]) -> str | None:
        """Return the placeholder of a text; None if all are taken."""
        key = _key(text)
        if key not in self._given:
            free = [slot for slot in slots if slot not in self._given.values()]
            if not free:
                return None
            self._given[key] = free[0] if self._generator is None else self._generator.choice(free)
        return self._given[key]


def _replace(text: str, spans: list[_Span], slots: _FirstFree) -> MaskedText:
    parts: list[str] = []
    values: list[Placeholder] = []
    offsets: list[int] = []
    position = 0
    for span in spans:
        value = text[span.start : span.end] if span.value is None else span.value
        slot = slots.slot(value, span.slots)
        if slot is None:
            continue
        parts += [text[position : span.start], slot, span.suffix]
        offsets += [*range(position, span.start), span.start, *[span.end] * len(span.suffix)]
        values.append(Placeholder(slot, value))
        position = span.end
    parts.append(text[position:])
    offsets += range(position, len(text) + 1)
    return MaskedText("".join(parts), tuple(values), tuple(offsets))
