"""The table of tabs. To add a tab: a row here, its section of the key table (`rnntui.tui.keys`), and its module.

Bar, keys, palette, help screen and the opening of runs are made from this table; the app knows no tab by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from textual.widget import Widget

if TYPE_CHECKING:
    from rnntui.inference.translator import Translator
    from rnntui.sessions.translation_session import MakeWorker
    from rnntui.sessions.translation_worker import TranslationWorker
    from rnntui.tui.preferences import Preferences

WidgetKeys = list[tuple[str, list[Any]]]
"""Titles and bindings of widgets that have bindings of their own, for the help screen and the keymap."""


@dataclass(frozen=True)
class TabContext:
    """What tabs are made from. `run` is the run to open first, by name or path."""

    checkpoints: Path
    preferences: Preferences
    run: str | None = None
    reopen: bool = False  # continue the last text


@runtime_checkable
class OpensRuns(Protocol):
    """A tab that can open a run."""

    def open_run(self, name: str) -> None:
        """Open the run of that name or path."""


@runtime_checkable
class HasFarewell(Protocol):
    """A tab that may have something to print once the app has closed."""

    @property
    def farewell(self) -> str:
        """The line to print, or ""."""


@dataclass(frozen=True)
class TabEntry:
    """A row of the table.

    `make` imports the tab's module and makes its widget, whose id is `id`; it is called when the tab is first shown.
    `focus` is the selector of the widget that gets the focus then.
    """

    id: str
    title: str
    key: str
    make: Callable[[TabContext], Widget]
    focus: str
    widget_keys: Callable[[], WidgetKeys] = list


def _make_chat_tab(context: TabContext) -> Widget:
    from rnntui.tui.chat.tab import ChatTab

    return ChatTab(context)


def _chat_widget_keys() -> WidgetKeys:
    from rnntui.tui.widgets.slider import Slider
    from rnntui.tui.widgets.stream_view import StreamView

    return [("Cursor in the text", list(StreamView.BINDINGS)), ("Slider", list(Slider.BINDINGS))]


def _make_train_tab(context: TabContext) -> Widget:
    from rnntui.tui.train.tab import TrainTab

    return TrainTab(context.checkpoints)


def _train_widget_keys() -> WidgetKeys:
    from rnntui.tui.widgets.chart import Chart

    return [("Chart", list(Chart.BINDINGS))]


def make_translate_tab(context: TabContext, start_worker: MakeWorker | None = None) -> Widget:
    """Make the Translate tab. `start_worker` replaces the translation worker, for tests."""
    from rnntui.kinds.seq2seq import SEQ2SEQ
    from rnntui.sessions.model_cache import ModelCache
    from rnntui.tui.translate.tab import TranslateTab

    models: ModelCache[Translator] = ModelCache(context.checkpoints, SEQ2SEQ)
    return TranslateTab(models, context.run, start_worker or _start_translation_worker)


def _start_translation_worker(
    on_results: Callable[[], None], on_error: Callable[[str, Exception], None]
) -> TranslationWorker:
    from rnntui.sessions.translation_worker import TranslationWorker

    worker = TranslationWorker(on_results, on_error)
    worker.start()
    return worker


def _translate_widget_keys() -> WidgetKeys:
    from rnntui.tui.translate.aligned_text_area import AlignedTextArea

    return [("Source and translation", list(AlignedTextArea.BINDINGS))]


TABS: dict[str, TabEntry] = {
    tab.id: tab
    for tab in (
        TabEntry("chat", "Chat", "f2", _make_chat_tab, "Prompt", _chat_widget_keys),
        TabEntry("train", "Train", "f3", _make_train_tab, "#runs", _train_widget_keys),
        TabEntry("translate", "Translate", "f4", make_translate_tab, "#source", _translate_widget_keys),
    )
}
