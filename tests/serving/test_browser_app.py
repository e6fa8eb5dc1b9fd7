"""The app in a browser: who may open it, what its page loads, and the app itself in a real Chromium."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest
from aiohttp import ClientSession, CookieJar, WSMsgType, WSServerHandshakeError
from chromium import find_chromium, open_page
from tiny_runs import make_run

from rnntui.serving.browser_app import BrowserApp
from rnntui.serving.server import listening_socket
from rnntui.serving.server_config import ServerConfig

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@asynccontextmanager
async def browser_app(*arguments: str, api_key: str = "") -> AsyncIterator[str]:
    """Serve the app, and give the URL."""
    config, stop = ServerConfig(port=0), Event()
    earlier = set(psutil.Process().children())  # of other tests
    with listening_socket(config) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        serving = asyncio.create_task(BrowserApp(config, arguments, api_key).serve(listener, stop))
        try:
            yield url
        finally:
            stop.set()
            await serving
            async with asyncio.timeout(20):
                while set(psutil.Process().children()) - earlier:  # the apps, and a browser
                    await asyncio.sleep(0.05)


async def test_the_page_names_no_other_server_and_lets_no_other_page_in() -> None:
    async with browser_app() as url, ClientSession() as session:
        async with session.get(f"{url}/?fontsize=20") as response:
            page = await response.text()
            assert response.status == 200 and "default-src 'self'" in response.headers["Content-Security-Policy"]
        assert 'data-font-size="20"' in page and "://" not in page and "{{" not in page
        assert url.partition("://")[2] not in page, "the browser knows the address, the header Host may lie"
        for name in re.findall(r'"(/static/[^"]+)"', page):
            async with session.get(url + name) as response:
                assert response.status == 200, name
        for headers in ({"Origin": "https://attacker.example"}, {"Host": "attacker.example"}):
            with pytest.raises(WSServerHandshakeError, match="403"):
                await session.ws_connect(f"{url}/ws", headers=headers)


async def test_what_is_not_http_is_refused_without_a_line_on_the_terminal(caplog: pytest.LogCaptureFixture) -> None:
    async with browser_app() as url:
        for line in (b"GET /\x1b[2J HTTP/1.1", b"GET http://evil:99999/ HTTP/1.1", b"GET / HTTP/1.1\r\nX\x1b: a"):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(line + b"\r\nHost: localhost\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.0 400")
            writer.close()
            await writer.wait_closed()
    assert not [record for record in caplog.records if record.name.startswith("aiohttp")]


async def test_a_key_is_given_once() -> None:
    cookies = CookieJar(unsafe=True)  # also of addresses
    async with browser_app(api_key="open sesame") as url, ClientSession(cookie_jar=cookies) as session:
        for path, status in (("/", 401), ("/ws", 401), ("/?key=wrong", 401), ("/?key=open+sesame", 200), ("/", 200)):
            async with session.get(url + path) as response:
                assert response.status == status, path


async def test_the_app_runs_behind_the_websocket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path / "checkpoints", "letters")
    monkeypatch.setenv("RNNTUI_SETTINGS", str(tmp_path / "settings.json"))
    monkeypatch.setenv("HOME", str(tmp_path))
    arguments = ("letters", "--checkpoints", str(tmp_path / "checkpoints"))
    async with browser_app(*arguments) as url, ClientSession() as session:
        async with session.ws_connect(f"{url}/ws?width=80&height=24") as socket:
            screen = ""
            async with asyncio.timeout(30):
                while "letters" not in screen:
                    message = await socket.receive()
                    assert message.type is WSMsgType.BINARY
                    screen += ESCAPES.sub("", message.data.decode("utf-8", "replace"))
                await socket.send_str(json.dumps(["stdin", "\x11"]))  # Ctrl+Q
                while (await socket.receive()).type is WSMsgType.BINARY:
                    pass
        assert socket.closed


async def type_line(session: ClientSession, url: str, line: str) -> asyncio.Task[None]:
    """Open a page, and type a line into its app. Return what takes the app's output, as a page does."""
    socket = await session.ws_connect(f"{url}/ws?width=80&height=24")
    screen = ""
    async with asyncio.timeout(60):
        for text, keys in (("ready", line), (line[-1], "")):
            while text not in screen:
                screen += ESCAPES.sub("", (await socket.receive()).data.decode("utf-8", "replace"))
            await socket.send_str(json.dumps(["stdin", keys]))

    async def read() -> None:
        try:
            async for _ in socket:
                pass
        finally:
            await socket.close()

    return asyncio.create_task(read())


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("end", ["SIGTERM", "terminal closed", "SIGKILL", "page closed"])
async def test_every_connected_app_saves_what_is_typed_and_ends_however_the_server_does(
    tmp_path: Path, end: str
) -> None:
    make_run(tmp_path / "checkpoints", "letters")
    environment = {**os.environ, "RNNTUI_SETTINGS": str(tmp_path / "settings.json"), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "rnntui", "serve", "--app", "--port", "0", "--run", "letters", "--checkpoints"]
    server = subprocess.Popen(
        [*command, str(tmp_path / "checkpoints")], env=environment, start_new_session=True, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert server.stderr is not None
        address = re.search(r"http://\S+", server.stderr.readline())
        assert address is not None
        lines = ["one§", "two¤"][: 2 if end == "SIGTERM" else 1]
        async with ClientSession() as session:
            pages = [await type_line(session, address[0], line) for line in lines]
            apps = psutil.Process(server.pid).children(recursive=True)
            if end == "page closed":
                await asyncio.sleep(0)  # a task that is cancelled before it begins would not close the page
                pages[0].cancel()
            elif end == "terminal closed":
                os.killpg(server.pid, signal.SIGHUP)  # the server and its apps get it
            else:
                server.send_signal(getattr(signal, end))
            async with asyncio.timeout(30):
                while any(app.is_running() and app.status() != psutil.STATUS_ZOMBIE for app in apps):
                    await asyncio.sleep(0.05)
                await asyncio.gather(*pages, return_exceptions=True)
                while end != "page closed" and server.poll() is None:
                    await asyncio.sleep(0.05)
    finally:
        server.kill()
        server.communicate()
    saved = [json.loads(file.read_text().splitlines()[-1]) for file in (tmp_path / "texts").glob("*.jsonl")]
    assert sorted(each["unsent"] for each in saved) == lines
    assert end in ("SIGKILL", "page closed") or server.returncode == 0


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed; RNNTUI_CHROMIUM may name one")
async def test_a_prompt_is_typed_a_text_streamed_a_slider_moved_in_chromium(tmp_path: Path, monkeypatch: Any) -> None:
    make_run(tmp_path / "checkpoints", "letters")
    monkeypatch.setenv("RNNTUI_SETTINGS", str(tmp_path / "settings.json"))
    arguments = ("letters", "--checkpoints", str(tmp_path / "checkpoints"))
    program = find_chromium()
    assert program is not None
    shots: list[str] = []
    async with browser_app(*arguments) as url, open_page(program, url, tmp_path / "profile") as page:

        async def changed_screen() -> str:
            """Return a picture of the screen once it differs from all before."""
            async with asyncio.timeout(30):
                while True:
                    await asyncio.sleep(0.3)
                    picture: str = (await page.command("Page.captureScreenshot"))["data"]
                    is_shown = await page.evaluate("document.body.classList.contains('-first-byte')")
                    if is_shown and picture not in shots:
                        shots.append(picture)
                        return picture

        await changed_screen()
        await asyncio.sleep(2)  # the sliders come after the first paint
        await page.type("the sea\n")
        await changed_screen()
        await page.drag(1080, 74, 1100)
        await changed_screen()
        assert await page.evaluate("document.fonts.check('16px \"Roboto Mono\"')")
        hosts = {address.split("/")[2] for address in page.requests if not address.startswith("data:")}
        assert hosts == {url.removeprefix("http://")}, page.requests
