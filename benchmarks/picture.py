"""Pictures of README and the guide: `python benchmarks/picture.py {chat,translate} benchmarks/chat.svg [THEME]`.

The app itself, drawn by Textual, with what the shipped models write: from a fixed seed, or for fixed sentences.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rnntui.cli.environment import use_one_blas_thread
from rnntui.config_generation import MAX_CHARS_PER_SECOND

use_one_blas_thread()

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from rnntui.tui.app import RnntuiApp

SIZE = (104, 30)
PROMPT = "ROMEO:"
SEED = 27
LENGTH = 620


SOURCE = """Where is the station?
I don't know what you are talking about.
She has been waiting for you for two hours.
We would like to have something to eat.
"""
AT = (0, 4)  # row and column of the cursor in the translation


async def chat(app: RnntuiApp, pilot: Pilot[None]) -> None:
    """Generate text with the shipped model."""
    from rnntui.tui.chat.tab import ChatTab

    tab = app.query_one(ChatTab)
    while not tab.session.conversations:
        await pilot.pause(0.05)
    conversation = tab.session.conversations[0]
    conversation.generation = replace(conversation.generation, chars_per_second=MAX_CHARS_PER_SECOND, length=LENGTH)
    conversation.seed = SEED
    conversation.sampling = replace(conversation.sampling, temperature=0.7)
    tab.action_surprisal()
    tab.say(PROMPT)
    while conversation.is_generating or len(conversation.transcript) < LENGTH:
        await pilot.pause(0.05)
    tab.activate(tab.session.active)
    # The cursor stands on the most surprising token: what else could have been there is worth a look.
    transcript = conversation.transcript
    written = range(len(PROMPT), len(transcript))
    tab.row.active.text.cursor = transcript.start_of(max(written, key=lambda token: transcript.bits(token) or 0.0))


async def translate(app: RnntuiApp, pilot: Pilot[None]) -> None:
    """Translate some sentences, and inspect a word of the first."""
    from rnntui.tui.translate.tab import TranslateTab

    tab = app.query_one(TranslateTab)
    while tab.session.model is None:
        await pilot.pause(0.05)
    tab.editor.fill(SOURCE)
    while not tab.results.text.strip() or tab.results.text.count("\n") < SOURCE.count("\n"):
        await pilot.pause(0.05)
    await pilot.pause(2.0)
    await pilot.press("f9")
    tab.results.focus()
    tab.results.move_cursor(AT)


PICTURES = {"chat": (chat, "shakespeare"), "translate": (translate, "en-es")}


async def picture(name: Literal["chat", "translate"], target: Path, theme: str) -> None:
    """Prepare the screen and save it."""
    from rnntui.tui.app import RnntuiApp

    prepare, run = PICTURES[name]
    app = RnntuiApp(Path("checkpoints"), run, first=name)
    async with app.run_test(size=SIZE) as pilot:
        app.theme = theme
        await prepare(app, pilot)
        await pilot.pause(1.0)  # the footer comes last
        drawn = app.export_screenshot(title="rnntui chat", simplify=True)
    # Fonts would be fetched from elsewhere; whoever looks at the picture has a monospaced one.
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL).replace("Fira Code", "monospace")
    target.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    os.environ["RNNTUI_SETTINGS"] = str(Path(tempfile.mkdtemp()) / "settings.json")
    asyncio.run(
        picture(
            "translate" if sys.argv[1] == "translate" else "chat",
            Path(sys.argv[2]),
            sys.argv[3] if len(sys.argv) > 3 else "textual-dark",
        )
    )
