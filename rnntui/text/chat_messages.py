"""Messages of a chat export, whatever its format, and helpers that the readers of the formats share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rnntui.text.normalization import INVISIBLE

MEDIA = "media"
NOTICES = "notices"  # of the app, such as who has joined

MAX_LINE = 1 << 20  # characters; a longer line is read as several
_INVISIBLE = re.compile(
    f"[{''.join(map(chr, INVISIBLE))}\u200e\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]"
)


class ChatExportError(Exception):
    """An export that cannot be read; the message is one clause, to follow the name of the file."""


class ChatMessage(NamedTuple):
    """A message: its sender, its text (empty if it is dropped), the reason to drop it, and the name of its chat."""

    sender: str
    text: str
    dropped: str = ""
    chat: str = ""


@dataclass(frozen=True)
class ChatFormat:
    """A format of chat exports: its name, a test of the beginning of a text, and the reader of its messages.

    `messages` takes the text in blocks and raises `ChatExportError` if it is damaged.
    """

    title: str
    recognizes: Callable[[str], bool]
    messages: Callable[[Iterable[str]], Iterator[ChatMessage]]


def text_message(sender: str, text: str, chat: str = "") -> ChatMessage:
    """Return a message with its text cleaned; one without text has sent media."""
    text = clean_text(text)
    return ChatMessage(sender, text, "" if text else MEDIA, chat)


def clean_text(text: str) -> str:
    """Return a message without control and invisible characters, spaces at line ends and repeated blank lines."""
    if text.isprintable():  # most messages are, and the rest takes its time
        return text.strip()
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(map(str.rstrip, text.split("\n")))).strip()


def clean_name(name: str, max_length: int) -> str:
    """Return a sender's name as a label: on one line, without colons, control and invisible characters."""
    name = " ".join(_INVISIBLE.sub("", name).replace(":", " ").replace("：", " ").split())
    return name[:max_length].strip() or "Unknown"
