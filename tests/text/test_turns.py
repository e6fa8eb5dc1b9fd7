"""Dialogues: detected by their labels, told apart from other texts with labels, and continued turn by turn."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from rnntui.config_language_model import LanguageModelTrainingConfig
from rnntui.errors import UsageError
from rnntui.kinds.corpus_info import TextCorpusInfo, TurnFormat
from rnntui.text.corpus import find_corpus
from rnntui.text.speaker_choice import choose_speakers, match_names
from rnntui.text.speaker_detection import find_speaker_labels
from rnntui.text.token_ids import corpus_stats
from rnntui.text.turns import SpeakerLabels, speaker_labels_of

ROOT = Path(__file__).resolve().parents[2]
CHAT = "A: hello\nB: hi there\nA: how are you\nB: fine\n\n" * 10
PEOPLE = ("The baker", "My aunt", "A tall clerk", "His sister", "The old dog", "Our teacher")
DEEDS = ("sold the small boat", "lost two lemons", "hid a silver key", "mended some bread", "washed a torn coat")
TIMES = ("in the morning", "by the river", "before supper", "as usual", "after the storm")


def sentences(count: int, seed: int = 1) -> list[str]:
    """Different sentences."""
    rng = random.Random(seed)
    return [f"{rng.choice(PEOPLE)} {rng.choice(DEEDS)} {rng.choice(TIMES)}." for _ in range(count)]


def dialogue(first: str, second: str, pattern: str = "{label}: {text}\n", count: int = 60) -> str:
    """A dialogue in which each line has a label, in that notation."""
    return "".join(
        pattern.format(label=(first, second)[index % 2], text=text) for index, text in enumerate(sentences(count))
    )


def test_two_labels_on_nearly_every_line_are_speakers() -> None:
    assert find_speaker_labels(CHAT) == SpeakerLabels("A", "B")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Maria Fernanda de la Cruz", "Jonathan Featherstonehaugh"),
        ("Mara 🌻", "Jon"),
        ("👩🏽‍🚀", "🦊 fox"),
        ("Dr. House (work)", "J.R. 2nd"),
        ("Speaker 1", "Speaker 2"),
        ("Анна", "Борис"),
        ("明", "小红"),
        ("मीरा", "राज"),
        ("דנה", "יוסי"),
        ("O'Brien-Smith", "@ben_99"),
        ("+49 170 123456", "Mum"),
        ("~Ann", "<Ben>"),
        ("[Ann]", "[Ben]"),
        ("Mr. Date", "Note-taker"),
        ("Pro", "Connor"),
        ("Jo", "Al"),
    ],
)
def test_labels_are_names_of_any_kind(first: str, second: str) -> None:
    assert find_speaker_labels(dialogue(first, second)) == SpeakerLabels(first, second)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("{label}: {text}\n", TurnFormat()),
        ("{label}:{text}\n", TurnFormat(":")),
        ("{label} : {text}\n", TurnFormat(" : ")),
        ("{label}：{text}\n", TurnFormat("：")),
        ("{label}\u202f: {text}\n", TurnFormat("\u202f: ")),
        ("{label}:\t{text}\n", TurnFormat(":\t")),
        ("**{label}:** {text}\n\n", TurnFormat(":** ", "\n\n")),
        ("*{label}:* {text}\n", TurnFormat(":* ")),
        ("{label}: *{text}*\n", TurnFormat()),
        ("{label}: {text}\n\n", TurnFormat(separator="\n\n")),
        ("{label}: {text}\r\n", TurnFormat(separator="\r\n")),
        ("{label}: {text}\r\n\r\n", TurnFormat(separator="\r\n\r\n")),
        ("{label}: {text}\nand more of it\n", TurnFormat(multiline=True)),
        ("{label}: {text}\n\nand a paragraph at http://a.b: yes\n\n", TurnFormat(separator="\n\n", multiline=True)),
    ],
)
def test_the_notation_of_turns_is_learnt(pattern: str, expected: TurnFormat) -> None:
    before = pattern[: pattern.index("{")]
    labels = f"{before}Mara", f"{before}Jon"
    assert find_speaker_labels(dialogue("Mara", "Jon", pattern)) == SpeakerLabels(*labels, expected)


def test_messages_may_have_several_lines_now_and_then() -> None:
    lines = dialogue("Mara", "Jon").splitlines(keepends=True)
    text = "".join(
        line + (f"It was late on day {index}: very late.\n" if index % 6 == 0 else "")
        for index, line in enumerate(lines)
    )
    assert find_speaker_labels(text) == SpeakerLabels("Mara", "Jon", TurnFormat(multiline=True))
    assert find_speaker_labels("Our letters, 1999\n\n" + text) is not None


@pytest.mark.parametrize(
    ("first", "second", "person"),
    [
        ("User", "Assistant", "User"),
        ("Assistant", "User", "User"),
        ("AI", "Human", "Human"),
        ("Bot 2", "You", "You"),
        ("Q", "A", "Q"),
        ("Question", "Answer", "Question"),
        ("Prompt", "Completion", "Prompt"),
        ("Bot", "Zoe", "Zoe"),
        ("Zoe", "Me", "Me"),
        ("Zoe", "Ann", "Zoe"),
    ],
)
def test_roles_say_who_is_the_person_else_the_first_to_speak(first: str, second: str, person: str) -> None:
    labels = find_speaker_labels(dialogue(first, second))
    assert labels is not None and labels.person == person


def test_long_answers_with_labels_of_their_own_are_a_dialogue_where_roles_are_known() -> None:
    answer = "Assistant: Here is a list.\n\nNote: it is short.\n1. {text}\n2. Bread: two loaves\n```\nf('x: y')\n```\n"
    text = "".join(f"User: {text}\n\n" + answer.format(text=text) + "\n" for text in sentences(30))
    assert find_speaker_labels(text) == SpeakerLabels("User", "Assistant", TurnFormat(separator="\n\n", multiline=True))
    headed = dialogue("### User", "### Assistant", "{label}:\n{text}\n\n")
    assert find_speaker_labels(headed) == SpeakerLabels("### User", "### Assistant", TurnFormat(":\n", "\n\n", True))


def numbered(pattern: str) -> str:
    """Lines of a program: one of two labels and a template filled with numbers."""
    rng = random.Random(1)
    return "".join(
        pattern.format(level="INFO" if rng.random() < 0.7 else "WARNING", n=rng.randrange(1000), m=index, word=word)
        for index, word in enumerate(("started", "lost the queue", "retried the job") * 30)
    )


RECIPE = "Soup\n\nIngredients: flour, two eggs and milk\nMethod: stir it all well and bake\n\n"

NO_DIALOGUES = {
    "empty": "",
    "short": "A: only a few\nB: lines\n",
    "one speaker": "A: one speaker\n" * 50,
    "three speakers": "A: one\nB: two\nC: three\n" * 20,
    "one speaks": ("A: one\n" * 9 + "B: two\n") * 10,
    "words": "words and words\n" * 100,
    "a late dialogue": "A story, first of all.\n" * 60 + dialogue("Ann", "Ben"),
    "log": numbered("{level}: worker {n} {word} {m}\n"),
    "log of words": dialogue("INFO", "WARNING"),
    "log in lower case": dialogue("info", "error"),
    "log in brackets": dialogue("[INFO]", "[DEBUG]"),
    "log of loggers": numbered("{level}:root: worker {n} {word} {m}\n"),
    "log of levels at the end": dialogue("app.INFO", "app.ERROR"),
    "log with times": numbered("2023-01-02 10:{m:02}:00 {level}: worker {word}\n"),
    "log with months": numbered("Jan 02 10:{m:02}:00 host app[{n}]: {word} it\n"),
    "log of workers": numbered("worker-{n}: {word} {m}\n").replace("worker-1", "worker"),
    "two workers": numbered("{level}: job {n} {word} after {m} s\n")
    .replace("INFO", "left")
    .replace("WARNING", "right"),
    "test report": dialogue("ok", "FAIL"),
    "settings": "width: 10\nheight: 20\n" * 40,
    "services": "".join(f"image: nginx-{n}\nhost: web{n}\n" for n in "abcdefghijklmnopqrstuvw" * 2),
    "compose file": "name: web\nimage: nginx\nports: 80\nrestart: always\n" * 30,
    "bilingual": dialogue("EN", "ES"),
    "bilingual in words": dialogue("Latin", "English", "{label}: {text}\n\n"),
    "commits": dialogue("feat", "fix"),
    "diary": dialogue("Mood", "Weather"),
    "days": dialogue("Yesterday", "Today"),
    "jokes": dialogue("Setup", "Punchline"),
    "script": dialogue("Scene", "Action"),
    "recipes": RECIPE * 30,
    "recipes in blocks": "Ingredients:\n- flour\n- eggs\nMethod:\nStir it.\n\n" * 30,
    "glossary": "".join(f"Word{n}: {text}\n" for n, text in enumerate(sentences(60))),
    "dictionary": dialogue("Word", "Definition"),
    "reviews": dialogue("Pros", "Cons"),
    "mail": "From: ann@a.org\nTo: ben@b.org\nSubject: the boat\n\nDear Ben\n" * 30,
    "code": "if x:\n    y()\nelse:\n    z()\n" * 40,
    "addresses": "http://a.org/x y\nhttps://b.org/z w\n" * 40,
    "times": "10:00 we left early\n11:30 we came home\n" * 40,
    "lexicon": "en: dog\nes: perro\n" * 40,
    "play": "".join(
        f"{name}:\nMy lord, the {name} is here.\n\n" for name in ("ROMEO", "JULIET", "Nurse", "PARIS") * 20
    ),
}


@pytest.mark.parametrize("text", NO_DIALOGUES.values(), ids=NO_DIALOGUES.keys())
def test_other_texts_are_not_taken_for_it(text: str) -> None:
    assert find_speaker_labels(text) is None


@pytest.mark.parametrize(
    ("name", "expected"), [("chat.txt", SpeakerLabels("A", "B")), ("shakespeare.txt", None), ("names.txt", None)]
)
def test_a_survey_finds_the_speakers_of_a_corpus(name: str, expected: SpeakerLabels | None) -> None:
    assert corpus_stats(find_corpus([str(ROOT / "corpora" / name)], "utf-8", "strict")).speakers == expected


def test_a_long_line_without_a_label_costs_no_time() -> None:
    assert find_speaker_labels("a" * 10_000_000) is None
    assert find_speaker_labels((" " * 60_000 + ":") * 2 + "\n") is None


# The two speakers that a user names.


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ("Mara,Jon", ("Mara 🌻", "Jon")),
        ("jon, mara", ("Jon", "Mara 🌻")),
        ("Mara 🌻,Jon", ("Mara 🌻", "Jon")),
        ("Jon,Ann", ("Jon", "Ann")),
        ("Doe, John,Jon", ("Doe, John", "Jon")),
        ("Jon,doe", ("Jon", "Doe, John")),
        ("Ann,Ann B", ("Ann", "Ann Baker")),
    ],
)
def test_names_match_without_case_and_emoji_and_by_their_start(turns: str, expected: tuple[str, str]) -> None:
    people = Counter({"Mara 🌻": 9, "Jon": 8, "Ann": 7, "Ann Baker": 6, "Doe, John": 5})
    if turns == "Ann,Ann B":
        with pytest.raises(UsageError):
            match_names(turns, people, "chat.txt")
    else:
        assert match_names(turns, people, "chat.txt") == expected


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ("Mara,Ben", "--turns: nobody in chat.txt is called Ben; it has Jon: 8, Mara: 3"),
        ("Mara,mara", "--turns Mara,mara does not name two people in chat.txt; it has Jon: 8, Mara: 3"),
        ("M,Jon", "nobody in chat.txt is called M;"),
        ("🌻,Jon", "nobody in chat.txt is called 🌻;"),
    ],
)
def test_a_name_that_nobody_has_is_an_error(turns: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        match_names(turns, Counter({"Mara": 3, "Jon": 8}), "chat.txt")
    assert message in str(caught.value) and caught.value.setting == "turns"


@pytest.mark.parametrize("turns", ["", "Ann", "Ann,", ",Ben", " , ", "Ann,\nBen", "AUTO", "yes"])
def test_a_setting_of_other_than_two_names_is_an_error(turns: str) -> None:
    with pytest.raises(UsageError, match="--turns must be auto, none, or two names"):
        LanguageModelTrainingConfig(turns=turns)


def test_two_of_a_play_can_be_named(tmp_path: Path) -> None:
    play = tmp_path / "play.txt"
    names = ("ROMEO", "JULIET", "Nurse", "PARIS")
    play.write_text("".join(f"{name}:\nMy lord\nis here.\n\n" for name in names * 20))
    labels = choose_speakers(find_corpus([str(play)]), "Romeo,Juliet")
    assert (labels.person, labels.model) == ("ROMEO", "JULIET")
    assert labels.format == TurnFormat(":\n", "\n\n", True, ("Nurse", "PARIS"))
    assert labels.prompt("O\nyou", "ROMEO:\nx\n") == "\nROMEO:\nO\nyou\n\nJULIET:\n"
    with pytest.raises(UsageError, match="is called Hamlet; it has ROMEO: 20, JULIET: 20, Nurse: 20, PARIS: 20"):
        choose_speakers(find_corpus([str(play)]), "Hamlet,Juliet")


def test_a_text_without_labels_has_nobody_to_name(tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text("Once upon a time.\n" * 10)
    with pytest.raises(UsageError, match=r"nobody in .*story.txt is called Ann; it has no lines such as Ann: hello"):
        choose_speakers(find_corpus([str(tmp_path / "story.txt")]), "Ann,Ben")


# Turns.


def test_a_line_said_is_a_turn_and_the_models_turn_begins() -> None:
    speakers = SpeakerLabels("A", "B")
    assert speakers.prompt("hi", "") == "A: hi\nB:"
    assert speakers.prompt("two\n lines ", "B: oh\n") == "A: two lines\nB:"
    assert speakers.prompt("hi", "A: x\nB: cut o") == "\nA: hi\nB:"


@pytest.mark.parametrize(
    ("turn_format", "before", "expected"),
    [
        (TurnFormat(multiline=True), "B: oh\n", "A: two\nlines\nB:"),
        (TurnFormat(separator="\n\n"), "B: oh\n", "\nA: two lines\n\nB:"),
        (TurnFormat(separator="\n\n"), "B: oh", "\n\nA: two lines\n\nB:"),
        (TurnFormat(separator="\n\n"), "B: oh\n\n\n", "A: two lines\n\nB:"),
        (TurnFormat(separator="\r\n"), "B: oh", "\r\nA: two lines\r\nB:"),
        (TurnFormat(separator="\r\n\r\n"), "B: oh\r\n", "\r\nA: two lines\r\n\r\nB:"),
        (TurnFormat("："), "", "A：two lines\nB："),
        (TurnFormat(" : "), "", "A : two lines\nB :"),
        (TurnFormat(":\n", "\n\n", True), "", "A:\ntwo\nlines\n\nB:\n"),
    ],
)
def test_turns_are_written_in_the_notation_of_the_text(turn_format: TurnFormat, before: str, expected: str) -> None:
    speakers = SpeakerLabels("A", "B", turn_format)
    prompt = speakers.prompt("two\nlines ", before)
    assert prompt == expected
    assert speakers.message(prompt) == ("two\nlines" if turn_format.multiline else "two lines")


def test_any_speakers_label_starts_a_turn() -> None:
    assert SpeakerLabels("A", "B", TurnFormat(":\n", others=("C", "D"))).turn_starts == ("A:", "B:", "C:", "D:")
    assert SpeakerLabels("A", "B", TurnFormat(" : ")).turn_starts == ("A :", "B :")


@pytest.mark.parametrize("named", [None, [], ["A"], ["A", ""], ["A", 3], "AB", {"A": "B"}])
def test_a_config_that_names_no_two_speakers_has_none(named: object) -> None:
    assert speaker_labels_of(TextCorpusInfo.from_json({"speakers": named})) is None


def test_a_config_names_them() -> None:
    assert speaker_labels_of(TextCorpusInfo.from_json({"speakers": ["A", "B"]})) == SpeakerLabels("A", "B")


def test_a_config_records_the_notation_of_turns() -> None:
    corpus = TextCorpusInfo(speakers=("A", "B"), turn_format=TurnFormat("：", "\n\n", True, ("C",)))
    read = TextCorpusInfo.from_json(corpus.to_json())
    assert read == corpus
    assert speaker_labels_of(read) == SpeakerLabels("A", "B", TurnFormat("：", "\n\n", True, ("C",)))
    assert read.summary.endswith("; turns of A, answered by B")


@pytest.mark.parametrize(
    "change",
    [{"label_end": ""}, {"label_end": 3}, {"separator": "---"}, {"multiline": 1}, {"others": [""]}, {"others": "C"}],
)
def test_an_invalid_notation_is_read_as_the_usual_one(change: dict[str, object]) -> None:
    values = {"label_end": ":", "separator": "\n", "multiline": True, "others": []}
    assert TurnFormat.from_json(values) == TurnFormat(":", "\n", True)
    assert TurnFormat.from_json(values | change) is None
    assert TurnFormat.from_json([values]) is None
