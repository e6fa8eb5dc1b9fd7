"""Conversion of chat exports to plain dialogues: recognition, choice of the chat and of the two speakers.

An export becomes a temporary file of lines `Name: message` before anything else reads the corpus. Everybody keeps
their own name, consecutive messages of one person keep lines of their own, as do the lines of a message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from rnntui.errors import CorpusError
from rnntui.formatting import few_names
from rnntui.kinds.corpus_info import TurnFormat
from rnntui.text.chat_messages import NOTICES, ChatExportError, ChatFormat, ChatMessage, clean_name
from rnntui.text.corpus import Corpus
from rnntui.text.discord_export import DISCORD_CSV, DISCORD_TEXT
from rnntui.text.json_chat_exports import JSON_FORMATS
from rnntui.text.plain_chat_logs import IRC, STAMPED
from rnntui.text.source_files import temporary_file
from rnntui.text.speaker_choice import MAX_OTHERS, choose_speakers, find_pair, list_people, match_names
from rnntui.text.speaker_detection import MAX_LABEL
from rnntui.text.turns import SpeakerLabels
from rnntui.text.whatsapp_export import WHATSAPP

FORMATS: tuple[ChatFormat, ...] = (WHATSAPP, DISCORD_TEXT, DISCORD_CSV, *JSON_FORMATS, IRC, STAMPED)

_EXAMINED = 1 << 16  # characters at the start of a file
_MAX_NOTICES = 2  # of the same text
_MARKUP = "*_#->• "  # around a label in Markdown, as in `**Mara:** hello` and `### User:`; `--turns` needs none of it
_TELEGRAM_HTML = ("<title>Exported Data</title>", 'class="page_wrap')


@dataclass(frozen=True)
class _Export:
    """A file of a corpus that is a chat export."""

    file: Corpus
    format: ChatFormat

    def messages(self) -> Iterator[ChatMessage]:
        """Yield its messages, with labels for senders. Raises `CorpusError` if it is damaged."""
        labels: dict[str, str] = {}
        try:
            for message in self.format.messages(self.file.blocks()):
                sender = message.sender
                if sender and sender not in labels:
                    labels[sender] = clean_name(sender, MAX_LABEL)
                yield message._replace(sender=labels.get(sender, ""))
        except ChatExportError as error:
            raise CorpusError(
                f"{self.file.display_names[0]}, {_with_article(self.format.title)} export, {error}",
                hint="export it again, or read it as it is with --turns none",
            ) from error


@dataclass
class _ChatCounts:
    """Counts of a chat: messages of each person, messages of several lines, dropped messages of each sort."""

    people: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    multiline: int = 0

    def __add__(self, other: _ChatCounts) -> _ChatCounts:
        dropped = self.dropped + other.dropped
        return _ChatCounts(self.people + other.people, dropped, self.multiline + other.multiline)


def converted_chat(corpus: Corpus, turns: str) -> tuple[Corpus, str]:
    """Return the corpus with chat exports converted to dialogues, and a message for the user; empty if it has none.

    A text that is no export is returned as it is, with its speakers if `turns` names them.

    Args:
        corpus: the text.
        turns: `auto`, `none` to convert nothing, or the names of the two speakers, separated by a comma.

    Raises `CorpusError` if an export is damaged or has no messages, `UsageError` if there is nobody of a name.
    """
    if turns == "none":
        return corpus, ""
    exports = {
        index: _Export(file, fmt) for index, file in enumerate(corpus.parts()) if (fmt := recognized_format(file))
    }
    if not exports:
        return (corpus if turns == "auto" else replace(corpus, speakers=choose_speakers(corpus, turns))), ""
    surveys = {index: _survey(export) for index, export in exports.items()}
    chosen = {index: _main_chat(survey, turns) for index, survey in surveys.items()}
    counts = sum((surveys[index].get(chat, _ChatCounts()) for index, chat in chosen.items()), _ChatCounts())
    names = few_names([export.file.display_names[0] for export in exports.values()])
    titles = " and ".join(dict.fromkeys(export.format.title for export in exports.values()))
    title = f"{names}: {_with_article(titles)} export" if len(exports) == 1 else f"{names}: {titles} exports"
    if not counts.people:
        raise CorpusError(f"{title} without text messages", hint="export another chat")
    speakers = _speakers(counts, turns, names)
    dialogues = {index: _write_dialogue(export, chosen[index], set(counts.people)) for index, export in exports.items()}
    paths = tuple(dialogues.get(index, path) for index, path in enumerate(corpus.files))
    types = {path: exports[index].format.title for index, path in dialogues.items()}
    message = f"{title}, {_contents(counts)}"
    if (chats := sum(map(len, surveys.values()))) > len(exports):
        choice, hint = ("largest", " (--turns chooses another by its people)") if turns == "auto" else ("speakers'", "")
        message += f"; of {chats:,} chats the {choice}, {', '.join(chosen.values())}{hint}"
    return replace(corpus, files=paths, converted=corpus.converted | types, speakers=speakers), message


def recognized_format(file: Corpus) -> ChatFormat | None:
    """Return the format of the chat export that a file is, judged by its beginning; None for any other text.

    Raises `CorpusError` if it is an export that has to be made in another format.
    """
    beginning = next(file.blocks(), "")[:_EXAMINED]
    if file.files[0] in file.converted and Path(file.display_names[0]).is_file():  # the text of an HTML page
        with Path(file.display_names[0]).open("rb") as page:
            beginning = page.read(_EXAMINED).decode("utf-8", "replace")
    if all(mark in beginning for mark in _TELEGRAM_HTML):
        raise CorpusError(
            f"{file.display_names[0]} is a Telegram export as HTML",
            hint="export the chat again, with Machine-readable JSON as the format",
        )
    return next((fmt for fmt in FORMATS if fmt.recognizes(beginning)), None)


def speakers_note(speakers: SpeakerLabels | None, turns: str) -> str:
    """Return who is who, and how to change that if the user has not said."""
    if speakers is None:
        return "no two people, so no dialogue"
    person, model = (label.strip(_MARKUP) or label for label in (speakers.person, speakers.model))
    note = f"you are {person}, the model answers as {model}"
    return note + (f' (--turns "{model},{person}" swaps them)' if turns == "auto" else "")


def _survey(export: _Export) -> dict[str, _ChatCounts]:
    """Read an export once, and return the counts of each chat in it."""
    chats: dict[str, _ChatCounts] = {}
    for message in export.messages():
        counts = chats.setdefault(message.chat, _ChatCounts())
        if message.dropped:
            counts.dropped[message.dropped] += 1
        else:
            counts.people[message.sender] += 1
            counts.multiline += "\n" in message.text
    for counts in chats.values():
        for name in _notice_senders(counts.people):
            counts.dropped[NOTICES] += counts.people.pop(name)
    return chats


def _notice_senders(people: Counter[str]) -> list[str]:
    """Return the senders that are notices with a colon in them, such as `Ann changed the subject to "Trip`."""
    names = [name for name, count in people.items() if count > _MAX_NOTICES]
    return [
        name
        for name, count in people.items()
        if count <= _MAX_NOTICES and any(name.startswith(f"{other} ") for other in (*names, "You"))
    ]


def _main_chat(chats: dict[str, _ChatCounts], turns: str) -> str:
    """Return the chat with most messages, of those in which the two write whom `turns` names, if there are any."""
    named = [chat for chat, counts in chats.items() if find_pair(turns, counts.people)]
    return max(named or chats, key=lambda chat: chats[chat].people.total(), default="")


def _speakers(counts: _ChatCounts, turns: str, text_name: str) -> SpeakerLabels | None:
    """Return the two speakers of a chat: those named, or the two with the most messages.

    Of these, the model is the one who has written more, because there is more to imitate.
    """
    people = counts.people
    if turns != "auto":
        pair = match_names(turns, people, text_name)
    elif len(people) < 2:
        return None
    else:
        (first, most), (second, fewer) = people.most_common(2)
        pair = (first, second) if most == fewer else (second, first)
    others = tuple(label for label, _ in people.most_common(MAX_OTHERS) if label not in pair)
    return SpeakerLabels(*pair, TurnFormat(multiline=counts.multiline > 0.01 * people.total(), others=others))


def _with_article(title: str) -> str:
    return f"{'an' if title[0] in 'AEIOU' else 'a'} {title}"


def _contents(counts: _ChatCounts) -> str:
    """Return what an export holds, in words."""
    dropped = [
        f"{count:,} {kind.removesuffix('s') if count == 1 else kind}" for kind, count in sorted(counts.dropped.items())
    ]
    text = f"{counts.people.total():,} messages ({list_people(counts.people)})"
    return f"{text}; dropped {' and '.join(dropped)}" if dropped else text


def _write_dialogue(export: _Export, chat: str, labels: set[str]) -> Path:
    """Write the messages of a chat to a temporary file, as lines `Name: message`."""
    starts = tuple(f"{label}:" for label in labels)

    def lines() -> Iterator[str]:
        for message in export.messages():
            if message.chat == chat and not message.dropped and message.sender in labels:
                first, *following = message.text.split("\n")
                yield f"{message.sender}: {first}\n"
                for line in following:  # a line of a message must not look like the start of a turn
                    yield f" {line}\n" if line.startswith(starts) else f"{line}\n"

    path = temporary_file(".txt")
    with path.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
        file.writelines(lines())
    return path
