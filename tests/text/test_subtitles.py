"""Subtitle files: the texts of cues are found, and all else stays character for character."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.text.subtitle_layout import wrap
from rnntui.text.subtitles import SubtitleFormat, SubtitleText, detect_format, parse_subtitles

TIMES = "00:00:01,000 --> 00:00:03,500"
SRT = f"1\n{TIMES}\nWhere is my dog?\n\n2\n00:00:04,000 --> 00:00:06,000\nI lost\nthe key.\n"
VTT = """WEBVTT - a title
Kind: captions

NOTE Here is 1 note
over two lines

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.000 align:start line:0%
<v Mary Ann>Tom &amp; I are here

01:00:03.000 --> 01:00:04.000
- Hi.
- Hello <c.loud>there</c>.
"""


def parse(text: str, subtitle_format: SubtitleFormat = "srt") -> list[str | SubtitleText]:
    return list(parse_subtitles(text, subtitle_format))


def texts(text: str, subtitle_format: SubtitleFormat = "srt") -> list[str]:
    return [piece.text for piece in parse(text, subtitle_format) if isinstance(piece, SubtitleText)]


def translated(text: str, answers: dict[str, str], subtitle_format: SubtitleFormat = "srt") -> str:
    return "".join(
        piece if isinstance(piece, str) else piece.translated(answers.get(piece.text, piece.text))
        for piece in parse(text, subtitle_format)
    )


def cue(*lines: str) -> str:
    return f"1\n{TIMES}\n" + "".join(f"{line}\n" for line in lines) + "\n"


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        (SRT, "srt"),
        ("\ufeff" + SRT, "srt"),
        ("\ufeff\n\n" + SRT.replace("\n", "\r\n"), "srt"),
        (f"{TIMES}\nHi.", "srt"),
        (VTT, "vtt"),
        ("\ufeffWEBVTT", "vtt"),
        ("WEBVTTED", None),
        ("1\n2\n3\n", None),
        ("1. Open the door.\n", None),
        ("At 00:00 --> here", None),
        ("", None),
    ],
)
def test_the_format_is_detected_by_the_beginning(beginning: str, expected: str | None) -> None:
    assert detect_format(beginning) == expected


def test_the_texts_of_cues_are_translated_and_wrapped_again() -> None:
    assert texts(SRT) == ["Where is my dog?", "I lost the key."]
    answers = {"Where is my dog?": "¿Dónde está mi perro?", "I lost the key.": "He perdido la llave."}
    expected = SRT.replace("Where is my dog?", "¿Dónde está mi perro?").replace(
        "I lost\nthe key.", "He perdido\nla llave."
    )
    for end in ("\n", "\r\n", "\r"):
        for mark in ("", "\ufeff"):
            assert translated(mark + SRT.replace("\n", end), answers) == mark + expected.replace("\n", end)


def test_web_subtitles_keep_header_notes_styles_settings_and_names() -> None:
    assert texts(VTT, "vtt") == ["Tom & I are here", "Hi.", "Hello there."]
    answers = {"Tom & I are here": "Tom & yo, 1 < 2", "Hi.": "Hola.", "Hello there.": "Buenos días allí."}
    expected = VTT.replace("Tom &amp; I are here", "Tom &amp; yo, 1 &lt; 2").replace("Hi.", "Hola.")
    assert translated(VTT, answers, "vtt") == expected.replace(
        "Hello <c.loud>there</c>.", "Buenos días <c.loud>allí.</c>"
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["- Hi.", "- Hello."], ["Hi.", "Hello."]),
        (["Hi.", "- Hello", "old man."], ["Hi.", "Hello old man."]),
        (["-Hi.", "—Hello."], ["Hi.", "Hello."]),
        (["-5 degrees", "outside"], ["-5 degrees outside"]),
        (["♪ I am so tired ♪", "♪ So tired ♪"], ["I am so tired", "So tired"]),
        (["[music]", "I am tired."], ["[music]", "I am tired."]),
        (["我很", "累。"], ["我很累。"]),
        (["<i>I lost</i>", "<i>the key.</i>"], ["I lost the key."]),
        (["{\\an8}I lost", "the key."], ["I lost the key."]),
        (["1984"], ["1984"]),
        ([">> Hi.", ">> Hello."], [">> Hi.", ">> Hello."]),
        (["MAN 1: Hi.", "O'BRIEN: Hello.", "Old man: no."], ["MAN 1: Hi.", "O'BRIEN: Hello. Old man: no."]),
        (["<i></i>"], []),
        (["---"], []),
        (["  I lost  ", "\tthe key. "], ["I lost the key."]),
    ],
)
def test_the_turns_of_a_cue_are_texts_of_their_own(lines: list[str], expected: list[str]) -> None:
    assert [text for text in texts(cue(*lines)) if text] == expected


@pytest.mark.parametrize(
    ("lines", "translation", "expected"),
    [
        (["<i>I lost", "the key.</i>"], "He perdido la llave.", ["<i>He perdido", "la llave.</i>"]),
        (["<i>I lost</i>", "<i>the key.</i>"], "He perdido la llave.", ["<i>He perdido</i>", "<i>la llave.</i>"]),
        (["{\\an8}I lost it."], "Lo he perdido.", ["{\\an8}Lo he perdido."]),
        (["- I lost it."], "Lo he perdido.", ["- Lo he perdido."]),
        (["♪ I lost it ♪"], "Lo he perdido", ["♪ Lo he perdido ♪"]),
        (["I saw <i>Titanic</i> twice."], "Vi dos veces Titanic.", ["Vi dos veces <i>Titanic</i>."]),
        (["<i>Titanic</i> sank."], "Se hundió el Titanic.", ["Se hundió el <i>Titanic</i>."]),
        (["The end of <i>Titanic</i>"], "Titanic, el fin", ["<i>Titanic</i>, el fin"]),
        (["I <b>never</b> lost it."], "No lo perdí nunca.", ["No <b>lo</b> perdí nunca."]),
        (["I lost", "the key."], "Perdí", ["Perdí"]),
        (["I lost", "the key."], "我丢了钥匙。", ["我丢了", "钥匙。"]),
        (["<i>I lost</i>", "<i>the key.</i>"], "Perdí", ["<i>Perdí</i>"]),
    ],
)
def test_tags_stay_around_the_text_and_at_words(lines: list[str], translation: str, expected: list[str]) -> None:
    [source] = texts(cue(*lines))
    assert translated(cue(*lines), {source: translation}) == cue(*expected)


@pytest.mark.parametrize(
    "broken",
    [
        f"1\n{TIMES}\nOne.\n2\n{TIMES}\nTwo.\n",  # no blank line
        f"\ufeff{TIMES}\nOne.\n\n{TIMES}\nTwo.",  # no numbers, no end
        f"1\n{TIMES}\nOne.\n\n\n\nTwo.\n\n2\n{TIMES}\n\n",  # a blank line in a cue, and a cue without a text
        f"7\n\n{TIMES}\nOne.\n \t\n8\n00:00:01.0 -> 00:00:02\nTwo.\n",  # blanks, miswritten times
        f"one\n\n1\n{TIMES}  X1:40 X2:600\nOne.\n\n2\n{TIMES}\nTwo.\n\n3\n",
        f"{TIMES}\n\nOne.\n7\nTwo.\n8\n",  # numbers right behind texts that a blank line has cut off
    ],
)
def test_broken_files_go_through(broken: str) -> None:
    assert texts(broken) == ["One.", "Two."]
    assert translated(broken, {"One.": "Uno.", "Two.": "Dos."}) == broken.replace("One.", "Uno.").replace(
        "Two.", "Dos."
    )


PARTS = st.sampled_from(
    [TIMES, "1", "42", "\n", "\r\n", "\r", "\n\n", "Hi.", "- ", "<i>", "</i>", "{\\an8}", "♪", "WEBVTT", "NOTE",
     "&amp;", "[music]", "\ufeff", " ", "\t", "<v Ann>", "<", ">", "好", "-->", "\u2028"]
)  # fmt: skip


@given(st.lists(PARTS, max_size=30).map("".join), st.sampled_from(["srt", "vtt"]))
@settings(max_examples=300, deadline=None)
def test_nothing_is_lost_whatever_the_file(text: str, subtitle_format: SubtitleFormat) -> None:
    pieces = parse(text, subtitle_format)
    assert "".join(piece if isinstance(piece, str) else piece.original for piece in pieces) == text
    assert translated(text, {}, subtitle_format) == text
    for piece in pieces:
        if isinstance(piece, SubtitleText):
            assert "\n" not in piece.text and "\r" not in piece.text
            output = piece.translated("uno dos tres")
            assert output.count("\n") <= piece.original.count("\n")
            tags = [tag for tag in ("<i>", "</i>", "{\\an8}", "<v Ann>") if tag in piece.original]
            assert all(output.count(tag) == piece.original.count(tag) for tag in tags)


@given(st.lists(st.sampled_from(["a", "bcd", "efghij", "好好"]), min_size=1, max_size=12), st.integers(1, 4))
@settings(deadline=None)
def test_wrapping_breaks_at_blanks_alone(words: list[str], lines: int) -> None:
    text = " ".join(words)
    wrapped = wrap(text, lines)
    assert wrapped.replace("\n", " ") == text or len(words) == 1
    assert wrapped.count("\n") < lines


def test_lines_are_of_similar_width() -> None:
    assert wrap("uno dos tres cuatro cinco seis", 2).split("\n") == ["uno dos tres", "cuatro cinco seis"]
    assert wrap("uno dos tres cuatro cinco seis", 3).split("\n") == ["uno dos", "tres cuatro", "cinco seis"]
