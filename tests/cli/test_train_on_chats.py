"""`rnntui train` on exports of chats, from the file to the speakers in config.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

QUICK = [
    "--hidden",
    "8",
    "--embedding",
    "4",
    "--batch-size",
    "2",
    "--bptt",
    "8",
    "--eval-tokens",
    "256",
    "--evaluations",
    "2",
]
CHAT = "".join(
    f"[03/01/23, 14:05:{n:02}] {name}: {text}\n"
    for n in range(40)
    for name, text in (("Mara", "Are you coming?"), ("Jon", "Yes,\nat ten"), ("Zoe", "And I"), ("Jon", "ok"))
)
WHO = 'you are Mara, the model answers as Jon (--turns "Jon,Mara" swaps them)'


def corpus_of(run: str) -> dict[str, object]:
    config = json.loads(Path(f"checkpoints/{run}/config.json").read_text())
    return {key: config["corpus"][key] for key in ("speakers", "turn_format", "sources")} | {
        "turns": config["training"]["turns"]
    }


def test_a_whatsapp_export_trains_resumes_and_evaluates(rnntui, tmp_path: Path) -> None:
    Path("chat.txt").write_text(CHAT)
    result = rnntui("train", "chat.txt", *QUICK, "--steps", "2")
    assert result.code == 0
    title = "rnntui: chat.txt: a WhatsApp export, 160 messages (Jon: 80, Mara: 40, Zoe: 40)"
    assert result.err.splitlines()[0] == f"{title}; {WHO}"
    turn_format = {"label_end": ": ", "separator": "\n", "multiline": True, "others": ["Zoe"]}
    expected = {"speakers": ["Mara", "Jon"], "turn_format": turn_format, "sources": ["chat.txt"], "turns": "auto"}
    assert "chat is a shipped model; this run is named chat-2" in result.err
    assert corpus_of("chat-2") == expected
    assert "[" not in json.loads(Path("checkpoints/chat-2/tokenizer.json").read_text())["characters"]
    result = rnntui("train", "chat.txt", "--resume", "--steps", "3")
    assert result.code == 0 and result.err.splitlines()[0] == title and "shipped" not in result.err
    result = rnntui("train", "chat.txt", "--resume", "--turns", "Jon,Zoe")
    assert result.code == 2 and "--turns cannot change when a run is resumed (it is auto, got Jon,Zoe)" in result.err
    result = rnntui("evaluate", "--run", "chat-2", "chat.txt", "--json")
    assert result.code == 0 and "<unk>" not in result.err


@pytest.mark.parametrize("turns", ["none", "Zoe,Mara"])
def test_a_run_resumes_with_the_turns_that_it_was_made_with(rnntui, turns: str) -> None:
    Path("chat.txt").write_text(CHAT)
    assert rnntui("train", "chat.txt", *QUICK, "--steps", "1", "--turns", turns).code == 0
    result = rnntui("train", "chat.txt", "--resume", "--steps", "2")
    assert result.code == 0 and "at step 2" in result.err
    result = rnntui("train", "chat.txt", "--resume", "--turns", "auto")
    assert result.code == 2 and f"--turns cannot change when a run is resumed (it is {turns}, got auto)" in result.err


@pytest.mark.parametrize(
    ("turns", "speakers", "note"),
    [
        ("auto", ["User", "Bot"], 'a dialogue: you are User, the model answers as Bot (--turns "Bot,User" swaps them)'),
        ("Bot,User", ["Bot", "User"], ""),
        ("none", None, ""),
    ],
)
def test_the_speakers_of_a_plain_dialogue_are_told(rnntui, turns: str, speakers: list[str] | None, note: str) -> None:
    Path("talk.txt").write_text("Bot: how are you\nUser: fine it is good\n" * 30)
    result = rnntui("train", "talk.txt", *QUICK, "--steps", "1", "--turns", turns)
    assert result.code == 0
    assert corpus_of("talk")["speakers"] == speakers
    assert note in result.err and ("a dialogue" in result.err) == bool(note)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ("Ann", "--turns must be auto, none, or two names with a comma between them (got 'Ann')"),
        ("Ann,Jon", "--turns: nobody in chat.txt is called Ann; it has Jon: 80, Mara: 40, Zoe: 40"),
    ],
)
def test_names_that_nobody_has_are_told_before_training(rnntui, turns: str, message: str) -> None:
    Path("chat.txt").write_text(CHAT)
    result = rnntui("train", "chat.txt", *QUICK, "--steps", "1", "--turns", turns)
    assert result.code == 2 and result.err == f"rnntui: {message}\n"
    assert not Path("checkpoints").exists()


def test_a_validation_text_that_is_an_export_is_converted(rnntui) -> None:
    Path("chat.txt").write_text(CHAT)
    Path("later.txt").write_text(CHAT.replace("03/01", "04/01"))
    result = rnntui("train", "chat.txt", "--validation-text", "later.txt", *QUICK, "--steps", "1")
    assert result.code == 0 and "<unk>" not in result.err
    assert "rnntui: later.txt: a WhatsApp export, 160 messages" in result.err
