"""Exports of DiscordChatExporter as plain text and as CSV; its JSON is read by `json_chat_exports`."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from rnntui.text.chat_messages import MAX_LINE, NOTICES, ChatExportError, ChatFormat, ChatMessage, text_message
from rnntui.text.encoding import lines_of

_RULE = re.compile(r"={20,}")
_START = re.compile(r"\s*={20,}\r?\n(?:Guild|Server): [^\n]*\nChannel: ")
_HEADER = re.compile(r"\[\d[^\]\n]{5,40}\] (.{1,80}?)(?: \(pinned\))?")
_SECTION = re.compile(r"\{(?:Attachments|Embed|Embeds|Reactions|Stickers|Inline Emoji)\}")
_DISCRIMINATOR = re.compile(r"#\d{1,4}$")
_NOTICE = re.compile(
    r"Joined the server\.|Pinned a message\.|Started a (?:call|thread)\b.*|Added .{1,80} to the group\."
    r"|Removed .{1,80} from the group\.|Left the group\.|Changed the channel (?:name|icon).*"
)
_COLUMNS = ("AuthorID", "Author", "Date", "Content")


def _without_discriminator(name: str) -> str:
    return _DISCRIMINATOR.sub("", name)


def _message(author: str, content: str) -> ChatMessage:
    if _NOTICE.fullmatch(content.strip()):
        return ChatMessage(author, "", NOTICES)
    return text_message(_without_discriminator(author), content)


def text_messages(blocks: Iterable[str]) -> Iterator[ChatMessage]:
    """Yield the messages of a plain text export; attachments, embeds and reactions are left out."""
    author = ""
    content: list[str] | None = None
    in_section = after_blank = False
    for line in lines_of(blocks, MAX_LINE):
        header = _HEADER.fullmatch(line) if after_blank else None
        after_blank = not line.strip()
        if header or _RULE.fullmatch(line):
            if content is not None:
                yield _message(author, "\n".join(content))
            author, content = (header[1], []) if header else ("", None)
            in_section = False
        elif _SECTION.fullmatch(line):
            in_section = True
        elif content is not None and not in_section:
            content.append(line)
        elif after_blank:
            in_section = False
    if content is not None:
        yield _message(author, "\n".join(content))


def csv_messages(blocks: Iterable[str]) -> Iterator[ChatMessage]:
    """Yield the messages of a CSV export. Raises `ChatExportError` if it is not CSV."""
    try:
        for row in csv.DictReader(f"{line}\n" for line in lines_of(blocks, MAX_LINE)):
            yield _message(row["Author"] or "", row["Content"] or "")
    except (csv.Error, KeyError) as error:
        raise ChatExportError(f"is not valid CSV: {error}") from error


def _recognizes_csv(beginning: str) -> bool:
    first = beginning.partition("\n")[0]
    return tuple(name.strip('"') for name in first.strip().split(",")[: len(_COLUMNS)]) == _COLUMNS


DISCORD_TEXT = ChatFormat("Discord", lambda beginning: bool(_START.match(beginning)), text_messages)
DISCORD_CSV = ChatFormat("Discord", _recognizes_csv, csv_messages)
