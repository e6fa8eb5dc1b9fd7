"""The text view: following, scrolling, cursor, selection and search, with work for new text only."""

import pytest
from rich.cells import cell_len
from textual.app import App
from textual.color import Color
from textual.geometry import Offset
from textual.theme import BUILTIN_THEMES

from rnntui.tui.widgets.caret import Caret
from rnntui.tui.widgets.colours import contrast
from rnntui.tui.widgets.document import DocumentSpan
from rnntui.tui.widgets.paint import LEVELS, level_of
from rnntui.tui.widgets.search_matches import SearchMatches
from rnntui.tui.widgets.stream_view import StreamView
from rnntui.tui.widgets.wrapped_text import WrappedText

FAMILY = "👩\u200d👩\u200d👧"


class Script:
    """A document made of pieces, which counts the requests for its spans."""

    def __init__(self, *pieces):
        self.text = ""
        self.parts = []
        self.asked = []
        for piece in pieces:
            self.add(*piece) if isinstance(piece, tuple) else self.add(piece)

    def add(self, text, role="model", bits=1.0):
        start = len(self.text)
        self.text += text
        self.parts.append(DocumentSpan(start, len(self.text), role, bits))

    def cut(self, length):
        self.text = self.text[:length]
        self.parts = [p._replace(end=min(p.end, length)) for p in self.parts if p.start < length]

    def spans(self, start, end):
        self.asked.append((start, end))
        return [part for part in self.parts if part.end > start and part.start < end]


class Shown(App):
    def __init__(self, document=None, css="", **settings):
        super().__init__()
        self.stylesheet.add_source(css)
        self.view = StreamView(document, **settings)
        self.moves = []

    def compose(self):
        yield self.view

    def on_stream_view_cursor_moved(self, message):
        assert message.control is self.view
        self.moves.append(message.offset)


def strips(app):
    height = app.view.size.height
    return app.view.render_lines(app.view.size.region.at_offset(Offset(0, 0)) if height else None)


def rows(app):
    return [strip.text.rstrip() for strip in strips(app)]


def styled(app, row):
    """Return the pieces of a row with their styles, without trailing blanks."""
    return [(s.text, s.style) for s in strips(app)[row] if s.text.strip()]


def numbered(lines):
    return Script("\n".join(f"line {i}" for i in range(lines)))


async def test_it_shows_the_end_of_a_long_text_and_follows_as_it_grows():
    script = numbered(50)
    app = Shown(script)
    async with app.run_test(size=(30, 10)) as pilot:
        assert rows(app)[-1] == "line 49" and app.view.following
        script.add("\nmore\nand more")
        app.view.notify_appended()
        await pilot.pause()
        assert rows(app)[-2:] == ["more", "and more"]
        assert app.view.virtual_size.height == 52
        bar = app.view.vertical_scrollbar
        assert (bar.window_virtual_size, bar.position, bar.region.width) == (52, 42, 1)


async def test_a_reader_who_scrolled_up_is_left_there_until_back_at_the_end():
    script = numbered(50)
    app = Shown(script)
    async with app.run_test(size=(30, 10)) as pilot:
        app.view.post_message(_wheel(app.view, up=True))
        await pilot.pause()
        await pilot.pause()
        top = rows(app)[0]
        assert top != "line 40" and not app.view.following
        script.asked.clear()
        script.add("\nmore")
        app.view.notify_appended()
        await pilot.pause()
        assert not script.asked
        assert rows(app)[0] == top
        app.view.scroll_end(animate=False, immediate=True)
        await pilot.pause()
        assert app.view.following
        script.add("\nlast")
        app.view.notify_appended()
        assert rows(app)[-1] == "last"


def _wheel(view, up):
    from textual import events

    kind = events.MouseScrollUp if up else events.MouseScrollDown
    return kind(view, 5, 5, 0, 0, 0, False, False, False, 5, 5)


async def test_only_new_lines_are_painted_and_nothing_is_laid_out_anew(monkeypatch):
    script = numbered(500)
    app = Shown(script)
    layouts = []
    async with app.run_test(size=(30, 10)) as pilot:
        await pilot.pause()
        refresh = app.screen._refresh_layout
        monkeypatch.setattr(app.screen, "_refresh_layout", lambda *a, **k: (layouts.append(1), refresh(*a, **k)))
        await pilot.pause()
        script.asked.clear()
        for i in range(5):
            script.add(f"\nnew {i}")
            app.view.notify_appended()
            await pilot.pause()
        assert rows(app)[-1] == "new 4"
        assert not layouts
        # Per tick: the line that was the last one, and the new one.
        assert len(script.asked) <= 2 * 5
        first = min(start for start, _ in script.asked)
        assert first >= script.text.index("line 499")


async def test_cutting_back_and_starting_anew():
    script = numbered(50)
    app = Shown(script)
    async with app.run_test(size=(30, 10)) as pilot:
        app.view.cursor = len(script.text)
        script.cut(script.text.index("line 30"))
        app.view.notify_truncated(len(script.text))
        await pilot.pause()
        assert rows(app)[-2:] == ["line 29", ""] and app.view.cursor == len(script.text)
        script.cut(script.text.index("line 3"))
        app.view.notify_truncated(len(script.text))
        await pilot.pause()
        assert not app.view.show_vertical_scrollbar
        assert rows(app)[:4] == ["line 0", "line 1", "line 2", ""] and app.view.scroll_offset.y == 0
        app.view.document = Script("other")
        await pilot.pause()
        assert rows(app)[0] == "other" and app.view.cursor is None
        assert app.moves[0] == 389 and app.moves[-1] is None
        app.view.document = None
        assert rows(app)[0] == ""
        app.view.notify_appended()
        app.view.action_move("left")
        assert app.view.cursor == 0


async def test_cutting_within_the_token_under_the_cursor_leaves_no_mark_of_it():
    script = Script("one ", "long token")
    app = Shown(script)
    async with app.run_test(size=(30, 5)) as pilot:
        app.view.cursor = 8
        await pilot.pause()
        assert any(style.underline for _, style in styled(app, 0))
        script.cut(8)
        app.view.notify_truncated(8)
        await pilot.pause()
        assert not any(style.underline for _, style in styled(app, 0)) and app.view.cursor == 8


async def test_a_new_width_keeps_the_character_at_the_top_or_the_end():
    words = Script(" ".join(f"w{i:03}" for i in range(400)))
    app = Shown(words)
    async with app.run_test(size=(41, 10)) as pilot:
        await pilot.resize_terminal(30, 8)
        await pilot.pause()
        assert rows(app)[-1].endswith("w399") and app.view.following
        app.view.scroll_to(y=20, animate=False)
        await pilot.pause()
        first = rows(app)[0].split()[0]
        await pilot.resize_terminal(21, 10)
        await pilot.pause()
        assert first in rows(app)[0] and not app.view.following
        assert all(cell_len(row) <= 20 for row in rows(app))
        await pilot.resize_terminal(61, 10)
        await pilot.pause()
        assert first in rows(app)[0]


async def test_wide_characters_marks_and_escapes_stay_in_their_cells():
    text = f"春眠不覺曉，處處聞啼鳥。e\u0301{FAMILY}☁\ufe0f🇫🇷\t\x1b[31m\u202e"
    app = Shown(Script(*text))  # one token per character, so that tokens end within clusters
    async with app.run_test(size=(16, 8)):
        app.view.shade = True
        for strip in strips(app):
            assert strip.cell_length == sum(cell_len(segment.text) for segment in strip) == 16
        assert rows(app)[0] == "春眠不覺曉，處"
        joined = "".join(row.replace(" ", "") for row in rows(app))
        assert joined == text.replace("\t", "").replace("\x1b", r"\x1b").replace("\u202e", r"\u202e")


async def test_placeholder_until_there_is_text():
    script = Script()
    app = Shown(script, placeholder="Write something, and the model goes on")
    async with app.run_test(size=(20, 6)) as pilot:
        assert rows(app)[:3] == ["Write something,", "and the model goes", "on"]
        assert styled(app, 0)[0][1].italic
        app.view.placeholder = "Write"
        assert rows(app)[:2] == ["Write", ""]
        script.add("text")
        app.view.notify_appended()
        await pilot.pause()
        assert rows(app)[0] == "text"


async def test_roles_and_surprisal_have_styles_of_their_own():
    script = Script(("you ", "prompt", None), ("calm ", "model", 0.2), ("odd", "model", 20.0))
    app = Shown(script)
    async with app.run_test(size=(30, 5)) as pilot:
        (prompt, bold), (model, plain) = styled(app, 0)
        assert (prompt, model) == ("you ", "calm odd")
        assert bold.bold and not plain.bold and bold.color != plain.color
        app.view.shade = True
        await pilot.pause()
        (_, you), (_, calm), (odd, strong) = styled(app, 0)
        assert odd == "odd" and strong.bgcolor != calm.bgcolor == you.bgcolor == plain.bgcolor
        script.parts[1] = script.parts[1]._replace(bits=5.0)
        app.view.notify_restyled()
        assert styled(app, 0)[1][1].bgcolor not in (plain.bgcolor, strong.bgcolor)
        app.view.shade = False
        assert styled(app, 0)[1][0] == "calm odd"


@pytest.mark.parametrize(
    ("bits", "level"), [(None, 0), (0.0, 0), (0.99, 0), (1.0, 1), (5.7, 5), (12.0, 12), (99.0, 12), (float("nan"), 0)]
)
def test_steps_of_shading(bits, level):
    assert level_of(bits) == level and level <= LEVELS


async def test_shading_is_readable_and_rises_in_every_theme():
    app = Shown(Script("x"))
    async with app.run_test(size=(30, 5)) as pilot:
        for theme in BUILTIN_THEMES:
            app.theme = theme
            await pilot.pause()
            span_styles = app.view._refresh_span_styles()
            styles = [span_styles.style(role, level) for role in ("prompt", "model") for level in range(1, LEVELS + 1)]
            if theme.startswith("ansi"):  # the terminal's own colours: shaded or not, no more
                assert len({style.bgcolor for style in styles}) == 2
                continue
            grounds = [Color.from_rich_color(style.bgcolor) for style in styles]
            assert len(set(grounds)) >= LEVELS
            base = Color.from_rich_color(span_styles.base.bgcolor)
            distances = [contrast(base, ground) for ground in grounds[:LEVELS]]
            assert distances == sorted(distances) and distances[-1] > 1.4
            for style, ground in zip(styles, grounds, strict=True):
                assert contrast(Color.from_rich_color(style.color), ground) >= 4.4


async def test_a_theme_changes_what_is_on_the_screen():
    app = Shown(Script("text"))
    async with app.run_test(size=(30, 5)) as pilot:
        dark = styled(app, 0)[0][1]
        app.theme = "textual-light"
        await pilot.pause()
        light = styled(app, 0)[0][1]
        assert dark.bgcolor != light.bgcolor and dark.color != light.color


@pytest.mark.parametrize(
    ("css", "place"),
    [
        ("", 0),
        ("padding: 0 2;", 2),
        ("padding: 1 2;", 2),
        ("padding: 0 1; border: round red;", 2),
        ("opacity: 70%;", 0),
    ],
)
@pytest.mark.parametrize("lines", [3, 30])
async def test_padding_and_borders_leave_the_text_as_it_is(css, place, lines):
    app = Shown(numbered(lines), f"StreamView {{ {css} }}")
    async with app.run_test(size=(30, 12)) as pilot:
        app.view.cursor = 0
        await pilot.pause()
        outer = app.view.outer_size
        drawn = app.view.render_lines(outer.region)
        assert len(drawn) == outer.height
        assert all(strip.cell_length == outer.width for strip in drawn)
        first = next(strip for strip in drawn if "line 0" in strip.text)
        assert first.text.index("line 0") == place
        app.view.styles.padding = (0, 4)
        await pilot.pause()
        drawn = app.view.render_lines(app.view.outer_size.region)
        assert any(strip.text.startswith("    line 0") or "line 0" in strip.text[5:11] for strip in drawn)


async def test_the_cursor_moves_by_keys_and_tells():
    app = Shown(Script("ab cd\n", "春眠 ", "e\u0301f\n\n", "end"))
    async with app.run_test(size=(30, 10)) as pilot:
        app.view.focus()
        await pilot.press("ctrl+home")
        places = [app.view.cursor]
        for key in (
            "right", "ctrl+right", "end", "right", "right", "right", "right", "right", "left", "home", "up",
            "ctrl+end", "ctrl+left", "up", "up", "down", "left", "pageup", "pagedown", "pagedown",
        ):  # fmt: skip
            await pilot.press(key)
            places.append(app.view.cursor)
        assert places == [0, 1, 3, 5, 6, 7, 8, 9, 11, 9, 6, 0, 17, 14, 13, 6, 13, 12, 0, 17, 17]
        await pilot.pause()
        changes = [place for i, place in enumerate(places) if not i or place != places[i - 1]]
        assert app.moves == changes


async def test_up_and_down_keep_the_column_through_short_lines():
    wrapped = WrappedText(20)
    wrapped.append("0123456789\nab\n0123456789")
    caret = Caret()
    assert caret.move(wrapped, 8, "down", 5) == 13
    assert caret.move(wrapped, 13, "down", 5) == 22
    caret.move(wrapped, 13, "home", 5)
    assert caret.move(wrapped, 13, "down", 5) == 16
    assert caret.move(wrapped, 1, "down", 5) == 12
    assert caret.move(wrapped, 12, "down", 5) == 15
    assert caret.move(wrapped, 0, "up", 5) == 0 and caret.move(wrapped, 0, "left", 5) == 0
    assert caret.move(wrapped, 3, "page_down", 50) == len(wrapped)


async def test_cursor_and_token_are_marked():
    app = Shown(Script("one ", "two ", "three\n"))
    async with app.run_test(size=(30, 5)) as pilot:
        app.view.cursor = 5
        await pilot.pause()
        pieces = [(text, bool(style.underline), bool(style.reverse)) for text, style in styled(app, 0)]
        expected = [("one ", False, False), ("t", True, False), ("w", True, True), ("o ", True, False)]
        assert pieces == [*expected, ("three", False, False)]
        for offset, row, column in ((13, 0, 13), (14, 1, 0), (99, 1, 0)):
            app.view.cursor = offset
            await pilot.pause()
            strip = strips(app)[row]
            assert next(s for s in strip.crop(column, column + 1)).style.reverse
            assert not any(s.style.reverse for s in strip.crop(column + 1))
        assert app.view.cursor == 14
        app.view.cursor = -3
        assert app.view.cursor == 0
        app.view.cursor = None
        await pilot.pause()
        assert not any(style.reverse or style.underline for _, style in styled(app, 0))


async def test_the_cursor_is_brought_into_view_and_holds_the_view():
    script = numbered(50)
    app = Shown(script)
    async with app.run_test(size=(30, 10)) as pilot:
        app.view.cursor = 0
        await pilot.pause()
        assert rows(app)[0] == "line 0"
        app.view.cursor = script.text.index("line 20")
        await pilot.pause()
        assert rows(app)[-1] == "line 20"
        app.view.scroll_end(animate=False, immediate=True)
        app.view.cursor = script.text.index("line 45")
        script.add("\nmore")
        app.view.notify_appended()
        await pilot.pause()
        assert rows(app)[-1] == "line 49" and not app.view.following
        app.view.cursor = None
        script.add("\nlast")
        app.view.notify_appended()
        await pilot.pause()
        assert rows(app)[-1] == "last"


async def test_a_cursor_at_the_end_goes_along():
    script = numbered(20)
    app = Shown(script)
    async with app.run_test(size=(30, 10)) as pilot:
        app.view.cursor = len(script.text)
        script.add("\nmore")
        app.view.notify_appended()
        await pilot.pause()
        assert app.view.cursor == len(script.text) == app.moves[-1]
        assert rows(app)[-1] == "more" and app.view.following


async def test_the_first_arrow_key_starts_from_what_is_in_view():
    script = numbered(50)
    app = Shown(script)
    async with app.run_test(size=(30, 10)) as pilot:
        app.view.focus()
        await pilot.press("up")
        assert app.view.cursor == script.text.index("line 48") + 7
        app.view.cursor = None
        app.view.scroll_to(y=5, animate=False)
        await pilot.press("up")
        assert app.view.cursor == script.text.index("line 13")


async def test_a_click_puts_the_cursor_there():
    app = Shown(Script("ab\n", "春眠不\n", "x"), "StreamView { padding: 1 2; }")
    async with app.run_test(size=(30, 10)) as pilot:
        for place, offset in (((3, 1), 1), ((5, 2), 4), ((20, 2), 6), ((20, 7), 8), ((2, 1), 0)):
            await pilot.click(StreamView, offset=place)
            assert app.view.cursor == offset
        await pilot.click(StreamView, offset=(0, 0))  # the edge
        assert app.view.cursor == 0


async def test_text_is_selected_with_the_mouse_as_the_document_has_it():
    text = f"one \x1b two\n{FAMILY}春眠\nlast"
    app = Shown(Script(text))
    async with app.run_test(size=(30, 10)) as pilot:
        for start, end, expected in (
            ((0, 0), (2, 0), "one"),
            ((6, 0), (10, 0), "\x1b tw"),
            ((5, 1), (1, 1), FAMILY + "春眠"),
            ((1, 0), (1, 2), text[1:-2]),
            ((0, 2), (9, 5), "last"),
        ):
            await pilot.mouse_down(StreamView, offset=start)
            await pilot.hover(StreamView, offset=end)
            await pilot.mouse_up(StreamView, offset=end)
            assert app.screen.get_selected_text() == expected
        await pilot.pause()
        assert app.view.cursor is None
        ground = app.view._refresh_span_styles().base.bgcolor
        assert styled(app, 2)[0][1].bgcolor != ground == styled(app, 0)[0][1].bgcolor
        app.screen.clear_selection()
        await pilot.pause()
        assert styled(app, 2)[0][1].bgcolor == ground


async def test_two_clicks_select_a_word_and_everything_can_be_selected():
    app = Shown(Script("one two, three"))
    async with app.run_test(size=(30, 10)) as pilot:
        await pilot.click(StreamView, offset=(5, 0), times=2)
        assert app.screen.get_selected_text() == "two"
        await pilot.click(StreamView, offset=(3, 0), times=2)  # a blank: nothing
        assert not app.screen.get_selected_text()
        app.view.cursor = None
        app.view.text_select_all()
        await pilot.pause()
        assert app.screen.get_selected_text() == "one two, three"
        assert len(styled(app, 0)) == 1


async def test_find_highlights_and_steps():
    script = numbered(60)
    app = Shown(script)
    async with app.run_test(size=(30, 10)) as pilot:
        app.view.scroll_home(animate=False)
        assert app.view.find("LINE 1") == 11 and app.view.matches == 11
        await pilot.pause()
        ground = styled(app, 2)[0][1].bgcolor
        assert styled(app, 1)[0][1].bgcolor != ground
        assert app.view.next_match() == script.text.index("line 1")
        assert app.view.next_match() == script.text.index("line 10") and app.view.current_match == 1
        await pilot.pause()
        assert "line 10" in rows(app)
        current = next(style for row in range(10) for text, style in styled(app, row) if rows(app)[row] == "line 10")
        assert current.bgcolor not in (ground, styled(app, rows(app).index("line 11"))[0][1].bgcolor)
        assert [app.view.previous_match() for _ in range(2)] == [script.text.index(f"line {i}") for i in (1, 19)]
        script.add("\nline 1 again")
        app.view.notify_appended()
        assert app.view.matches == 12
        app.view.cursor = 400
        app.view.clear_find()
        assert app.view.matches == 0 and app.view.next_match() is None and app.view.current_match is None
        app.view.find("line 59")
        assert app.view.previous_match() == script.text.index("line 59")


async def test_a_match_that_only_new_text_completes_is_highlighted_from_its_start():
    script = Script("a wonderful thi")
    app = Shown(script)
    async with app.run_test(size=(15, 6)) as pilot:
        app.view.find("wonderful things")
        await pilot.pause()
        ground = styled(app, 0)[0][1].bgcolor
        script.add("ngs")
        app.view.notify_appended()
        await pilot.pause()
        assert app.view.matches == 1
        assert styled(app, 0)[1][1].bgcolor != ground and styled(app, 1)[0][1].bgcolor != ground


def test_matches_in_a_growing_text_are_those_of_the_whole():
    text = "aaaa bAAa aa a"
    for cut in range(len(text)):
        matches = SearchMatches("aa")
        matches.extend(text[:cut])
        matches.extend(text)
        assert [start for start, _, _ in matches.in_range(0, 99)] == [0, 2, 6, 10]
        assert matches.step(False, 3) == (2, 4) and matches.step(True, 0) == (6, 8)
        matches.truncate(7)
        assert len(matches) == 2 and matches.current is None
        matches.extend(text)
        assert len(matches) == 4
    assert SearchMatches("x").step(True, 0) is None
    assert [m[:2] for m in matches.in_range(3, 7)] == [(2, 4), (6, 8)] and not matches.in_range(4, 6)


async def test_keys_can_be_remapped():
    app = Shown(Script("abc\ndef"))
    async with app.run_test(size=(30, 5)) as pilot:
        app.set_keymap({"stream.finish": "G", "stream.page_up": "b"})
        app.view.focus()
        app.view.cursor = 0
        await pilot.press("G")
        assert app.view.cursor == 7
        await pilot.press("b")
        assert app.view.cursor == 0


async def test_in_a_hidden_tab_it_waits_for_its_width():
    script = Script("some words to wrap")
    app = Shown(script, "StreamView { width: 0; }")
    async with app.run_test(size=(30, 5)) as pilot:
        script.add(" and more")
        app.view.notify_appended()
        app.view.cursor = 3
        app.view.styles.width = 12
        await pilot.pause()
        assert rows(app)[:3] == ["some words", "to wrap", "and more"]
