"""Notifications, with a list in place of the screen."""

from __future__ import annotations

from typing import Any

from rnntui.tui.notifications import Notifications


class Screen:
    """Keeps what was notified."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, dict[str, Any]]] = []

    def notify(self, text: str, **options: Any) -> None:
        self.shown.append((text, options))


def test_severities_and_nothing_that_steers_a_terminal() -> None:
    screen = Screen()
    notifications = Notifications(screen.notify)
    notifications.info("a\x1b[2J\nb")
    notifications.warn("[red]c")
    notifications.error("d", seconds=20)
    assert [text for text, _ in screen.shown] == ["a\\x1b[2J⏎b", "[red]c", "d"]
    assert [options["severity"] for _, options in screen.shown] == ["information", "warning", "error"]
    assert not any(options["markup"] for _, options in screen.shown) and screen.shown[2][1]["timeout"] == 20
