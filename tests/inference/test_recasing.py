"""Case of translations: as that of their source."""

from __future__ import annotations

import pytest

from rnntui.inference.recasing import casing_of, is_shouted, recase
from rnntui.text.placeholders import NAMES, NUMBERS


@pytest.mark.parametrize(
    ("sentence", "casing"),
    [
        ("Where is the station?", "upper"),
        ("WHERE IS THE STATION?", "capitals"),
        ("where is the station?", "lower"),
        ("¿dónde está?", "lower"),
        ("WhErE iS tHe StAtIoN?", "upper"),
        ("wHeRe Is It?", "upper"),
        ("my iPhone is here", "lower"),
        ("Old McDonald", "upper"),
        ("I", "upper"),
        ("OK.", "upper"),
        ("STOP!", "capitals"),
        ("HABÍA", "capitals"),
        (f"I HAVE {NUMBERS[0]} DOGS.", "capitals"),
        (f"{NUMBERS[0]} dogs", "model"),
        ("我累了。", "model"),
        ("?", "model"),
    ],
)
def test_the_case_of_a_translation_is_that_of_its_source(sentence: str, casing: str) -> None:
    assert casing_of(sentence, in_shouted_line=False) == casing


def test_short_sentences_of_a_shouted_line_are_shouted_too() -> None:
    assert is_shouted("NO. STOP IT.") and not is_shouted("OK. Stop it.")
    assert casing_of("NO.", in_shouted_line=True) == "capitals"


@pytest.mark.parametrize(
    ("translation", "casing", "source", "shown"),
    [
        ("¿Dónde está la estación?", "capitals", "", "¿DÓNDE ESTÁ LA ESTACIÓN?"),
        ("Die Straße", "capitals", "", "DIE STRASSE"),
        (f"Vi a {NAMES[0]}.", "capitals", "", f"VI A {NAMES[0]}."),
        ("¿Dónde está?", "lower", "where is it?", "¿dónde está?"),
        ("Él está aquí.", "lower", "he is here.", "él está aquí."),
        ("Tom está aquí.", "lower", "my friend Tom is here.", "Tom está aquí."),
        ("Tom está aquí.", "lower", "tom is here.", "tom está aquí."),
        ("I am here.", "lower", "estoy aquí.", "I am here."),
        ("I'm here.", "lower", "estoy aquí.", "I'm here."),
        ("It's here.", "lower", "está aquí.", "it's here."),
        ("ONU y más", "lower", "the UN and more", "ONU y más"),
        (f"{NAMES[0]} Vive.", "lower", "he lives", f"{NAMES[0]} Vive."),
        ("20 Perros", "lower", "dogs", "20 Perros"),
        ("...", "lower", "dogs", "..."),
        ("", "lower", "dogs", ""),
        ("cuesta 5.", "upper", "It costs 5.", "Cuesta 5."),
        ("¿cuesta 5?", "upper", "Is it 5?", "¿Cuesta 5?"),
        ("eBay es", "upper", "It is eBay", "eBay es"),
        (f"{NUMBERS[0]} perros", "upper", "I have dogs", f"{NUMBERS[0]} perros"),
        ("hola", "model", "!", "hola"),
    ],
)
def test_a_translation_is_written_in_a_case(translation: str, casing, source: str, shown: str) -> None:
    characters = recase(translation, casing, source)
    assert "".join(characters) == shown and len(characters) == len(translation)
