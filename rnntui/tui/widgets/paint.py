"""How a line of a `StreamView` is painted: styles by author and by surprise, and what is marked on top."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.color import Color, Lab, lab_to_rgb, rgb_to_lab
from textual.strip import Strip

from rnntui.tui.widgets.document import DocumentSpan, Role
from rnntui.tui.widgets.wrapped_text import Glyph

LEVELS = 12
"""Steps of shading: one for each bit of surprise, up to twelve."""

_STRONGEST = 0.62  # of the way from the background to the colour of surprise
_READABLE = 4.5  # the contrast between text and background that WCAG 2 asks for

Mark = tuple[int, int, Style]
"""From one offset to another, a style laid over the text."""


def level_of(bits: float | None) -> int:
    """The step of shading for a token's bits: none below one bit, the last from twelve bits on."""
    return 0 if bits is None or not bits >= 1 else int(min(bits, LEVELS))


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of two colours after WCAG 2, from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


class Palette:
    """The styles of a view under one theme, made as they are asked for and kept.

    `roles` are full styles; `surprise` is one whose background is the colour of surprise.
    """

    def __init__(self, base: Style, roles: dict[Role, Style], surprise: Style) -> None:
        self.base = base
        self._roles = roles
        self._surprise = surprise
        self._styles: dict[tuple[Role, int], Style] = {}

    def style(self, role: Role, level: int) -> Style:
        """The style of a role at a step of shading, 0 to `LEVELS`."""
        key = role, level
        if key not in self._styles:
            self._styles[key] = self._shaded(self._roles[role], level) if level else self._roles[role]
        return self._styles[key]

    def _shaded(self, style: Style, level: int) -> Style:
        ground, surprise = style.bgcolor, self._surprise.bgcolor
        if ground is None or surprise is None or ground.triplet is None or surprise.triplet is None:
            # The terminal's own colours cannot be mixed: the upper half is shaded, the lower is not.
            return style + self._surprise if level > LEVELS // 2 else style
        # Steps in CIE Lab look even; steps in RGB would be lost among the dark ones.
        here, there = rgb_to_lab(Color.from_rich_color(ground)), rgb_to_lab(Color.from_rich_color(surprise))
        part = _STRONGEST * level / LEVELS
        background = lab_to_rgb(Lab(*(a + (b - a) * part for a, b in zip(here, there, strict=True))))
        color = style.color and Color.from_rich_color(style.color)
        if color is not None:
            limit = max((Color(0, 0, 0), Color(255, 255, 255)), key=lambda ink: contrast(ink, background))
            for step in range(11):
                ink = color.blend(limit, step / 10)
                if contrast(ink, background) >= _READABLE:
                    break
            color = ink
        return style + Style(color=color and color.rich_color, bgcolor=background.rich_color)


def paint(
    glyphs: Sequence[Glyph],
    spans: Iterable[DocumentSpan],
    palette: Palette,
    *,
    shade: bool,
    marks: Sequence[Mark],
    caret: tuple[int, Style] | None,
    width: int,
) -> Strip:
    """A line as a strip `width` cells wide, with `marks` laid over in order.

    `caret` is a column (in cells) behind the text, where a cursor stands on what shows nothing, and its style.
    """
    styles = _styles(glyphs, spans, palette, shade)
    shown = [glyph.shown for glyph in glyphs]
    cells = sum(glyph.cells for glyph in glyphs if glyph.shown)
    for start, end, style in marks:
        for i, glyph in enumerate(glyphs):
            if glyph.start < end and start < glyph.end:
                styles[i] = styles[i] + style
    segments: list[Segment] = []
    run: list[str] = []
    style_of_run = palette.base
    for text, style in zip(shown, styles, strict=True):
        if style is not style_of_run and style != style_of_run:
            if run:
                segments.append(Segment("".join(run), style_of_run))
                run = []
            style_of_run = style
        run.append(text)
    if run:
        segments.append(Segment("".join(run), style_of_run))
    if caret is not None:
        column = max(cells, min(caret[0], width - 1))
        segments += [Segment(" " * (column - cells), palette.base), Segment(" ", palette.base + caret[1])]
        cells = column + 1
    segments.append(Segment(" " * (width - cells), palette.base))
    return Strip([segment for segment in segments if segment.text], max(cells, width)).crop(0, width)


def _styles(glyphs: Sequence[Glyph], spans: Iterable[DocumentSpan], palette: Palette, shade: bool) -> list[Style]:
    styles: list[Style] = []
    end, style = 0, palette.base
    later = iter(spans)
    for glyph in glyphs:
        while end <= glyph.start:
            span = next(later, None)
            if span is None:
                end, style = glyphs[-1].end, palette.base
                break
            end, style = span.end, palette.style(span.role, level_of(span.bits) if shade else 0)
        styles.append(style)
    return styles


def for_pointer(glyphs: Sequence[Glyph], last: int, width: int) -> Strip:
    """A line for Textual to look up what is under the pointer: each cell tells the offset of its cluster.

    Textual reads an offset `(x, y)` from a segment's style; with `x` the offset in the text and `y` always 0, a
    selection holds through wrapping anew. `last` is the offset for what is beyond the end of the line.
    """
    segments = []
    for glyph in glyphs:
        if glyph.shown:
            cell = Segment(" ", Style.from_meta({"offset": (glyph.start, 0)}))
            segments += [cell] * glyph.cells
    segments.append(Segment("", Style.from_meta({"offset": (last, 0)})))
    segments.append(Segment(" " * max(0, width - len(segments) + 1)))
    return Strip(segments)
