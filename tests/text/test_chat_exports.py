"""Exports of chats from phones and programs, read as dialogues."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rnntui.errors import CorpusError, UsageError
from rnntui.text.chat_exports import converted_chat, recognized_format, speakers_note
from rnntui.text.chat_messages import clean_name
from rnntui.text.corpus import Corpus, find_corpus
from rnntui.text.json_chat_exports import array_items, telegram_messages
from rnntui.text.speaker_detection import find_speaker_labels
from rnntui.text.turns import SpeakerLabels
from rnntui.text.whatsapp_export import recognizes_whatsapp, whatsapp_messages

MARK = "\N{LEFT-TO-RIGHT MARK}"
NARROW = "\N{NARROW NO-BREAK SPACE}"
MESSAGES = [
    ("Mara", "Are you coming to the harbour?"),
    ("Jon", "Yes, at ten: by bus"),
    ("Jon", "or by bike"),
    ("Mara", "Good.\nBring bread\nand lemons"),
    ("Jon", "😀👍🏽"),
    ("Mara", "See https://a.org/x: nice"),
    ("Jon", "ok"),
]
DIALOGUE = "".join(f"{name}: {text}\n" for name, text in MESSAGES)

Write = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file, return its name."""

    def write_file(text: str, name: str = "chat.txt") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        return str(path)

    return write_file


def convert(*sources: str, turns: str = "auto") -> tuple[Corpus, str, str]:
    """Return the corpus, its text, and the message."""
    corpus, message = converted_chat(find_corpus(list(sources)), turns)
    return corpus, "".join(corpus.blocks()), message


def people(corpus: Corpus) -> tuple[str, str] | None:
    return (corpus.speakers.person, corpus.speakers.model) if corpus.speakers else None


# WhatsApp.

HEADERS = {
    "Android, United States": f"1/3/23, 0:00{NARROW}PM - {{}}",
    "Android, with a space": "1/3/23, 12:00 PM - {}",
    "Android, Britain": "03/01/2023, 14:05 - {}",
    "Android, Germany": "03.01.23, 14:05 - {}",
    "Android, ISO": "2023-01-03, 14:05 - {}",
    "Android, without a comma": "3/1/2023 14:05 - {}",
    "Android, Spain": "3/1/23, 14:05 - {}",
    "Android, Mexico": f"03/01/2023, 2:05{NARROW}p.{NARROW}m. - {{}}",
    "Android, Colombia": "3/01/23, 2:05 p. m. - {}",
    "Android, Argentina": "3/1/23 a las 14:05 - {}",
    "Android, France": "03/01/2023 à 14:05 - {}",
    "Android, Portugal": "03/01/23 às 14:05 - {}",
    "Android, Netherlands": "03-01-2023 14:05 - {}",
    "Android, Finland": "3.1.2023 klo 14.05 - {}",
    "Android, Hungary": "2023. 01. 03. 14:05 - {}",
    "Android, China": "2023/1/3 下午2:05 - {}",
    "Android, Taiwan": "2023/1/3 下午 2:05 - {}",
    "Android, Japan": "2023/01/03, 14:05 - {}",
    "Android, Korea": "2023년 1월 3일 오후 2:05, {}",
    "Android, Korea, digits": "2023. 1. 3. 오후 2:05, {}",
    "Android, Greece": "3/1/23, 2:05 μ.μ. - {}",
    "Android, Arabic digits": "٣\u200f/١\u200f/٢٠٢٣، ٢:٠٥ م - {}",
    "Android, Hebrew": "\u200f3.1.2023, 14:05 - {}",
    "Android, India": "03/01/23, 2:05 pm - {}",
    "Android, Bulgaria": "3.01.23 г., 14:05 - {}",
    "Android, Canada, in French": "2023-01-03 14 h 05 - {}",
    "Android, Vietnam": "14:05, 03/01/2023 - {}",
    "Android, Croatia": "03. 01. 2023. 14:05 - {}",
    "Android, Persian digits": "۱۴۰۱/۱۰/۱۳، ۱۴:۰۵ - {}",
    "Android, en dash": "03/01/2023, 14:05 – {}",
    "iOS, Britain": "[01/03/23, 10:00:00] {}",
    "iOS, United States": f"[1/3/23, 2:05:33{NARROW}PM] {{}}",
    "iOS, Germany": "[3.1.23, 14:05:33] {}",
    "iOS, Italy": "[03/01/23, 14:05:33] {}",
    "iOS, China": "[2023/1/3 下午2:05:33] {}",
    "iOS, Brazil": "[03/01/2023 14:05:33] {}",
    "iOS, Denmark": "[03.01.2023 14.05.33] {}",
    "iOS, Sweden": "[2023-01-03 14:05:33] {}",
    "iOS, marked": MARK + "[01/03/23, 10:00:00] {}",
    "old iOS": "3/1/14 10:00:00 PM: {}",
    "WhatsApp Web, copied": "[14:05, 1/3/2023] {}",
    "WhatsApp Web, copied, 12 hours": "[2:05 PM, 1/3/2023] {}",
    "Signal as Markdown": "[2023-01-03, 14:05] {}",
}


def whatsapp(header: str, messages: list[tuple[str, str]] = MESSAGES) -> str:
    return "".join(header.format(f"{name}: {text}") + "\n" for name, text in messages)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_whatsapp_dates_of_many_phones_are_dropped(header: str, end: str, write: Write) -> None:
    corpus, text, message = convert(write(whatsapp(header).replace("\n", end), "chat.txt"))
    assert text == DIALOGUE
    assert people(corpus) == ("Mara", "Jon")
    assert corpus.speakers is not None and corpus.speakers.format.multiline
    assert message.endswith("chat.txt: a WhatsApp export, 7 messages (Jon: 4, Mara: 3)")
    assert corpus.name == "chat" and corpus.display_names[0].endswith("chat.txt")


@pytest.mark.parametrize("name", ["Mara 🌻", "+49 170 1234567", "Dr. Ann-Sophie O'Neill (work)", "מרה", "Ann - home"])
def test_whatsapp_names_of_any_kind_are_labels(name: str, write: Write) -> None:
    messages = [(name if sender == "Mara" else sender, text) for sender, text in MESSAGES]
    corpus, text, _ = convert(write(whatsapp("03/01/2023, 14:05 - {}", messages), "chat.txt"))
    assert text == DIALOGUE.replace("Mara: ", f"{name}: ")
    assert people(corpus) == (name, "Jon")


def test_whatsapp_marks_around_names_are_dropped(write: Write) -> None:
    names = {"Mara": "~\N{NARROW NO-BREAK SPACE}Mara", "Jon": "\u202a+49 170 1\u202c"}
    messages = [(names[sender], text) for sender, text in MESSAGES]
    _, text, _ = convert(write(whatsapp("[01/03/23, 10:00:00] {}", messages), "chat.txt"))
    assert text == DIALOGUE.replace("Jon: ", "+49 170 1: ")


@pytest.mark.parametrize(
    "line",
    [
        "Messages and calls are end-to-end encrypted. No one outside of this chat, not even WhatsApp, can read them.",
        "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.",
        "Mara created group “Trip”",
        "Mara added Jon",
        'Mara changed the subject from "Trip" to "Trip: Rome"',
        "You changed this group's icon",
        f"Mara: {MARK}Messages to this chat and calls are now secured with end-to-end encryption.",
        f"Trip to Rome: {MARK}You created this group",
        "Jon: <Media omitted>",
        f"Jon: {MARK}<Media omitted>",
        "Jon: <Medien ausgeschlossen>",
        "Jon: <Multimedia omitido>",
        "Jon: <Без медиафайлов>",
        "Jon: <省略多媒体文件>",
        f"Jon: {MARK}image omitted",
        f"Jon: {MARK}Bild weggelassen",
        f"Jon: {MARK}<attached: 00000012-PHOTO-2023-01-03-14-05-33.jpg>",
        f"Jon: report.pdf • {MARK}3 pages {MARK}document omitted",
        "Jon: image omitted",
        f"Jon: {MARK}IMG-20230103-WA0001.jpg (file attached)",
        "Jon: IMG-20230103-WA0001.jpg (file attached)",
        f"Jon: 2015-08-04-PHOTO-00004762.jpg <{MARK}attached>",
        "Jon: < attached: 00000042-PHOTO-2020-06-07-15-13-20.jpg >",
        "Jon: PTT-20230103-WA0001.opus (Datei angehängt)",
        "Jon: Ann Smith.vcf (file attached)",
        "Jon: This message was deleted",
        "Jon: You deleted this message.",
        f"Jon: {MARK}This message was deleted.",
        "Jon: Diese Nachricht wurde gelöscht.",
        "Jon: Missed voice call",
        f"Jon: {MARK}Missed video call",
        "Jon: Waiting for this message. This may take a while.",
        "Jon: null",
        "Jon: ",
        "Jon:",
        "Jon: location: https://maps.google.com/?q=1.5,2.5",
        f"Jon: {MARK}Location: https://maps.google.com/?q=1.5,2.5",
    ],
)
@pytest.mark.parametrize("header", ["3/1/23, 14:05 - {}", "[03/01/23, 14:05:33] {}"])
def test_whatsapp_notices_and_media_are_dropped(line: str, header: str, write: Write) -> None:
    lines = whatsapp(header).splitlines(keepends=True)
    lines.insert(3, header.format(line) + "\n")
    _, text, message = convert(write("".join(lines), "chat.txt"))
    assert text == DIALOGUE
    assert "; dropped 1 " in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See you <This message was edited>", "See you"),
        (f"See you {MARK}<This message was edited>", "See you"),
        (f"See you {MARK}<Diese Nachricht wurde bearbeitet.>", "See you"),
        (f"See you {MARK}<attached: 1-PHOTO.jpg>", "See you"),
        ("IMG-20230103-WA0001.jpg (file attached)\nSee you", "See you"),
        (f"{MARK}IMG-20230103-WA0001.jpg (file attached)\nSee you", "See you"),
        ("Ask @\u2068Ann Smith\u2069 about it", "Ask @Ann Smith about it"),
        ("x < 3 > y", "x < 3 > y"),
        ("I read <b>it</b>", "I read <b>it</b>"),
        ("one\n\n\n\n  two  \n", "one\n\n  two"),
        ("12/5 is my day", "12/5 is my day"),
        ("The image omitted the dog", "The image omitted the dog"),
        ("a\x00b\x1b[31mc\ufeff", "ab[31mc"),
    ],
)
def test_whatsapp_messages_lose_only_what_the_app_added(text: str, expected: str) -> None:
    [message] = whatsapp_messages([f"3/1/23, 14:05 - Jon: {text}\n"])
    assert (message.sender, message.text, message.dropped) == ("Jon", expected, "")


def test_a_line_of_a_message_is_not_taken_for_a_turn(write: Write) -> None:
    messages = [*MESSAGES, ("Jon", "You wrote:\nMara: Good.\nNote: yes")]
    _, text, _ = convert(write(whatsapp("3/1/23, 14:05 - {}", messages), "chat.txt"))
    assert text.endswith("Jon: You wrote:\n Mara: Good.\nNote: yes\n")


@pytest.mark.parametrize(
    ("header", "copied"),
    [("3/1/23, 14:05 - {}", "[14:05, 3/1/2023] Ann: hi"), ("[3.1.23, 14:05:33] {}", "3/1/23, 14:05 - Ann: hi")],
)
def test_messages_copied_into_a_message_are_a_part_of_it(header: str, copied: str, write: Write) -> None:
    _, text, _ = convert(write(whatsapp(header, [*MESSAGES, ("Jon", f"She wrote:\n{copied}")]), "chat.txt"))
    assert text == f"{DIALOGUE}Jon: She wrote:\n{copied}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3/1/23, 14:05 - Mara: Hello\n",  # one message
        "3/1/23, 14:05 - we left\n" * 20,
        "".join(f"3/1/23, 14:05 - Step {n}: do it\n" for n in range(20)),
        "".join(f"2023-01-03 14:05:{n:02} - INFO: worker {n} started\n" for n in range(20)),
        "".join(f"[2023-01-03 14:05:{n:02}] local.ERROR: request {n} failed\n" for n in range(20)),
        "".join(f"2023-01-03 14:05:{n:02},123 - root - WARNING: disk {n}\n" for n in range(20)),
        "".join(f"[03/01/2023 14:05:{n:02}] nginx: request {n} took {n} ms\n" for n in range(20)),
        "".join(
            f"[03/01/2023, 14:05] {('Mood', 'Weather', 'Food')[n % 3]}: {'better ' * (n + 1)}\n" for n in range(20)
        ),
        "A diary.\n" + "3/1/23, 14:05 - Mara: Hello there\n" * 20,
    ],
)
def test_lines_with_dates_that_are_no_chat_are_left_alone(text: str) -> None:
    assert not recognizes_whatsapp(text)


# The speakers.


def test_with_more_than_two_people_all_keep_their_names(write: Write) -> None:
    messages = [*MESSAGES, ("Ann", "Me too"), ("Ann B", "And me"), ("Ann B", "really")]
    name = write(whatsapp("3/1/23, 14:05 - {}", messages), "chat.txt")
    corpus, text, message = convert(name)
    assert text == DIALOGUE + "Ann: Me too\nAnn B: And me\nAnn B: really\n"
    assert people(corpus) == ("Mara", "Jon")
    assert corpus.speakers is not None and corpus.speakers.format.others == ("Ann B", "Ann")
    assert "(Jon: 4, Mara: 3, Ann B: 2, Ann: 1)" in message
    assert speakers_note(corpus.speakers, "auto") == (
        'you are Mara, the model answers as Jon (--turns "Jon,Mara" swaps them)'
    )
    corpus, named_text, _ = convert(name, turns="ann b, Jon")
    assert people(corpus) == ("Ann B", "Jon") and named_text == text
    assert speakers_note(corpus.speakers, "ann b, Jon") == "you are Ann B, the model answers as Jon"
    with pytest.raises(
        UsageError, match=r"nobody in .*chat.txt is called Zoe; it has Jon: 4, Mara: 3, Ann B: 2, Ann: 1"
    ):
        convert(name, turns="Zoe,Jon")


def test_the_marks_around_labels_are_not_told() -> None:
    note = 'you are Mara, the model answers as Jon (--turns "Jon,Mara" swaps them)'
    assert speakers_note(SpeakerLabels("**Mara", "**Jon"), "auto") == note
    assert speakers_note(SpeakerLabels("### Mara", "- Jon"), "auto") == note
    assert "you are ***, " in speakers_note(SpeakerLabels("***", "Jon"), "auto")


def test_a_chat_with_oneself_has_no_speakers(write: Write) -> None:
    corpus, text, _ = convert(write(whatsapp("3/1/23, 14:05 - {}", [("Me", "Buy bread")] * 9), "chat.txt"))
    assert text == "Me: Buy bread\n" * 9 and corpus.speakers is None


def test_turns_none_reads_the_export_as_it_is(write: Write) -> None:
    name = write(whatsapp("3/1/23, 14:05 - {}"), "chat.txt")
    assert convert(name, turns="none")[1:] == (Path(name).read_text(), "")


def test_an_export_of_media_alone_is_an_error(write: Write) -> None:
    text = whatsapp("3/1/23, 14:05 - {}", [("Mara", "<Media omitted>"), ("Jon", "<Media omitted>")] * 9)
    with pytest.raises(CorpusError, match="a WhatsApp export without text messages"):
        convert(write(text, "chat.txt"))


def test_exports_among_other_files_are_converted(write: Write, tmp_path: Path) -> None:
    write(whatsapp("3/1/23, 14:05 - {}"), "all/a.txt")
    write("A story.\n", "all/b.txt")
    write(whatsapp("[3.1.23, 14:05:33] {}"), "all/c.txt")
    corpus, text, message = convert(str(tmp_path / "all"))
    assert text == DIALOGUE + "A story.\n" + DIALOGUE
    assert corpus.name == "all" and len(corpus.display_names) == 3
    assert "14 messages (Jon: 8, Mara: 6)" in message


def test_an_export_in_another_encoding_is_converted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(whatsapp("3/1/23, 14:05 - {}"), "utf-16")
    (tmp_path / "b.txt").write_text("Ein Märchen.\n", "utf-16")
    corpus = find_corpus([str(tmp_path / "a.txt"), str(tmp_path / "b.txt")], "utf-16")
    assert "".join(converted_chat(corpus, "auto")[0].blocks()) == DIALOGUE + "Ein Märchen.\n"


def test_the_archive_that_a_phone_sends_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "WhatsApp Chat - Mara.zip", "w") as archive:
        archive.writestr("_chat.txt", whatsapp("[03/01/23, 14:05:33] {}"))
        archive.writestr("00000012-PHOTO.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0")
    assert convert(str(tmp_path / "WhatsApp Chat - Mara.zip"))[1] == DIALOGUE


def test_other_texts_are_returned_as_they_are(write: Write) -> None:
    corpus = find_corpus([write("Once upon a time.\n" * 50, "story.txt")])
    assert converted_chat(corpus, "auto") == (corpus, "")


def test_two_speakers_of_a_plain_dialogue_can_be_named(write: Write) -> None:
    corpus, text, message = convert(write(DIALOGUE * 5, "plain.txt"), turns="Jon,Mara")
    assert people(corpus) == ("Jon", "Mara") and text == DIALOGUE * 5 and message == ""


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Ann\n\x1b[31m Smith", "Ann [31m Smith"),
        ("Ann: the cook", "Ann the cook"),
        ("a" * 1000, "a" * 40),
        ("\u202e\u200b", "Unknown"),
        ("", "Unknown"),
        (":::", "Unknown"),
    ],
)
def test_a_name_becomes_a_label_on_one_line(name: str, label: str) -> None:
    assert clean_name(name, 40) == label


# Telegram, Discord, Messenger and others.


def telegram_message(sender: str | None, text: Any, **values: Any) -> dict[str, Any]:
    return {"id": 1, "type": "message", "date": "2023-01-03T14:05:33", "from": sender, "from_id": "user1",
            "text": text, "text_entities": [], **values}  # fmt: skip


def telegram_chat(name: str | None, messages: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "name": name, "type": "personal_chat", "id": 7, "messages": [
            {"id": 0, "type": "service", "actor": "Mara", "action": "phone_call", "text": ""},
            *(telegram_message(sender, text) for sender, text in messages),
        ]}  # fmt: skip


@pytest.mark.parametrize("indent", [1, None])
def test_a_telegram_chat_is_read(write: Write, indent: int | None) -> None:
    chat = telegram_chat("Mara", MESSAGES)
    chat["messages"][2:2] = [
        telegram_message("Jon", "", photo="a.jpg", file="b"),
        {"id": 5, "type": "unsupported"},
        "no object",
    ]
    linked: list[Any] = ["Yes, ", {"type": "bold", "text": "at ten"}, ": by ", {"type": "link", "text": "bus"}]
    chat["messages"][5]["text"] = linked
    corpus, text, message = convert(write(json.dumps(chat, indent=indent, ensure_ascii=indent is None), "result.json"))
    assert text == DIALOGUE and people(corpus) == ("Mara", "Jon")
    assert "a Telegram export, 7 messages (Jon: 4, Mara: 3); dropped 1 media and 2 notices" in message


def test_of_all_telegram_chats_the_largest_is_read_or_that_of_the_speakers(write: Write) -> None:
    account = {
        "about": "Here is the data you requested. Remember: Telegram is ad free.",
        "personal_information": {"first_name": "Jon"},
        "contacts": {"about": "x", "list": [{"first_name": f"Ann {n}"} for n in range(3000)]},
        "chats": {"about": "y", "list": [
            telegram_chat("Zoe", [("Zoe", "Hello Jon"), ("Jon", "Hello Zoe")] * 2),
            telegram_chat("Mara", MESSAGES),
            telegram_chat(None, []),
        ]},
    }  # fmt: skip
    name = write(json.dumps(account), "result.json")
    corpus, text, message = convert(name)
    assert text == DIALOGUE and people(corpus) == ("Mara", "Jon")
    assert message.endswith("; of 3 chats the largest, Mara (--turns chooses another by its people)")
    corpus, text, message = convert(name, turns="Zoe,Jon")
    assert text == "Zoe: Hello Jon\nJon: Hello Zoe\n" * 2 and people(corpus) == ("Zoe", "Jon")
    assert message.endswith("; of 3 chats the speakers', Zoe")
    with pytest.raises(UsageError, match=r"nobody in .*result.json is called Ann"):
        convert(name, turns="Ann,Jon")


def test_a_deleted_account_has_a_name(write: Write) -> None:
    chat = telegram_chat("x", [])
    chat["messages"] += [telegram_message(None, "Hello"), telegram_message(None, "Hi", from_id=None)]
    assert convert(write(json.dumps(chat), "result.json"))[1] == "user1: Hello\nDeleted account: Hi\n"


@pytest.mark.parametrize("name", ["messages.html", "messages.txt"])
def test_a_telegram_export_as_html_is_told(write: Write, name: str) -> None:
    page = '<html><head><title>Exported Data</title></head><body><div class="page_wrap">Hi</div></body></html>'
    with pytest.raises(CorpusError, match="Telegram export as HTML; export the chat again, with Machine-readable JSON"):
        convert(write(page, name))


def discord(messages: list[dict[str, Any]]) -> str:
    values = {"guild": {"id": "0", "name": "Direct Messages"}, "channel": {"id": "1", "name": "Mara"},
              "dateRange": {"after": None, "before": None}, "exportedAt": "2023-01-03T14:05:33+00:00",
              "messages": messages, "messageCount": len(messages)}  # fmt: skip
    return json.dumps(values, indent=2)


def test_a_discord_export_in_json_is_read(write: Write) -> None:
    messages = [
        {"id": "1", "type": "Default" if index % 2 else "Reply", "content": text,
         "author": {"name": f"{sender.lower()}_99", "nickname": sender, "isBot": False}}
        for index, (sender, text) in enumerate(MESSAGES)
    ]  # fmt: skip
    messages.insert(2, {"type": "Call", "content": "Started a call.", "author": {"name": "jon"}})
    messages.insert(2, {"type": "Default", "content": "", "author": {"nickname": None, "name": "Jon"}})
    messages.insert(2, {"type": "Default", "content": "", "author": None})
    corpus, text, message = convert(write(discord(messages), "dm.json"))
    assert text == DIALOGUE and people(corpus) == ("Mara", "Jon")
    assert "a Discord export, 7 messages (Jon: 4, Mara: 3); dropped 2 media and 1 notice" in message


def test_a_discord_export_as_text_is_read(write: Write) -> None:
    rule = "=" * 62
    body = "".join(f"[1/3/2023 2:05 PM] {sender}#1234\n{text}\n\n" for sender, text in MESSAGES[:3])
    body += "[1/3/2023 2:05 PM] Mara (pinned)\nGood.\nBring bread\nand lemons\n\n"
    body += "{Attachments}\nhttps://cdn.org/a.png\n\n{Reactions}\n👍 (2)\n\n"
    body += "[03-Jan-23 02:05 PM] Jon\nPinned a message.\n\n[1/3/2023 2:05 PM] Jon\n\n\n{Stickers}\nhttps://x\n\n"
    body += "".join(f"[1/3/2023 2:05 PM] {sender}\n{text}\n\n" for sender, text in MESSAGES[4:])
    head = f"{rule}\nGuild: Direct Messages\nChannel: Private / Mara\nTopic: x\n{rule}\n\n"
    corpus, text, message = convert(write(f"{head}{body}\n{rule}\nExported 9 message(s)\n{rule}\n", "dm.txt"))
    assert text == DIALOGUE and people(corpus) == ("Mara", "Jon")
    assert "7 messages (Jon: 4, Mara: 3); dropped 1 media and 1 notice" in message


def test_a_discord_export_as_csv_is_read(write: Write) -> None:
    table = io.StringIO()
    rows = csv.writer(table, quoting=csv.QUOTE_ALL)
    rows.writerow(["AuthorID", "Author", "Date", "Content", "Attachments", "Reactions"])
    rows.writerows([1, f"{sender}#0", "2023-01-03T14:05", text, "", ""] for sender, text in MESSAGES)
    rows.writerow([1, "Jon", "2023-01-03", "", "https://cdn.org/a.png", ""])
    corpus, text, message = convert(write(table.getvalue(), "dm.csv"))
    assert text == DIALOGUE and people(corpus) == ("Mara", "Jon")
    assert "a Discord export, 7 messages" in message


def mojibake(text: str) -> str:
    return text.encode().decode("latin-1")


def test_a_messenger_export_is_mended_and_put_in_order(write: Write) -> None:
    messages = [
        {"sender_name": mojibake(sender.replace("Mara", "Måra")), "timestamp_ms": 1000 + n, "content": mojibake(text)}
        for n, (sender, text) in enumerate(MESSAGES)
    ]
    messages[3:3] = [
        {"sender_name": "Jon", "timestamp_ms": 1003, "photos": [{"uri": "a.jpg"}]},
        {"sender_name": "Jon", "timestamp_ms": 1003, "content": "Jon sent an attachment.", "share": {}},
        {"sender_name": "Jon", "timestamp_ms": 1003, "content": mojibake("Reacted ❤ to your message ")},
    ]
    values = {"participants": [{"name": mojibake("Måra")}, {"name": "Jon"}], "messages": messages[::-1], "title": "x"}
    corpus, text, message = convert(write(json.dumps(values, indent=2), "message_1.json"))
    assert text == DIALOGUE.replace("Mara", "Måra") and people(corpus) == ("Måra", "Jon")
    assert "a Messenger or Instagram export, 7 messages (Jon: 4, Måra: 3); dropped 1 media and 2 notices" in message


def test_an_encrypted_messenger_chat_is_read(write: Write) -> None:
    messages = [
        {"isUnsent": False, "media": [], "senderName": sender, "text": text, "timestamp": n, "type": "text"}
        for n, (sender, text) in enumerate(MESSAGES)
    ]
    assert convert(write(json.dumps({"participants": ["Mara", "Jon"], "messages": messages}), "x.json"))[1] == DIALOGUE


def test_slack_and_signal_exports_are_read(write: Write) -> None:
    slack = [
        {"type": "message", "user": f"U{sender}", "text": text, "ts": "1.0", "user_profile": {"real_name": sender}}
        for sender, text in MESSAGES
    ]
    slack.append({"type": "message", "subtype": "channel_join", "user": "U1", "text": "joined", "ts": "2.0"})
    slack.append({"type": "message", "user": "UAnn", "text": "a &amp; <https://b.org|the b> <@U1>", "ts": "2.0"})
    text = convert(write(json.dumps(slack), "2023-01-03.json"))[1]
    assert text == DIALOGUE + "UAnn: a & the b @U1\n"
    signal = [{"date": "2023-01-03", "sender": sender, "body": text, "quote": ""} for sender, text in MESSAGES]
    assert convert(write("\n".join(map(json.dumps, signal)), "data.json"))[1] == DIALOGUE


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{a story begins with a brace}\n" * 10,
        '{"messages": [1, 2, 3]}',
        json.dumps({"name": "x", "type": "book", "messages": []}),
        json.dumps([{"role": "user", "content": "hello"}]),
        "[1, 2, 3]",
        "{" * 100_000,
        '{"sender": "x", "body"',
        "AuthorID,Author\n1,2\n",
        "====\nGuild: x\n",
    ],
)
def test_other_json_is_read_as_text(text: str, write: Write) -> None:
    assert recognized_format(find_corpus([write(text, "x.json")])) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-40],
        lambda text: text.replace('"text"', "text", 1),
        lambda text: text.replace('"id": 1', '"id": ' + "[" * 100_000, 1),
    ],
)
def test_a_damaged_export_is_an_error_that_names_the_file(damage: Callable[[str], str], write: Write) -> None:
    name = write(damage(json.dumps(telegram_chat("Mara", MESSAGES))), "result.json")
    with pytest.raises(
        CorpusError, match=r"result.json, a Telegram export, is .*; export it again, or read it as it is"
    ):
        convert(name)


@pytest.mark.parametrize("size", [1, 7, 64, 10**6])
def test_json_is_read_in_blocks_of_any_size(size: int) -> None:
    text = json.dumps({"chats": {"list": [telegram_chat(f'"{n}" \\', MESSAGES) for n in range(3)]}}, indent=1)
    blocks: Iterator[str] = (text[start : start + size] for start in range(0, len(text), size))
    messages = [message for message in telegram_messages(blocks) if not message.dropped]
    expected = [(sender, text, f'"{n}" \\') for n in range(3) for sender, text in MESSAGES]
    assert [(message.sender, message.text, message.chat) for message in messages] == expected


def test_what_stands_between_arrays_is_not_kept() -> None:
    blocks = ["x" * 1_000_000 for _ in range(20)] + ['"messages": [{"a": 1}]', "y" * 1_000_000]
    [(header, item)] = array_items(blocks, re.compile('"messages": \\['))
    assert item == {"a": 1} and len(header) <= 1 << 16


def test_a_name_with_control_characters_and_a_long_line_are_harmless(write: Write) -> None:
    messages = [(sender.replace("Jon", "Jon\x1b[31m"), text) for sender, text in MESSAGES] + [("Mara", "a" * 3_000_000)]
    corpus, text, _ = convert(write(whatsapp("3/1/23, 14:05 - {}", messages), "chat.txt"))
    assert people(corpus) == ("Mara", "Jon[31m")
    assert text.count("a") > 3_000_000


@pytest.mark.parametrize(
    "line",
    [
        "3/1/23, 14:05 - Jon: a" + " " * 500_000 + ">",
        "3/1/23, 14:05 - Jon: a" + f" {MARK}<" * 200_000 + ">",
        "3/1/23, 14:05 - Jon: a" + " " * 500_000 + "b\n\x00",
        "3/1/23, 14:05 - Jon: a" + "\n" * 500_000 + "b",
        "3/1/23, " + "a " * 500_000,
        "3/1/23," + " " * 500_000 + "a" + " " * 500_000,
        MARK * 500_000 + "[",
        "3/1/23, 14:05" + " " * 500_000,
        "14:05" + " " * 500_000,
        "14:05 a" * 100_000,
        "3/1/23, 14:05 - " + "a" * 500_000 + ".jpg (" + "b" * 500_000 + ")",
        "3/1/23, 14:05 - Jon: " + "a" * 500_000 + ".jpg (b)",
    ],
)
def test_a_hostile_line_takes_no_more_time_than_others(line: str) -> None:
    start = time.process_time()
    list(whatsapp_messages([line, "\n"]))
    assert time.process_time() - start < 2  # what is quadratic takes minutes


def test_a_hostile_dialogue_takes_no_more_time_than_others() -> None:
    start = time.process_time()
    for message in ("a" * 60_000, " " * 60_000, "1a" * 30_000, "a:" * 30_000, "：" * 60_000):
        find_speaker_labels(dialogue_of(message))
    assert time.process_time() - start < 2


def dialogue_of(message: str) -> str:
    return "Ann: hello\nBen: hi there\n" * 20 + f"Ann: {message}\n"
