"""The slider: appearance, keys, mouse, wheel and typing."""

import pytest
from textual import events
from textual.app import App
from textual.widgets import Input

from rnntui.tui.widgets.slider import Slider, SliderColumns
from rnntui.tui.widgets.slider_scale import LinearScale, StopScale
from rnntui.tui.widgets.slider_spec import SliderSpec
from rnntui.tui.widgets.slider_typing import TypedValue, fitting_hint


def temperature(**settings):
    spec = SliderSpec(LinearScale(0, 2, 0.05), 0.8, high=100.0, words={0.0: "greedy"})
    return Slider("temperature", spec, **{"columns": SliderColumns(value=6)} | settings)


def top_k(**settings):
    spec = SliderSpec(StopScale([0, 1, 2, 5, 10, 20, 50, 100]), 0, high=5000, words={0: "off"})
    return Slider("top k", spec, **settings)


class Shown(App):
    CSS = "Slider { width: 40; }"

    def __init__(self, *sliders):
        super().__init__()
        self.sliders = sliders
        self.changes = []
        self.unused = []

    def compose(self):
        yield from self.sliders
        yield Input()

    def on_slider_changed(self, message):
        assert message.control is message.slider and message.value == message.slider.value
        self.changes.append(message.value)

    def on_key(self, event: events.Key):
        self.unused.append(event.key)


def line(slider):
    strip = slider.render_lines(slider.size.region.reset_offset)[0]
    assert strip.cell_length == slider.size.width
    return strip.text


async def test_how_it_looks():
    slider, stops = temperature(), top_k(value=10, columns=SliderColumns(11, 6))
    app = Shown(slider, stops)
    async with app.run_test(size=(80, 5)) as pilot:
        assert line(slider) == "temperature " + "━" * 8 + "╸" + "─" * 12 + "   0.80"
        assert line(stops) == "top k       " + "━" * 12 + "─" * 9 + "     10"
        for value, shown in ((0, "greedy"), (2.0, "  2.00"), (1.5, "  1.50"), (0.123, " 0.123"), (7.5, "  7.50")):
            slider.value = value
            await pilot.pause()
            assert line(slider).endswith(" " + shown)
        assert "─" not in line(slider)  # beyond the end of the bar
        slider.value = 0
        await pilot.pause()
        assert "━" not in line(slider) and "╸" not in line(slider)
        slider.value = 0.05
        await pilot.pause()
        assert "╸─" in line(slider)


@pytest.mark.parametrize("width", [10, 14, 18, 24, 31, 60])
async def test_it_fits_any_width(width):
    slider = Slider("repetition penalty", SliderSpec(LinearScale(1, 2, 0.05), 1.0, words={1: "off"}), value=1.5)
    app = Shown(slider)
    async with app.run_test(size=(80, 5)) as pilot:
        slider.styles.width = width
        await pilot.pause()
        row = line(slider)
        assert row.endswith(" 1.50") and len(row) == width
        assert row.startswith("rep" if width > 10 else "repe")
        assert ("…" in row) == (width < 30)
        bar = row.count("━") + row.count("╸") + row.count("─")
        assert bar >= 5 or width < 18


async def test_keys():
    slider = temperature()
    app = Shown(slider)
    async with app.run_test(size=(80, 5)) as pilot:
        slider.focus()
        for key, value in (
            ("right", 0.85), ("left", 0.8), ("left", 0.75), ("shift+right", 1.25), ("pageup", 1.75), ("pageup", 2.0),
            ("right", 2.0), ("pagedown", 1.5), ("shift+left", 1.0), ("home", 0.0), ("left", 0.0), ("end", 2.0),
            ("backspace", 0.8), ("right", 0.85), ("delete", 0.8), ("delete", 0.8), ("d", 0.8),
        ):  # fmt: skip
            await pilot.press(key)
            assert slider.value == value, key
        # A message was posted only for a changed value.
        assert app.changes == [0.85, 0.8, 0.75, 1.25, 1.75, 2.0, 1.5, 1.0, 0.0, 2.0, 0.8, 0.85, 0.8]
        await pilot.press("escape", "x")
        assert app.unused[-2:] == ["escape", "x"]


async def test_up_and_down_go_from_slider_to_slider():
    first, hidden, second, last = temperature(), top_k(), top_k(), temperature()
    app = Shown(first, hidden, second, last)
    async with app.run_test(size=(80, 8)) as pilot:
        hidden.display = False
        first.focus()
        for key, focused in (
            ("up", first), ("down", second), ("down", last), ("down", last), ("up", second), ("up", first),
        ):  # fmt: skip
            await pilot.press(key)
            assert app.focused is focused
        await pilot.press("down", "1", "down")  # a value is being typed: it stays with its slider
        assert app.focused is second and second.typing
        await pilot.press("enter", "down")
        assert app.focused is last and app.changes == [1]


async def test_whole_numbers_move_from_stop_to_stop():
    slider = top_k()
    app = Shown(slider)
    async with app.run_test(size=(80, 5)) as pilot:
        slider.focus()
        await pilot.press(*["right"] * 4)
        assert slider.value == 10 and type(slider.value) is int
        slider.value = 7
        await pilot.press("right")
        assert slider.value == 10
        slider.value = 7
        await pilot.press("left")
        assert slider.value == 5
        slider.value = 3000
        await pilot.press("right")
        assert slider.value == 3000
        await pilot.press("left")
        assert slider.value == 100
        slider.value = 12.6
        assert slider.value == 13 and type(slider.value) is int


async def test_a_value_is_typed():
    slider = temperature()
    app = Shown(slider)
    async with app.run_test(size=(80, 5)) as pilot:
        slider.focus()
        await pilot.press("1", ".", "3", "5")
        assert slider.value == 0.8 and slider.typing
        row = line(slider)
        assert row.startswith("temperature 0 to 100 ") and row.endswith("1.35 ")
        await pilot.press("left", "left", "delete", "end", "7", "home", "right", "backspace", "1", "enter")
        assert slider.value == 1.57 and not slider.typing
        await pilot.press(
            *"99", "ctrl+u", *"12 34", "ctrl+w", "backspace", "ctrl+w", *"1.37", "left", "ctrl+k", "7", "enter"
        )
        assert slider.value == 1.37 and not slider.typing and line(slider).endswith("1.37")
        await pilot.press("enter", "2", "escape")
        assert slider.value == 1.37 and not slider.typing
        await pilot.press("enter", "enter")  # nothing typed: nothing changes
        assert slider.value == 1.37
        await pilot.press("enter", *"GREEDY", "enter")
        assert slider.value == 0.0
        await pilot.press(".", "5", "tab")
        assert slider.value == 0.5 and app.focused is not slider
        await pilot.press("shift+tab", "9", "9", "9", "tab")
        assert slider.value == 0.5 and not slider.typing
        slider.focus()
        await pilot.press("8", "f1", "escape")
        assert app.changes == [1.57, 1.37, 0.0, 0.5] and app.unused[-1] == "f1" and "escape" not in app.unused
        slider.action_type()
        for digit in "1234567890123456":
            slider.post_message(events.Key(digit, digit))
        await pilot.pause()
        assert line(slider).endswith("123456789012 ")


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("101", "at most 100"), ("-1", "at least 0"), ("1.2.3", "not a number"), ("1d", "not a number"),
        ("nan", "not a number"), ("inf", "not a number"),
    ],
)  # fmt: skip
async def test_what_is_no_value_says_why_and_keeps_the_old_one(typed, reason):
    slider = temperature()
    app = Shown(slider)
    async with app.run_test(size=(80, 5)) as pilot:
        slider.focus()
        await pilot.press("enter", *typed)
        calm = slider.render().spans
        await pilot.press("enter")
        assert slider.value == 0.8 and slider.typing
        assert line(slider) == f"temperature {reason}".ljust(39 - len(typed)) + typed + " "
        assert slider.render().spans[1].style != calm[1].style
        await pilot.press("backspace")
        assert slider.render().spans[1].style == calm[1].style and "0 to 100" in line(slider)
        await pilot.press("escape")
        assert slider.value == 0.8 and not app.changes


@pytest.mark.parametrize(
    ("typed", "width", "hint"),
    [("", 12, "0 to 100"), ("12", 12, "0 to 100"), ("123", 12, "0–100"), ("12345", 12, "0–100"), ("123456", 12, "")],
)
def test_a_hint_is_shortened_or_left_out_but_never_cut(typed, width, hint):
    assert fitting_hint(("0 to 100", "0–100"), typed, width) == hint


async def test_a_reason_takes_the_place_of_the_label_where_there_is_no_other_room():
    spec = SliderSpec(StopScale((-1, *range(10))), -1, high=2**32 - 1, words={-1: "new"})
    slider = Slider("seed", spec, columns=SliderColumns(label=11, value=6))
    app = Shown(slider)
    async with app.run_test(size=(80, 5)) as pilot:
        slider.styles.width = 28
        slider.focus()
        await pilot.press("5")
        assert line(slider) == "seed        0–4294967295  5 "
        await pilot.press("0")
        assert line(slider) == "seed        0–4294967295 50 "
        await pilot.press(*"0123")
        assert line(slider) == "seed                 500123 "
        await pilot.press(*"45678", "enter")
        assert line(slider) == "≤ 4294967295    50012345678 "
        await pilot.press("ctrl+u")
        slider.post_message(events.Paste("9\n9"))
        await pilot.press("enter")
        assert slider.value == 99


def test_what_is_typed_stays_in_view_with_the_caret():
    typed = TypedValue("0123456789", 10)
    assert typed.visible(20) == typed and typed.visible(6) == TypedValue("56789", 5)
    assert TypedValue("0123456789", 2).visible(6) == TypedValue("23456", 0)
    assert typed.edit("up") is None and typed.insert("abcdef").text == "0123456789ab"


async def test_a_whole_number_is_not_typed_with_decimals():
    slider = top_k()
    app = Shown(slider)
    async with app.run_test(size=(80, 5)) as pilot:
        slider.focus()
        await pilot.press("2", ".", "5", "enter")
        assert slider.value == 0 and slider.typing and "whole number" in line(slider)
        await pilot.press("backspace", "backspace", "5", "enter")
        assert slider.value == 25


async def test_the_mouse():
    slider = temperature()
    app = Shown(slider)
    async with app.run_test(size=(80, 5)) as pilot:
        bar = line(slider).index("━"), line(slider).rindex("─")
        await pilot.click(slider, offset=(bar[0], 0))
        assert slider.value == 0.0 and app.focused is slider
        await pilot.click(slider, offset=(bar[1], 0))
        assert slider.value == 2.0
        await pilot.click(slider, offset=(3, 0))  # the label
        assert slider.value == 2.0 and not slider.typing
        await pilot.mouse_down(slider, offset=((bar[0] + bar[1]) // 2, 0))
        middle = slider.value
        assert 0.9 <= middle <= 1.0
        await pilot.hover(slider, offset=(bar[0] + 2, 0))
        assert 0.0 < slider.value < middle
        await pilot.hover(Input)
        await pilot.mouse_up(Input)
        before = slider.value
        await pilot.hover(slider, offset=(bar[1], 0))
        assert slider.value == before
        await pilot.click(slider, offset=(38, 0))
        assert slider.typing
        await pilot.click(slider, offset=(bar[1], 0))
        assert slider.value == 2.0 and not slider.typing


@pytest.mark.parametrize(("kind", "value"), [(events.MouseScrollUp, 0.85), (events.MouseScrollDown, 0.75)])
async def test_the_wheel(kind, value):
    slider = temperature()
    app = Shown(slider)
    async with app.run_test(size=(80, 5)) as pilot:
        slider.post_message(kind(slider, 20, 0, 0, 0, 0, False, False, False, 20, 0))
        await pilot.pause()
        assert slider.value == value and app.changes == [value]


async def test_focus_is_seen():
    slider = temperature()
    app = Shown(slider, top_k())
    async with app.run_test(size=(80, 5)) as pilot:
        app.query_one(Input).focus()
        await pilot.pause()
        blurred = [segment.style for segment in slider.render_lines(slider.size.region.reset_offset)[0]]
        slider.focus()
        await pilot.pause()
        focused = [segment.style for segment in slider.render_lines(slider.size.region.reset_offset)[0]]
        assert all(a.bgcolor != b.bgcolor for a, b in zip(blurred, focused, strict=True))


async def test_assigned_values_are_told_once_and_kept_within_bounds():
    slider = temperature(value=1.0)
    app = Shown(slider)
    async with app.run_test(size=(80, 5)) as pilot:
        await pilot.pause()
        assert not app.changes and slider.value == 1.0
        for value in (1.5, 1.5, 1000, -5):
            slider.value = value
            await pilot.pause()
        assert app.changes == [1.5, 100.0, 0.0]
        with pytest.raises(ValueError, match="temperature cannot be nan"):
            slider.value = float("nan")
        assert slider.value == 0.0


async def test_keys_can_be_remapped():
    slider = temperature()
    app = Shown(slider)
    async with app.run_test(size=(80, 5)) as pilot:
        app.set_keymap({"slider.more": "l", "slider.much_less": "H"})
        slider.focus()
        await pilot.press("l", "l")
        assert slider.value == 0.9
        await pilot.press("H")
        assert slider.value == 0.4


def test_values_are_formatted_and_parsed_within_bounds():
    spec = SliderSpec(StopScale([0, 1, 20]), 1, high=50, words={0: "off"})
    assert [spec.format(value) for value in (0, 1, 35)] == ["off", "1", "35"] and spec.max_length == 3
    assert [spec.parse(text) for text in ("OFF", "0", "50", "51", "-1", "1.5", "on")] == [0, 0, 50, *[None] * 4]
    assert [spec.clamp(value) for value in (-1, 2.6, 99)] == [0, 3, 50] and type(spec.clamp(2.6)) is int
    tenths = SliderSpec(LinearScale(0, 1, 0.125), 0.5)
    assert [tenths.format(value) for value in (0.5, 0.125, 0.1234)] == ["0.50", "0.125", "0.1234"]
    with pytest.raises(ValueError, match="inf"):
        tenths.clamp(float("inf"))


def test_a_default_out_of_bounds_is_refused():
    with pytest.raises(ValueError, match="must be 0 to 2"):
        SliderSpec(LinearScale(0, 2, 1), 3)


def test_even_steps():
    scale = LinearScale(0, 1, 0.3)
    assert [scale.step(0, i) for i in range(5)] == [0, 0.3, 0.6, 0.9, 1]
    assert [scale.step(1, -i) for i in range(1, 5)] == [0.9, 0.6, 0.3, 0]
    assert scale.step(0.4, 1) == 0.6 and scale.step(0.4, -1) == 0.3
    assert scale.step(5, 1) == 5 and scale.step(-1, -1) == -1
    assert (scale.fraction(-1), scale.fraction(0.25), scale.fraction(7)) == (0, 0.25, 1)
    assert [scale.value_at(fraction) for fraction in (-1, 0, 0.5, 0.9, 1, 2)] == [0, 0, 0.6, 0.9, 1, 1]
    assert scale.digits == 1 and LinearScale(0, 100, 5).digits == 0
    tenth = LinearScale(0, 2, 0.1)
    value = 0.0
    for step in range(1, 21):
        value = tenth.step(value, 1)
        assert value == round(step / 10, 1)
    for bad in ((0, 1, 0), (1, 1, 0.5), (0, 1, 2)):
        with pytest.raises(ValueError, match="no step"):
            LinearScale(*bad)


def test_stops():
    scale = StopScale([0, 0.01, 0.1, 1])
    assert [scale.fraction(value) for value in (-1, 0, 0.01, 0.055, 0.1, 1, 2)] == pytest.approx(
        [0, 0, 1 / 3, 0.5, 2 / 3, 1, 1]
    )
    assert [scale.value_at(fraction) for fraction in (-1, 0, 0.3, 0.9, 2)] == [0, 0, 0.01, 1, 1]
    assert [scale.step(0.05, n) for n in (-10, -1, 1, 2, 10)] == [0, 0.01, 0.1, 1, 1]
    assert scale.step(0.01, -1) == 0 and scale.step(0.01, 1) == 0.1
    assert scale.step(0, -1) == 0 and scale.step(3, 1) == 3 and scale.step(3, -1) == 1
    assert scale.digits == 2
    for bad in ([1], [1, 1], [2, 1]):
        with pytest.raises(ValueError, match="ascending"):
            StopScale(bad)
