"""Editing operations on a transcript: appending text and turns, and the difference of two texts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

from rnntui.sessions.transcript import Transcript, Turn
from rnntui.text.char_tokenizer import CharTokenizer
from rnntui.text.documents import DocumentFormat

NOT_ENCODED = DocumentFormat("none", CharTokenizer(["x"]))
"""Stands for the model of a tail that was read from a file, which is encoded only when it is needed: encoding all
branches of a text took seconds. Its turns count tokens of the model that wrote them."""


def append_text(transcript: Transcript, text: str, documents: DocumentFormat) -> None:
    """Append the tokens of a text, each with its part of the text, to the last turn."""
    if documents is NOT_ENCODED:
        transcript.append_characters(text)
    else:
        transcript.append(*documents.encode(text))


def append_turns(
    transcript: Transcript,
    turn_texts: Iterable[tuple[Turn, str]],
    documents: DocumentFormat,
    source: Transcript | None = None,
) -> None:
    """Append turns, encoded anew.

    Args:
        transcript: the transcript to extend.
        turn_texts: turns with their texts.
        documents: encodes them for the model of `transcript`.
        source: the transcript that the turns come from, if its tokenizer may be another one; changes of settings are
            then moved to the token at the same character. None where the turns count tokens of this model.
    """
    for turn, text in turn_texts:
        first_token, first_char = len(transcript), len(transcript.text)
        if turn.continues and transcript.turns:
            copy = transcript.turns[-1]
        else:
            copy = replace(turn, start=first_token, settings=[])
            transcript.begin_turn(copy)
        append_text(transcript, text, documents)
        for old_token, settings in turn.settings:
            if source is None:
                token = first_token + old_token - turn.start
            else:
                offset = source.start_of(old_token) - source.start_of(turn.start)
                token = transcript.token_at(first_char + offset)
            copy.settings.append((token, settings))


def cut_partial_character(transcript: Transcript) -> None:
    """Remove tokens at the end that are only the first bytes of a character."""
    tokens = len(transcript)
    while tokens and transcript.start_of(tokens) == transcript.start_of(tokens - 1):
        tokens -= 1
    transcript.cut(tokens)


def split(transcript: Transcript, offset: int, documents: DocumentFormat) -> Transcript:
    """Cut a transcript at exactly a character offset, and return the tail that is cut off.

    Where a token extends over the offset, as after a switch of the model, both parts of its turn are encoded anew.
    """
    token = transcript.token_at(offset)
    while token and transcript.start_of(token) == transcript.start_of(token - 1):
        token -= 1  # the first bytes of a character
    if transcript.start_of(token) == offset:
        tail = transcript.tail(token)
        transcript.cut(token)
        return tail
    turn = transcript.turn_at(token)
    tail = Transcript()
    append_turns(tail, transcript.turn_texts_from(offset), documents)
    if turn is not None and tail.turns:
        tail.turns[0].continues = True
    piece = transcript.text[transcript.start_of(token) : offset]
    transcript.cut(token)
    if turn is not None and turn.start >= token:  # it was cut with its first token
        transcript.begin_turn(replace(turn, settings=[]))
    append_text(transcript, piece, documents)
    return tail


def append_tail(
    transcript: Transcript, tail: Transcript, tail_documents: DocumentFormat, documents: DocumentFormat
) -> None:
    """Append a tail in tokens of `tail_documents` to a transcript in tokens of `documents`."""
    if tail_documents.tokenizer is documents.tokenizer:
        transcript.extend(tail)
    else:
        append_turns(transcript, tail.turn_texts(), documents, None if tail_documents is NOT_ENCODED else tail)


def common_ends(before: str, after: str) -> tuple[int, int]:
    """Return the lengths in characters of the common start of two texts, and of the common end of what remains."""
    prefix = _common_prefix(before, after)
    suffix = min(_common_prefix(before[::-1], after[::-1]), len(before) - prefix, len(after) - prefix)
    return prefix, suffix


def _common_prefix(text: str, other: str) -> int:
    return len(os.path.commonprefix([text, other]))  # noqa: RUF071 - a prefix in characters is intended


def without_start(turn_texts: Iterable[tuple[Turn, str]], count: int) -> Iterator[tuple[Turn, str]]:
    """Yield the turns without the first `count` characters of their texts."""
    for turn, text in turn_texts:
        if len(text) > count:
            yield turn, text[count:]
        count = max(0, count - len(text))
