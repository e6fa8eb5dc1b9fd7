"""WhatsApp exports (`Export chat`): Android and iOS, in the date formats of many locales.

A message starts with a date and a time in the notation of the phone's locale, in brackets on iOS and before a dash on
Android, and may go on for several lines. Lines with a date but without a sender are notices of the app. WhatsApp marks
text that it wrote itself with U+200E at the start (placeholders of media, `image omitted`) or puts it in angle brackets
(`<Media omitted>`), in any language; only messages without either mark have to be known by their words. The formats are
those that tools for such exports handle (rwhatsapp, whatstk, whats_json).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rnntui.text.chat_messages import MAX_LINE, MEDIA, NOTICES, ChatFormat, ChatMessage, clean_text
from rnntui.text.encoding import lines_of
from rnntui.text.speaker_detection import is_log

_MIN_MESSAGES = 4  # at the start of an export
_MAX_TAGS = 300  # characters of tags at the end of a message
_MARK = "\u200e"  # left-to-right mark

_MARKS = "[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]*"
_SPACE = "[ \u00a0\u2009\u202f]"
_DATE = rf"\d{{1,4}}{_MARKS}[./\-年년]{_SPACE}?{_MARKS}\d{{1,2}}{_MARKS}[./\-月월]{_SPACE}?{_MARKS}\d{{1,4}}[.日일]?"
# As in `a las`, `下午`, `г.,`.
_BEFORE_CLOCK = rf"(?:{_SPACE}?г\.)?[,،]?{_SPACE}*(?:[^\W\d_]{{1,4}}\.?{_SPACE}+){{0,2}}(?:[^\W\d_]{{1,4}}{_SPACE}?)?"
# As in `2:05 p. m.`, `14 h 05`.
_CLOCK = (
    rf"\d{{1,2}}(?:[:.h٫]|{_SPACE}h{_SPACE})\d{{2}}(?:[:.]\d{{2}})?"
    rf"(?:{_SPACE}?[^\W\d_][^\d\[\]:,،/–—-]{{0,11}})?"
)
_TIME = f"{_DATE}{_BEFORE_CLOCK}{_CLOCK}"
_HEADER = re.compile(
    rf"{_MARKS}(?:\[(?:{_TIME}|{_CLOCK}, {_DATE})\]"
    rf"|(?:{_TIME}|{_CLOCK}, {_DATE})(?:{_SPACE}*[-–—](?={_SPACE})|[,:](?={_SPACE})))"
    rf"{_SPACE}*"
)
_SENDER = re.compile(rf"(?:{_MARKS}~{_SPACE}*)?([^\n]{{1,80}}?){_SPACE}?[:：](?:\s|$)")

_TAGS_AT_END = re.compile(rf"(?:\s*{_MARK}<[^<>\n]{{1,80}}>)+$")
_EDITED = re.compile(
    "\\s*<(?:This message was edited|Diese Nachricht wurde bearbeitet\\.?|Se editó este mensaje\\.?|"
    "Ce message a été modifié\\.?|Questo messaggio è stato modificato\\.?|Mensagem editada|Esta mensagem foi editada|"
    "Dit bericht is bewerkt|Данное сообщение изменено|Bu mesaj düzenlendi|此訊息已編輯|此消息已编辑)>$"
)
_PLACEHOLDER = re.compile(r"<[^<>\n]{3,60}>")
_ATTACHMENT = re.compile(
    r"[^\n]{1,120}\.(?:jpe?g|png|gif|webp|mp4|3gp|mov|opus|ogg|mp3|m4a|aac|amr|pdf|docx?|xlsx?|pptx?|vcf|zip|txt)"
    r" (?:\([^()\n]{4,60}\)|<[^<>\n]{4,40}>)",
    re.IGNORECASE,
)
_LOCATION = re.compile(r"[^\n:]{3,25}: https?://maps\.google\.com/\S+")
_NOTICES = frozenset(
    [
        "null",
        "this message was deleted",
        "you deleted this message",
        "missed voice call",
        "missed video call",
        "missed group voice call",
        "missed group video call",
        "waiting for this message. this may take a while",
        "image omitted",
        "video omitted",
        "audio omitted",
        "sticker omitted",
        "gif omitted",
        "document omitted",
        "contact card omitted",
        "diese nachricht wurde gelöscht",
        "du hast diese nachricht gelöscht",
        "verpasster sprachanruf",
        "verpasster videoanruf",
        "se eliminó este mensaje",
        "este mensaje fue eliminado",
        "eliminaste este mensaje",
        "llamada perdida",
        "videollamada perdida",
        "ce message a été supprimé",
        "vous avez supprimé ce message",
        "appel vocal manqué",
        "appel vidéo manqué",
        "questo messaggio è stato eliminato",
        "hai eliminato questo messaggio",
        "chiamata persa",
        "mensagem apagada",
        "esta mensagem foi apagada",
        "você apagou esta mensagem",
        "essa mensagem foi apagada",
        "dit bericht is verwijderd",
        "je hebt dit bericht verwijderd",
        "данное сообщение удалено",
        "вы удалили данное сообщение",
        "bu mesaj silindi",
    ]
)


def recognizes_whatsapp(beginning: str) -> bool:
    """Return True if a text starts with messages of people that have a date, a time and a name."""
    header = next((line for line in beginning.split("\n") if line.strip()), "")
    if not _HEADER.match(header):
        return False
    messages = list(whatsapp_messages([beginning]))
    people = [message for message in messages if message.sender]
    if len(people) < _MIN_MESSAGES or 2 * len(people) < len(messages):
        return False
    names = {message.sender for message in people}
    return len(names) <= len(people) / 2 and not is_log(names, [message.text for message in people if message.text])


def whatsapp_messages(blocks: Iterable[str]) -> Iterator[ChatMessage]:
    """Yield the messages of an export; what stands before the first one is skipped."""
    sender = ""
    lines: list[str] | None = None
    in_brackets: bool | None = None
    for line in lines_of(blocks, MAX_LINE):
        header = _HEADER.match(line)
        if header is not None and in_brackets is None:
            in_brackets = "[" in header[0]
        # A header in the other notation is that of a message that was copied into a message.
        if header is None or ("[" in header[0]) is not in_brackets:
            if lines is not None:
                lines.append(line)
            continue
        if lines is not None:
            yield _message(sender, "\n".join(lines))
        name = _SENDER.match(line, header.end())
        sender = name[1].strip() if name else ""
        lines = [line[(name or header).end() :]]
    if lines is not None:
        yield _message(sender, "\n".join(lines))


def _message(sender: str, text: str) -> ChatMessage:
    """Return a message without what WhatsApp added to it."""
    if not sender:
        return ChatMessage("", "", NOTICES)
    text = text.strip()
    if text.endswith(">"):  # only the end is searched: a search takes quadratic time in runs of spaces
        text = text[:-_MAX_TAGS] + _EDITED.sub("", _TAGS_AT_END.sub("", text[-_MAX_TAGS:]))
    first, _, caption = text.partition("\n")
    if first.endswith((")", ">")) and _ATTACHMENT.fullmatch(first.strip(_MARK)):
        text = caption
    elif first.startswith(_MARK) or f"• {_MARK}" in first:
        return ChatMessage(sender, "", NOTICES if _is_notice(first) else MEDIA)
    text = clean_text(text)
    if _is_notice(text):
        return ChatMessage(sender, "", NOTICES)
    if not text or (text.endswith(">") and _PLACEHOLDER.fullmatch(text)) or _LOCATION.fullmatch(text):
        return ChatMessage(sender, "", MEDIA)
    return ChatMessage(sender, text)


def _is_notice(text: str) -> bool:
    """Return True if the text is a notice; a long one in the place of a message is about encryption or a group."""
    plain = text.strip(_MARK)
    return (len(plain) < 60 and plain.rstrip(".").casefold() in _NOTICES) or (
        text.startswith(_MARK) and len(plain) > 30
    )


WHATSAPP = ChatFormat("WhatsApp", recognizes_whatsapp, whatsapp_messages)
