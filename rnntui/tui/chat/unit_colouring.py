"""Colouring of the texts of the Chat tab by units of their models: choosing one, following the text, turning it off."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from textual.widget import Widget
from textual.worker import Worker, get_current_worker

from rnntui.errors import CancelledError, RnntuiError
from rnntui.text.control_chars import one_line
from rnntui.tui.keys import key_name

if TYPE_CHECKING:
    from rnntui.inference.loaded_model import LoadedLanguageModel
    from rnntui.inference.numpy_language_model import NumpyLanguageModel
    from rnntui.inspection.unit_probes import FeatureRanking
    from rnntui.sessions.chat_pane import ChatPane
    from rnntui.sessions.chat_session import ChatSession
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.unit_colours import ColouredUnit, LevelRequest, TokenLevels, UnitColours
    from rnntui.tui.chat.pane_row import PaneRow
    from rnntui.tui.notifications import Notifications

_OFF, _BY_NAME = "without colours", "another unit, by its name …"


class UnitColouring:
    """The units by which texts are coloured, one for each pane.

    Args:
        owner: the tab, whose workers compute.
        session: the panes and their models.
        row: the views of the panes.
        notifications: for problems.
        keys: the keys that choose a unit, go to the previous one and to the next, for the status line.
    """

    def __init__(
        self,
        owner: Widget,
        session: ChatSession,
        row: PaneRow,
        notifications: Notifications,
        keys: Sequence[str],
    ) -> None:
        self._owner, self._session, self._row, self._notifications = owner, session, row, notifications
        self._choose_key = key_name(keys[0])
        previous, following = map(key_name, keys[1:])
        if previous.rpartition("+")[0] == following.rpartition("+")[0]:  # Alt+↑/↓
            following = following.rpartition("+")[2]
        self._step_keys = f"{previous}/{following}"
        self._colours: dict[ChatPane, UnitColours] = {}
        self._choices: dict[ChatPane, tuple[FeatureRanking, int]] = {}  # the ranking and the index in it
        # By weak references, as a model that no pane uses any more is to be freed.
        self._rankings: WeakKeyDictionary[NumpyLanguageModel, list[FeatureRanking]] = WeakKeyDictionary()
        self._reading: set[ChatPane] = set()
        self._probing: Worker[None] | None = None  # None again once what it ranks is no longer wanted
        self._probed_pane: ChatPane | None = None

    def is_on(self, pane: ChatPane) -> bool:
        """True if a pane's text is coloured."""
        return pane in self._colours

    def has_others(self, pane: ChatPane) -> bool:
        """True if there are other units that track the same."""
        return pane in self._choices

    @property
    def is_probing(self) -> bool:
        """True while units are ranked."""
        return self._probing is not None and self._probing.is_running

    # -- choosing --------------------------------------------------------------------------------------------------

    def choose(self) -> None:
        """Ask for the unit to colour the active pane by; units are ranked first, once for each model."""
        pane = self._session.active
        if pane.conversation is None:
            self._notifications.info("The model is still being opened.")
        elif self.is_probing:
            self._notifications.info("The units are being probed; Esc stops that.")
        elif pane.conversation.loaded.network in self._rankings:
            self._owner.run_worker(self._ask(pane, pane.conversation))
        else:
            self._row.show_colouring(pane, "probing units … (Esc: stop)", "probing units …")
            self._probed_pane = pane
            self._probing = self._owner.run_worker(
                partial(self._probe, pane, pane.conversation), thread=True, exit_on_error=False
            )

    def stop_probing(self) -> bool:
        """Stop ranking units; return False if nothing was under way."""
        if not self.is_probing or self._probing is None or self._probed_pane is None:
            return False
        self._probing.cancel()
        self._probing = None  # its progress is ignored from now on: the status line may belong to another task
        self._restate(self._probed_pane)
        return True

    def _probe(self, pane: ChatPane, conversation: Conversation) -> None:
        from rnntui.inspection.probe_reading import probe_tokens, read_blocks
        from rnntui.inspection.unit_probes import rank_features

        worker, loaded = get_current_worker(), conversation.loaded
        call = self._owner.app.call_from_thread
        try:
            run = self._session.cache.find(pane.run_name)
            tokens, _ = probe_tokens(run, loaded, "", lambda: worker.is_cancelled)
            reading = read_blocks(loaded, tokens, lambda: worker.is_cancelled)
            rankings, _ = rank_features(reading, cancelled=lambda: worker.is_cancelled)
        except CancelledError:
            return
        except (RnntuiError, OSError, ValueError, MemoryError) as error:
            call(self._probing_failed, worker, pane, str(error) or type(error).__name__)
        else:
            call(self._probed, worker, pane, conversation, loaded, rankings)

    def _probing_failed(self, worker: Worker[None], pane: ChatPane, problem: str) -> None:
        if self._probing is worker:
            self._probing = None
            self._restate(pane)
            self._notifications.error(problem, title="Cannot probe the units")

    def _probed(
        self,
        worker: Worker[None],
        pane: ChatPane,
        conversation: Conversation,
        loaded: LoadedLanguageModel,
        rankings: list[FeatureRanking],
    ) -> None:
        self._rankings[loaded.network] = rankings
        if self._probing is not worker:
            return
        self._probing = None
        self._restate(pane)
        if pane not in self._session.panes or conversation.loaded is not loaded:
            return
        if self._owner.app.screen is self._owner.screen and self._owner.display:
            self._owner.run_worker(self._ask(pane, conversation))
        else:  # a dialog would get keys that are meant for another tab or dialog
            self._notifications.info(f"{self._choose_key} in the Chat tab chooses a unit.", title="Units probed")

    async def _ask(self, pane: ChatPane, conversation: Conversation) -> None:
        from rnntui.tui.screens.dialogs import AskScreen, PickScreen

        network = conversation.loaded.network
        rankings, was_on = self._rankings[network], self.is_on(pane)
        choices = [*map(_choice, rankings), _BY_NAME]
        if was_on:
            choices.insert(0, _OFF)
        current = self._choices[pane][0] if pane in self._choices else None
        chosen = rankings.index(current) + 1 if current in rankings and was_on else 0
        question = "Colour the text by what a unit tracks (held-out score; layer: all units of a layer)"
        index = await self._owner.app.push_screen_wait(PickScreen(question, choices, chosen, searchable=True))
        if index is None or conversation.loaded.network is not network:  # another model was opened meanwhile
            return
        if choices[index] == _OFF:
            self.turn_off(pane)
        elif choices[index] == _BY_NAME:
            accept = partial(self._show_named, pane, conversation)
            names = ", ".join(_quantities(conversation))
            await self._owner.app.push_screen_wait(
                AskScreen(f"Layer/unit and one of {names}, such as 1/1 {names[0]}", "", accept)
            )
        else:
            self._show(pane, conversation, rankings[index - was_on], 0)
            self._notifications.info(
                f"{self._step_keys}: other units that track the same. {self._choose_key}: another feature, no colours."
            )

    def _show_named(self, pane: ChatPane, conversation: Conversation, line: str, is_confirmed: bool) -> None:
        """Colour by a unit that was typed, such as `1/217 f`. Raises `UsageError` if there is none."""
        from rnntui.inspection.unit_probes import parse_unit
        from rnntui.inspection.unit_report import UnitScale
        from rnntui.sessions.unit_colours import ColouredUnit

        name, _, quantity = line.strip().partition(" ")
        unit = parse_unit(name, quantity.strip() or "h", conversation.loaded)
        scale = UnitScale.of_quantity(unit.quantity)
        forms = (f"unit {unit}: blue above {scale.middle:g}", f"unit {unit}")
        self._choices.pop(pane, None)
        self._colour(pane, conversation, ColouredUnit(unit, scale, forms))

    def step(self, by: int) -> None:
        """Colour the active pane by another unit of those that track the same."""
        pane = self._session.active
        if pane in self._choices and pane.conversation is not None:
            ranking, index = self._choices[pane]
            self._show(pane, pane.conversation, ranking, (index + by) % len(ranking.units))

    def _show(self, pane: ChatPane, conversation: Conversation, ranking: FeatureRanking, index: int) -> None:
        from rnntui.inspection.unit_report import UnitScale, score_text
        from rnntui.sessions.unit_colours import ColouredUnit

        unit, feature = ranking.units[index], ranking.feature
        self._choices[pane] = ranking, index
        colour = "blue" if unit.cut.is_above else "orange"
        score = score_text(unit.score, feature)
        meaning = f"{colour} {'high ' if feature.is_number else ''}{feature.title}"
        number = f"{index + 1}/{len(ranking.units)}"
        forms = (
            f"unit {unit.name}: {meaning}, {score} ({self._step_keys} {number}, {self._choose_key} off)",
            f"unit {unit.name}: {meaning}, {score}",
            f"{unit.name}: {meaning}",
        )
        self._colour(pane, conversation, ColouredUnit(unit.name, UnitScale.of(unit, feature), forms))

    # -- colouring -------------------------------------------------------------------------------------------------

    def _colour(self, pane: ChatPane, conversation: Conversation, unit: ColouredUnit) -> None:
        from rnntui.sessions.unit_colours import UnitColours

        self._colours[pane] = colours = UnitColours(conversation, unit)
        self._row.shade_by(pane, colours.level)
        self._restate(pane)
        self._owner.refresh_bindings()

    def turn_off(self, pane: ChatPane) -> None:
        """Show a pane's text without colours again; what was being ranked for it is no longer wanted."""
        if self._probed_pane is pane:
            self.stop_probing()
        self._colours.pop(pane, None)
        self._choices.pop(pane, None)
        self._row.shade_by(pane, None)
        self._restate(pane)
        self._owner.refresh_bindings()

    def turn_all_off(self) -> None:
        """Show all texts without colours again."""
        self.stop_probing()
        for pane in list(self._colours):
            self.turn_off(pane)

    def poll(self) -> None:
        """Follow the texts: read what is new. Called about twenty times a second."""
        for pane, colours in list(self._colours.items()):
            if pane not in self._session.panes or pane.conversation is not colours.conversation or not colours.fits:
                self.turn_off(pane)
            elif pane not in self._reading:
                request = colours.request()
                if request is not None:
                    self._reading.add(pane)
                    self._owner.run_worker(partial(self._read, pane, colours, request), thread=True)

    def _read(self, pane: ChatPane, colours: UnitColours, request: LevelRequest) -> None:
        computed = colours.compute(request)
        self._owner.app.call_from_thread(self._computed, pane, colours, computed)

    def _computed(self, pane: ChatPane, colours: UnitColours, computed: TokenLevels) -> None:
        self._reading.discard(pane)
        view = self._row.view_of(pane)
        if view is not None and self._colours.get(pane) is colours and colours.store(computed):
            transcript = colours.conversation.transcript
            ends = (min(token, len(transcript)) for token in (computed.first, computed.first + len(computed.levels)))
            view.text.notify_restyled(*map(transcript.start_of, ends))

    def _restate(self, pane: ChatPane) -> None:
        """Say in the status line what the text is coloured by."""
        self._row.show_colouring(pane, *(self._colours[pane].unit.forms if pane in self._colours else ()))


def _choice(ranking: FeatureRanking) -> str:
    from rnntui.inspection.unit_report import score_text

    unit, feature, layer = ranking.units[0], ranking.feature, ranking.layers[0]
    score = score_text(unit.score, feature)
    return (
        f"{one_line(feature.title):<26} {unit.name!s:>9} {score:>8}   layer {score_text(layer.score, feature):>7}   "
        f"token alone {score_text(ranking.token_score, feature):>7}"
    )


def _quantities(conversation: Conversation) -> tuple[str, ...]:
    from rnntui.inference.cell_trace import quantity_names

    return quantity_names(conversation.loaded.network.cells[0])
