"""A headless Chromium, driven through its DevTools protocol."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_chromium() -> str | None:
    """Return the program that `RNNTUI_CHROMIUM` names, or the first one that is installed; None if none is."""
    return os.environ.get("RNNTUI_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A page. `requests` are the URLs that it has asked for."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.requests: list[str] = []
        self._socket = socket
        self._sent = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def listen(self) -> None:
        """Read what the browser says, until it ends."""
        async for message in self._socket:
            event = json.loads(message.data)
            parameters = event.get("params", {})
            if event.get("method") == "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            elif event.get("method") == "Network.webSocketCreated":
                self.requests.append(parameters["url"])
            elif event.get("id") in self._answers:
                self._answers.pop(event["id"]).set_result(event.get("result", {}))

    async def command(self, method: str, **parameters: Any) -> Any:
        """Send a command of the protocol and return its result."""
        self._sent += 1
        number = self._sent
        self._answers[number] = asyncio.get_running_loop().create_future()
        answer = self._answers[number]
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await asyncio.wait_for(answer, 30)

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        result = await self.command("Runtime.evaluate", expression=expression)
        return result["result"].get("value")

    async def type(self, text: str) -> None:
        """Press a key for each character; a line break is Enter."""
        for character in text:
            key = {"key": "Enter", "text": "\r"} if character == "\n" else {"key": character, "text": character}
            code = {"windowsVirtualKeyCode": 13} if character == "\n" else {}
            await self.command("Input.dispatchKeyEvent", type="keyDown", **key, **code)
            await self.command("Input.dispatchKeyEvent", type="keyUp", key=key["key"], **code)

    async def drag(self, x: float, y: float, to_x: float) -> None:
        """Press the mouse button at a point, and release it at another in the same height."""
        for kind, at in (("mousePressed", x), ("mouseMoved", to_x), ("mouseReleased", to_x)):
            await self.command("Input.dispatchMouseEvent", type=kind, x=at, y=y, button="left", buttons=1, clickCount=1)


@asynccontextmanager
async def open_page(program: str, url: str, profile: Path) -> AsyncIterator[Page]:
    """Open a URL in a new browser, whose profile is in a folder."""
    process = await asyncio.create_subprocess_exec(
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,800",
        "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port_file = profile / "DevToolsActivePort"
        async with asyncio.timeout(30):
            while not port_file.exists() or "\n" not in port_file.read_text():
                await asyncio.sleep(0.05)
        port = port_file.read_text().split()[0]
        async with ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json") as response:
                targets = await response.json()
            address = next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                for domain in ("Network", "Page", "Runtime"):
                    await page.command(f"{domain}.enable")
                await page.command("Page.navigate", url=url)
                yield page
                listening.cancel()
    finally:
        process.terminate()
        await process.wait()
