"""Chat logs in plain text: `<Mara> hello`, as IRC clients write them, and `[10:15] Mara: hello`, with times only.

Messages with a date before them are those of `whatsapp_export`. A log of a program may look like a chat with times, so
this is judged as strictly as a dialogue without times; `<p>` and `<li>` are no people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rnntui.text.chat_messages import MAX_LINE, NOTICES, ChatFormat, ChatMessage, text_message
from rnntui.text.encoding import lines_of
from rnntui.text.speaker_detection import LABEL, find_speaker_labels, is_log

_MIN_MESSAGES = 8  # at the start of a log
_MIN_SHARE = 0.5  # of the lines that are not blank

_STAMP = r"(?:\d{4}-\d{2}-\d{2}[T ])?\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[ \u202f]?[AaPp]\.?[Mm]\.?)?"
_IN_BRACKETS = rf"(?:\[{_STAMP}\]|\({_STAMP}\))"
_IRC = re.compile(rf"(?:(?:{_IN_BRACKETS}|{_STAMP})[ \t]+)?<[@+%&~! ]?([^\s<>/|]{{1,32}})>[ \t]+(?=\S)")
_IRC_NOTICE = re.compile(rf"(?:(?:{_IN_BRACKETS}|{_STAMP})[ \t]+)?(?:\*{{1,3}}|-!-|-{{2,3}}>?|<--|={{2,3}})[ \t]")
_STAMPED = re.compile(rf"{_IN_BRACKETS}[ \t]+(?=\S)")
_TAG = re.compile(
    "[a-z]|h[1-6]|li|ul|ol|td|tr|th|br|hr|em|div|span|pre|code|small|strong|blockquote|unk|bos|eos|pad|sep"
)


def irc_messages(blocks: Iterable[str]) -> Iterator[ChatMessage]:
    """Yield the messages of an IRC log; actions and notices, such as who has joined, are dropped."""
    sender: str | None = None
    lines: list[str] = []
    for line in lines_of(blocks, MAX_LINE):
        header = _IRC.match(line)
        is_notice = header is None and _IRC_NOTICE.match(line) is not None
        if header is None and not is_notice:
            lines.append(line)
            continue
        if sender is not None:
            yield text_message(sender, "\n".join(lines))
        sender, lines = (header[1], [line[header.end() :]]) if header else (None, [])
        if is_notice:
            yield ChatMessage("", "", NOTICES)
    if sender is not None:
        yield text_message(sender, "\n".join(lines))


def stamped_messages(blocks: Iterable[str]) -> Iterator[ChatMessage]:
    """Yield the messages of a chat with a time in brackets before each one, which may go on for several lines."""
    sender: str | None = None
    lines: list[str] = []
    for line in lines_of(blocks, MAX_LINE):
        stamp = _STAMPED.match(line)
        if stamp is None:
            lines.append(line)
            continue
        if sender is not None:
            yield text_message(sender, "\n".join(lines))
        message = line[stamp.end() :]
        label = LABEL.match(message)
        sender, lines = (label[1], [message[label.end() :]]) if label else (None, [])
        if label is None:
            yield ChatMessage("", "", NOTICES)
    if sender is not None:
        yield text_message(sender, "\n".join(lines))


def recognizes_irc(beginning: str) -> bool:
    """Return whether most lines of a text are messages of people who recur, with their names in angle brackets."""
    if "</" in beginning:
        return False
    people = [message for message in irc_messages([beginning]) if message.sender]
    names = {message.sender for message in people}
    return (
        _are_most_lines(len(people), beginning)
        and 2 <= len(names) <= len(people) / 2
        and not any(_TAG.fullmatch(name) for name in names)
        and not is_log(names, [message.text for message in people if message.text])
    )


def recognizes_stamped(beginning: str) -> bool:
    """Return whether a text with times would be a dialogue of two without them."""
    if not _STAMPED.search(beginning):
        return False
    people = [message for message in stamped_messages([beginning]) if message.sender]
    dialogue = "".join(f"{message.sender}: {message.text}\n" for message in people)
    return _are_most_lines(len(people), beginning) and find_speaker_labels(dialogue) is not None


def _are_most_lines(messages: int, text: str) -> bool:
    lines = sum(bool(line.strip()) for line in text.split("\n"))
    return messages >= max(_MIN_MESSAGES, _MIN_SHARE * lines)


IRC = ChatFormat("IRC", recognizes_irc, irc_messages)
STAMPED = ChatFormat("time-stamped chat", recognizes_stamped, stamped_messages)
