"""Chat logs in plain text: IRC, and dialogues with a time before each message; logs of programs are none."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rnntui.text.chat_exports import converted_chat, recognized_format
from rnntui.text.chat_messages import ChatMessage
from rnntui.text.corpus import find_corpus
from rnntui.text.plain_chat_logs import irc_messages, stamped_messages
from tests.text.test_turns import sentences

PEOPLE = ("Mara", "Jon")


def log(pattern: str, names: tuple[str, ...] = PEOPLE, count: int = 40) -> str:
    """Lines in a notation with `{name}`, `{text}`, minutes `{m}` and the number of the line `{n}`."""
    return "".join(
        pattern.format(name=names[n % len(names)], text=text, m=f"{n % 60:02}", n=n)
        for n, text in enumerate(sentences(count))
    )


def title_of(folder: Path, text: str) -> str:
    path = folder / "log.txt"
    path.write_text(text, "utf-8")
    chat_format = recognized_format(find_corpus([str(path)]))
    return chat_format.title if chat_format else ""


LOGS = {
    "IRC": "<{name}> {text}\n",
    "IRC, irssi": "10:{m} <@{name}> {text}\n",
    "IRC, irssi, spaces for ranks": "10:{m} < {name}> {text}\n",
    "IRC, HexChat": "[10:{m}:01] <{name}> {text}\n",
    "IRC, ZNC": "[2023-01-03 10:{m}:01] <+{name}> {text}\n",
    "IRC, energymech": "2023-01-03T10:{m}:01 <{name}> {text}\n",
    "time-stamped chat": "[10:{m}] {name}: {text}\n",
    "time-stamped chat, Pidgin": "(10:{m}:01 PM) {name}: {text}\n",
    "time-stamped chat, transcript": "[00:10:{m}] {name}: {text}\n\n",
}


@pytest.mark.parametrize("kind", LOGS)
def test_times_are_dropped_and_names_kept(kind: str, tmp_path: Path) -> None:
    assert title_of(tmp_path, log(LOGS[kind])) == kind.partition(",")[0]
    corpus, message = converted_chat(find_corpus([str(tmp_path / "log.txt")]), "auto")
    assert "".join(corpus.blocks()) == log("{name}: {text}\n")
    assert corpus.speakers is not None and {corpus.speakers.person, corpus.speakers.model} == set(PEOPLE)
    assert "log.txt: an IRC export, 40" in message or "log.txt: a time-stamped chat export, 40" in message


OTHERS = {
    "a dialogue": log("{name}: {text}\n"),
    "three people with times": log("[10:{m}] {name}: {text}\n", ("Mara", "Jon", "Zoe")),
    "a page": log("<{name}> {text}\n", ("p", "li")),
    "elements": log("<{name}> {text} </{name}>\n", ("item", "entry")),
    "special tokens": log("<{name}> {text}\n", ("bos", "unk")),
    "objects": log("<{name}{n}> {text}\n"),
    "one name": log("<{name}> {text}\n", ("Mara",)),
    "a log of levels": log("[10:{m}:01] {name}: {text}\n", ("INFO", "ERROR")),
    "a log of programs": log("[10:{m}:01] {name}: job {n} of 40 done\n", ("worker", "queue")),
    "a log of requests": log("[10:{m}:01] {name}: GET {text}\n", ("api", "web"), 200),
    "a log in angle brackets": log("<{name}> job {n} of 40 done\n", ("worker", "queue")),
    "a server": log("[10:{m}:01] [Server thread/INFO]: <{name}> {text}\n"),
    "a timetable": log("[10:{m}] {text}\n"),
    "song texts with times": log("[00:{m}.50]{text}\n"),
    "a book with a chat in it": log("{text}\n", count=90) + log("<{name}> {text}\n", count=30),
    "a few lines": log("<{name}> {text}\n", count=6),
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_other_texts_are_no_chats(text: str, tmp_path: Path) -> None:
    assert title_of(tmp_path, text) == ""


def test_an_irc_log_without_its_notices() -> None:
    text = """--- Log opened Tue Jan 03 2023
10:15 -!- Jon [~jon@a.org] has joined #boats
10:15 <Mara> it says 3 < 4
10:16  * Jon sings
10:16 * Jon waves
10:17 <Jon> <b>
"""
    messages = [message for message in irc_messages([text]) if not message.dropped]
    assert messages == [ChatMessage("Mara", "it says 3 < 4"), ChatMessage("Jon", "<b>")]


def test_a_message_with_a_time_goes_on_for_several_lines() -> None:
    text = (
        "Conversation with Jon\n(10:15) Mara: one:\n two\n\nthree\n(10:16) Jon has left.\n(10:17) Jon: see http://a.b\n"
    )
    assert [(message.sender, message.text) for message in stamped_messages([text])] == [
        ("Mara", "one:\n two\n\nthree"),
        ("", ""),
        ("Jon", "see http://a.b"),
    ]


@pytest.mark.parametrize("line", ["<" * 500_000, "10:15 " + " " * 500_000, "[10:15]" + " " * 500_000, "<a>" * 200_000])
def test_a_hostile_line_takes_no_more_time_than_others(line: str) -> None:
    start = time.process_time()
    assert [*irc_messages([line]), *stamped_messages([line])] == []
    assert time.process_time() - start < 2
