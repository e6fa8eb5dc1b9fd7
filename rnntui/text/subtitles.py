"""Subtitle files (SubRip .srt, WebVTT .vtt): the texts to translate, and all else kept character for character.

The parser is our own, because the libraries for these formats write a file anew: numbers, blanks and broken places do
not survive that.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rnntui.text.subtitle_layout import TaggedText, tagged_text

SubtitleFormat = Literal["srt", "vtt"]

SUBTITLE_FORMATS: dict[str, SubtitleFormat] = {".srt": "srt", ".vtt": "vtt"}
"""Formats by the suffix of a file."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_TIME = r"(?:\d+:)?\d{1,2}:\d{1,2}[,.]\d{1,3}"
_TIMING = re.compile(r"\ufeff?\s*\d+:\d+[\d:.,]*\s*-+>\s*\d")  # also where it is miswritten
_NUMBER = re.compile(r"\s*\d+\s*")
_WEBVTT = re.compile(r"\ufeff?WEBVTT(?:\s|\Z)")
_SUBRIP = re.compile(rf"\ufeff?\s*(?:\d+[ \t]*(?:\r\n|\n|\r)\s*)?{_TIME}\s*-->\s*\d")
_BLOCKS = ("NOTE", "STYLE", "REGION")
# A line that begins another turn: by a dash, a speaker in capitals, a note of music, a bracket or a WebVTT voice.
_TURN = re.compile(
    r"\s*(?:<[^<>]*>|\{\\[^{}]*\})*\s*(?:[-‐–—]\s*\S|>>|[A-Z][A-Z0-9 .'’-]{0,30}:\s|[♪♫]|\[[^\[\]]*\]\s*$)|\s*<v[ .]"
)
_CUE = re.compile(r"\s*\[[^\[\]]*\]\s*")


def detect_format(beginning: str) -> SubtitleFormat | None:
    """Return the format of a file that begins so; None if it is of neither."""
    if _WEBVTT.match(beginning):
        return "vtt"
    return "srt" if _SUBRIP.match(beginning) else None


@dataclass(frozen=True)
class SubtitleText:
    """A text of a cue, over one line or several.

    Args:
        lines: without their ends.
        ends: the line end of each; that of the last may be empty.
        escaped: True if `&` and `<` are escaped in it, as in WebVTT.
    """

    lines: tuple[str, ...]
    ends: tuple[str, ...]
    escaped: bool

    @property
    def original(self) -> str:
        """The lines as they are in the file."""
        return "".join(line + end for line, end in zip(self.lines, self.ends, strict=True))

    @property
    def text(self) -> str:
        """The text to translate: a single line without tags; empty if there is none."""
        plain = self._tagged.plain
        return html.unescape(plain) if self.escaped else plain

    def translated(self, translation: str) -> str:
        """Return the lines with a translation of `text`, over as many lines, in the same tags."""
        if translation == self.text:
            return self.original
        escaped = html.escape(translation, quote=False) if self.escaped else translation
        lines = self._tagged.replaced(escaped)
        ends = [*self.ends[: len(lines) - 1], self.ends[-1]]
        return "".join(line + end for line, end in zip(lines, ends, strict=True))

    @property
    def _tagged(self) -> TaggedText:
        return tagged_text(self.lines)


def parse_subtitles(text: str, subtitle_format: SubtitleFormat) -> Iterator[str | SubtitleText]:
    """Yield the pieces of a file in order: what stays as it is, and the texts of the cues.

    Joined, with the texts' `original`, they are the file again, also if it is broken: a cue ends at a blank line, and
    also before the number or the time codes of the next one.
    """
    lines = [match[0] for match in _LINE.finditer(text) if match[0]]
    in_cue = False  # between the time codes of a cue and its end
    in_block = subtitle_format == "vtt"  # the header, a NOTE or a STYLE, up to a blank line
    is_after_cue = False
    cue: list[str] = []
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        is_blank = not line.strip("\ufeff \t\r\n")
        is_timing = _TIMING.match(line) is not None
        is_label = _TIMING.match(following) is not None and (not in_cue or _NUMBER.fullmatch(line) is not None)
        if is_blank or is_timing or is_label:
            yield from _texts(cue, subtitle_format)
            cue = []
            in_block = in_block and not (is_blank or is_timing)
            in_cue = is_timing
            is_after_cue = (is_after_cue or is_timing) and not is_label
            yield line
        elif in_block or (subtitle_format == "vtt" and not in_cue):
            in_block = in_block or line.startswith(_BLOCKS)
            yield line
        elif in_cue or (is_after_cue and _NUMBER.fullmatch(line) is None):
            cue.append(line)  # also behind a blank line in the middle of a cue
        else:
            yield from _texts(cue, subtitle_format)
            cue = []
            yield line
    yield from _texts(cue, subtitle_format)


def _texts(lines: Sequence[str], subtitle_format: SubtitleFormat) -> Iterator[SubtitleText]:
    """Yield the texts of a cue: one, or one for each turn of a dialogue."""
    turns: list[list[str]] = []
    for line in lines:
        if not turns or _TURN.match(line) or _CUE.fullmatch(turns[-1][-1]):
            turns.append([])
        turns[-1].append(line)
    for turn in turns:
        bare = [line.rstrip("\r\n") for line in turn]
        ends = [line[len(text) :] for line, text in zip(turn, bare, strict=True)]
        yield SubtitleText(tuple(bare), tuple(ends), subtitle_format == "vtt")
