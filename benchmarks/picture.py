"""The picture that README opens with: `python benchmarks/picture.py benchmarks/chat.svg [THEME]`.

The app itself, drawn by Textual, with what the shipped model writes from a fixed seed.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from rnntui.config import FULL_PACE
from rnntui.inference.threads import one_blas_thread

one_blas_thread()

SIZE = (104, 30)
PROMPT = "ROMEO:"
SEED = 27
LENGTH = 620


async def picture(target: Path, theme: str) -> None:
    """Let the shipped model write, and save the screen as it is then."""
    from rnntui.tui.app import RnntuiApp
    from rnntui.tui.chat.tab import ChatTab

    app = RnntuiApp(Path("checkpoints"), "shakespeare")
    async with app.run_test(size=SIZE) as pilot:
        app.theme = theme
        chat = app.query_one(ChatTab)
        while not chat.conversations:
            await pilot.pause(0.05)
        conversation = chat.conversations[0]
        conversation.writing = replace(conversation.writing, pace=FULL_PACE, length=LENGTH)
        conversation.seed = SEED
        conversation.settings = replace(conversation.settings, temperature=0.7)
        chat.action_surprise()
        chat.say(PROMPT)
        while conversation.is_writing or len(conversation.transcript) < LENGTH:
            await pilot.pause(0.05)
        chat.activate(chat.active)
        # The cursor stands on the most surprising token: what else could have been there is worth a look.
        transcript = conversation.transcript
        written = range(len(PROMPT), len(transcript))
        chat.active.text.cursor = transcript.start_of(max(written, key=lambda token: transcript.bits(token) or 0.0))
        await pilot.pause(0.3)
        drawn = app.export_screenshot(title="rnntui chat", simplify=True)
    # Fonts would be fetched from elsewhere; whoever looks at the picture has a monospaced one.
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL).replace("Fira Code", "monospace")
    target.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    os.environ["RNNTUI_SETTINGS"] = str(Path(tempfile.mkdtemp()) / "settings.json")
    asyncio.run(picture(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "textual-dark"))
