"""Opening the models of the Chat tab's panes, in threads that end in any order."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from rnntui.errors import RunError
from rnntui.tui.chat.pane_model_opener import PaneModelOpener


class Tab:
    """A tab whose threads work when a test lets them."""

    def __init__(self) -> None:
        self.threads: list[Callable[[], None]] = []
        self.app = SimpleNamespace(call_from_thread=lambda call, *arguments: call(*arguments))

    def run_worker(self, work: Callable[[], None], *, thread: bool) -> None:
        self.threads.append(work)


def fail(*_: object) -> None:
    raise RunError("the run is damaged")


def session(**parts: object) -> Any:
    methods = ("load", "load_last", "set_model", "open_text", "loading_failed")
    return SimpleNamespace(**{name: lambda *_: ("", "") for name in methods} | parts)


def test_a_text_is_being_opened_until_its_own_thread_ends() -> None:
    """Whatever other model is opened in the pane meanwhile."""
    tab, pane = Tab(), cast(Any, object())
    opener = PaneModelOpener(cast(Any, tab), session())
    opener.open_last(pane, None)
    opener.open_run(pane, "another")
    opener.open_last(pane, "once more")
    text, run, other_text = tab.threads
    for thread, is_opening in ((run, True), (text, True), (other_text, False)):
        assert opener.is_opening_text(pane)
        thread()
        assert opener.is_opening_text(pane) == is_opening


def test_a_text_that_cannot_be_opened_is_not_being_opened_any_more() -> None:
    tab, pane, told = Tab(), cast(Any, object()), list[tuple[object, ...]]()
    opener = PaneModelOpener(cast(Any, tab), session(load_last=fail, loading_failed=lambda *call: told.append(call)))
    opener.open_last(pane, None)
    tab.threads[0]()
    assert not opener.is_opening_text(pane) and told == [(pane, "the run is damaged")]
