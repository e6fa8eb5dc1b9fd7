"""Painting of a line of a `StreamView`: styles by author and shading, overlaid styles, and strips of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip

from rnntui.tui.widgets.colours import blend_lab, readable_on
from rnntui.tui.widgets.document import DocumentSpan, Role
from rnntui.tui.widgets.wrapped_text import Glyph

LEVELS = 12
"""The number of shading levels: one per bit of surprisal, up to twelve."""

_STRONGEST = 0.62  # of the way from the background to the colour of the highest level

StyledRange = tuple[int, int, Style]
"""Start and end offset in the text, and a style laid over it."""


def level_of(bits: float | None) -> int:
    """Return the shading level of a token's surprisal in bits: 0 below one bit, `LEVELS` from twelve bits on."""
    return 0 if bits is None or not bits >= 1 else int(min(bits, LEVELS))


class SpanStyles:
    """The styles of the spans of a view under one theme, computed on demand and cached.

    Args:
        base: The style of the view.
        roles: The full style of each role.
        strongest: A style whose background is the colour of the highest level.
    """

    def __init__(self, base: Style, roles: dict[Role, Style], strongest: Style) -> None:
        self.base = base
        self._roles = roles
        self._strongest = strongest
        self._styles: dict[tuple[Role, int], Style] = {}

    def style(self, role: Role, level: int) -> Style:
        """Return the style of a role at a shading level, 0 to `LEVELS`."""
        key = role, level
        if key not in self._styles:
            self._styles[key] = self._shaded(self._roles[role], level) if level else self._roles[role]
        return self._styles[key]

    def _shaded(self, style: Style, level: int) -> Style:
        plain, strongest = style.bgcolor, self._strongest.bgcolor
        if plain is None or strongest is None or plain.triplet is None or strongest.triplet is None:
            # The terminal's own colours cannot be blended: only the upper half of the levels is shaded.
            return style + self._strongest if level > LEVELS // 2 else style
        fraction = _STRONGEST * level / LEVELS
        background = blend_lab(Color.from_rich_color(plain), Color.from_rich_color(strongest), fraction)
        ink = readable_on(background, Color.from_rich_color(style.color)) if style.color else None
        return style + Style(color=ink and ink.rich_color, bgcolor=background.rich_color)


def glyph_styles(
    glyphs: Sequence[Glyph],
    spans: Iterable[DocumentSpan],
    base: Style,
    style_of: Callable[[DocumentSpan], Style],
) -> list[Style]:
    """Return the style of each glyph of a line.

    Args:
        glyphs: The glyphs of the line.
        spans: The spans that cover the line, in order.
        base: The style of glyphs that no span covers.
        style_of: Returns the style of a span.
    """
    result: list[Style] = []
    end, style = 0, base
    remaining = iter(spans)
    for glyph in glyphs:
        while end <= glyph.start:
            span = next(remaining, None)
            if span is None:
                end, style = glyphs[-1].end, base
                break
            end, style = span.end, style_of(span)
        result.append(style)
    return result


def overlaid(glyphs: Sequence[Glyph], styles: Sequence[Style], ranges: Iterable[StyledRange]) -> list[Style]:
    """Return the styles of the glyphs with the styles of the ranges laid over them, in order."""
    result = list(styles)
    for start, end, style in ranges:
        for i, glyph in enumerate(glyphs):
            if glyph.start < end and start < glyph.end:
                result[i] = result[i] + style
    return result


def paint(
    glyphs: Sequence[Glyph], styles: Sequence[Style], base: Style, width: int, caret: tuple[int, Style] | None = None
) -> Strip:
    """Paint a line as a strip.

    Args:
        glyphs: The glyphs of the line.
        styles: The style of each glyph.
        base: The style of the rest of the line.
        width: The width of the strip in cells.
        caret: The column behind the text, in cells, and the style of a cursor where no glyph is visible.
    """
    cells = sum(glyph.cells for glyph in glyphs if glyph.text)
    segments: list[Segment] = []
    piece: list[str] = []
    piece_style = base
    for glyph, style in zip(glyphs, styles, strict=True):
        if style is not piece_style and style != piece_style:
            if piece:
                segments.append(Segment("".join(piece), piece_style))
                piece = []
            piece_style = style
        piece.append(glyph.text)
    if piece:
        segments.append(Segment("".join(piece), piece_style))
    if caret is not None:
        column = max(cells, min(caret[0], width - 1))
        segments += [Segment(" " * (column - cells), base), Segment(" ", base + caret[1])]
        cells = column + 1
    segments.append(Segment(" " * (width - cells), base))
    return Strip([segment for segment in segments if segment.text], max(cells, width)).crop(0, width)


def paint_offsets(glyphs: Sequence[Glyph], end: int, width: int) -> Strip:
    """Return a strip for Textual's lookup of the offset under the pointer: each cell carries that of its glyph.

    Textual reads an offset `(x, y)` from a segment's style; with the offset in the text as x and 0 as y, a selection
    survives rewrapping.

    Args:
        glyphs: The glyphs of the line.
        end: The offset for cells beyond the end of the line.
        width: The width of the strip in cells.
    """
    segments = []
    for glyph in glyphs:
        if glyph.text:
            cell = Segment(" ", Style.from_meta({"offset": (glyph.start, 0)}))
            segments += [cell] * glyph.cells
    segments.append(Segment("", Style.from_meta({"offset": (end, 0)})))
    segments.append(Segment(" " * max(0, width - len(segments) + 1)))
    return Strip(segments)
