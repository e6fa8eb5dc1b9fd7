#!/usr/bin/env bash
# textual-serve 1.1.3, textual 8.2.8, Python 3.11
#
# Guess: an app that textual-serve runs for a page ends when its server does, as it loses both of its pipes.
# Seen: when the server is killed (SIGKILL, or SIGHUP as its terminal is closed), the app goes on without end: the thread
#   that reads its input returns at the end of that and tells nobody, and an app that draws nothing never notices that
#   its output is closed. Ten seconds later it is still there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check textual-serve==1.1.3 textual==8.2.8
cat > "$folder/app.py" <<'PYTHON'
import os
import sys
from pathlib import Path

from textual.app import App


class Served(App[None]):
    def on_ready(self) -> None:
        Path(sys.argv[1]).write_text(str(os.getpid()))


Served().run()
PYTHON
cat > "$folder/server.py" <<'PYTHON'
import shlex
import sys

from textual_serve.server import Server

port, *command = sys.argv[1:]
Server(shlex.join(command), port=int(port)).serve()
PYTHON
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from aiohttp import ClientError, ClientSession

folder = Path(sys.argv[1])
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def main():
    pid_file = folder / "pid"
    command = [sys.executable, folder / "server.py", str(port), sys.executable, folder / "app.py", pid_file]
    server = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, start_new_session=True)
    async with ClientSession() as session:
        for _ in range(300):  # until the server listens
            try:
                page = await session.ws_connect(f"http://127.0.0.1:{port}/ws?width=80&height=24")
                break
            except ClientError:
                await asyncio.sleep(0.1)
        while not (pid_file.exists() and pid_file.read_text()):
            await page.receive()
        app = int(pid_file.read_text())
        server.kill()
        server.wait()
    await asyncio.sleep(10)
    remains = is_running(app)
    print("the app", "is still running" if remains else "has ended", "ten seconds after its server was killed")
    if remains:
        os.kill(app, signal.SIGKILL)
    return remains


sys.exit(not asyncio.run(main()))
PYTHON
