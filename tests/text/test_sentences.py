"""Sentences of a line and scripts of letters."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.text.scripts import script_counts, script_of
from rnntui.text.sentences import split_sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["I am tired.", "It is late.", "We should go home."],
        ["Mr. Smith is here.", "Dr. Jones and Ms. Yi too."],
        ["He lives in the U.S. and works, e.g. here.", "Pi is 3.14.", "Ok."],
        ["J. R. R. Tolkien wrote it.", "I read it at 5 p.m.", "Then I slept."],
        ["Gespräch mit Ö. Müller.", "Gut.", "É. Zola war da."],
        ["Escribe Á. García.", "Lee."],
        ["Это Ё. Иванов пишет."],
        ['"Go. Run now," he said, "or stay. Be quick."', "He left."],
        ["«Да. Нет» и «Нет. Да.»"],
        ["What!?", "No.", "I do not.", "Really?!"],
        ["OK.", "Let's go.", "NO.", "I don't."],
        ["No. 5 is alive."],
        ["¿Qué hora es?", "¡No sé!", "El Sr. López vino.", "Ud. sabe."],
        ["هل أنت هنا؟", "نعم أنا هنا."],
        ["मैं थक गया हूँ।", "देर हो गई है।"],
        ["Привет.", "Как дела?", "А. С. Пушкин жил."],
        ["Τι κάνεις;", "Καλά."],
        ["Well… maybe.", "I am here; you are there."],
        ['"What?" he said.', '"No!" she cried.'],
        ['"I am tired."', '"It is late."'],
        ["(He left.)", "She stayed."],
        ["(LAUGHS)", "That is funny."],
        ["He left (a) and (B) Too."],
        ["1. Open the door.", "2. Close it."],
        ["i am tired.", "it is late."],
        ["See example.com.", "Version 2.0 works.", "Node.js too."],
        ["I said no.", "I like art.", "See vol. 2 and no. 5."],
        ["Это я.", "Привет."],
        ["One line only"],
    ],
    ids=lambda sentences: sentences[0],
)
def test_a_line_is_split_into_its_sentences(sentences: list[str]) -> None:
    assert split(" ".join(sentences)) == sentences
    assert split("  " + " \t ".join(sentences) + "\u3000") == sentences


def test_sentences_need_no_blank_between_them_where_a_script_has_none() -> None:
    assert split("我累了。我们回家吧！好吗？好。") == ["我累了。", "我们回家吧！", "好吗？", "好。"]
    assert split("We are tired.It is late.") == ["We are tired.", "It is late."]
    assert split("Look at Vue.Js now.") == ["Look at Vue.Js now."]


def test_marks_around_several_sentences_are_in_no_span() -> None:
    assert split("“I am tired. It is late.” He left.") == ["I am tired.", "It is late.", "He left."]
    assert split("“I am tired.” He left.") == ["“I am tired.”", "He left."]


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_a_blank_text_has_no_sentence(text: str) -> None:
    assert split_sentences(text) == []


@given(st.text(alphabet=st.one_of(st.sampled_from("aB .!?\"'()“”。！\n\u2028\u0301\ud800é5J"), st.characters())))
@settings(max_examples=300, deadline=None)
def test_no_letter_is_lost_whatever_the_text(text: str) -> None:
    end = 0
    for start, next_start in split_sentences(text):
        assert end <= start < next_start and text[start:next_start] == text[start:next_start].strip()
        assert not any(map(str.isalnum, text[end:start]))
        end = next_start
    assert not any(map(str.isalnum, text[end:]))


def test_the_splitter_is_loaded_only_where_a_line_may_have_several_sentences() -> None:
    code = (
        "import sys; from rnntui.text.sentences import split_sentences as split\n"
        "split('Mr.'); split('Is it 3.14?'); print('sentencex' in sys.modules); split('A. B.')\n"
        "print('sentencex' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "True"]


@pytest.mark.parametrize(
    ("character", "script"),
    [("a", "LATIN"), ("ñ", "LATIN"), ("Ａ", "LATIN"), ("ж", "CYRILLIC"), ("你", "HAN"), ("か", "HIRAGANA"),
     ("カ", "KATAKANA"), ("ｶ", "KATAKANA"), ("ー", "KATAKANA"), ("々", "HAN"), ("한", "HANGUL"), ("ﾡ", "HANGUL"),
     ("א", "HEBREW"), ("ع", "ARABIC"), ("क", "DEVANAGARI"),
     ("7", ""), ("♪", ""), (" ", ""), ("º", ""), ("\ud800", ""), ("\u0301", "")],
)  # fmt: skip
def test_the_script_of_a_letter(character: str, script: str) -> None:
    assert script_of(character) == script


def test_scripts_are_counted() -> None:
    assert script_counts("Año 2010: 你好!") == {"LATIN": 3, "HAN": 2}
