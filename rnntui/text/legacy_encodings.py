"""Encodings of texts that are not UTF-8 and do not say what they are: a guess by the letters that they would have."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from itertools import pairwise

_LEGACY = (
    "cp1252", "cp1250", "iso8859_2", "cp1251", "koi8_r", "cp866", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp1258", "cp874", "cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "cp949", "mac_roman", "cp850",
)  # fmt: skip
_CYRILLIC = ("cp1251", "koi8_r", "cp866")  # one of them decodes anything: koi8_r and cp866 have all bytes
_NAMES = {"cp932": "shift_jis", "cp949": "euc_kr", "koi8_r": "koi8-r", "iso2022_jp": "iso-2022-jp", "euc_jp": "euc-jp"}
_QUOTES_AND_SIGNS = "«»“”‘’„‚–—…·¿¡°§€£ºª©®™•\u00a0"
_WESTERN_LETTERS = "àâäáãåæçèéêëìíîïñòóôõöøœùúûüÿßýðþ"
_CENTRAL_LETTERS = ("áéíóöőúüű", "ąćęłńóśźż", "áäčďéěíľňóôřšťúůýž", "ăâîşţ", "čćđšž")
"""Letters of Hungarian; Polish; Czech and Slovak, without the rare ĺ and ŕ; Romanian; Croatian and Slovene."""
_IMPLAUSIBLE = re.compile("[a-zà-ÿ][À-ÞŒ][a-zà-ÿ]|[^\\W\\d_][‚„¿¡£§°][^\\W\\d_]")  # as in grÑsser, d‚jà
_FEW = 16  # bytes beyond ASCII that are text in some encoding or other
_SAMPLE = 1 << 15  # bytes before the first invalid one, and as many after it


def likely_encoding(data: bytes, invalid: int) -> str:
    """Return a legacy encoding in which the lines from an invalid byte on are probably written; empty if unknown.

    UTF-8 text with a few invalid bytes is damaged rather than of another encoding.
    """
    start = max(data.rfind(b"\n", 0, invalid) + 1, invalid - _SAMPLE)
    complete = data[start : data.rfind(b"\n", start, start + 2 * _SAMPLE) + 1] or data[start : start + 2 * _SAMPLE]
    sample = b"\n".join(line for line in complete.split(b"\n") if not line.isascii())
    around = data[max(0, invalid - _SAMPLE) : invalid + _SAMPLE]
    utf8 = around.decode("utf-8", "ignore")
    if sum(len(c.encode()) for c in utf8 if c > "\x7f") > len(around) - len(utf8.encode()):
        return ""
    from charset_normalizer import from_bytes  # only on the way to an error message

    best = from_bytes(sample, cp_isolation=list(_LEGACY)).best()
    guess, text = (best.encoding, str(best)) if best else ("", "")
    if sum(byte > 0x7F for byte in sample) < _FEW and not _is_mostly("LATIN", text):
        return ""
    # charset-normalizer 3.5.3 takes French for Baltic, Portuguese and Swedish for Central European, and short Russian
    # texts in cp1251 for koi8-r, in which capitals and small letters have changed places.
    if _is_mostly("CYRILLIC", text):
        guess = min(_decodable(sample, _CYRILLIC), key=lambda encoding: _oddities(sample.decode(encoding)))
    elif not any(c > "\x7f" and c.isalpha() for c in text[:4096]) or (guess != "cp1254" and _is_mostly("LATIN", text)):
        guess = (
            _written_with(sample, ("cp1250", "iso8859_2"), _CENTRAL_LETTERS)
            or _written_with(sample, ("cp1252", "mac_roman", "cp850"), (_WESTERN_LETTERS,))
            or guess
        )
        if guess == "cp1250" and sample.decode(guess) == sample.decode("cp1252", "replace"):
            guess = "cp1252"  # the more usual name of the same
    return _NAMES.get(guess, guess)


def _is_mostly(script: str, text: str) -> bool:
    letters = [c for c in text[:4096] if c > "\x7f" and c.isalpha()]
    return bool(letters) and sum(unicodedata.name(c, "").startswith(script) for c in letters) >= 0.9 * len(letters)


def _oddities(text: str) -> int:
    """Return how often a capital follows a small letter, plus the number of signs beyond ASCII."""
    signs = sum(c > "\x7f" and not c.isalpha() and c not in _QUOTES_AND_SIGNS for c in text)
    return signs + sum(before.islower() and after.isupper() for before, after in pairwise(text))


def _decodable(data: bytes, encodings: tuple[str, ...]) -> list[str]:
    decodable = []
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            data.decode(encoding)
            decodable.append(encoding)
    return decodable


def _written_with(data: bytes, encodings: tuple[str, ...], alphabets: tuple[str, ...]) -> str:
    """Return the first encoding in which all letters beyond ASCII are of one alphabet; empty if there is none."""
    for encoding in _decodable(data, encodings):
        text = data.decode(encoding)
        letters = {c.lower() for c in text if c > "\x7f"} - set(_QUOTES_AND_SIGNS)
        if any(letters <= set(alphabet) for alphabet in alphabets) and not _IMPLAUSIBLE.search(text):
            return encoding
    return ""
