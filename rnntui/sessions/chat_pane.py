"""State of a pane of the Chat tab: its conversation, its settings and its autosave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.text.control_chars import first_line, one_line

if TYPE_CHECKING:  # the first pane is made before the first paint, which needs none of these
    from rnntui.config_generation import GenerationConfig, NoveltyConfig, SamplingConfig
    from rnntui.sessions.alternatives import Alternative
    from rnntui.sessions.autosave import Autosave
    from rnntui.sessions.branch_tree import BranchTree
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.transcript_files import TextVersion


@dataclass(frozen=True)
class ChatSettings:
    """The settings of a pane. `seed` is that of the next turn, or None for a new one each time."""

    sampling: SamplingConfig
    generation: GenerationConfig
    novelty: NoveltyConfig
    seed: int | None = None

    @staticmethod
    def defaults() -> ChatSettings:
        """Return the settings of a new pane."""
        from rnntui.config_generation import GenerationConfig, NoveltyConfig, SamplingConfig

        return ChatSettings(SamplingConfig(), GenerationConfig(), NoveltyConfig())

    @staticmethod
    def of_values(values: Mapping[str, object]) -> ChatSettings:
        """Return settings with these values, by name; one that cannot be used is at its default."""
        from rnntui.config_generation import GenerationConfig, NoveltyConfig, SamplingConfig
        from rnntui.settings import usable_values

        return ChatSettings(
            SamplingConfig(**usable_values(SamplingConfig, values)),
            GenerationConfig(**usable_values(GenerationConfig, values)),
            NoveltyConfig(**usable_values(NoveltyConfig, values)),
        )

    @property
    def values(self) -> dict[str, float]:
        """The values by name, without those at their defaults, and without the seed, which is that of an experiment."""
        configs = (self.sampling, self.generation, self.novelty)
        return {
            name: value
            for config in configs
            for name, value in vars(config).items()
            if value != getattr(type(config)(), name)
        }

    @property
    def preset(self) -> str | None:
        """Name of the preset that has these sampling settings, or None."""
        from rnntui.config_generation import PRESETS

        return next((name for name, sampling in PRESETS.items() if sampling == self.sampling), None)


@dataclass(eq=False)
class ChatPane:
    """A pane: the name of its run, and its conversation once the model is loaded."""

    run_name: str
    drafts_folder: Callable[[], Path]
    conversation: Conversation | None = None
    problem: str = ""  # the reason why there is no model
    whole_text: TextVersion | None = None  # from before a line was taken back; saved as long as that can be put back
    colouring: tuple[str, ...] = ()  # what the text is coloured by, for the status line: forms of decreasing length

    @cached_property
    def autosave(self) -> Autosave:
        """The autosave of the pane's text."""
        from rnntui.sessions.transcript_files import transcript_autosave

        return transcript_autosave(self.drafts_folder)

    def leave_text(self) -> None:
        """Remember in which draft the text is saved, before another text takes its place."""
        if self.conversation is not None:
            self.autosave.leave(self.conversation.tree)

    def follow_undo(self, previous: BranchTree) -> None:
        """Save in the right draft after an undo or redo, which may have brought back another text than the previous."""
        if self.conversation is not None and self.conversation.tree is not previous:
            self.autosave.leave(previous)
            self.autosave.return_to(self.conversation.tree)

    def settle(self) -> None:
        """Stop generating, and put back a line that was taken back to be edited."""
        if self.conversation is not None:
            self.conversation.stop()
            self.conversation.put_back()

    @property
    def text(self) -> str:
        """The text, empty until the model is loaded."""
        return self.conversation.transcript.text if self.conversation is not None else ""

    @property
    def title(self) -> str:
        """The name that a user gave the saved text, or else its first line."""
        from rnntui.sessions.autosave import is_named

        path = self.autosave.path if self.conversation is not None else None
        return one_line(path.stem) if path is not None and is_named(path) else first_line(self.text)


@dataclass(frozen=True)
class OfferedAlternatives:
    """Alternatives to a token of a pane, as shown to the user.

    `text` and `bits` are those of the token that stands there; both are None at the end of the text.
    """

    pane: ChatPane
    token: int
    text: str | None
    bits: float | None
    alternatives: list[Alternative]


def open_panes(panes: list[ChatPane]) -> list[tuple[ChatPane, Conversation]]:
    """Return the panes whose model is loaded, with their conversations."""
    return [(pane, pane.conversation) for pane in panes if pane.conversation is not None]
