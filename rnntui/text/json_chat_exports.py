"""Chat exports in JSON: Telegram Desktop, Discord (DiscordChatExporter), Messenger and Instagram, Slack, Signal.

An export may be larger than memory: messages are decoded one by one from the array that holds them. What stands before
that array is read only for the name of the chat.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from rnntui.text.chat_messages import MAX_LINE, NOTICES, ChatExportError, ChatFormat, ChatMessage, text_message
from rnntui.text.encoding import lines_of

_MAX_OBJECT = 1 << 25  # characters of one message with all its data
_MAX_HEADER = 1 << 16  # characters kept from before an array
_MESSAGES = re.compile(r'(?<!\\)"messages"\s*:\s*\[')
_ARRAY = re.compile(r"^\s*\[")
_SEPARATORS = re.compile(r"[\s,]*")
_NAME = re.compile(r'"name"\s*:\s*("(?:[^"\\]|\\.)*")')
_DECODER = json.JSONDecoder(strict=False)


def array_items(blocks: Iterable[str], opening: re.Pattern[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of every array that `opening` matches the start of, each with the text before its array.

    Raises `ChatExportError` if an array does not end, or is no valid JSON.
    """
    buffer, header, inside = "", "", False
    for block in chain(blocks, [""]):
        buffer += block
        position = 0
        while True:
            if not inside:
                match = opening.search(buffer, position)
                # A match may be cut off at the end of the block.
                end = match.start() if match else max(position, len(buffer) - 100)
                header = (header + buffer[position:end])[-_MAX_HEADER:]
                position, inside = match.end() if match else end, match is not None
            separators = _SEPARATORS.match(buffer, position)
            position = separators.end() if separators and inside else position
            if not inside or position == len(buffer):
                break
            if buffer[position] == "]":
                position, header, inside = position + 1, "", False
                continue
            try:
                item, position = _DECODER.raw_decode(buffer, position)
            except ValueError:
                break  # cut off at the end of the block, or damaged
            except RecursionError as error:
                raise ChatExportError("is nested too deeply") from error
            if isinstance(item, dict):
                yield header, item
        buffer = buffer[position:]
        if len(buffer) > _MAX_OBJECT or (inside and not block):
            raise ChatExportError(f"is damaged or cut off; the JSON is invalid at {buffer[:30]!r}")


def telegram_messages(blocks: Iterable[str]) -> Iterator[ChatMessage]:
    """Yield the messages of `result.json`, of one chat or of all chats of an account, with the name of the chat."""
    for header, item in array_items(blocks, _MESSAGES):
        chat = _last_name(header)
        if item.get("type") != "message":
            yield ChatMessage("", "", NOTICES, chat)
            continue
        sender = _text(item.get("from")) or _text(item.get("from_id")) or "Deleted account"
        yield text_message(sender, _telegram_text(item.get("text") or item.get("text_entities")), chat)


def _telegram_text(value: object) -> str:
    """Return a text that is a string, or a list of strings and of entities such as links and bold text."""
    if isinstance(value, list):
        return "".join(_text(part.get("text") if isinstance(part, dict) else part) for part in value)
    return _text(value)


def _last_name(header: str) -> str:
    names = _NAME.findall(header)
    return _text(json.loads(names[-1], strict=False)) if names else ""


def discord_messages(blocks: Iterable[str]) -> Iterator[ChatMessage]:
    """Yield the messages of DiscordChatExporter's JSON."""
    for _, item in array_items(blocks, _MESSAGES):
        author = item.get("author")
        author = author if isinstance(author, dict) else {}
        sender = _text(author.get("nickname")) or _text(author.get("name")) or "Unknown"
        if item.get("type") not in ("Default", "Reply", "0", "19", 0, 19, None):
            yield ChatMessage(sender, "", NOTICES)
        else:
            yield text_message(sender, _text(item.get("content")))


def messenger_messages(blocks: Iterable[str]) -> Iterator[ChatMessage]:
    """Yield the messages of Messenger and Instagram in order of time; their files begin with the newest.

    Their UTF-8 is escaped as if each byte were a character, which is mended here.
    """
    messages: list[ChatMessage] = []
    times: list[float] = []
    for _, item in array_items(blocks, _MESSAGES):
        sender = _mend(_text(item.get("sender_name") or item.get("senderName")))
        text = _mend(_text(item.get("content") or item.get("text")))
        is_unsent = item.get("is_unsent") or item.get("isUnsent")
        is_notice = is_unsent or "call_duration" in item or _MESSENGER_NOTICE.fullmatch(text)
        if is_notice and not item.get("photos"):
            messages.append(ChatMessage(sender, "", NOTICES))
        else:
            messages.append(text_message(sender, "" if is_notice else text))
        time = item.get("timestamp_ms", item.get("timestamp"))
        times.append(time if isinstance(time, int | float) else 0)
    return reversed(messages) if times and times[0] > times[-1] else iter(messages)


_MESSENGER_NOTICE = re.compile(
    r".{1,80} sent (?:an attachment|a link|a photo|a video)\.|You (?:missed|are now connected).{1,120}|Liked a message"
    r"|Reacted .{1,12} to your message ?|This message was unsent.*"
)


def _mend(text: str) -> str:
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def slack_messages(blocks: Iterable[str]) -> Iterator[ChatMessage]:
    """Yield the messages of one day's file of a Slack export."""
    for _, item in array_items(blocks, _ARRAY):
        profile = item.get("user_profile")
        profile = profile if isinstance(profile, dict) else {}
        sender = _text(profile.get("display_name")) or _text(profile.get("real_name")) or _text(item.get("user"))
        if item.get("subtype") not in (None, "thread_broadcast", "me_message") or not sender:
            yield ChatMessage(sender, "", NOTICES)
        else:
            yield text_message(sender, _slack_text(_text(item.get("text"))))


def _slack_text(text: str) -> str:
    """Return a text with links and mentions as they are shown: `<https://a.b|here>` is `here`."""
    return html.unescape(re.sub(r"<(?:[^<>|]*\|)?([^<>]*)>", r"\1", text))


def signal_messages(blocks: Iterable[str]) -> Iterator[ChatMessage]:
    """Yield the messages of signal-export's `data.json`: a JSON object on each line."""
    for line in lines_of(blocks, MAX_LINE):
        if not line.strip():
            continue
        try:
            item = json.loads(line, strict=False)
        except (ValueError, RecursionError) as error:
            raise ChatExportError(f"has a line that is not JSON: {line[:30]!r}") from error
        if isinstance(item, dict):
            yield text_message(_text(item.get("sender")) or "Unknown", _text(item.get("body")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _has_keys(beginning: str, opening: str, *keys: str) -> bool:
    """Return True if the text begins with that bracket and has all the keys near its beginning."""
    return beginning.lstrip()[:1] == opening and all(re.search(rf'"{key}"\s*:', beginning) for key in keys)


_TELEGRAM_CHAT = re.compile(
    r'"type"\s*:\s*"(?:saved_messages|personal_chat|bot_chat|(?:private|public)_(?:super)?(?:group|channel))"'
)


def _recognizes_telegram(beginning: str) -> bool:
    is_chat = _has_keys(beginning, "{", "messages", "name") and _TELEGRAM_CHAT.search(beginning) is not None
    is_account = _has_keys(beginning, "{", "personal_information", "contacts")
    return is_chat or is_account or (_has_keys(beginning, "{", "about") and "Telegram" in beginning)


def _recognizes_signal(beginning: str) -> bool:
    try:
        item = json.loads(beginning.partition("\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(item, dict) and {"date", "sender", "body"} <= set(item)


JSON_FORMATS = (
    ChatFormat("Telegram", _recognizes_telegram, telegram_messages),
    ChatFormat("Discord", lambda text: _has_keys(text, "{", "guild", "channel", "exportedAt"), discord_messages),
    ChatFormat(
        "Messenger or Instagram",
        lambda text: _has_keys(text, "{", "participants", "messages", "(?:sender_name|senderName)"),
        messenger_messages,
    ),
    ChatFormat(
        "Slack", lambda text: _has_keys(text, r"[", "ts", "user") and '"message"' in text[:2000], slack_messages
    ),
    ChatFormat("Signal", _recognizes_signal, signal_messages),
)
