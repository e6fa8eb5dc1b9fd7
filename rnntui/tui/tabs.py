"""The table of tabs. To add a tab: a row here, its section of the key table (`rnntui.tui.keys`), and its module.

Bar, keys, palette, help screen and the opening of runs are made from this table; the app knows no tab by name. Rows are
data: a tab's module is imported when the tab is first shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from textual.widget import Widget

if TYPE_CHECKING:
    from rnntui.tui.preferences import Preferences

WidgetKeys = list[tuple[str, list[Any]]]
"""Titles and bindings of widgets that have bindings of their own, for the help screen and the keymap."""


@dataclass(frozen=True)
class TabContext:
    """Arguments of a tab's constructor.

    Args:
        checkpoints: folder of the user's runs.
        preferences: what was chosen before.
        run: the run to open first, by name or path.
        reopen: continue the last text.
        other_model: name of the run whose model another tab has open, "" if none has.
        kept: the `kept_settings` of the tab when the app was used last; any value may be that of another version.
    """

    checkpoints: Path
    preferences: Preferences
    run: str | None = None
    reopen: bool = False
    other_model: str = ""
    kept: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class OpensRuns(Protocol):
    """A tab that can open a run."""

    def open_run(self, name: str) -> None:
        """Open the run of that name or path."""


@runtime_checkable
class HasModel(Protocol):
    """A tab that works with the model of a run."""

    @property
    def model_name(self) -> str:
        """Name of the run; "" while no model is open."""


@runtime_checkable
class FollowsRenames(Protocol):
    """A tab that shows the name of the run that it has open."""

    def follow_rename(self, old: str, new: str) -> None:
        """Show the new name of a run that may be open."""


@runtime_checkable
class SavesTexts(Protocol):
    """A tab that saves what is typed in it; it posts `TextsSaved` after each attempt."""

    def save_at_exit(self) -> str:
        """Save all that is typed, as the app may end at once. Return what failed in a line, or ""."""

    @property
    def save_problem(self) -> str:
        """Why something is not saved; "" while everything is."""


@runtime_checkable
class KeepsSettings(Protocol):
    """A tab whose settings and form fields are restored at the next start (`TabContext.kept`)."""

    @property
    def kept_settings(self) -> dict[str, Any]:
        """JSON values by name, without those that are at their defaults."""


@runtime_checkable
class KeepsTyping(Protocol):
    """A dialog whose text is kept when the app ends while it is open."""

    def keep_typing(self) -> None:
        """Take over what is typed, as if it was accepted; the dialog stays open. Raises `RnntuiError` if it cannot."""


@runtime_checkable
class HasExitMessage(Protocol):
    """A tab that may have something to print once the app has closed."""

    @property
    def exit_message(self) -> str:
        """The line to print, or ""."""


@dataclass(frozen=True)
class TabEntry:
    """A row of the table.

    Args:
        id: id of the tab, of its widget and of its section of the key table.
        title: title in the bar.
        key: the key that shows the tab, or several, separated by commas; the bar shows the first.
        widget: reference to the widget's class, `module:Class`, or the class; it is called with a `TabContext`.
        focus: selector of the widget that gets the focus.
        widget_keys: titles, and references to classes of widgets with bindings of their own.
    """

    id: str
    title: str
    key: str
    widget: str | Callable[[TabContext], Widget]
    focus: str
    widget_keys: tuple[tuple[str, str], ...] = ()

    def make(self, context: TabContext) -> Widget:
        """Return a new widget of the tab."""
        factory = resolve_name(self.widget) if isinstance(self.widget, str) else self.widget
        return cast(Widget, factory(context))

    def load_widget_keys(self) -> WidgetKeys:
        """Return the bindings of `widget_keys`."""
        return [(title, list(resolve_name(reference).BINDINGS)) for title, reference in self.widget_keys]


TABS: dict[str, TabEntry] = {
    tab.id: tab
    for tab in (
        TabEntry(
            "chat", "Chat", "f2", "rnntui.tui.chat.tab:ChatTab", "Prompt",
            (
                ("Cursor in the text", "rnntui.tui.widgets.stream_view:StreamView"),
                ("Slider", "rnntui.tui.widgets.slider:Slider"),
            ),
        ),
        TabEntry(
            "train", "Train", "f3", "rnntui.tui.train.tab:TrainTab", "#runs",
            (
                ("Chart", "rnntui.tui.widgets.chart:Chart"),
                ("Confusion matrix", "rnntui.tui.train.confusion_view:ConfusionView"),
            ),
        ),
        TabEntry(
            "translate", "Translate", "f4", "rnntui.tui.translate.tab:TranslateTab", "#source",
            (("Panes of Translate and Classify", "rnntui.tui.lines.aligned_text_area:AlignedTextArea"),),
        ),
        TabEntry("classify", "Classify", "alt+c", "rnntui.tui.classify.tab:ClassifyTab", "#text"),
        TabEntry("inspect", "Inspect", "alt+i", "rnntui.tui.inspect.tab:InspectTab", "#inspection"),
    )
}  # fmt: skip
